// SPDX-License-Identifier: GPL-2.0

//! The contents of files and symlinks of a mounted file system: where they are, and how they change.
//!
//! A write has three parts: [`Fs::begin_write`] finds and reserves all it needs, [`Write::commit`] copies
//! and makes durable, which needs no lock around the file system, and [`Fs::note_write`] makes it known.
//! Between the first and the last, the caller keeps the size of the file, and of its pages those that are
//! written, from changing.

use super::{
    bitmap::Bitmap,
    extents::{
        Extents,
        Mapping,
        Run, //
    },
    fs::{
        op,
        Committed,
        Error,
        Fs,
        Kind, //
    },
    layout::{
        inode as word,
        FILE_MAX_BYTES,
        SYMLINK_MAX_BYTES, //
    },
    mem::List,
    num,
    ops,
    page::Batch,
    pm::{
        load_bytes,
        Offset,
        Pm,
        PAGE_BYTES, //
    },
    write::{
        self,
        End,
        Write,
        Written,
        Zeros, //
    }, //
};

/// Most bytes of one [`Write`]. It ends at a multiple of this.
pub(crate) const WRITE_MAX_BYTES: u64 = 4 << 20;

/// What is at some place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// So many bytes of the medium from `at` on.
    Data { at: Offset, len_bytes: u64 },
    /// So many bytes of nothing, read as zeros.
    Hole { len_bytes: u64 },
}

impl<P: Pm> Fs<P> {
    pub(super) fn extents(&self, ino: u64) -> Result<&Extents, Error> {
        match self.node(ino).map(|node| &node.kind) {
            Some(Kind::File(extents)) => Ok(extents),
            Some(Kind::Dir(_)) => Err(Error::IsDirectory),
            Some(_) => Err(Error::Invalid),
            None => Err(Error::NotFound),
        }
    }

    fn extents_mut(&mut self, ino: u64) -> Result<&mut Extents, Error> {
        match self.node_mut(ino).map(|node| &mut node.kind) {
            Some(Kind::File(extents)) => Ok(extents),
            _ => Err(Error::Invalid),
        }
    }

    /// Size of the file `ino` in bytes.
    pub(crate) fn size_bytes(&self, ino: u64) -> Result<u64, Error> {
        self.inode_word(ino, word::SIZE)
    }

    /// What is at the `index`-th page of the file `ino`, up to `most` pages of it.
    pub(crate) fn map(&self, ino: u64, index: u64, most: u64) -> Result<Mapping, Error> {
        Ok(self.extents(ino)?.map(index, most))
    }

    /// As [`Self::map`] in bytes: what is at the byte `at_bytes`, up to `len_bytes` bytes of it.
    pub(crate) fn map_bytes(
        &self,
        ino: u64,
        at_bytes: u64,
        len_bytes: u64,
    ) -> Result<Place, Error> {
        let skip = at_bytes % PAGE_BYTES;
        let most = skip.saturating_add(len_bytes).div_ceil(PAGE_BYTES);
        let bytes = |pages: u64| {
            let bytes = pages.saturating_mul(PAGE_BYTES).saturating_sub(skip);
            bytes.min(len_bytes)
        };
        Ok(match self.map(ino, at_bytes / PAGE_BYTES, most)? {
            Mapping::Data(run) => Place::Data {
                at: self.position(run)?.plus(skip),
                len_bytes: bytes(run.pages),
            },
            Mapping::Hole { pages } => Place::Hole {
                len_bytes: bytes(pages),
            },
        })
    }

    /// Fills the page of the file `ino` in which the byte `at_bytes` lies with zeros, if it is a hole. Of
    /// more than one page, all of `len_bytes` bytes are filled, if they are holes and can be mapped by
    /// one entry of an upper page table, and otherwise none.
    pub(crate) fn fill(&mut self, ino: u64, at_bytes: u64, len_bytes: u64) -> Result<(), Error> {
        let (index, most) = (at_bytes / PAGE_BYTES, len_bytes.div_ceil(PAGE_BYTES).max(1));
        let Mapping::Hole { pages } = self.map(ino, index, most)? else {
            return Ok(());
        };
        let is_huge = pages == Bitmap::HUGE && index % Bitmap::HUGE == 0;
        if most > 1 && !(is_huge && self.pages.find_huge().is_some()) {
            return Err(Error::NoSpace);
        }
        let (at_bytes, len_bytes) = (
            index.saturating_mul(PAGE_BYTES),
            pages.saturating_mul(PAGE_BYTES),
        );
        let write = self.begin_write(ino, at_bytes, len_bytes, End::Stays)?;
        let written = write.commit(&self.pm, &self.geometry, &mut Zeros, 0);
        let _ = self.note_write(written);
        Ok(())
    }

