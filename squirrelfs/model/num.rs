// SPDX-License-Identifier: GPL-2.0

//! Conversions between integers that `From` cannot do in constants. None of them can lose a value that
//! its name does not say it drops.

use core::mem::size_of;

const _: () = assert!(
    size_of::<usize>() == size_of::<u64>(),
    "positions are indices"
);

/// A count of this machine as a word.
pub(crate) const fn word(count: usize) -> u64 {
    u64::from_le_bytes(count.to_le_bytes())
}

/// A word as an index; one that is out of range finds nothing.
pub(crate) const fn index(word: u64) -> usize {
    usize::from_le_bytes(word.to_le_bytes())
}

/// Two halves as a word.
pub(crate) const fn join(high: u32, low: u32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (low.to_le_bytes(), high.to_le_bytes());
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The upper half of a word.
pub(crate) const fn high32(word: u64) -> u32 {
    let [_, _, _, _, a, b, c, d] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The lower half of a word.
pub(crate) const fn low32(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The lowest 16 bits of a word.
pub(crate) const fn low16(word: u64) -> u16 {
    let [a, b, ..] = word.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// 16 bits as a word.
pub(crate) const fn wide16(bits: u16) -> u64 {
    let [a, b] = bits.to_le_bytes();
    u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0])
}

/// A time as a word: signed nanoseconds.
pub(crate) const fn time_word(ns: i64) -> u64 {
    u64::from_le_bytes(ns.to_le_bytes())
}

/// A word as a time.
pub(crate) const fn time_ns(word: u64) -> i64 {
    i64::from_le_bytes(word.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_and_put_together() {
        let word = 0x0123_4567_89ab_cdef;
        assert_eq!(join(high32(word), low32(word)), word);
        assert_eq!((low16(word), wide16(0xcdef)), (0xcdef, 0xcdef));
        assert_eq!(time_ns(time_word(-1)), -1);
        assert_eq!(index(super::word(77)), 77);
    }
}
