// SPDX-License-Identifier: GPL-2.0

//! The independent parts of a crash point, and what a crash may leave of each.
//!
//! A **unit** is a line, of which a prefix of the pending stores arrives, or a **run**: the lines that one
//! call streamed wholly and nobody stored to since. A run is one unit because its lines are as many as they
//! are alike; it arrives not at all, wholly, or in a few random ways. What zeroing does to two lines or
//! fewer is fully tried: that may be an object rather than a page. Of a line that has only bytes of data
//! pending, a few prefixes are.

use super::image::{Image, LineWords, LINE_WORDS};
use super::random::{mix, Random};
use super::region::{Lines, Pending};

/// Runs of fewer lines are tried line by line.
const RUN_LINES_MIN: usize = 3;
/// Prefixes that are tried of a run, and as many sets of whole lines.
const RUN_SAMPLES: u64 = 1;
/// States that are tried of a line of data: nothing, everything, and one prefix.
const BYTES_STATES: usize = 3;

/// How much of a run arrives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    /// So many words from its beginning.
    Prefix(u64),
    /// Each line or not, by chance.
    Scattered(u64),
}

impl Arrival {
    /// How many words arrive of the run's line number `index`.
    fn words(self, index: usize) -> usize {
        match self {
            Self::Prefix(words) => (words as usize)
                .saturating_sub(index * LINE_WORDS)
                .min(LINE_WORDS),
            Self::Scattered(seed) => (mix(seed ^ index as u64) & 1) as usize * LINE_WORDS,
        }
    }
}

/// A part of a crash point that arrives, or not, independently of all others.
#[derive(Clone, Debug)]
pub(super) enum Unit {
    Line {
        line: usize,
        /// All different. The first is the durable one.
        states: Vec<LineWords>,
        /// The state in which everything has arrived.
        all: usize,
    },
    Run {
        /// Each with what it has and what it is to have.
        lines: Vec<(usize, LineWords, LineWords)>,
        /// Nothing, everything, and samples.
        arrivals: Vec<Arrival>,
    },
}

impl Unit {
    /// The units of `lines` upon `durable`: lines first, then runs. Those that change nothing are left
    /// out.
    pub(super) fn all_of(durable: &Image, lines: &Lines, random: &mut Random) -> Vec<Self> {
        let mut units = Vec::new();
        let mut runs: Vec<(u64, Vec<usize>)> = Vec::new();
        for (&line, pending) in lines {
            match (pending.run, runs.last_mut()) {
                (Some(id), Some((last, lines))) if *last == id => lines.push(line),
                (Some(id), _) => runs.push((id, vec![line])),
                (None, _) => units.extend(Self::line(durable, line, pending, random)),
            }
        }
        let (long, short): (Vec<_>, Vec<_>) = runs
            .into_iter()
            .partition(|(_, lines)| lines.len() >= RUN_LINES_MIN);
        for line in short.into_iter().flat_map(|(_, lines)| lines) {
            units.extend(Self::line(durable, line, &lines[&line], random));
        }
        for (_, run) in long {
            let whole = |line| {
                let old = durable.line(line);
                let mut new = old;
                for store in &lines[&line].stores {
                    new[store.word % LINE_WORDS] = store.value;
                }
                (line, old, new)
            };
            units.push(Self::run(run.into_iter().map(whole).collect(), random));
        }
        units
    }

    fn line(durable: &Image, line: usize, pending: &Pending, random: &mut Random) -> Option<Self> {
        let old = durable.line(line);
        let mut words = old;
        let (mut states, mut all) = (vec![old], 0);
        for store in &pending.stores {
            words[store.word % LINE_WORDS] = store.value;
            let known = states.iter().position(|state| *state == words);
            all = known.unwrap_or(states.len());
            if known.is_none() {
                states.push(words);
            }
        }
        if pending.bytes && states.len() > BYTES_STATES {
            let part = 1 + random.below(states.len() as u64 - 1) as usize;
            let kept = [states[0], states[part], states[all]];
            states = kept.to_vec();
            states.dedup();
            all = if all == 0 { 0 } else { states.len() - 1 };
        }
        (states.len() > 1).then_some(Self::Line { line, states, all })
    }

    fn run(lines: Vec<(usize, LineWords, LineWords)>, random: &mut Random) -> Self {
        let words = (lines.len() * LINE_WORDS) as u64;
        let mut arrivals = vec![Arrival::Prefix(0), Arrival::Prefix(words)];
        for _ in 0..RUN_SAMPLES {
            arrivals.push(Arrival::Prefix(1 + random.below(words - 1)));
            arrivals.push(Arrival::Scattered(random.next()));
        }
        Self::Run { lines, arrivals }
    }

    /// In how many states a crash may leave it. State 0 is the durable one.
    pub(super) fn states(&self) -> usize {
        match self {
            Self::Line { states, .. } => states.len(),
            Self::Run { arrivals, .. } => arrivals.len(),
        }
    }

    /// The state in which everything has arrived.
    pub(super) fn all(&self) -> usize {
        match self {
            Self::Line { all, .. } => *all,
            Self::Run { .. } => 1,
        }
    }