    /// Position of the first page of a run.
    pub(crate) fn position(&self, run: Run) -> Result<Offset, Error> {
        self.geometry.page(run.page).ok_or(Error::Corrupt)
    }

    /// What of the last page of a file of `size_bytes` lies behind that, up to `end` bytes.
    fn tail(&self, ino: u64, size_bytes: u64, end: u64) -> Result<Option<(Offset, u64)>, Error> {
        let skip = size_bytes % PAGE_BYTES;
        if skip == 0 {
            return Ok(None);
        }
        let Mapping::Data(run) = self.map(ino, size_bytes / PAGE_BYTES, 1)? else {
            return Ok(None);
        };
        let len_bytes = (PAGE_BYTES - skip).min(end.saturating_sub(size_bytes));
        let at = self.position(run)?.plus(skip);
        Ok((len_bytes > 0).then_some((at, len_bytes)))
    }

    /// Prepares to write up to `len_bytes` bytes at the byte `at_bytes` of the file `ino`; less if there
    /// is no space for more, or more than [`WRITE_MAX_BYTES`].
    pub(crate) fn begin_write(
        &mut self,
        ino: u64,
        at_bytes: u64,
        len_bytes: u64,
        end: End,
    ) -> Result<Write, Error> {
        self.extents(ino)?;
        let size_bytes = self.size_bytes(ino)?;
        let most = (at_bytes / WRITE_MAX_BYTES + 1).saturating_mul(WRITE_MAX_BYTES);
        let limit = match end {
            End::Moves => FILE_MAX_BYTES,
            End::Stays => size_bytes.next_multiple_of(PAGE_BYTES),
        };
        if at_bytes >= limit {
            return Err(Error::TooLarge);
        }
        let end_bytes = at_bytes.saturating_add(len_bytes).min(limit).min(most);
        let mut write = Write {
            inode: ops::inode_at(&self.geometry, ino).ok_or(Error::NotFound)?,
            generation: self.head(ino)?.generation,
            at_bytes,
            len_bytes: 0,
            size_bytes,
            end,
            present: Extents::new(),
            holes: Extents::new(),
            beyond: Extents::new(),
            tail: self.tail(ino, size_bytes, at_bytes)?,
            unused: List::new(),
            reserved: 0,
        };
        let found = self.find_pages(&mut write, ino, end_bytes);
        let needed = write.holes.runs().len() + write.beyond.runs().len();
        let reserved = found.and_then(|end_bytes| {
            write.unused.reserve_many(needed)?;
            self.extents_mut(ino)?.reserve(needed)?;
            Ok(end_bytes)
        });
        match reserved {
            Ok(end_bytes) => {
                write.len_bytes = end_bytes.saturating_sub(at_bytes);
                write.reserved = needed;
                Ok(write)
            }
            Err(error) => {
                self.cancel_write(write);
                Err(error)
            }
        }
    }

    /// Gives back what a write has reserved.
    pub(crate) fn cancel_write(&mut self, write: Write) {
        for fresh in [&write.holes, &write.beyond] {
            self.release(fresh.runs());
        }
        if let Ok(extents) = self.extents_mut(write.inode.id()) {
            extents.settle(write.reserved);
        }
    }

