// SPDX-License-Identifier: GPL-2.0

//! Persistent memory out of a file: pages are read when they are needed, changed in memory, and written
//! at the next fence, which returns when they are durable.
//!
//! Not a mapping of the file: a device that fails to read or a file that is cut short meanwhile would
//! end the program by a signal, as would a sparse file on a full file system. Here it is an error, after
//! which nothing more is written: as after a crash, the medium has a state that recovery knows.

use crate::model::pm::{Offset, Pm, PAGE_BYTES, WORD_BYTES};
use crate::pages::{read_page, zero_range, Page, PAGE_WORDS};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Pages in memory, as long as enough of them are unchanged.
const CACHED_PAGES: usize = 16 * 1024;

/// Where changes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// To the file, at fences.
    Written,
    /// Nowhere: they are seen through this image only.
    Kept,
}

/// A word that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) at: Offset,
    pub(crate) old: u64,
    pub(crate) new: u64,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Image<'a> {
    file: &'a File,
    size_bytes: u64,
    changes: Changes,
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    frames: Vec<Frame>,
    /// The frames that became dirty since the last write, and perhaps some that are not any more.
    dirty: Vec<usize>,
    by_page: HashMap<u64, usize>,
    /// The frame that was used last, and the one that is given away next.
    last: usize,
    hand: usize,
    /// Something was written since the last time that the file was synchronised.
    unsynced: bool,
    failure: Option<io::Error>,
}

#[derive(Debug)]
struct Frame {
    page: u64,
    words: Box<Page>,
    is_dirty: bool,
}

impl<'a> Image<'a> {
    /// An image of the first `size_bytes` bytes of `file`.
    pub(crate) fn new(file: &'a File, size_bytes: u64, changes: Changes) -> Self {
        Self {
            file,
            size_bytes,
            changes,
            inner: RefCell::default(),
        }
    }

    /// The first failure to read or write. What was loaded and stored after it counts for nothing.
    pub(crate) fn check(&self) -> io::Result<()> {
        match &mut self.inner.borrow_mut().failure {
            None => Ok(()),
            // It stays failed.
            Some(failure) => {
                let kind = failure.kind();
                Err(std::mem::replace(failure, kind.into()))
            }
        }
    }

    /// Words that were changed and not written, in order of their positions.
    pub(crate) fn changed(&self) -> io::Result<Vec<Changed>> {
        let inner = self.inner.borrow();
        let mut dirty: Vec<&Frame> = inner.frames.iter().filter(|it| it.is_dirty).collect();
        dirty.sort_by_key(|frame| frame.page);
        let mut found = Vec::new();
        for frame in dirty {
            let old = read_page(self.file, self.size_bytes, frame.page)?;
            let at = Offset(frame.page * PAGE_BYTES);
            for ((index, old), new) in (0..).zip(old.iter()).zip(frame.words.iter()) {
                if old != new {
                    let at = at.word(index);
                    let (old, new) = (*old, *new);
                    found.push(Changed { at, old, new });
                }
            }
        }
        Ok(found)
    }

    /// Calls `with` on the word at `at`; does nothing if there is none.
    fn word<T>(&self, at: Offset, with: impl FnOnce(&mut u64, &mut bool) -> T) -> Option<T> {
        let inside = at.0 % WORD_BYTES == 0 && at.0 < self.size_bytes / WORD_BYTES * WORD_BYTES;
        let inner = &mut *self.inner.borrow_mut();
        if !inside || inner.failure.is_some() {
            return None;
        }
        let page = at.0 / PAGE_BYTES;
        let frame = match inner.find(page) {
            Some(frame) => frame,
            None => match read_page(self.file, self.size_bytes, page) {
                Ok(words) => inner.add(page, words),
                Err(failure) => {
                    inner.failure = Some(failure);
                    return None;
                }
            },
        };
        let Frame {
            words, is_dirty, ..
        } = inner.frames.get_mut(frame)?;
        let word = usize::try_from(at.0 % PAGE_BYTES / WORD_BYTES).ok()?;
        let was_dirty = *is_dirty;
        let result = with(words.get_mut(word)?, is_dirty);
        if *is_dirty && !was_dirty {
            inner.dirty.push(frame);
        }
        Some(result)
    }

