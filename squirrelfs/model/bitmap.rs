// SPDX-License-Identifier: GPL-2.0

//! Which inodes or pages are in use. Volatile: rebuilt at every mount.

use super::{
    layout::HUGE_PAGE_BYTES,
    mem::{
        List,
        NoMemory, //
    },
    num,
    pm::PAGE_BYTES, //
};

/// A set of numbers below a limit, with a search for one that is not in it.
#[derive(Debug)]
pub(crate) struct Bitmap {
    words: List<u64>,
    limit: u64,
    free: u64,
    /// Where the last search ended.
    hint: u64,
}

const BITS: u64 = 64;

impl Bitmap {
    /// Pages that are mapped by one entry of an upper page table.
    pub(crate) const HUGE: u64 = HUGE_PAGE_BYTES / PAGE_BYTES;

    /// An empty set of numbers below `limit`.
    pub(crate) fn new(limit: u64) -> Result<Self, NoMemory> {
        let words = usize::try_from(limit.div_ceil(BITS)).map_err(|_| NoMemory)?;
        Ok(Self {
            words: List::filled(0, words)?,
            limit,
            free: limit,
            hint: 0,
        })
    }

    /// Numbers not in the set.
    pub(crate) const fn free(&self) -> u64 {
        self.free
    }

    fn place(number: u64) -> (usize, u64) {
        (num::index(number / BITS), 1 << (number % BITS))
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds `number`; returns whether it is new and below the limit.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        if number >= self.limit || self.contains(number) {
            return false;
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
        self.free -= 1;
        self.hint = number + 1;
        true
    }

    /// Removes `number`; returns whether it was in the set.
    pub(crate) fn remove(&mut self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        if !self.contains(number) {
            return false;
        }
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
        self.free += 1;
        true
    }

    /// Adds `count` numbers from `first` on.
    pub(crate) fn insert_run(&mut self, first: u64, count: u64) {
        for number in first..first.saturating_add(count).min(self.limit) {
            self.insert(number);
        }
    }

    /// Removes `count` numbers from `first` on.
    pub(crate) fn remove_run(&mut self, first: u64, count: u64) {
        for number in first..first.saturating_add(count).min(self.limit) {
            self.remove(number);
        }
    }

    /// Up to `most` numbers in a row that are not in the set: first and count. They begin at `goal` if
    /// that is free.
    pub(crate) fn find_run(&self, goal: Option<u64>, most: u64) -> Option<(u64, u64)> {
        let first = goal
            .filter(|goal| *goal < self.limit && !self.contains(*goal))
            .or_else(|| self.find_free())?;
        let end = self.limit.min(first.saturating_add(most));
        let mut count = 1;
        while first + count < end && !self.contains(first + count) {
            count += 1;
        }
        Some((first, count))
    }

    /// The first of [`Self::HUGE`] numbers in a row that are not in the set, a multiple of as many.
    pub(crate) fn find_huge(&self) -> Option<u64> {
        let per_huge = num::index(Self::HUGE / BITS);
        let chunks = num::index(self.limit / Self::HUGE);
        let from = num::index(self.hint / Self::HUGE).min(chunks);
        let mut order = (from..chunks).chain(0..from);
        let is_free = |chunk: &usize| {
            let first = chunk.saturating_mul(per_huge);
            let words = self.words.get(first..first.saturating_add(per_huge));
            words.is_some_and(|words| words.iter().all(|word| *word == 0))
        };
        order
            .find(is_free)
            .map(|chunk| num::word(chunk) * Self::HUGE)
    }

    /// As [`Self::find_free`], other than `but`.
    pub(crate) fn find_free_but(&self, but: u64) -> Option<u64> {
        let after = but + 1..self.limit;
        after.chain(0..but).find(|number| !self.contains(*number))
    }

    /// A number that is not in the set, from where the last one was found onwards.
    pub(crate) fn find_free(&self) -> Option<u64> {
        let from = num::index(self.hint / BITS);
        let words = (from..self.words.len()).chain(0..from);
        words
            .filter_map(|index| {
                let word = *self.words.get(index)?;
                let number = num::word(index) * BITS + u64::from(word.trailing_ones());
                (word != u64::MAX && number < self.limit).then_some(number)
            })
            .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_found_once_and_then_none() {
        let mut set = Bitmap::new(130).unwrap();
        for _ in 0..130 {
            let number = set.find_free().unwrap();
            assert!(number < 130 && set.insert(number));
        }
        assert_eq!((set.find_free(), set.free()), (None, 0));
        assert!(set.remove(77) && !set.remove(77));
        assert_eq!((set.find_free(), set.free()), (Some(77), 1));
    }

    #[test]
    fn runs_begin_at_their_goal_and_end_at_the_next_taken_number() {
        let mut set = Bitmap::new(100).unwrap();
        set.insert_run(10, 5);
        assert_eq!(set.find_run(Some(3), 100), Some((3, 7)));
        assert_eq!(set.find_run(Some(3), 2), Some((3, 2)));
        assert_eq!(set.find_run(Some(12), 20), Some((0, 10)));
        assert_eq!(set.find_run(Some(98), 8), Some((98, 2)));
        assert_eq!(set.find_run(Some(100), 1), Some((0, 1)));
        set.insert_run(0, u64::MAX);
        assert_eq!((set.find_run(None, 1), set.free()), (None, 0));
        set.remove_run(50, 2);
        assert_eq!(set.find_run(None, 9), Some((50, 2)));
    }

    #[test]
    fn huge_pages_are_whole_and_aligned() {
        let mut set = Bitmap::new(3 * Bitmap::HUGE + 100).unwrap();
        assert_eq!(set.find_huge(), Some(0));
        set.insert(1);
        set.insert(2 * Bitmap::HUGE - 1);
        assert_eq!(set.find_huge(), Some(2 * Bitmap::HUGE));
        set.insert(3 * Bitmap::HUGE - 1);
        assert_eq!(set.find_huge(), None);
        set.remove(1);
        assert_eq!(set.find_huge(), Some(0));
    }

    #[test]
    fn numbers_beyond_the_limit_are_refused() {
        let mut set = Bitmap::new(10).unwrap();
        assert!(!set.insert(10) && !set.insert(u64::MAX) && !set.contains(u64::MAX));
        assert_eq!(set.free(), 10);
        assert_eq!(Bitmap::new(0).unwrap().find_free(), None);
    }
}
