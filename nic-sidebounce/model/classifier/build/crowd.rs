// SPDX-License-Identifier: GPL-2.0

//! Counts patterns that would share a bucket.

use super::super::{
    super::{
        hash::Hasher,
        key::{
            Key,
            Mask, //
        },
        mem::{
            List,
            NoMemory, //
        }, //
    },
    split, //
};

/// How many patterns share a bucket, by hash; hashes that happen to be the same only make a tuple finer.
pub(super) struct Crowd {
    /// A hash, never 0, and a count.
    slots: List<(u64, u32)>,
    mask: usize,
}

impl Crowd {
    pub(super) fn new(patterns: usize) -> Result<Self, NoMemory> {
        let size = patterns.saturating_mul(2).next_power_of_two();
        Ok(Self {
            slots: List::filled((0, 0), size)?,
            mask: size.saturating_sub(1),
        })
    }

    /// The slot of a hash, or the free one where it belongs. At least half of them are free.
    fn find(&self, hash: u64) -> usize {
        let mut at = split(hash, self.mask).0;
        loop {
            match self.slots.get(at) {
                Some((taken, _)) if *taken != 0 && *taken != hash => {
                    at = at.wrapping_add(1) & self.mask;
                }
                _ => return at,
            }
        }
    }

    fn hash(hasher: &Hasher, draft: usize, value: &Key, mask: &Mask) -> u64 {
        let salt = u64::try_from(draft).unwrap_or(0);
        let hash = hasher.hash(value, mask) ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash.max(1)
    }

    /// Notes a pattern; returns how many share its bucket now.
    pub(super) fn add(&mut self, hasher: &Hasher, draft: usize, value: &Key, mask: &Mask) -> u32 {
        let hash = Self::hash(hasher, draft, value, mask);
        let at = self.find(hash);
        let Some((taken, count)) = self.slots.get_mut(at) else {
            return 0;
        };
        *taken = hash;
        *count = count.saturating_add(1);
        *count
    }
}
