// SPDX-License-Identifier: GPL-2.0

//! What the table said about flows seen lately.
//!
//! Sets of four entries; a new flow takes the place of an outdated one or of one at random. Each entry has
//! the generation of the rules that it was made from, so that changing the rules outdates all entries
//! without touching any.
//!
//! A cache belongs to one CPU.

use super::{
    classifier::Hit,
    hash::Hasher,
    key::{
        Key,
        Mask,
        WORDS, //
    },
    mem::{
        List,
        NoMemory, //
    }, //
};

/// Which state of the rules an entry was made from: changed by each change of the rules, never [`Self::NONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    /// That of entries that were never filled.
    const NONE: Self = Self(0);
    /// That of the first rules.
    pub(crate) const FIRST: Self = Self(1);

    /// That of the next rules. Comes again after four thousand million changes: the cache is to be made
    /// anew when it is [`Self::FIRST`] again.
    pub(crate) const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self::FIRST,
        }
    }
}

/// What the table said about a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    key: Key,
    generation: Generation,
    /// [`None`] if no rule matches.
    hit: Option<Hit>,
}

impl Entry {
    const EMPTY: Self = Self {
        key: Key::from_words([0; WORDS]),
        generation: Generation::NONE,
        hit: None,
    };
}

/// Entries of a set.
const WAYS: usize = 4;

/// A cache of flows.
///
/// # Invariants
///
/// There are `set_mask + 1` sets, which is a power of two.
#[derive(Debug)]
pub(crate) struct FlowCache {
    hasher: Hasher,
    sets: List<[Entry; WAYS]>,
    set_mask: usize,
}

impl FlowCache {
    const MAX_SETS: usize = 1 << 16;
    /// Fewest flows that a cache has room for.
    pub(crate) const MIN_FLOWS: usize = WAYS;
    /// Most flows that a cache has room for.
    pub(crate) const MAX_FLOWS: usize = Self::MAX_SETS * WAYS;

    /// A cache for at least `flows` flows, up to the largest there is.
    pub(crate) fn new(flows: usize, seed: u64) -> Result<Self, NoMemory> {
        let sets = flows.div_ceil(WAYS).clamp(1, Self::MAX_SETS);
        let sets = sets.next_power_of_two();
        // INVARIANT: As many as the power of two above.
        Ok(Self {
            hasher: Hasher::new(seed),
            sets: List::filled([Entry::EMPTY; WAYS], sets)?,
            set_mask: sets.saturating_sub(1),
        })
    }

    /// Where a key belongs among those of which only the bits in `relevant` matter to the rules.
    #[inline]
    pub(crate) fn place(&self, key: &Key, relevant: &Mask) -> Place {
        let hash = self.hasher.hash(key, relevant);
        let set = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0) & self.set_mask;
        Place {
            key: key.masked(relevant),
            set,
            random: hash >> 62,
        }
    }

    /// What the table of this generation said; [`None`] if that is not known.
    #[inline]
    pub(crate) fn lookup(&self, place: &Place, generation: Generation) -> Option<Option<Hit>> {
        let ways = self.sets.get(place.set)?;
        let known = |entry: &&Entry| entry.generation == generation && entry.key == place.key;
        ways.iter().find(known).map(|entry| entry.hit)
    }

    /// Keeps what the table of this generation said.
    pub(crate) fn insert(&mut self, place: &Place, generation: Generation, hit: Option<Hit>) {
        let Some(ways) = self.sets.get_mut(place.set) else {
            return;
        };
        let is_same = |entry: &Entry| entry.generation == generation && entry.key == place.key;
        let is_outdated = |entry: &Entry| entry.generation != generation;
        let way = ways
            .iter()
            .position(is_same)
            .or_else(|| ways.iter().position(is_outdated))
            .or_else(|| usize::try_from(place.random).ok());
        if let Some(entry) = way.and_then(|way| ways.get_mut(way)) {
            *entry = Entry {
                key: place.key,
                generation,
                hit,
            };
        }
    }
}

/// Where a flow belongs in a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    key: Key,
    set: usize,
    /// Which entry of the set goes if none is outdated: unforeseeable, but the same for a flow.
    random: u64,
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            field::Action,
            key::{Direction, Field},
        },
        *,
    };

    fn flow(port: u64) -> Key {
        let mut key = Key::new(Direction::Rx);
        key.set(Field::DST_PORT, port);
        key
    }

    fn hit(rule: u32) -> Option<Hit> {
        let action = Action::Drop;
        Some(Hit { rule, action })
    }

    #[test]
    fn a_flow_is_known_until_the_rules_change() {
        let mut cache = FlowCache::new(64, 1).unwrap();
        let place = cache.place(&flow(1), &Mask::FLOW);
        let (old, new) = (Generation::FIRST, Generation::FIRST.next());
        assert_eq!(cache.lookup(&place, old), None);
        cache.insert(&place, old, None);
        assert_eq!(cache.lookup(&place, old), Some(None));
        assert_eq!(cache.lookup(&place, new), None);
        cache.insert(&place, new, hit(7));
        assert_eq!(cache.lookup(&place, new), Some(hit(7)));
        assert_eq!(cache.lookup(&place, old), None);
    }

    #[test]
    fn flows_that_differ_only_in_what_no_rule_names_share_an_entry() {
        let mut cache = FlowCache::new(64, 1).unwrap();
        let place = cache.place(&flow(1), &Mask::NONE);
        cache.insert(&place, Generation::FIRST, hit(7));
        let other = cache.place(&flow(2), &Mask::NONE);
        assert_eq!(cache.lookup(&other, Generation::FIRST), Some(hit(7)));
    }

    #[test]
    fn a_full_cache_forgets_some_and_keeps_the_latest() {
        let mut cache = FlowCache::new(64, 1).unwrap();
        for port in 0..1_000 {
            let place = cache.place(&flow(port), &Mask::FLOW);
            cache.insert(&place, Generation::FIRST, hit(7));
            assert_eq!(cache.lookup(&place, Generation::FIRST), Some(hit(7)));
        }
        let known = (0..1_000)
            .filter(|port| {
                let place = cache.place(&flow(*port), &Mask::FLOW);
                cache.lookup(&place, Generation::FIRST).is_some()
            })
            .count();
        assert!((48..=64).contains(&known), "{known}");
    }

    #[test]
    fn no_generation_is_that_of_empty_entries() {
        assert_eq!(Generation(u32::MAX).next(), Generation::FIRST);
        let cache = FlowCache::new(1, 1).unwrap();
        let place = cache.place(&Key::new(Direction::Rx), &Mask::FLOW);
        assert_eq!(cache.lookup(&place, Generation::FIRST), None);
    }
}