    /// Puts it into `state`, from whatever state it was in.
    pub(super) fn put(&self, state: usize, image: &mut Image) {
        match self {
            Self::Line { line, states, .. } => image.set_line(*line, &states[state]),
            Self::Run { lines, arrivals } => {
                for (index, (line, old, new)) in lines.iter().enumerate() {
                    let mut words = *old;
                    let arrived = arrivals[state].words(index);
                    words[..arrived].copy_from_slice(&new[..arrived]);
                    image.set_line(*line, &words);
                }
            }
        }
    }

    /// Describes `state` to a developer.
    pub(super) fn describe(&self, state: usize) -> String {
        let bytes = |line: usize| line * LINE_WORDS * size_of::<u64>();
        match self {
            Self::Line { line, states, .. } => {
                let changed =
                    (0..LINE_WORDS).filter(|&word| states[state][word] != states[0][word]);
                let words: Vec<_> = changed
                    .map(|word| format!("[{word}]={:#x}", states[state][word]))
                    .collect();
                let last = states.len() - 1;
                format!(
                    "line {:#x}: {state}/{last} {}",
                    bytes(*line),
                    words.join(" ")
                )
            }
            Self::Run { lines, arrivals } => {
                let (first, count) = (lines[0].0, lines.len());
                let arrival = arrivals[state];
                format!(
                    "{count} streamed lines from {:#x}: {arrival:?}",
                    bytes(first)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::crash::{Limits, Seen};
    use super::super::memory::Memory;
    use super::*;
    use crate::model::pm::{Offset, Pm, LINE_BYTES, PAGE_BYTES};

    const PAGE: Offset = Offset(PAGE_BYTES);
    const PAGE_LINES: usize = (PAGE_BYTES / LINE_BYTES) as usize;

    /// A memory with a page that is durably full of ones.
    fn with_full_page() -> Memory {
        let memory = Memory::new(4 * PAGE_BYTES);
        for line in 0..PAGE_LINES as u64 {
            let at = PAGE.plus(line * LINE_BYTES);
            (0..8).for_each(|index| memory.store(at.word(index), 1));
            memory.write_back(at);
        }
        memory.fence();
        memory
    }

    fn images(memory: &Memory) -> Vec<Memory> {
        memory
            .crash_point()
            .images(Limits::default(), &mut Seen::default())
            .collect()
    }

    /// How many words of the page are zero.
    fn zeros(image: &Memory) -> usize {
        let word = |index| image.load(PAGE.word(index));
        (0..512).filter(|&index| word(index) == 0).count()
    }

    #[test]
    fn a_zeroed_page_arrives_not_at_all_wholly_or_in_part() {
        let memory = with_full_page();
        memory.zero(PAGE, PAGE_BYTES);
        let zeros: Vec<_> = images(&memory).iter().map(zeros).collect();
        assert_eq!(zeros.len(), 2 + 2 * RUN_SAMPLES as usize);
        assert_eq!(zeros[..2], [0, 512]);
        assert!(
            zeros[2..].iter().all(|count| (1..512).contains(count)),
            "{zeros:?}"
        );
    }

    #[test]
    fn a_line_that_is_stored_to_leaves_its_run() {
        let memory = with_full_page();
        memory.zero(PAGE, PAGE_BYTES);
        memory.store(PAGE, 7);
        let images = images(&memory);
        // The line: 8 prefixes of the zeros, the store, and nothing.
        assert_eq!(images.len(), 10 * (2 + 2 * RUN_SAMPLES as usize));
        assert!(images
            .iter()
            .any(|image| image.load(PAGE) == 7 && zeros(image) == 7));
        assert!(images
            .iter()
            .all(|image| image.load(PAGE) != 7 || image.load(PAGE.word(1)) == 0));
    }

    #[test]
    fn two_pages_zeroed_by_two_calls_are_two_units() {
        let memory = with_full_page();
        memory.zero(PAGE, PAGE_BYTES / 2);
        memory.zero(PAGE.plus(PAGE_BYTES / 2), PAGE_BYTES / 2);
        let half = |image: &Memory| (image.load(PAGE), image.load(PAGE.plus(PAGE_BYTES / 2)));
        let halves: Vec<_> = images(&memory).iter().map(half).collect();
        for outcome in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            assert!(halves.contains(&outcome));
        }
    }

    #[test]
    fn zeroing_an_object_of_two_lines_is_fully_tried() {
        let memory = with_full_page();
        memory.zero(PAGE, 2 * LINE_BYTES);
        assert_eq!(images(&memory).len(), 9 * 9);
    }

    #[test]
    fn zeros_upon_zeros_leave_one_image() {
        let memory = Memory::new(4 * PAGE_BYTES);
        memory.zero(PAGE, PAGE_BYTES);
        assert_eq!((memory.pending_lines(), images(&memory).len()), (0, 1));
    }

    #[test]
    fn stores_that_change_nothing_leave_one_image() {
        let memory = with_full_page();
        memory.store(PAGE, 1);
        assert_eq!(images(&memory).len(), 1);
        memory.store(PAGE, 2);
        memory.store(PAGE, 1);
        memory.store(PAGE, 2);
        assert_eq!(images(&memory).len(), 2);
    }
}
