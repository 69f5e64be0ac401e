// SPDX-License-Identifier: GPL-2.0

//! A [region](super::region) behind the model's interface. It counts what is asked for, deviates from it
//! if a fault is set, and records what no program may ask for.

use super::crash::CrashPoint;
use super::fault::{Armed, Counts, Fate, Fault};
use super::image::Image;
use super::region::{Region, Store};
use crate::model::pm::{Offset, Pm, LINE_BYTES, WORD_BYTES};
use std::cell::RefCell;
use std::rc::Rc;

/// Defects that are kept; one is enough to fail a test.
const DEFECTS_MAX: usize = 64;

/// A request that no program may make. It has no effect, but that a load gives 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    Load { at: Offset },
    Store { at: Offset, value: u64 },
    WriteBack { at: Offset },
    Zero { at: Offset, len_bytes: u64 },
    Copy { at: Offset, len_bytes: u64 },
}

#[derive(Clone)]
struct State {
    region: Region,
    counts: Counts,
    armed: Option<Armed>,
    fault_fired: bool,
    /// The crash points before each fence, while somebody wants them.
    trace: Option<Vec<CrashPoint>>,
}

/// A simulated region of persistent memory.
///
/// A clone is a region of its own. Only the list of defects is shared, among a region, its clones and all
/// images that crashes leave of them, so that one look at the end finds every defect.
#[derive(Clone)]
pub(crate) struct Memory {
    state: RefCell<State>,
    defects: Rc<RefCell<Vec<Defect>>>,
}

impl Memory {
    /// A region of durable zeros. `size_bytes` is a multiple of a line.
    pub(crate) fn new(size_bytes: u64) -> Self {
        assert_eq!(size_bytes % LINE_BYTES, 0, "the region ends within a line");
        let size_words = usize::try_from(size_bytes / WORD_BYTES).expect("the host can address it");
        Self::restarted(Image::zeros(size_words), Rc::default())
    }

    /// What a machine finds that starts with `image`: all of it durable.
    pub(super) fn restarted(image: Image, defects: Rc<RefCell<Vec<Defect>>>) -> Self {
        let state = State {
            region: Region::new(image),
            counts: Counts::default(),
            armed: None,
            fault_fired: false,
            trace: None,
        };
        Self {
            state: RefCell::new(state),
            defects,
        }
    }

    /// The same region with `fault` ahead of it, which replaces an earlier one. The list of defects is a
    /// new one: what a mutant asks for is not the program's defect.
    pub(crate) fn with_fault(self, fault: Fault) -> Self {
        self.disarm();
        let mut state = self.state.into_inner();
        state.fault_fired = false;
        state.armed = Some(Armed::new(fault, state.counts));
        Self {
            state: RefCell::new(state),
            defects: Rc::default(),
        }
    }

    /// Ends the fault: what comes now goes as the program says.
    pub(crate) fn disarm(&self) {
        let state = &mut *self.state.borrow_mut();
        if let Some(mut armed) = state.armed.take() {
            if let Some((store, written_back)) = armed.release() {
                state.region.store(store, written_back);
            }
            state.fault_fired = armed.fired();
        }
    }

    /// Whether the last fault that was set has happened.
    pub(crate) fn fault_fired(&self) -> bool {
        let state = self.state.borrow();
        state.armed.as_ref().map_or(state.fault_fired, Armed::fired)
    }

    /// What was asked for so far. An image starts anew.
    pub(crate) fn counts(&self) -> Counts {
        self.state.borrow().counts
    }

    /// The requests that no program may make, of this region and all that came of it.
    pub(crate) fn defects(&self) -> Vec<Defect> {
        self.defects.borrow().clone()
    }

    /// How many lines have pending stores.
    pub(crate) fn pending_lines(&self) -> usize {
        self.state.borrow().region.lines.len()
    }

    /// A hash of what loads see. It is the same for the same contents, in this process and every other.
    pub(crate) fn content_hash(&self) -> u128 {
        self.state.borrow().region.visible.hash()
    }

    /// What loads see, for a file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let state = self.state.borrow();
        (0..state.region.visible.size_words())
            .flat_map(|word| state.region.visible.word(word).to_le_bytes())
            .collect()
    }

    /// What a crash now may leave.
    pub(crate) fn crash_point(&self) -> CrashPoint {
        self.point(&self.state.borrow().region)
    }

    /// Collects the crash points before each fence from now on.
    pub(super) fn start_trace(&self) {
        self.state.borrow_mut().trace = Some(Vec::new());
    }

    /// The crash points before each fence since [`Self::start_trace`].
    pub(super) fn take_trace(&self) -> Vec<CrashPoint> {
        self.state.borrow_mut().trace.take().unwrap_or_default()
    }

    fn point(&self, region: &Region) -> CrashPoint {
        let (durable, lines) = (region.durable.clone(), region.lines.clone());
        CrashPoint::new(durable, lines, Rc::clone(&self.defects))
    }

    fn report(&self, defect: Defect) {
        let mut defects = self.defects.borrow_mut();
        if defects.len() < DEFECTS_MAX {
            defects.push(defect);
        }
    }
}

