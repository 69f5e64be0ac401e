// SPDX-License-Identifier: GPL-2.0

//! The volatile index of a file: which data pages hold it.

use super::mem::{
    List,
    NoMemory, //
};

/// Pages that follow each other, in the file and on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Index in the file of the first.
    pub(crate) index: u64,
    /// Number of its data page.
    pub(crate) page: u64,
    /// How many, at least one.
    pub(crate) pages: u64,
}

impl Run {
    /// The first page of a file, alone.
    pub(crate) const fn single(page: u64) -> Self {
        Self {
            index: 0,
            page,
            pages: 1,
        }
    }

    /// The index behind the last page.
    pub(crate) const fn end(self) -> u64 {
        self.index.saturating_add(self.pages)
    }

    /// The part from the index `from` on; [`None`] if nothing is left.
    fn starting_at(self, from: u64) -> Option<Self> {
        let skip = from.saturating_sub(self.index);
        let pages = self.pages.checked_sub(skip).filter(|pages| *pages > 0)?;
        Some(Self {
            index: self.index.saturating_add(skip),
            page: self.page.saturating_add(skip),
            pages,
        })
    }

    /// The part of up to `most` pages.
    fn at_most(self, most: u64) -> Self {
        Self {
            pages: self.pages.min(most),
            ..self
        }
    }

    /// Whether `next` goes on where this ends, in the file and on the medium.
    fn is_followed_by(self, next: Self) -> bool {
        self.end() == next.index && self.page.saturating_add(self.pages) == next.page
    }
}

/// What is at some index of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapping {
    /// Data pages.
    Data(Run),
    /// So many pages of nothing, read as zeros.
    Hole { pages: u64 },
}

/// The runs of a file, by index.
///
/// # Invariants
///
/// But for a list that is being filled by [`Self::collect`], runs are sorted, do not overlap, and none
/// is followed by the next.
#[derive(Debug)]
pub(crate) struct Extents {
    runs: List<Run>,
    pages: u64,
    /// Insertions that were promised room and did not happen yet.
    promised: usize,
}

impl Extents {
    pub(crate) const fn new() -> Self {
        Self {
            runs: List::new(),
            pages: 0,
            promised: 0,
        }
    }

    /// Data pages of the file.
    pub(crate) const fn pages(&self) -> u64 {
        self.pages
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Position in the list of the first run that ends behind `index`.
    fn position(&self, index: u64) -> usize {
        self.runs.partition_point(|run| run.end() <= index)
    }

    /// What is at `index`, up to `most` pages of it.
    pub(crate) fn map(&self, index: u64, most: u64) -> Mapping {
        match self.runs.get(self.position(index)).copied() {
            Some(run) if run.index <= index => match run.starting_at(index) {
                Some(run) => Mapping::Data(run.at_most(most)),
                None => Mapping::Hole { pages: most },
            },
            Some(next) => Mapping::Hole {
                pages: most.min(next.index.saturating_sub(index)),
            },
            None => Mapping::Hole { pages: most },
        }
    }

    /// The data page behind the one in front of `index`, a good place for that at `index`.
    pub(crate) fn goal(&self, index: u64) -> Option<u64> {
        let before = self.position(index).checked_sub(1)?;
        let run = self.runs.get(before)?;
        Some(run.page.saturating_add(run.pages))
    }

    /// Makes sure that [`Self::insert`] succeeds `count` times, whatever others insert in between.
    /// [`Self::settle`] must follow.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<(), NoMemory> {
        let promised = self.promised.saturating_add(count);
        self.runs.reserve_many(promised)?;
        self.promised = promised;
        Ok(())
    }

    /// Ends a [`Self::reserve`] of `count`.
    pub(crate) fn settle(&mut self, count: usize) {
        self.promised = self.promised.saturating_sub(count);
    }

    /// Adds a run where a hole is.
    pub(crate) fn insert(&mut self, run: Run) -> Result<(), NoMemory> {
        let at = self.position(run.index);
        let joins_next = self
            .runs
            .get(at)
            .is_some_and(|next| run.is_followed_by(*next));
        let before = at.checked_sub(1).and_then(|at| self.runs.get_mut(at));
        match before.filter(|before| before.is_followed_by(run)) {
            Some(before) => {
                before.pages = before.pages.saturating_add(run.pages);
                let next = match joins_next {
                    true => self.runs.remove(at).map_or(0, |next| next.pages),
                    false => 0,
                };
                if let Some(before) = self.runs.get_mut(at.saturating_sub(1)) {
                    before.pages = before.pages.saturating_add(next);
                }
            }
            None if joins_next => {
                if let Some(next) = self.runs.get_mut(at) {
                    *next = Run {
                        pages: next.pages.saturating_add(run.pages),
                        ..run
                    };
                }
            }
            None => self.runs.insert(at, run)?,
        }
        // INVARIANT: It lies between its neighbours, and was joined with those that it touches.
        self.pages = self.pages.saturating_add(run.pages);
        Ok(())
    }

