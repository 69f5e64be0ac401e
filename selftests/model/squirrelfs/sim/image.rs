// SPDX-License-Identifier: GPL-2.0

//! The contents of a region, cheap to copy and with a hash that is kept as they change.
//!
//! Pages are shared until they are written. They hang from **chunks** of 64, shared likewise, so that a
//! copy costs one counter per 256 KiB.

use super::random::mix;
use crate::model::pm::{LINE_BYTES, PAGE_BYTES, WORD_BYTES};
use std::rc::Rc;

/// Words in a line.
pub(super) const LINE_WORDS: usize = (LINE_BYTES / WORD_BYTES) as usize;
const PAGE_WORDS: usize = (PAGE_BYTES / WORD_BYTES) as usize;
const CHUNK_PAGES: usize = 64;
const CHUNK_WORDS: usize = CHUNK_PAGES * PAGE_WORDS;

type Page = [u64; PAGE_WORDS];
type Chunk = [Rc<Page>; CHUNK_PAGES];

/// The contents of one line.
pub(super) type LineWords = [u64; LINE_WORDS];

/// The contents of a region.
#[derive(Clone)]
pub(super) struct Image {
    chunks: Vec<Rc<Chunk>>,
    size_words: usize,
    hash: u128,
}

impl Image {
    /// A region of zeros.
    pub(super) fn zeros(size_words: usize) -> Self {
        let page = Rc::new([0; PAGE_WORDS]);
        let chunk = Rc::new(std::array::from_fn(|_| Rc::clone(&page)));
        Self {
            chunks: vec![chunk; size_words.div_ceil(CHUNK_WORDS)],
            size_words,
            hash: 0,
        }
    }

    pub(super) fn size_words(&self) -> usize {
        self.size_words
    }

    /// A hash of the contents. Two images of one size have the same one if they are equal, however they
    /// came about, and practically only then.
    pub(super) fn hash(&self) -> u128 {
        self.hash
    }

    pub(super) fn word(&self, word: usize) -> u64 {
        self.chunks[word / CHUNK_WORDS][word % CHUNK_WORDS / PAGE_WORDS][word % PAGE_WORDS]
    }

    pub(super) fn set_word(&mut self, word: usize, value: u64) {
        let old = self.word(word);
        if old == value {
            return;
        }
        let chunk = Rc::make_mut(&mut self.chunks[word / CHUNK_WORDS]);
        let page = Rc::make_mut(&mut chunk[word % CHUNK_WORDS / PAGE_WORDS]);
        page[word % PAGE_WORDS] = value;
        self.hash = self
            .hash
            .wrapping_sub(word_hash(word, old))
            .wrapping_add(word_hash(word, value));
    }

    pub(super) fn line(&self, line: usize) -> LineWords {
        std::array::from_fn(|index| self.word(line * LINE_WORDS + index))
    }

    pub(super) fn set_line(&mut self, line: usize, words: &LineWords) {
        for (index, &value) in words.iter().enumerate() {
            self.set_word(line * LINE_WORDS + index, value);
        }
    }
}

/// What a word adds to the hash: two independent halves, and nothing for a zero, so that fresh memory
/// needs no scan.
fn word_hash(word: usize, value: u64) -> u128 {
    if value == 0 {
        return 0;
    }
    let place = mix(word as u64 + 1);
    let high = mix(value ^ place);
    let low = mix(value.rotate_left(32).wrapping_add(place) ^ 0x5851_f42d_4c95_7f2d);
    (u128::from(high) << 64) | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_later_changes() {
        let mut image = Image::zeros(2 * CHUNK_WORDS);
        image.set_word(CHUNK_WORDS + 5, 1);
        let copy = image.clone();
        image.set_word(CHUNK_WORDS + 5, 2);
        assert_eq!(
            (copy.word(CHUNK_WORDS + 5), image.word(CHUNK_WORDS + 5)),
            (1, 2)
        );
        assert_eq!(image.word(5), 0);
    }

    #[test]
    fn untouched_pages_stay_shared() {
        let mut image = Image::zeros(2 * CHUNK_WORDS);
        let copy = image.clone();
        image.set_word(0, 1);
        assert!(!Rc::ptr_eq(&image.chunks[0], &copy.chunks[0]));
        assert!(!Rc::ptr_eq(&image.chunks[0][0], &copy.chunks[0][0]));
        assert!(Rc::ptr_eq(&image.chunks[0][1], &copy.chunks[0][1]));
        assert!(Rc::ptr_eq(&image.chunks[1], &copy.chunks[1]));
    }

    #[test]
    fn the_hash_depends_on_the_contents_only() {
        let (mut one, mut other) = (Image::zeros(1024), Image::zeros(1024));
        one.set_line(3, &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_ne!(one.hash(), other.hash());
        for index in (0..LINE_WORDS).rev() {
            other.set_word(3 * LINE_WORDS + index, 99);
            other.set_word(3 * LINE_WORDS + index, index as u64 + 1);
        }
        assert_eq!(one.line(3), other.line(3));
        assert_eq!(one.hash(), other.hash());
        other.set_line(3, &[0; LINE_WORDS]);
        assert_eq!(other.hash(), 0);
    }

    #[test]
    fn the_hash_tells_places_and_halves_apart() {
        let mut hashes = std::collections::HashSet::new();
        for (word, value) in [(0, 1), (1, 1), (0, 1 << 32), (1, 1 << 32), (0, 2), (1, 2)] {
            let mut image = Image::zeros(1024);
            image.set_word(word, value);
            hashes.insert(image.hash());
        }
        assert_eq!(hashes.len(), 6);
    }
}
