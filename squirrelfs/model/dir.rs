// SPDX-License-Identifier: GPL-2.0

//! The volatile index of a directory: where its records are. Names stay on the medium.

use super::{
    layout::{
        record as word,
        LINES_PER_PAGE, //
    },
    mem::{
        List,
        NoMemory, //
    },
    num,
    pm::{
        Offset,
        Pm,
        LINE_BYTES,
        PAGE_BYTES, //
    },
    record::{
        self,
        load_name,
        Head,
        Name,
        Record, //
    },
    state::{
        Clean,
        Obj, //
    }, //
};

/// Most lines of a record.
const LINES_MAX: usize = num::index(word::MAX_LINES);

/// A page of a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DirPage {
    /// Number of the data page.
    pub(crate) page: u64,
    /// Its position.
    pub(crate) at: Offset,
    /// Its index in the directory.
    pub(crate) index: u64,
    /// The lines that records take.
    used: u64,
}

/// An entry of the hash table: empty, removed, or the upper 24 bits of a name's hash and the number of
/// the line its record begins in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u64);

impl Entry {
    const EMPTY: Self = Self(0);
    const REMOVED: Self = Self(1);
    const LINE_BITS: u32 = 40;

    fn new(hash: u32, at: Offset) -> Self {
        Self(u64::from(hash >> 8) << Self::LINE_BITS | at.0 / LINE_BYTES)
    }

    fn at(self) -> Offset {
        Offset((self.0 & ((1 << Self::LINE_BITS) - 1)) * LINE_BYTES)
    }

    fn is_record(self) -> bool {
        self != Self::EMPTY && self != Self::REMOVED
    }

    fn may_be(self, hash: u32) -> bool {
        self.is_record() && self.0 >> Self::LINE_BITS == u64::from(hash >> 8)
    }
}

/// The index of one directory.
#[derive(Debug)]
pub(crate) struct Dir {
    /// The directory that holds its record; itself for the root.
    pub(crate) parent: u64,
    /// Sorted by index.
    pages: List<DirPage>,
    /// For records of 1, 2, ... lines: the pages in front of this position have no room.
    full: [usize; LINES_MAX],
    /// Open addressing, linear probing; the length is a power of two, or 0.
    table: List<Entry>,
    /// Entries that are not empty, the removed ones included.
    taken: usize,
    records: u64,
}

impl Dir {
    pub(crate) const fn new(parent: u64) -> Self {
        Self {
            parent,
            pages: List::new(),
            full: [0; LINES_MAX],
            table: List::new(),
            taken: 0,
            records: 0,
        }
    }

