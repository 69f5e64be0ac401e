// SPDX-License-Identifier: GPL-2.0

//! What of a region is durable, visible and pending, and how stores, zeros and fences change that.
//!
//! A store adds to the pending stores of its line. A write-back **covers** those that are pending in the
//! line then, whichever CPU stored them, and a store past the cache covers its own as well. A fence makes
//! durable what the same CPU covered. Later stores to the line stay pending.
//!
//! **To stream** is to store past the cache: zeros, or bytes.

use super::image::{Image, LINE_WORDS};
use crate::model::pm::{Offset, LINE_BYTES, WORD_BYTES};
use std::collections::BTreeMap;
use std::ops::Range;

/// CPUs of the machine.
pub(crate) const CPUS: usize = 2;

/// A store to a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Store {
    pub(super) word: usize,
    pub(super) value: u64,
}

impl Store {
    pub(super) fn line(self) -> usize {
        self.word / LINE_WORDS
    }

    pub(super) fn at(self) -> Offset {
        Offset(self.word as u64 * WORD_BYTES)
    }
}

/// The pending stores of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    /// In program order.
    pub(super) stores: Vec<Store>,
    /// So many of the first are durable after the next fence of each CPU.
    covered: [usize; CPUS],
    /// The call that streamed the whole line, if nothing else is pending in it.
    pub(super) run: Option<u64>,
    /// Whether all of them are bytes that were streamed.
    pub(super) bytes: bool,
}

/// Pending stores by line. No line is without any.
pub(super) type Lines = BTreeMap<usize, Pending>;

/// A region, as described [above](self).
#[derive(Clone)]
pub(super) struct Region {
    pub(super) durable: Image,
    pub(super) visible: Image,
    pub(super) lines: Lines,
    /// The CPU that runs.
    pub(super) cpu: usize,
    /// Calls to [`Self::stream`] so far.
    runs: u64,
}

impl Region {
    /// A region in which all of `image` is durable.
    pub(super) fn new(image: Image) -> Self {
        Self {
            durable: image.clone(),
            visible: image,
            lines: Lines::new(),
            cpu: 0,
            runs: 0,
        }
    }

    /// The index of the word at `at`, if there is one.
    pub(super) fn word(&self, at: Offset) -> Option<usize> {
        let word = usize::try_from(at.0 / WORD_BYTES).ok()?;
        (at.0 % WORD_BYTES == 0 && word < self.visible.size_words()).then_some(word)
    }

    /// The lines from `at` on, if they are whole ones and all lie within the region.
    pub(super) fn lines_of(&self, at: Offset, len_bytes: u64) -> Option<Range<usize>> {
        let first = usize::try_from(at.0 / LINE_BYTES).ok()?;
        let end = usize::try_from(at.0.checked_add(len_bytes)? / LINE_BYTES).ok()?;
        let aligned = (at.0 | len_bytes) % LINE_BYTES == 0;
        (aligned && end <= self.visible.size_words() / LINE_WORDS).then_some(first..end)
    }

    /// Whether all of `words` are there from the word number `first` on, durably and visibly.
    pub(super) fn has(&self, first: usize, words: &[u64]) -> bool {
        let is = |image: &Image| {
            let there = (first..).take(words.len()).map(|at| image.word(at));
            there.eq(words.iter().copied())
        };
        is(&self.durable) && is(&self.visible)
    }

    /// Stores, and writes back the line if `written_back`.
    pub(super) fn store(&mut self, store: Store, written_back: bool) {
        self.visible.set_word(store.word, store.value);
        let pending = self.lines.entry(store.line()).or_default();
        pending.stores.push(store);
        pending.run = None;
        pending.bytes = false;
        if written_back {
            pending.covered[self.cpu] = pending.stores.len();
        }
    }

    /// Streams to one line: `words` from the word number `first` on.
    fn stream_line(&mut self, first: usize, words: &[u64], bytes: bool) {
        let line = first / LINE_WORDS;
        let before = self.lines.get(&line);
        let (alone, bytes) = (before.is_none(), bytes && before.is_none_or(|it| it.bytes));
        let durable = (first..).take(words.len()).map(|at| self.durable.word(at));
        // What is stored upon the same, durable, changes no image.
        if alone && durable.eq(words.iter().copied()) {
            return;
        }
        for (word, &value) in (first..).zip(words) {
            self.store(Store { word, value }, true);
        }
        if let Some(pending) = self.lines.get_mut(&line) {
            pending.run = (alone && words.len() == LINE_WORDS).then_some(self.runs);
            pending.bytes = bytes;
        }
    }

    /// Streams `words` from the word number `first` on; `bytes`: they are data, any of which counts as
    /// much as any other.
    pub(super) fn stream(&mut self, first: usize, words: &[u64], bytes: bool) {
        self.runs += 1;
        let head = (first.next_multiple_of(LINE_WORDS) - first).min(words.len());
        let (head, rest) = words.split_at(head);
        if !head.is_empty() {
            self.stream_line(first, head, bytes);
        }
        let lines = (first + head.len()..).step_by(LINE_WORDS);
        for (at, line) in lines.zip(rest.chunks(LINE_WORDS)) {
            self.stream_line(at, line, bytes);
        }
    }

    /// Covers what is pending in `line`.
    pub(super) fn write_back(&mut self, line: usize) {
        if let Some(pending) = self.lines.get_mut(&line) {
            pending.covered[self.cpu] = pending.stores.len();
        }
    }

    /// Makes durable what this CPU covered.
    pub(super) fn fence(&mut self) {
        let (durable, cpu) = (&mut self.durable, self.cpu);
        self.lines.retain(|_, pending| {
            let arrived = pending.covered[cpu];
            for store in pending.stores.drain(..arrived) {
                durable.set_word(store.word, store.value);
            }
            pending.covered = pending.covered.map(|count| count.saturating_sub(arrived));
            !pending.stores.is_empty()
        });
    }
}
