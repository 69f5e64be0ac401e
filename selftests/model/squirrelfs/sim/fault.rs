// SPDX-License-Identifier: GPL-2.0

//! What was asked of a memory, and single deviations from it.
//!
//! A deviation makes a mutant of a program without changing its source: run it once without a fault,
//! take [`Counts::since`] and [`Counts::faults`], and run it again with each.

use super::region::Store;
use crate::model::pm::{Offset, LINE_BYTES};

/// How often each thing was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) fences: u64,
    pub(crate) write_backs: u64,
    pub(crate) stores: u64,
    /// Calls that store past the cache.
    pub(crate) streams: u64,
    pub(crate) zeroed_bytes: u64,
}

impl Counts {
    /// What came after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            fences: self.fences - earlier.fences,
            write_backs: self.write_backs - earlier.write_backs,
            stores: self.stores - earlier.stores,
            streams: self.streams - earlier.streams,
            zeroed_bytes: self.zeroed_bytes - earlier.zeroed_bytes,
        }
    }

    /// Every fault of a program that asks for this much.
    pub(crate) fn faults(self) -> Vec<Fault> {
        let swaps = 0..self.stores.saturating_sub(1);
        (0..self.fences)
            .map(Fault::DropFence)
            .chain((0..self.write_backs).map(Fault::SkipWriteBack))
            .chain((0..self.stores).map(Fault::DropStore))
            .chain((0..self.streams).map(Fault::DropStream))
            .chain(swaps.map(Fault::SwapStores))
            .collect()
    }
}

/// One deviation. Numbers count from 0 and from the moment of [`Memory::with_fault`].
///
/// [`Memory::with_fault`]: super::memory::Memory::with_fault
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This fence does nothing.
    DropFence(u64),
    /// This write-back does nothing.
    SkipWriteBack(u64),
    /// This store does nothing.
    DropStore(u64),
    /// This call that stores past the cache, zeros or bytes, does nothing.
    DropStream(u64),
    /// This store becomes pending only after the next one, also if fences lie between them. Loads see it
    /// at once, and write-backs of its line move along with it: only the order of the two changes.
    SwapStores(u64),
}

/// A store that waits for the next one.
#[derive(Clone, Copy, Debug)]
struct Held {
    store: Store,
    written_back: bool,
}

/// What becomes of a store.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Apply,
    Drop,
    /// It waits for the next one.
    Hold,
    /// This one follows it, and is then written back or not.
    Then(Store, bool),
}

/// A fault and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    fault: Fault,
    since: Counts,
    fired_at: Option<Offset>,
    held: Option<Held>,
}

impl Armed {
    pub(super) fn new(fault: Fault, since: Counts) -> Self {
        Self {
            fault,
            since,
            fired_at: None,
            held: None,
        }
    }

    /// Where it has happened, if it has.
    pub(super) fn fired_at(&self) -> Option<Offset> {
        self.fired_at
    }

    /// Whether `fault` is the one that is ahead; then it has happened at `at`.
    fn hits(&mut self, fault: Fault, at: Offset) -> bool {
        let hit = self.fault == fault;
        if hit {
            self.fired_at = Some(at);
        }
        hit
    }

    /// Whether the fence that comes after `before` is dropped.
    pub(super) fn drops_fence(&mut self, before: Counts) -> bool {
        self.hits(Fault::DropFence(before.since(self.since).fences), Offset(0))
    }

    /// Whether the call that comes after `before` and stores past the cache at `at` is dropped.
    pub(super) fn drops_stream(&mut self, before: Counts, at: Offset) -> bool {
        self.hits(Fault::DropStream(before.since(self.since).streams), at)
    }

    /// Whether the write-back of `line` that comes after `before` is skipped.
    pub(super) fn skips_write_back(&mut self, before: Counts, line: usize) -> bool {
        if let Some(held) = &mut self.held {
            held.written_back |= held.store.line() == line;
        }
        let at = Offset(line as u64 * LINE_BYTES);
        self.hits(
            Fault::SkipWriteBack(before.since(self.since).write_backs),
            at,
        )
    }

    /// What becomes of the store that comes after `before`.
    pub(super) fn fate(&mut self, before: Counts, store: Store) -> Fate {
        let number = before.since(self.since).stores;
        if let Some(held) = self.held.take() {
            self.fired_at = Some(held.store.at());
            return Fate::Then(held.store, held.written_back);
        }
        if self.hits(Fault::DropStore(number), store.at()) {
            return Fate::Drop;
        }
        if self.fault != Fault::SwapStores(number) {
            return Fate::Apply;
        }
        self.held = Some(Held {
            store,
            written_back: false,
        });
        Fate::Hold
    }

    /// The store that still waits when no other will come, and whether it was written back.
    pub(super) fn release(&mut self) -> Option<(Store, bool)> {
        self.held.take().map(|held| (held.store, held.written_back))
    }
}

#[cfg(test)]
mod tests {
    use super::super::crash::{Limits, Seen};
    use super::super::memory::Memory;
    use super::*;
    use crate::model::pm::Pm;