impl Pm for Memory {
    fn size_bytes(&self) -> u64 {
        self.state.borrow().region.visible.size_words() as u64 * WORD_BYTES
    }

    fn load(&self, at: Offset) -> u64 {
        let state = self.state.borrow();
        let Some(word) = state.region.word(at) else {
            self.report(Defect::Load { at });
            return 0;
        };
        state.region.visible.word(word)
    }

    fn store(&self, at: Offset, value: u64) {
        let state = &mut *self.state.borrow_mut();
        let Some(word) = state.region.word(at) else {
            return self.report(Defect::Store { at, value });
        };
        let store = Store { word, value };
        let armed = state.armed.as_mut();
        let fate = armed.map_or(Fate::Apply, |armed| armed.fate(state.counts, store));
        state.counts.stores += 1;
        match fate {
            Fate::Apply => state.region.store(store, false),
            Fate::Hold => state.region.visible.set_word(word, value),
            Fate::Then(held, written_back) => {
                state.region.store(store, false);
                state.region.store(held, written_back);
            }
        }
    }

    fn write_back(&self, at: Offset) {
        let state = &mut *self.state.borrow_mut();
        let Some(range) = state.region.lines_of(at.line(), LINE_BYTES) else {
            return self.report(Defect::WriteBack { at });
        };
        let line = range.start;
        let armed = state.armed.as_mut();
        let skip = armed.is_some_and(|armed| armed.skips_write_back(state.counts, line));
        state.counts.write_backs += 1;
        if !skip {
            state.region.write_back(line);
        }
    }

    fn zero(&self, at: Offset, len_bytes: u64) {
        let state = &mut *self.state.borrow_mut();
        let Some(range) = state.region.lines_of(at, len_bytes) else {
            return self.report(Defect::Zero { at, len_bytes });
        };
        state.counts.zeroed_bytes += len_bytes;
        state.region.zero(range);
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        let state = &mut *self.state.borrow_mut();
        let (first, end) = (at.0 / WORD_BYTES, at.0.saturating_add(bytes.len() as u64));
        for index in first..end.div_ceil(WORD_BYTES) {
            let place = Offset(index * WORD_BYTES);
            let Some(word) = state.region.word(place) else {
                let len_bytes = bytes.len() as u64;
                return self.report(Defect::Copy { at, len_bytes });
            };
            let mut value = state.region.visible.word(word).to_le_bytes();
            for (position, byte) in (place.0..).zip(&mut value) {
                let from = position
                    .checked_sub(at.0)
                    .and_then(|n| usize::try_from(n).ok());
                *byte = from.and_then(|n| bytes.get(n)).copied().unwrap_or(*byte);
            }
            let value = u64::from_le_bytes(value);
            state.region.store(Store { word, value }, true);
        }
    }

    fn fence(&self) {
        let state = &mut *self.state.borrow_mut();
        let armed = state.armed.as_mut();
        let dropped = armed.is_some_and(|armed| armed.drops_fence(state.counts));
        state.counts.fences += 1;
        if dropped {
            return;
        }
        if let Some(trace) = &mut state.trace {
            trace.push(self.point(&state.region));
        }
        state.region.fence();
    }
}

#[cfg(test)]
mod tests {
    use super::super::crash::{Limits, Seen};
    use super::*;

    const A: Offset = Offset(0);
    const B: Offset = Offset(64);

    /// What a crash may leave in the words at `places`, in order.
    fn outcomes<const N: usize>(memory: &Memory, places: [Offset; N]) -> Vec<[u64; N]> {
        let mut found: Vec<_> = memory
            .crash_point()
            .images(Limits::default(), &mut Seen::default())
            .map(|image| places.map(|at| image.load(at)))
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn stores_to_one_line_become_durable_in_order() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        memory.store(A.word(1), 2);
        let places = [A, A.word(1)];
        assert_eq!(outcomes(&memory, places), [[0, 0], [1, 0], [1, 2]]);
        assert_eq!((memory.load(A), memory.load(A.word(1))), (1, 2));
    }

