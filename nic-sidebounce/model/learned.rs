// SPDX-License-Identifier: GPL-2.0

//! Flows of which level 2 has said what becomes of them, for some time.
//!
//! Read for each packet and changed rarely: the kernel side keeps the readers off while it changes an entry
//! (a lock, or a copy that takes the place of the old one).

use super::{
    field::Action,
    hash::Hasher,
    key::{
        Flags,
        Key,
        Mask, //
    },
    mem::{
        List,
        NoMemory, //
    }, //
};

/// Entries of a set.
const WAYS: usize = 4;

/// A flow and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lesson {
    key: Key,
    action: Action,
    /// From then on it is forgotten.
    until_ns: u64,
}

/// Why a flow cannot be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its packets could not be read, so it is not known what else is like them.
    Unparsed,
    /// It would not last at all.
    Expired,
}

/// The learned flows of one VF.
///
/// # Invariants
///
/// - There are `set_mask + 1` sets, which is a power of two.
/// - `live` is how many entries there are, expired ones included, and at most `quota`.
#[derive(Debug)]
pub(crate) struct Learned {
    hasher: Hasher,
    sets: List<[Option<Lesson>; WAYS]>,
    set_mask: usize,
    quota: usize,
    live: usize,
    /// The set that is robbed next if the quota is used up.
    hand: usize,
}

impl Learned {
    /// Most flows of a VF.
    pub(crate) const MAX_QUOTA: usize = 1 << 16;

    /// Room for `quota` flows, up to the most there may be.
    pub(crate) fn new(quota: usize, seed: u64) -> Result<Self, NoMemory> {
        let quota = quota.clamp(1, Self::MAX_QUOTA);
        // Half empty at most, so that sets are rarely full before the quota is used up.
        let sets = quota.saturating_mul(2).div_ceil(WAYS).next_power_of_two();
        // INVARIANT: As many sets as the power of two, and no entries.
        Ok(Self {
            hasher: Hasher::new(seed),
            sets: List::filled([None; WAYS], sets)?,
            set_mask: sets.saturating_sub(1),
            quota,
            live: 0,
            hand: 0,
        })
    }

    /// How many flows there are, expired ones that were not yet replaced included.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    fn set_of(&self, key: &Key) -> usize {
        let hash = self.hasher.hash(key, &Mask::FLOW);
        usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0) & self.set_mask
    }

    /// What becomes of a packet, if it was said and still holds.
    #[inline]
    pub(crate) fn lookup(&self, key: &Key, now_ns: u64) -> Option<Action> {
        if self.live == 0 {
            return None;
        }
        let key = key.masked(&Mask::FLOW);
        let ways = self.sets.get(self.set_of(&key))?;
        let mut known = ways.iter().flatten();
        let lesson = known.find(|lesson| lesson.key == key && now_ns < lesson.until_ns)?;
        Some(lesson.action)
    }

    /// The first flow that holds at `place` of the table or behind it, and its place: its key, what becomes of it,
    /// and until when. A flow stays at its place as long as it is known.
    pub(crate) fn next(&self, place: usize, now_ns: u64) -> Option<(usize, Key, Action, u64)> {
        let ways = self.sets.iter().flatten().enumerate().skip(place);
        ways.filter_map(|(place, way)| Some((place, (*way)?)))
            .find(|(_, lesson)| now_ns < lesson.until_ns)
            .map(|(place, lesson)| (place, lesson.key, lesson.action, lesson.until_ns))
    }

    /// From now until `until_ns`, this becomes of packets of the flow that `key` is of.
    ///
    /// If there are too many flows, another one is forgotten.
    pub(crate) fn learn(
        &mut self,
        key: &Key,
        action: Action,
        now_ns: u64,
        until_ns: u64,
    ) -> Result<(), Refused> {
        if key.has(Flags::UNPARSED) {
            return Err(Refused::Unparsed);
        }
        if until_ns <= now_ns {
            return Err(Refused::Expired);
        }
        let key = key.masked(&Mask::FLOW);
        let set = self.set_of(&key);
        let is_known = |way: &Option<Lesson>| way.is_some_and(|lesson| lesson.key == key);
        let Some(way) = self.sets.get(set).map(|ways| {
            let known = ways.iter().position(is_known);
            known.unwrap_or_else(|| soonest(ways, now_ns))
        }) else {
            return Ok(());
        };
        let lesson = Lesson {
            key,
            action,
            until_ns,
        };
        let slot = self.sets.get_mut(set).and_then(|ways| ways.get_mut(way));
        if slot.is_some_and(|slot| slot.replace(lesson).is_none()) {
            // INVARIANT: One more entry; if that is too many, one less.
            self.live = self.live.saturating_add(1);
            if self.live > self.quota {
                self.forget_one(set, way, now_ns);
            }
        }
        Ok(())
    }

    /// Forgets any flow but the one at `spared_way` of the set `spared_set`, rather an expired one.
    fn forget_one(&mut self, spared_set: usize, spared_way: usize, now_ns: u64) {
        for _ in 0..=self.set_mask {
            self.hand = self.hand.wrapping_add(1) & self.set_mask;
            let hand = self.hand;
            let Some(ways) = self.sets.get_mut(hand) else {
                return;
            };
            let missed = ways.iter_mut().enumerate().filter_map(|(at, way)| {
                let is_spared = hand == spared_set && at == spared_way;
                let until_ns = way.filter(|_| !is_spared)?.until_ns;
                Some((until_ns.saturating_sub(now_ns), way))
            });
            if let Some((_, way)) = missed.min_by_key(|(rest_ns, _)| *rest_ns) {
                *way = None;
                // INVARIANT: One entry less.
                self.live = self.live.saturating_sub(1);
                return;
            }
        }
    }

    /// Forgets the flow that `key` is of.
    pub(crate) fn unlearn(&mut self, key: &Key) -> Option<Action> {
        let key = key.masked(&Mask::FLOW);
        let set = self.set_of(&key);
        let mut ways = self.sets.get_mut(set)?.iter_mut();
        let way = ways.find(|way| way.is_some_and(|lesson| lesson.key == key))?;
        let lesson = way.take()?;
        // INVARIANT: One entry less.
        self.live = self.live.saturating_sub(1);
        Some(lesson.action)
    }

    /// Forgets all flows.
    pub(crate) fn clear(&mut self) {
        for ways in self.sets.iter_mut() {
            *ways = [None; WAYS];
        }
        // INVARIANT: There are none.
        self.live = 0;
    }
}

