// SPDX-License-Identifier: GPL-2.0

//! A hash of keys that those who send packets cannot foresee.
//!
//! Words are multiplied in pairs, each after it was mixed with a secret, as in the universal hash functions
//! of Carter and Wegman and in NH of UMAC (RFC 4418); the halves of each product are folded.

use super::key::{
    Key,
    Mask, //
};

/// The secrets of a hash function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hasher([u64; 8]);

impl Hasher {
    /// The secrets that follow from a random `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        // The generator splitmix64: "Fast splittable pseudorandom number generators", OOPSLA 2014.
        let mut state = seed;
        Self([0_u64; 8].map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    /// The hash of the bits that matter.
    #[inline]
    pub(crate) fn hash(&self, key: &Key, mask: &Mask) -> u64 {
        let masked = key.masked(mask);
        let [a, b, c, d, e, f, g] = masked.words();
        let [r, s, t, u, v, w, x, y] = self.0;
        let sum = fold(a ^ r, b ^ s)
            ^ fold(c ^ t, d ^ u).rotate_left(17)
            ^ fold(e ^ v, f ^ w).rotate_left(34);
        fold(sum ^ x, g ^ y)
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = product.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ u64::from_le_bytes([i, j, k, l, m, n, o, p])
}

#[cfg(test)]
mod tests {
    use super::{
        super::key::{
            Direction,
            Field, //
        },
        *,
    };

    #[test]
    fn bits_that_do_not_matter_do_not_change_the_hash_and_others_do() {
        let hasher = Hasher::new(7);
        let mut mask = Mask::NONE;
        mask.set(Field::DST_HIGH, 0xffff_ff00_0000_0000);
        let hash = |address: u64| {
            let mut key = Key::new(Direction::Rx);
            key.set(Field::DST_HIGH, address << 32);
            hasher.hash(&key, &mask)
        };
        assert_eq!(hash(0x0a00_0001), hash(0x0a00_0002));
        assert_ne!(hash(0x0a00_0001), hash(0x0a00_0101));
    }

    #[test]
    fn neighbouring_keys_spread_over_the_buckets() {
        let hasher = Hasher::new(7);
        let mut counts = [0_u32; 256];
        for address in 0..65_536_u64 {
            let mut key = Key::new(Direction::Rx);
            key.set(Field::DST_HIGH, (0x0a00_0000 + address) << 32);
            let hash = hasher.hash(&key, &Mask::FLOW);
            counts[usize::try_from(hash % 256).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (180..340).contains(count)),
            "{counts:?}"
        );
    }
}
