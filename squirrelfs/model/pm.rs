// SPDX-License-Identifier: GPL-2.0

//! Persistent memory as the file system sees it: words, cache lines, fences.
//!
//! # Terms
//!
//! - **word**: 8 aligned bytes, stored atomically.
//! - **line**: 64 aligned bytes, the unit in which the CPU writes back.
//! - **write back**: ask the CPU to send a line to the medium (`clwb`); it arrives some time before
//!   the next fence ends.
//! - **fence**: wait until all that was written back, or stored past the cache, is durable (`sfence`).
//!
//! # What a crash leaves
//!
//! Of the stores to one line since the last fence that covered them, a prefix in program order (x86
//! keeps the order within a line). Lines are independent of each other. A store past the cache is a
//! store and a write-back in one. Source: Intel SDM vol. 3, "Memory Ordering"; the SquirrelFS paper,
//! section 2.

use super::num;

/// Size of a word in bytes.
pub(crate) const WORD_BYTES: u64 = 8;
/// Size of a cache line in bytes.
pub(crate) const LINE_BYTES: u64 = 64;
/// Size of a page in bytes, the unit in which data is allocated.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// A position on the medium, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offset(pub(crate) u64);

impl Offset {
    /// The position `bytes` further on. Positions come from a validated geometry or stay within one
    /// object of it, so they cannot wrap; a defect saturates into a position that no medium has.
    pub(crate) const fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The `index`-th word from here.
    pub(crate) const fn word(self, index: u64) -> Self {
        self.plus(index.saturating_mul(WORD_BYTES))
    }

    /// The beginning of the line that this lies in.
    pub(crate) const fn line(self) -> Self {
        Self(self.0 & !(LINE_BYTES - 1))
    }
}

/// A persistent-memory region.
///
/// Implementations check positions themselves and must not panic: reads beyond the end give zeros,
/// stores there are dropped. The model never asks for them unless it has a defect.
///
/// Stores are visible to later loads at once and durable as the [module documentation](self) says.
pub(crate) trait Pm {
    /// Size of the region in bytes.
    fn size_bytes(&self) -> u64;

    /// Loads the word at the aligned position `at`.
    fn load(&self, at: Offset) -> u64;

    /// Stores `value` to the word at the aligned position `at`.
    fn store(&self, at: Offset, value: u64);

    /// Writes back the line that `at` lies in.
    fn write_back(&self, at: Offset);

    /// Stores zeros past the cache; `at` and `len_bytes` are multiples of a line.
    fn zero(&self, at: Offset, len_bytes: u64);

    /// Stores bytes past the cache. Any alignment; words that are covered in part keep their other bytes.
    fn copy(&self, at: Offset, bytes: &[u8]);

    /// Waits until everything written back or stored past the cache is durable.
    fn fence(&self);
}

impl<P: Pm> Pm for &P {
    fn size_bytes(&self) -> u64 {
        (**self).size_bytes()
    }

    fn load(&self, at: Offset) -> u64 {
        (**self).load(at)
    }

    fn store(&self, at: Offset, value: u64) {
        (**self).store(at, value);
    }

    fn write_back(&self, at: Offset) {
        (**self).write_back(at);
    }

    fn zero(&self, at: Offset, len_bytes: u64) {
        (**self).zero(at, len_bytes);
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        (**self).copy(at, bytes);
    }

    fn fence(&self) {
        (**self).fence();
    }
}

/// Copies the bytes from `at` on into `to`. Any alignment.
pub(crate) fn load_bytes(pm: &impl Pm, at: Offset, to: &mut [u8]) {
    let mut position = at.0;
    let mut rest = to;
    while !rest.is_empty() {
        let skip = num::index(position % WORD_BYTES);
        let word = pm
            .load(Offset(position - position % WORD_BYTES))
            .to_le_bytes();
        let Some(bytes) = word.get(skip..) else {
            return;
        };
        let count = bytes.len().min(rest.len());
        let (now, later) = rest.split_at_mut(count);
        now.copy_from_slice(&bytes[..count]);
        position = position.saturating_add(num::word(count));
        rest = later;
    }
}

/// Stores zeros past the cache. Any alignment.
pub(crate) fn zero_bytes(pm: &impl Pm, at: Offset, len_bytes: u64) {
    const ZEROS: [u8; 64] = [0; 64];
    let part = |bytes: u64| ZEROS.get(..num::index(bytes)).unwrap_or(&ZEROS);
    let head = (at.plus(LINE_BYTES - 1).line().0)
        .saturating_sub(at.0)
        .min(len_bytes);
    let tail = len_bytes.saturating_sub(head) % LINE_BYTES;
    let lines = len_bytes.saturating_sub(head).saturating_sub(tail);
    if head > 0 {
        pm.copy(at, part(head));
    }
    if lines > 0 {
        pm.zero(at.plus(head), lines);
    }
    if tail > 0 {
        pm.copy(at.plus(head).plus(lines), part(tail));
    }
}

/// Packs up to 8 bytes into a word, little-endian and padded with zeros.
pub(crate) fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_know_their_line() {
        assert_eq!(Offset(0).line(), Offset(0));
        assert_eq!(Offset(63).line(), Offset(0));
        assert_eq!(Offset(64).word(2).line(), Offset(64));
    }

    #[test]
    fn a_position_beyond_every_medium_stays_there() {
        assert_eq!(Offset(u64::MAX).plus(1), Offset(u64::MAX));
    }

    #[test]
    fn short_words_are_padded() {
        assert_eq!(word_of(b""), 0);
        assert_eq!(word_of(b"ab"), 0x6261);
        assert_eq!(word_of(b"abcdefgh"), u64::from_le_bytes(*b"abcdefgh"));
    }
}
