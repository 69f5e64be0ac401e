// SPDX-License-Identifier: GPL-2.0

//! CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as in iSCSI, ext4 and XFS.
//!
//! Only superblocks and names under rename are covered, so a table of 16 entries is fast enough.

use super::num;

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut nibble: usize = 0;
    while nibble < 16 {
        let mut crc = num::low32(num::word(nibble));
        let mut bit = 0;
        while bit < 4 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[nibble] = crc;
        nibble += 1;
    }
    table
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
    pub(crate) fn word(mut self, word: u64) -> Self {
        for byte in word.to_le_bytes() {
            self.0 ^= u32::from(byte);
            for _ in 0..2 {
                let nibble = num::index(u64::from(self.0 & 0xf));
                self.0 = self.0 >> 4 ^ TABLE[nibble];
            }
        }
        self
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
