// SPDX-License-Identifier: GPL-2.0

//! What of a region is durable, visible and pending, and how stores, zeros and fences change that.
//!
//! A store adds to the pending stores of its line. A write-back **covers** those that are pending in the
//! line then, zeroing past the cache covers its own as well, and a fence makes the covered ones durable.
//! Later stores to the line stay pending.

use super::image::{Image, LINE_WORDS};
use crate::model::pm::{Offset, LINE_BYTES, WORD_BYTES};
use std::collections::BTreeMap;
use std::ops::Range;

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
}

/// The pending stores of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    /// In program order.
    pub(super) stores: Vec<Store>,
    /// So many of the first are durable after the next fence.
    covered: usize,
    /// The call that zeroed the line, if nothing else is pending in it.
    pub(super) run: Option<u64>,
}

/// Pending stores by line. No line is without any.
pub(super) type Lines = BTreeMap<usize, Pending>;

/// A region, as described [above](self).
#[derive(Clone)]
pub(super) struct Region {
    pub(super) durable: Image,
    pub(super) visible: Image,
    pub(super) lines: Lines,
    /// Calls to [`Self::zero`] so far.
    runs: u64,
}

impl Region {
    /// A region in which all of `image` is durable.
    pub(super) fn new(image: Image) -> Self {
        Self {
            durable: image.clone(),
            visible: image,
            lines: Lines::new(),
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

    /// Stores, and writes back the line if `written_back`.
    pub(super) fn store(&mut self, store: Store, written_back: bool) {
        self.visible.set_word(store.word, store.value);
        let pending = self.lines.entry(store.line()).or_default();
        pending.stores.push(store);
        pending.run = None;
        if written_back {
            pending.covered = pending.stores.len();
        }
    }

    fn zero_line(&mut self, line: usize) {
        let alone = !self.lines.contains_key(&line);
        // Zeros upon durable zeros change no image.
        if alone && self.durable.line(line) == [0; LINE_WORDS] {
            return;
        }
        let words = line * LINE_WORDS..(line + 1) * LINE_WORDS;
        words.for_each(|word| self.store(Store { word, value: 0 }, true));
        if let Some(pending) = self.lines.get_mut(&line) {
            pending.run = alone.then_some(self.runs);
        }
    }

    /// Covers what is pending in `line`.
    pub(super) fn write_back(&mut self, line: usize) {
        if let Some(pending) = self.lines.get_mut(&line) {
            pending.covered = pending.stores.len();
        }
    }

    /// Stores zeros past the cache.
    pub(super) fn zero(&mut self, lines: Range<usize>) {
        self.runs += 1;
        lines.for_each(|line| self.zero_line(line));
    }

    /// Makes durable what is covered.
    pub(super) fn fence(&mut self) {
        let durable = &mut self.durable;
        self.lines.retain(|_, pending| {
            for store in pending.stores.drain(..pending.covered) {
                durable.set_word(store.word, store.value);
            }
            pending.covered = 0;
            !pending.stores.is_empty()
        });
    }
}