    #[test]
    fn stores_to_two_lines_become_durable_in_any_order() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        memory.store(B, 2);
        assert_eq!(outcomes(&memory, [A, B]), [[0, 0], [0, 2], [1, 0], [1, 2]]);
    }

    #[test]
    fn a_fence_alone_makes_nothing_durable() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        memory.fence();
        assert_eq!(outcomes(&memory, [A]), [[0], [1]]);
    }

    #[test]
    fn a_write_back_alone_makes_nothing_durable() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        memory.write_back(A);
        assert_eq!(outcomes(&memory, [A]), [[0], [1]]);
        memory.fence();
        assert_eq!(outcomes(&memory, [A]), [[1]]);
        assert_eq!(memory.pending_lines(), 0);
    }

    #[test]
    fn a_store_after_the_write_back_is_not_durable_after_the_fence() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        memory.write_back(A.word(7));
        memory.store(A, 2);
        memory.fence();
        memory.fence();
        assert_eq!(outcomes(&memory, [A]), [[1], [2]]);
        memory.write_back(A);
        memory.fence();
        assert_eq!(outcomes(&memory, [A]), [[2]]);
    }

    #[test]
    fn zeros_past_the_cache_need_no_write_back() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        memory.zero(A, LINE_BYTES);
        memory.store(A.word(1), 3);
        assert_eq!(outcomes(&memory, [A, A.word(1)]), [[0, 0], [0, 3], [1, 0]]);
        memory.fence();
        assert_eq!(outcomes(&memory, [A, A.word(1)]), [[0, 0], [0, 3]]);
    }

    #[test]
    fn requests_beyond_the_end_or_unaligned_are_recorded_and_dropped() {
        let memory = Memory::new(4096);
        let (end, odd) = (Offset(4096), Offset(4));
        let beyond = Offset(u64::MAX);
        memory.store(end, 1);
        memory.store(odd, 1);
        assert_eq!((memory.load(end), memory.load(odd)), (0, 0));
        memory.write_back(beyond);
        memory.write_back(odd);
        memory.zero(Offset(4032), 128);
        memory.zero(beyond, LINE_BYTES);
        memory.zero(A, 32);
        let (value, len_bytes) = (1, LINE_BYTES);
        let expected = [
            Defect::Store { at: end, value },
            Defect::Store { at: odd, value },
            Defect::Load { at: end },
            Defect::Load { at: odd },
            Defect::WriteBack { at: beyond },
            Defect::Zero {
                at: Offset(4032),
                len_bytes: 128,
            },
            Defect::Zero {
                at: beyond,
                len_bytes,
            },
            Defect::Zero {
                at: A,
                len_bytes: 32,
            },
        ];
        assert_eq!(memory.defects(), expected);
        assert_eq!(outcomes(&memory, [A]), [[0]]);
    }

    #[test]
    fn a_defect_in_an_image_is_known_to_the_region_it_came_of() {
        let memory = Memory::new(4096);
        let mut seen = Seen::default();
        for image in memory.crash_point().images(Limits::default(), &mut seen) {
            image.load(Offset(4096));
        }
        assert_eq!(memory.defects(), [Defect::Load { at: Offset(4096) }]);
    }

    #[test]
    fn a_defect_of_a_mutant_is_not_the_programs() {
        let memory = Memory::new(4096);
        let mutant = memory.clone().with_fault(Fault::DropFence(0));
        mutant.write_back(Offset(4096));
        assert_eq!((memory.defects().len(), mutant.defects().len()), (0, 1));
    }

    #[test]
    fn what_is_asked_for_is_counted() {
        let memory = Memory::new(8192);
        memory.store(A, 1);
        memory.store(B, 1);
        memory.write_back(A);
        memory.zero(Offset(4096), 4096);
        memory.fence();
        memory.fence();
        let expected = Counts {
            fences: 2,
            write_backs: 1,
            stores: 2,
            zeroed_bytes: 4096,
        };
        assert_eq!(memory.counts(), expected);
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let memory = Memory::new(4096);
        memory.store(A, 1);
        let clone = memory.clone();
        clone.write_back(A);
        clone.fence();
        assert_eq!(outcomes(&memory, [A]), [[0], [1]]);
        assert_eq!(outcomes(&clone, [A]), [[1]]);
        assert_eq!(memory.content_hash(), clone.content_hash());
    }

    #[test]
    fn bytes_are_little_endian() {
        let memory = Memory::new(4096);
        memory.store(A.word(1), 0x0102);
        let bytes = memory.to_bytes();
        assert_eq!((bytes.len(), &bytes[8..11]), (4096, &[2, 1, 0][..]));
    }
}
