// SPDX-License-Identifier: GPL-2.0

//! Finds the rule that decides about a packet: tuple space search, with the tuples sorted by the best rule
//! in each.
//!
//! A tuple is a mask and a hash table of the patterns that have at least its bits; a pattern found there is
//! then compared with its own mask. How the patterns are spread over few tuples is in [`build`].
//!
//! "Packet classification using tuple space search", SIGCOMM 1999; "TupleMerge: fast software packet
//! processing for online packet classification", IEEE/ACM Transactions on Networking 27(4), 2019.

mod build;
mod tests;

use super::{
    field::Action,
    hash::Hasher,
    key::{
        Direction,
        Key,
        Mask,
        Pattern, //
    },
    mem::{
        List,
        NoMemory, //
    },
    rule::Rule, //
};

/// What a table is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Random, so that nobody can make rules collide.
    pub(crate) seed: u64,
    /// Most tuples, and so the most that one lookup probes; at least 1.
    pub(crate) max_masks: usize,
    /// How many patterns may share a bucket of a tuple before a finer tuple takes the others.
    pub(crate) max_chain: u32,
}

impl Options {
    /// The usual bounds.
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seed,
            max_masks: 64,
            max_chain: 4,
        }
    }
}

/// The rule that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Its place in the list that the table was built from.
    pub(crate) rule: u32,
    /// What becomes of the packet.
    pub(crate) action: Action,
}

/// A pattern and the rule that it is of.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pattern: Pattern,
    hit: Hit,
}

/// What is looked at before an entry: small, so that many share a cache line.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// A part of the hash that does not choose the bucket.
    check: u32,
    /// The order of the rules; lower ones decide.
    rank: u32,
}

/// What all patterns of a tuple demand of two words, which tell protocols apart: a packet without it need
/// not be hashed.
#[derive(Clone, Copy, Debug)]
struct Guard {
    value: [u64; 2],
    mask: [u64; 2],
}

impl Guard {
    fn new(common: &Pattern) -> Self {
        let [first, .., last] = *common.value().words();
        let [first_mask, .., last_mask] = *common.mask().words();
        Self {
            value: [first, last],
            mask: [first_mask, last_mask],
        }
    }

    #[inline]
    fn lets(&self, key: &Key) -> bool {
        let [first, .., last] = key.words();
        let ([a, b], [m, n]) = (self.value, self.mask);
        ((first & m) ^ a) | ((last & n) ^ b) == 0
    }
}

/// One mask and the patterns under it.
#[derive(Clone, Copy, Debug)]
struct Tuple {
    guard: Guard,
    mask: Mask,
    /// That of all tuples. Beside the mask it costs a lookup less than in one place.
    hasher: Hasher,
    /// The lowest rank in it.
    best: u32,
    /// Where its buckets begin in `starts`.
    bucket: usize,
    /// One less than the number of its buckets, which is a power of two.
    bucket_mask: usize,
}

/// The rules for one direction, made to be searched and never changed.
///
/// # Invariants
///
/// - `tuples` are sorted by their best rank.
/// - Bucket `b` of a tuple has the slots from `starts[bucket + b]` to `starts[bucket + b + 1]`, sorted by
///   rank, and the entries of the same indices.
#[derive(Debug)]
pub(crate) struct Table {
    tuples: List<Tuple>,
    starts: List<u32>,
    slots: List<Slot>,
    entries: List<Entry>,
    relevant: Mask,
}

impl Table {
    /// Builds the table of those of `rules` that are for packets of this direction.
    pub(crate) fn build(
        rules: &[Rule],
        direction: Direction,
        options: Options,
    ) -> Result<Self, NoMemory> {
        build::build(rules, direction, options)
    }

    /// Finds the rule that decides.
    #[inline(always)]
    pub(crate) fn lookup(&self, key: &Key) -> Option<Hit> {
        self.lookup_counting(key, || {})
    }

    /// As [`Self::lookup`]; calls `probe` for each tuple whose hash table is looked into.
    #[inline(always)]
    pub(crate) fn lookup_counting(&self, key: &Key, mut probe: impl FnMut()) -> Option<Hit> {
        let mut best = u32::MAX;
        let mut found = None;
        for tuple in self.tuples.iter() {
            if tuple.best >= best {
                break;
            }
            if !tuple.guard.lets(key) {
                continue;
            }
            probe();
            let (bucket, check) = split(tuple.hasher.hash(key, &tuple.mask), tuple.bucket_mask);
            let Some(slots) = self.slots_of(tuple.bucket.wrapping_add(bucket)) else {
                continue;
            };
            for (slot, entry) in slots {
                if slot.rank >= best {
                    break;
                }
                if slot.check == check && entry.pattern.matches(key) {
                    best = slot.rank;
                    found = Some(entry.hit);
                    break;
                }
            }
        }
        found
    }

    #[inline]
    fn slots_of(&self, bucket: usize) -> Option<impl Iterator<Item = (&Slot, &Entry)>> {
        let [from, to] = *self.starts.get(bucket..)?.first_chunk()?;
        let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
        let (slots, entries) = (self.slots.get(from..to)?, self.entries.get(from..to)?);
        Some(slots.iter().zip(entries))
    }

    /// All that matters to any rule: keys that are the same there meet the same rule.
    pub(crate) const fn relevant(&self) -> &Mask {
        &self.relevant
    }

    /// How many tuples there are.
    pub(crate) fn tuple_count(&self) -> usize {
        self.tuples.len()
    }

    /// How many patterns there are.
    #[cfg(not(MODULE))]
    pub(crate) fn pattern_count(&self) -> usize {
        self.entries.len()
    }

    /// The most patterns in one bucket.
    pub(crate) fn longest_chain(&self) -> usize {
        let buckets = self.starts.iter().zip(self.starts.iter().skip(1));
        let lengths = buckets.map(|(from, to)| to.saturating_sub(*from));
        usize::try_from(lengths.max().unwrap_or(0)).unwrap_or(usize::MAX)
    }

    /// The memory that it occupies, in bytes, beside its own.
    pub(crate) fn len_bytes(&self) -> usize {
        size_of_val(&*self.tuples)
            .saturating_add(size_of_val(&*self.starts))
            .saturating_add(size_of_val(&*self.slots))
            .saturating_add(size_of_val(&*self.entries))
    }
}

/// The bucket that a hash chooses, and what else of it is kept.
#[inline]
fn split(hash: u64, bucket_mask: usize) -> (usize, u32) {
    let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
    let bucket = u32::from_le_bytes([a, b, c, d]);
    let bucket = usize::try_from(bucket).unwrap_or(0) & bucket_mask;
    (bucket, u32::from_le_bytes([e, f, g, h]))
}