    /// Stores zeros to whole pages.
    fn zero_pages(&self, at: u64, len_bytes: u64) {
        let inner = &mut *self.inner.borrow_mut();
        if inner.failure.is_some() {
            return;
        }
        let pages = at / PAGE_BYTES..(at + len_bytes) / PAGE_BYTES;
        let cached = inner.frames.iter_mut();
        for frame in cached.filter(|frame| pages.contains(&frame.page)) {
            *frame.words = [0; PAGE_WORDS];
            frame.is_dirty = self.changes == Changes::Kept;
        }
        match self.changes {
            Changes::Written => {
                inner.failure = zero_range(self.file, at, len_bytes).err();
                inner.unsynced = true;
            }
            Changes::Kept => {
                for page in pages {
                    if inner.find(page).is_none() {
                        let frame = inner.add(page, Box::new([0; PAGE_WORDS]));
                        inner.frames[frame].is_dirty = true;
                    }
                }
            }
        }
    }

    fn write_out(&self, inner: &mut Inner) -> io::Result<()> {
        let mut dirty = std::mem::take(&mut inner.dirty);
        dirty.sort_by_key(|frame| inner.frames[*frame].page);
        for frame in dirty {
            let frame = &mut inner.frames[frame];
            if !frame.is_dirty {
                continue;
            }
            let bytes: Vec<u8> = frame.words.iter().flat_map(|it| it.to_le_bytes()).collect();
            let at = frame.page * PAGE_BYTES;
            let here = usize::try_from(self.size_bytes - at).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(here)];
            self.file.write_all_at(bytes, at)?;
            frame.is_dirty = false;
            inner.unsynced = true;
        }
        if inner.unsynced {
            self.file.sync_data()?;
            inner.unsynced = false;
        }
        Ok(())
    }
}

impl Inner {
    fn find(&mut self, page: u64) -> Option<usize> {
        if self.frames.get(self.last).is_none_or(|it| it.page != page) {
            self.last = *self.by_page.get(&page)?;
        }
        Some(self.last)
    }

    /// Puts a page into a frame: an additional one, or that of an unchanged page.
    fn add(&mut self, page: u64, words: Box<Page>) -> usize {
        let frame = Frame {
            page,
            words,
            is_dirty: false,
        };
        let index = self.frames.len();
        let index = match self.clean_frame() {
            Some(old) if index >= CACHED_PAGES => {
                self.by_page.remove(&self.frames[old].page);
                self.frames[old] = frame;
                self.hand = old + 1;
                old
            }
            _ => {
                self.frames.push(frame);
                index
            }
        };
        self.by_page.insert(page, index);
        self.last = index;
        index
    }

    /// The next unchanged frame from the hand on, if it is not far away.
    fn clean_frame(&self) -> Option<usize> {
        let count = self.frames.len();
        (self.hand..self.hand + 64.min(count))
            .map(|frame| frame % count)
            .find(|frame| !self.frames[*frame].is_dirty)
    }
}

