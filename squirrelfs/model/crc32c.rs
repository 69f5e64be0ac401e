// SPDX-License-Identifier: GPL-2.0

//! CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as in iSCSI, ext4 and XFS.
//!
//! Every name is hashed by it, so that it takes a word at a time, by a table for each of its bytes
//! (Kounavis and Berry, "A Systematic Approach to Building High Performance Software-based CRC
//! Generators", 2005).

use super::num;

const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[n][byte]` is the checksum of `byte` followed by `n` zeros.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = num::low32(num::word(byte));
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        byte = 0;
        while byte < 256 {
            let crc: u32 = tables[zeros - 1][byte];
            tables[zeros][byte] = crc >> 8 ^ tables[0][num::index(num::join(0, crc & 0xff))];
            byte += 1;
        }
        zeros += 1;
    }
    tables
};

/// A running checksum.
#[derive(Clone, Copy)]
pub(crate) struct Crc32c(u32);

impl Crc32c {
    /// The checksum of nothing yet.
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Continues with `word`, in little-endian order.
    pub(crate) fn word(self, word: u64) -> Self {
        let bytes = (word ^ u64::from(self.0)).to_le_bytes();
        let parts = TABLES.iter().rev().zip(bytes);
        Self(parts.fold(0, |crc, (table, byte)| crc ^ table[usize::from(byte)]))
    }

    /// The checksum of what was given.
    pub(crate) const fn finish(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_reproduced() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and 0 to 31.
        let of = |bytes: [u8; 32]| {
            let words = bytes
                .chunks(8)
                .map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap()));
            words.fold(Crc32c::new(), Crc32c::word).finish()
        };
        assert_eq!(of([0; 32]), 0x8a91_36aa);
        assert_eq!(of([0xff; 32]), 0x62a8_ab43);
        assert_eq!(of(core::array::from_fn(|index| index as u8)), 0x46dd_794e);
    }
}
