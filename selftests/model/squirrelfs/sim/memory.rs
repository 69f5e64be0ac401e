// SPDX-License-Identifier: GPL-2.0

//! A [region](super::region) behind the model's interface. It counts what is asked for, deviates from it
//! if a fault is set, and records what no program may ask for.

use super::crash::CrashPoint;
use super::fault::{Armed, Counts, Fate, Fault};
use super::image::{Image, LINE_WORDS};
pub(crate) use super::region::CPUS;
use super::region::{Region, Store};
use crate::model::pm::{Offset, Pm, LINE_BYTES, WORD_BYTES};
use std::cell::{Cell, RefCell};
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
    fired_at: Option<Offset>,
    /// Whether the fault changed nothing: what it left out had been so already, durably.
    idle: bool,
    /// The crash points before each fence, while somebody wants them.
    trace: Option<Vec<CrashPoint>>,
}

impl State {
    /// Counts a stream, and says whether the fault drops it.
    fn drops_stream(&mut self, at: Offset, first: usize, words: &[u64]) -> bool {
        let armed = self.armed.as_mut();
        let dropped = armed.is_some_and(|armed| armed.drops_stream(self.counts, at));
        self.counts.streams += 1;
        if dropped {
            self.idle = self.region.has(first, words);
        }
        dropped
    }
}

/// A simulated region of persistent memory.
///
/// A clone is a region of its own. Only the list of defects is shared, among a region, its clones and all
/// images that crashes leave of them, so that one look at the end finds every defect.
#[derive(Clone)]
pub(crate) struct Memory {
    state: RefCell<State>,
    loads: Cell<u64>,
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
            fired_at: None,
            idle: false,
            trace: None,
        };
        Self {
            state: RefCell::new(state),
            loads: Cell::new(0),
            defects,
        }
    }

    /// The same region with `fault` ahead of it. The list of defects is a new one: what a mutant asks for
    /// is not the program's defect.
    pub(crate) fn with_fault(self, fault: Fault) -> Self {
        let mutant = self.apart();
        mutant.arm(fault);
        mutant
    }

    /// The same region with a list of defects of its own.
    pub(crate) fn apart(self) -> Self {
        Self {
            defects: Rc::default(),
            ..self
        }
    }

    /// Puts `fault` ahead, which replaces an earlier one.
    pub(crate) fn arm(&self, fault: Fault) {
        self.disarm();
        let state = &mut *self.state.borrow_mut();
        state.fired_at = None;
        state.armed = Some(Armed::new(fault, state.counts));
    }

    /// From here on the program runs on the CPU number `cpu`, below [`CPUS`].
    pub(crate) fn run_on(&self, cpu: usize) {
        assert!(cpu < CPUS, "there is no CPU {cpu}");
        self.state.borrow_mut().region.cpu = cpu;
    }

    /// Ends the fault: what comes now goes as the program says.
    pub(crate) fn disarm(&self) {
        let state = &mut *self.state.borrow_mut();
        if let Some(mut armed) = state.armed.take() {
            if let Some((store, written_back)) = armed.release() {
                state.region.store(store, written_back);
            }
            state.fired_at = armed.fired_at();
        }
    }

    /// Whether the last fault that was set has happened.
    pub(crate) fn fault_fired(&self) -> bool {
        self.fault_place().is_some()
    }

    /// Where it has happened: the position that was stored to or written back; 0 for a fence.
    pub(crate) fn fault_place(&self) -> Option<Offset> {
        let state = self.state.borrow();
        let armed = state.armed.as_ref();
        armed.map_or(state.fired_at, Armed::fired_at)
    }

    /// Whether what the fault left out would have changed nothing.
    pub(crate) fn fault_was_idle(&self) -> bool {
        self.state.borrow().idle
    }

    /// How many words were loaded so far. An image starts anew.
    pub(crate) fn loads(&self) -> u64 {
        self.loads.get()
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
        self.loads.set(self.loads.get() + 1);
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
            Fate::Drop => state.idle = state.region.has(word, &[value]),
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
        match skip {
            false => state.region.write_back(line),
            true => state.idle = !state.region.lines.contains_key(&line),
        }
    }

    fn zero(&self, at: Offset, len_bytes: u64) {
        let state = &mut *self.state.borrow_mut();
        let Some(range) = state.region.lines_of(at, len_bytes) else {
            return self.report(Defect::Zero { at, len_bytes });
        };
        let first = range.start * LINE_WORDS;
        state.counts.zeroed_bytes += len_bytes;
        let words = vec![0; range.len() * LINE_WORDS];
        if !state.drops_stream(at, first, &words) {
            state.region.stream(first, &words, false);
        }
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        let state = &mut *self.state.borrow_mut();
        let (first, len_bytes) = (at.0 / WORD_BYTES, bytes.len() as u64);
        let end = at.0.saturating_add(len_bytes).div_ceil(WORD_BYTES);
        let mut words = Vec::new();
        for index in first..end {
            let place = Offset(index.saturating_mul(WORD_BYTES));
            let Some(word) = state.region.word(place) else {
                return self.report(Defect::Copy { at, len_bytes });
            };
            let mut value = state.region.visible.word(word).to_le_bytes();
            for (position, byte) in (place.0..).zip(&mut value) {
                let from = position
                    .checked_sub(at.0)
                    .and_then(|n| usize::try_from(n).ok());
                *byte = from.and_then(|n| bytes.get(n)).copied().unwrap_or(*byte);
            }
            words.push(u64::from_le_bytes(value));
        }
        if let Some(first) = state.region.word(Offset(first * WORD_BYTES)) {
            if !state.drops_stream(at, first, &words) {
                state.region.stream(first, &words, true);
            }
        }
    }

    fn fence(&self) {
        let state = &mut *self.state.borrow_mut();
        let armed = state.armed.as_mut();
        let dropped = armed.is_some_and(|armed| armed.drops_fence(state.counts));
        state.counts.fences += 1;
        if dropped {
            state.idle = state.region.lines.is_empty();
            return;
        }
        if let Some(trace) = &mut state.trace {
            trace.push(self.point(&state.region));
        }
        state.region.fence();
    }
}

#[cfg(test)]
mod tests;