    /// Finds the pages of a write, and takes new ones for where none are. Returns where it has to end.
    fn find_pages(&mut self, write: &mut Write, ino: u64, end_bytes: u64) -> Result<u64, Error> {
        let first_beyond = write.size_bytes.div_ceil(PAGE_BYTES);
        let behind = end_bytes.div_ceil(PAGE_BYTES);
        let mut index = write.at_bytes / PAGE_BYTES;
        let mut goal = self.extents(ino)?.goal(index);
        while index < behind {
            let pages = match self.extents(ino)?.map(index, behind - index) {
                Mapping::Data(run) => {
                    write.present.insert(run)?;
                    goal = Some(run.page.saturating_add(run.pages));
                    run.pages
                }
                Mapping::Hole { pages } => {
                    let beyond = index >= first_beyond;
                    let most = match beyond {
                        true => pages,
                        false => pages.min(first_beyond - index),
                    };
                    let Some((page, pages)) = self.find_run(goal, index, most) else {
                        let end_bytes = index.saturating_mul(PAGE_BYTES);
                        let some = end_bytes > write.at_bytes;
                        return some.then_some(end_bytes).ok_or(Error::NoSpace);
                    };
                    let fresh = match beyond {
                        true => &mut write.beyond,
                        false => &mut write.holes,
                    };
                    fresh.insert(Run { index, page, pages })?;
                    self.pages.insert_run(page, pages);
                    goal = Some(page.saturating_add(pages));
                    pages
                }
            };
            index = index.saturating_add(pages);
        }
        Ok(end_bytes)
    }

    /// Free pages for up to `most` pages of a file from `index` on: number and count. They are such that
    /// what can be mapped by one entry of an upper page table is.
    fn find_run(&self, goal: Option<u64>, index: u64, most: u64) -> Option<(u64, u64)> {
        let is_huge = |page: u64| page % Bitmap::HUGE == 0;
        let wants_huge = most >= Bitmap::HUGE && is_huge(index) && !goal.is_some_and(is_huge);
        let goal = match wants_huge {
            true => self.pages.find_huge().or(goal),
            false => goal,
        };
        self.pages.find_run(goal, most)
    }

    fn release(&mut self, runs: &[Run]) {
        for run in runs {
            self.pages.remove_run(run.page, run.pages);
        }
    }

    /// Makes the pages of a write known. Returns how many bytes were written.
    pub(crate) fn note_write(&mut self, written: Written) -> (u64, Committed<op::Write>) {
        self.release(&written.unused);
        if let Ok(extents) = self.extents_mut(written.ino) {
            for run in written.holes.runs().iter().chain(written.beyond.runs()) {
                // Room was reserved.
                let _ = extents.insert(*run);
            }
            extents.settle(written.reserved);
        }
        (written.len_bytes, Committed::new())
    }

    /// Moves the end of the file `ino`.
    pub(crate) fn resize(
        &mut self,
        ino: u64,
        size_bytes: u64,
        now_ns: i64,
    ) -> Result<Committed<op::Resize>, Error> {
        self.extents(ino)?;
        let old = self.size_bytes(ino)?;
        if size_bytes > FILE_MAX_BYTES {
            return Err(Error::TooLarge);
        }
        let inode = ops::inode_at(&self.geometry, ino).ok_or(Error::NotFound)?;
        if size_bytes >= old {
            let tail = self.tail(ino, old, size_bytes)?;
            write::extend(&self.pm, &self.geometry, inode, tail, size_bytes, now_ns);
            return Ok(Committed::new());
        }
        let tail = self.tail(ino, size_bytes, old)?;
        let first = size_bytes.div_ceil(PAGE_BYTES);
        let extents = self.extents_mut(ino)?;
        let mut gone = Extents::new();
        gone.reserve(extents.runs().len())?;
        while let Some(run) = extents.pop_from(first) {
            // Room was reserved.
            let _ = gone.collect(run);
        }
        let gone = Batch::found(&self.geometry, gone);
        let gone = write::shrink(
            &self.pm,
            &self.geometry,
            inode,
            gone,
            tail,
            size_bytes,
            now_ns,
        );
        self.release(gone.runs());
        Ok(Committed::new())
    }

    /// Copies the target of the symlink `ino` into `to`; returns it.
    pub(crate) fn target<'a>(
        &self,
        ino: u64,
        to: &'a mut [u8; SYMLINK_MAX_BYTES],
    ) -> Result<&'a [u8], Error> {
        let page = match self.node(ino).map(|node| &node.kind) {
            Some(Kind::Symlink(page)) => page.ok_or(Error::Corrupt)?,
            Some(_) => return Err(Error::Invalid),
            None => return Err(Error::NotFound),
        };
        let at = self.geometry.page(page).ok_or(Error::Corrupt)?;
        let len = num::index(self.size_bytes(ino)?);
        let target = to.get_mut(..len).ok_or(Error::Corrupt)?;
        load_bytes(&self.pm, at, target);
        Ok(target)
    }
}