/// The entry of a set that is missed least: a free one, an expired one, the one that expires next.
fn soonest(ways: &[Option<Lesson>; WAYS], now_ns: u64) -> usize {
    let rest = |way: &Option<Lesson>| match way {
        None => 0,
        Some(lesson) => lesson.until_ns.saturating_sub(now_ns).saturating_add(1),
    };
    let all = ways.iter().enumerate();
    all.min_by_key(|(_, way)| rest(way)).map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{
        super::key::{Direction, Field},
        *,
    };

    fn flow(port: u64) -> Key {
        let mut key = Key::new(Direction::Rx);
        key.set(Field::DST_PORT, port);
        key
    }

    fn learned(quota: usize) -> Learned {
        Learned::new(quota, 1).unwrap()
    }

    #[test]
    fn a_flow_is_known_until_its_time_is_over() {
        let mut learned = learned(8);
        let mut key = flow(1);
        assert_eq!(learned.learn(&key, Action::Accept, 10, 20), Ok(()));
        key.set(Field::TCP_FLAGS, 0x10);
        assert_eq!(learned.lookup(&key, 19), Some(Action::Accept));
        assert_eq!(learned.lookup(&key, 20), None);
        assert_eq!(learned.lookup(&flow(2), 19), None);
        assert_eq!(learned.learn(&key, Action::Drop, 30, 40), Ok(()));
        assert_eq!(learned.lookup(&key, 39), Some(Action::Drop));
        assert_eq!(learned.len(), 1);
        assert_eq!(learned.unlearn(&key), Some(Action::Drop));
        assert_eq!((learned.lookup(&key, 39), learned.len()), (None, 0));
    }

    #[test]
    fn what_could_not_be_read_or_is_over_is_not_learned() {
        let mut learned = learned(8);
        let mut odd = flow(1);
        odd.mark(Flags::UNPARSED);
        let result = learned.learn(&odd, Action::Accept, 0, 9);
        assert_eq!(result, Err(Refused::Unparsed));
        let result = learned.learn(&flow(1), Action::Accept, 9, 9);
        assert_eq!(result, Err(Refused::Expired));
    }

    #[test]
    fn the_quota_holds_and_the_latest_flow_is_always_known() {
        for quota in [1, 3, 64] {
            let mut learned = learned(quota);
            for port in 0..1_000 {
                learned
                    .learn(&flow(port), Action::Drop, port, port + 500)
                    .unwrap();
                assert_eq!(learned.lookup(&flow(port), port), Some(Action::Drop));
                assert!(learned.len() <= quota);
            }
            assert!(learned.len() * 4 >= quota * 3);
            learned.clear();
            assert_eq!(learned.len(), 0);
        }
    }
}