impl Pm for Image<'_> {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn load(&self, at: Offset) -> u64 {
        self.word(at, |word, _| *word).unwrap_or(0)
    }

    fn store(&self, at: Offset, value: u64) {
        self.word(at, |word, is_dirty| {
            *is_dirty |= *word != value;
            *word = value;
        });
    }

    fn write_back(&self, _at: Offset) {}

    fn zero(&self, at: Offset, len_bytes: u64) {
        let end = at.0.saturating_add(len_bytes).min(self.size_bytes);
        let start = at.0.min(end);
        let first = start.next_multiple_of(PAGE_BYTES).min(end);
        let behind = (end / PAGE_BYTES * PAGE_BYTES).max(first);
        if behind > first {
            self.zero_pages(first, behind - first);
        }
        for part in [start..first, behind..end] {
            for at in part.step_by(8) {
                self.store(Offset(at), 0);
            }
        }
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        for (at, byte) in (at.0..).zip(bytes) {
            let shift = at % WORD_BYTES * 8;
            self.word(Offset(at - at % WORD_BYTES), |word, is_dirty| {
                *word = *word & !(0xff << shift) | (u64::from(*byte) << shift);
                *is_dirty = true;
            });
        }
    }

    fn fence(&self) {
        let inner = &mut *self.inner.borrow_mut();
        if self.changes == Changes::Written && inner.failure.is_none() {
            inner.failure = self.write_out(inner).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(len_bytes: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(len_bytes).unwrap();
        file
    }

    #[test]
    fn what_is_fenced_is_in_the_file_and_nothing_else() {
        let file = file(4 * PAGE_BYTES);
        let image = Image::new(&file, 4 * PAGE_BYTES, Changes::Written);
        image.store(Offset(4096 + 8), 7);
        let again = || Image::new(&file, 4 * PAGE_BYTES, Changes::Kept).load(Offset(4096 + 8));
        assert_eq!((image.load(Offset(4096 + 8)), again()), (7, 0));
        image.fence();
        assert_eq!(again(), 7);
        image.zero(Offset(64), 3 * PAGE_BYTES);
        assert_eq!(again(), 0);
        assert!(image.check().is_ok());
    }

    #[test]
    fn kept_changes_are_listed_and_never_written() {
        let file = file(4 * PAGE_BYTES);
        file.write_all_at(&[1; 4096], 4096).unwrap();
        let image = Image::new(&file, 4 * PAGE_BYTES, Changes::Kept);
        image.store(Offset(2 * 4096), 5);
        image.zero(Offset(4096), PAGE_BYTES);
        image.store(Offset(3 * 4096), 0);
        image.fence();
        let changed = image.changed().unwrap();
        assert_eq!(changed.len(), 513);
        assert_eq!(changed[0].old, 0x0101_0101_0101_0101);
        let last = Changed {
            at: Offset(2 * 4096),
            old: 0,
            new: 5,
        };
        assert_eq!(changed[512], last);
        let mut bytes = [0];
        file.read_exact_at(&mut bytes, 4096).unwrap();
        assert_eq!(bytes, [1]);
    }

    #[test]
    fn more_pages_than_the_cache_has_are_read_and_written() {
        let pages = CACHED_PAGES as u64 * 2;
        let file = file(pages * PAGE_BYTES);
        let image = Image::new(&file, pages * PAGE_BYTES, Changes::Written);
        for page in 0..pages {
            image.store(Offset(page * PAGE_BYTES), page + 1);
            if page % 1000 == 0 {
                image.fence();
            }
        }
        image.fence();
        for page in (0..pages).rev() {
            assert_eq!(image.load(Offset(page * PAGE_BYTES)), page + 1);
        }
        assert!(image.check().is_ok());
    }

    #[test]
    fn a_file_that_is_cut_short_is_an_error_and_is_not_written_to() {
        let file = file(4 * PAGE_BYTES);
        let image = Image::new(&file, 4 * PAGE_BYTES, Changes::Written);
        image.store(Offset(0), 1);
        file.set_len(PAGE_BYTES).unwrap();
        assert_eq!(image.load(Offset(2 * PAGE_BYTES)), 0);
        image.fence();
        assert!(image.check().is_err() && image.check().is_err());
        assert_eq!(
            Image::new(&file, PAGE_BYTES, Changes::Kept).load(Offset(0)),
            0
        );
    }

    #[test]
    fn positions_outside_have_no_word() {
        let file = file(PAGE_BYTES + 12);
        let image = Image::new(&file, PAGE_BYTES + 12, Changes::Kept);
        for at in [4, PAGE_BYTES + 8, u64::MAX - 7, u64::MAX] {
            image.store(Offset(at), 1);
            assert_eq!(image.load(Offset(at)), 0);
        }
        image.zero(Offset(u64::MAX & !63), 64);
        image.store(Offset(PAGE_BYTES), 1);
        assert_eq!(image.load(Offset(PAGE_BYTES)), 1);
        assert!(image.check().is_ok());
    }
}