    /// Removes the last run, or of it what is at `from` or behind; [`None`] if nothing is.
    pub(crate) fn pop_from(&mut self, from: u64) -> Option<Run> {
        let last = self.runs.last_mut()?;
        let gone = last.starting_at(from)?;
        last.pages = last.pages.saturating_sub(gone.pages);
        self.pages = self.pages.saturating_sub(gone.pages);
        if last.pages == 0 {
            self.runs.pop();
        }
        Some(gone)
    }

    /// Adds a run in any order; [`Self::sort`] must follow.
    pub(crate) fn collect(&mut self, run: Run) -> Result<(), NoMemory> {
        self.pages = self.pages.saturating_add(run.pages);
        match self.runs.last_mut() {
            Some(last) if last.is_followed_by(run) => {
                last.pages = last.pages.saturating_add(run.pages);
                Ok(())
            }
            _ => self.runs.push(run),
        }
    }

    /// Sorts what was collected. Returns the data page of a run that overlaps another one.
    pub(crate) fn sort(&mut self) -> Result<(), u64> {
        self.runs.sort_by_key(|run| run.index);
        let mut kept = 0;
        for at in 1..self.runs.len() {
            let (Some(before), Some(run)) =
                (self.runs.get(kept).copied(), self.runs.get(at).copied())
            else {
                continue;
            };
            if run.index < before.end() {
                return Err(run.page);
            }
            let joined = before.is_followed_by(run);
            kept += usize::from(!joined);
            if let Some(place) = self.runs.get_mut(kept) {
                *place = match joined {
                    true => Run {
                        pages: before.pages.saturating_add(run.pages),
                        ..before
                    },
                    false => run,
                };
            }
        }
        while self.runs.len() > kept + 1 {
            self.runs.pop();
        }
        Ok(())
    }
}

impl AsRef<[Run]> for Extents {
    fn as_ref(&self) -> &[Run] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn run(index: u64, page: u64, pages: u64) -> Run {
        Run { index, page, pages }
    }

    fn of(runs: &[Run]) -> Extents {
        let mut extents = Extents::new();
        for run in runs {
            extents.insert(*run).unwrap();
        }
        extents
    }

    #[test]
    fn holes_and_data_are_told_apart() {
        let extents = of(&[run(2, 10, 3), run(8, 30, 1)]);
        assert_eq!(extents.map(0, 99), Mapping::Hole { pages: 2 });
        assert_eq!(extents.map(0, 1), Mapping::Hole { pages: 1 });
        assert_eq!(extents.map(2, 99), Mapping::Data(run(2, 10, 3)));
        assert_eq!(extents.map(3, 1), Mapping::Data(run(3, 11, 1)));
        assert_eq!(extents.map(5, 99), Mapping::Hole { pages: 3 });
        assert_eq!(extents.map(9, 99), Mapping::Hole { pages: 99 });
        assert_eq!((extents.goal(5), extents.goal(0)), (Some(13), None));
        assert_eq!(extents.pages(), 4);
    }

    #[test]
    fn neighbours_are_joined_on_both_sides() {
        let parts = [run(0, 5, 1), run(1, 6, 2), run(3, 8, 4)];
        for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]] {
            let extents = of(&order.map(|index: usize| parts[index]));
            assert_eq!(extents.runs(), [run(0, 5, 7)], "{order:?}");
            assert_eq!(extents.pages(), 7);
        }
        // In the file, but not on the medium.
        assert_eq!(of(&[run(0, 5, 1), run(1, 7, 1)]).runs().len(), 2);
    }

    #[test]
    fn the_end_is_cut_off_piece_by_piece() {
        let mut extents = of(&[run(0, 5, 4), run(9, 20, 2)]);
        assert_eq!(extents.pop_from(1), Some(run(9, 20, 2)));
        assert_eq!(extents.pop_from(1), Some(run(1, 6, 3)));
        assert_eq!(extents.pop_from(1), None);
        assert_eq!((extents.runs(), extents.pages()), (&[run(0, 5, 1)][..], 1));
        assert_eq!(extents.pop_from(0), Some(run(0, 5, 1)));
        assert_eq!(extents.pop_from(0), None);
    }

    #[test]
    fn what_was_collected_in_any_order_is_sorted_and_joined() {
        let mut extents = Extents::new();
        for part in [
            run(4, 9, 1),
            run(0, 5, 1),
            run(1, 6, 2),
            run(3, 8, 1),
            run(7, 1, 1),
        ] {
            extents.collect(part).unwrap();
        }
        assert_eq!(extents.sort(), Ok(()));
        assert_eq!(extents.runs(), [run(0, 5, 5), run(7, 1, 1)]);
        assert_eq!(extents.pages(), 6);
        extents.collect(run(4, 50, 1)).unwrap();
        assert_eq!(extents.sort(), Err(50));
        assert_eq!(Extents::new().sort(), Ok(()));
    }
}