    const A: Offset = Offset(0);
    const B: Offset = Offset(64);

    /// The pairs of words that a crash may leave, in order.
    fn outcomes(memory: &Memory) -> Vec<(u64, u64)> {
        let mut found: Vec<_> = memory
            .crash_point()
            .images(Limits::default(), &mut Seen::default())
            .map(|image| (image.load(A), image.load(B)))
            .collect();
        found.sort_unstable();
        found
    }

    fn store_durably(memory: &Memory, at: Offset, value: u64) {
        memory.store(at, value);
        memory.write_back(at);
        memory.fence();
    }

    #[test]
    fn a_dropped_fence_leaves_its_stores_pending() {
        let memory = Memory::new(4096).with_fault(Fault::DropFence(1));
        store_durably(&memory, A, 1);
        store_durably(&memory, B, 2);
        assert_eq!(outcomes(&memory), [(1, 0), (1, 2)]);
        assert!(memory.fault_fired());
        assert_eq!(memory.counts().fences, 2);
        memory.fence();
        assert_eq!(outcomes(&memory), [(1, 2)]);
    }

    #[test]
    fn without_its_write_back_a_store_is_pending_after_the_operation() {
        let memory = Memory::new(4096).with_fault(Fault::SkipWriteBack(0));
        store_durably(&memory, A, 1);
        store_durably(&memory, B, 2);
        assert_eq!(outcomes(&memory), [(0, 2), (1, 2)]);
        assert!(memory.fault_fired());
    }

    #[test]
    fn a_dropped_store_is_not_even_seen() {
        let memory = Memory::new(4096).with_fault(Fault::DropStore(1));
        store_durably(&memory, A, 1);
        store_durably(&memory, B, 2);
        assert_eq!(memory.load(B), 0);
        assert_eq!(outcomes(&memory), [(1, 0)]);
        assert_eq!(memory.fault_place(), Some(B));
    }

    #[test]
    fn dropped_zeros_leave_what_was_there() {
        let memory = Memory::new(4096).with_fault(Fault::DropStream(0));
        store_durably(&memory, A, 1);
        memory.zero(A, LINE_BYTES);
        memory.copy(B, &[3]);
        memory.fence();
        assert_eq!(outcomes(&memory), [(1, 3)]);
        assert_eq!(memory.fault_place(), Some(A));
    }

    #[test]
    fn swapped_stores_change_their_order_within_a_line() {
        let memory = Memory::new(4096).with_fault(Fault::SwapStores(0));
        memory.store(A, 1);
        assert_eq!(memory.load(A), 1);
        memory.store(A.word(1), 2);
        let mut found: Vec<_> = memory
            .crash_point()
            .images(Limits::default(), &mut Seen::default())
            .map(|image| (image.load(A), image.load(A.word(1))))
            .collect();
        found.sort_unstable();
        assert_eq!(found, [(0, 0), (0, 2), (1, 2)]);
        assert!(memory.fault_fired());
    }

    #[test]
    fn swapped_stores_change_their_order_across_lines_and_fences() {
        let memory = Memory::new(4096).with_fault(Fault::SwapStores(0));
        store_durably(&memory, A, 1);
        assert_eq!(outcomes(&memory), [(0, 0)]);
        memory.store(B, 2);
        memory.write_back(B);
        assert_eq!(outcomes(&memory), [(0, 0), (0, 2), (1, 0), (1, 2)]);
        memory.fence();
        assert_eq!(outcomes(&memory), [(1, 2)]);
    }

    #[test]
    fn of_two_swapped_stores_to_one_word_the_first_wins() {
        let memory = Memory::new(4096).with_fault(Fault::SwapStores(0));
        memory.store(A, 1);
        memory.store(A, 2);
        assert_eq!(memory.load(A), 1);
    }

    #[test]
    fn a_fault_that_does_not_happen_is_known_as_such() {
        let memory = Memory::new(4096).with_fault(Fault::SwapStores(0));
        store_durably(&memory, A, 1);
        memory.disarm();
        assert!(!memory.fault_fired());
        memory.fence();
        assert_eq!(outcomes(&memory), [(1, 0)]);
    }

    #[test]
    fn faults_are_counted_from_when_they_are_set() {
        let memory = Memory::new(4096);
        store_durably(&memory, A, 1);
        let memory = memory.with_fault(Fault::DropFence(0));
        store_durably(&memory, B, 2);
        assert_eq!(outcomes(&memory), [(1, 0), (1, 2)]);
    }

    #[test]
    fn every_fault_of_a_program_is_listed() {
        let memory = Memory::new(4096);
        store_durably(&memory, A, 1);
        let before = memory.counts();
        store_durably(&memory, A, 1);
        memory.store(B, 1);
        use Fault::*;
        assert_eq!(
            memory.counts().since(before).faults(),
            [
                DropFence(0),
                SkipWriteBack(0),
                DropStore(0),
                DropStore(1),
                SwapStores(0)
            ]
        );
        assert_eq!(Counts::default().faults(), []);
    }
}