    /// Records in it.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    pub(crate) fn pages(&self) -> &[DirPage] {
        &self.pages
    }

    /// The position of the record named `name`.
    pub(crate) fn find(&self, pm: &impl Pm, name: Name<'_>) -> Option<Offset> {
        let hash = name.hash();
        let mut buffer = [0; super::layout::NAME_MAX_BYTES];
        for entry in self.probe(hash) {
            if entry == Entry::EMPTY {
                break;
            }
            if !entry.may_be(hash) {
                continue;
            }
            let at = entry.at();
            let head = Head::decode(pm.load(at.word(word::HEAD)));
            let Some(head) = head.filter(|head| head.hash == hash) else {
                continue;
            };
            if load_name(pm, at, head.name_bytes, &mut buffer) == name.bytes() {
                return Some(at);
            }
        }
        None
    }

    /// The entries in the order in which `hash` is looked for.
    fn probe(&self, hash: u32) -> impl Iterator<Item = Entry> + '_ {
        let (before, after) = self.table.split_at(self.start(hash));
        after.iter().chain(before).copied()
    }

    /// Where a search begins: only the bits that an entry keeps count, so that it can be moved.
    fn start(&self, hash: u32) -> usize {
        match self.table.len() {
            0 => 0,
            len => num::index(u64::from(hash >> 8)) % len,
        }
    }

    /// Puts `entry` into the first place that `fits`.
    fn place(&mut self, entry: Entry, fits: impl Fn(Entry) -> bool) -> Option<&mut Entry> {
        let hash = num::low32(entry.0 >> Entry::LINE_BITS);
        let start = self.start(hash << 8);
        let (before, after) = self.table.split_at_mut(start);
        after.iter_mut().chain(before).find(|place| fits(**place))
    }

    /// Makes sure that [`Self::insert`] has room for one more.
    pub(crate) fn reserve(&mut self) -> Result<(), NoMemory> {
        if (self.taken + 1) * 4 <= self.table.len() * 3 {
            return Ok(());
        }
        // If most of what is taken was removed, a table of the same size does.
        let mut len = self.table.len().max(16);
        while (num::index(self.records) + 1) * 2 > len {
            len *= 2;
        }
        let table = List::filled(Entry::EMPTY, len)?;
        let old = core::mem::replace(&mut self.table, table);
        self.taken = 0;
        for entry in old.iter().copied().filter(|entry| entry.is_record()) {
            if let Some(place) = self.place(entry, |place| place == Entry::EMPTY) {
                *place = entry;
                self.taken += 1;
            }
        }
        Ok(())
    }

    /// Adds a record that takes `lines` lines of the `index`-th page. Only one that is durable can be
    /// added. [`Self::reserve`] must have succeeded.
    pub(crate) fn insert(
        &mut self,
        record: &Obj<Record, Clean, record::Live>,
        hash: u32,
        lines: u64,
        index: u64,
    ) {
        let at = record.at();
        let entry = Entry::new(hash, at);
        if let Some(place) = self.place(entry, |place| !place.is_record()) {
            let was_empty = *place == Entry::EMPTY;
            *place = entry;
            self.taken += usize::from(was_empty);
            self.records += 1;
        }
        self.mark(at, index, |used| used | mask_of(lines) << line_of(at));
    }

    /// Removes a record of the `index`-th page. Only one that is durably gone can be removed.
    pub(crate) fn remove(
        &mut self,
        record: &Obj<Record, Clean, impl record::Gone>,
        hash: u32,
        lines: u64,
        index: u64,
    ) {
        let at = record.at();
        let entry = Entry::new(hash, at);
        if let Some(place) = self.place(entry, |place| place == entry) {
            *place = Entry::REMOVED;
            self.records -= 1;
        }
        self.mark(at, index, |used| used & !(mask_of(lines) << line_of(at)));
    }

    fn mark(&mut self, at: Offset, index: u64, change: impl Fn(u64) -> u64) {
        let position = self.position(index);
        if let Some(page) = self.pages.get_mut(position) {
            if page.index == index && at.0.wrapping_sub(page.at.0) < PAGE_BYTES {
                page.used = change(page.used);
                for full in &mut self.full {
                    *full = position.min(*full);
                }
            }
        }
    }

    /// Where in the list the first page is that is the `index`-th or a later one.
    pub(crate) fn position(&self, index: u64) -> usize {
        self.pages.partition_point(|page| page.index < index)
    }

    /// A place for a record of `lines` lines in the pages there are: where, and the page's index.
    pub(crate) fn find_lines(&mut self, lines: u64) -> Option<(Offset, u64)> {
        let full = self.full.get_mut(num::index(lines).checked_sub(1)?)?;
        let rest = self.pages.get(*full..)?.iter();
        for page in rest {
            if let Some(first) = free_lines(page.used, lines) {
                return Some((page.at.plus(first * LINE_BYTES), page.index));
            }
            *full += 1;
        }
        None
    }

    /// Makes sure that [`Self::add_page`] has room for one more.
    pub(crate) fn reserve_page(&mut self) -> Result<(), NoMemory> {
        self.pages.reserve()
    }

    /// The index that a further page gets.
    pub(crate) fn next_index(&self) -> u64 {
        self.pages.last().map_or(0, |page| page.index + 1)
    }

    /// Adds an empty page: one behind all others, or any if [`Self::sort`] follows.
    pub(crate) fn add_page(&mut self, page: u64, at: Offset, index: u64) -> Result<(), NoMemory> {
        self.pages.push(DirPage {
            page,
            at,
            index,
            used: 0,
        })
    }

    /// Sorts the pages. Returns the data page of one whose index another one has too.
    pub(crate) fn sort(&mut self) -> Result<(), u64> {
        self.pages.sort_by_key(|page| page.index);
        let mut pairs = self.pages.iter().zip(self.pages.iter().skip(1));
        let twice = pairs.find(|(page, next)| page.index == next.index);
        twice.map_or(Ok(()), |(page, _)| Err(page.page))
    }
}

/// The first of `lines` lines in a row that are not in the set `used`.
fn free_lines(used: u64, lines: u64) -> Option<u64> {
    // Bit n remains if the lines from n on are free.
    let first = (1..lines).fold(!used, |free, _| free & free >> 1);
    (first != 0).then(|| u64::from(first.trailing_zeros()))
}

/// The line of its page that `at` lies in.
const fn line_of(at: Offset) -> u64 {
    at.0 / LINE_BYTES % LINES_PER_PAGE
}

/// The lowest `lines` bits.
const fn mask_of(lines: u64) -> u64 {
    match lines {
        LINES_PER_PAGE.. => u64::MAX,
        lines => (1 << lines) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_lines_are_found_where_enough_follow_each_other() {
        assert_eq!(free_lines(0, 5), Some(0));
        assert_eq!(free_lines(0b1011, 1), Some(2));
        assert_eq!(free_lines(0b1011, 2), Some(4));
        assert_eq!(free_lines(u64::MAX >> 3, 3), Some(61));
        assert_eq!(free_lines(u64::MAX >> 3, 4), None);
        assert_eq!(free_lines(u64::MAX, 1), None);
    }
}
