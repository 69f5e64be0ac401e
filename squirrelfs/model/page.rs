// SPDX-License-Identifier: GPL-2.0

//! Page descriptors and their transitions. A page belongs to the inode its descriptor names; nothing
//! points from the inode to the page.
//!
//! ```text
//!   Free --fill(contents)--> Filled --own--> Owned --clear--> Cleared
//!   Free --append(contents)--> Owned              behind the end of a file, or of a symlink to be
//! ```
//!
//! Pages of a file come and go by runs: a [`Batch`] is the objects of all its pages.

use super::{
    extents::Run,
    inode::{
        self,
        Inode, //
    },
    layout::{
        descriptor as word,
        Geometry,
        PageKind,
        INO_BITS, //
    },
    num,
    pm::{
        Offset,
        Pm,
        LINE_BYTES,
        PAGE_BYTES, //
    },
    state::{
        Clean,
        Dirty,
        Fenced,
        Flush,
        Obj, //
    },
    write::Copied, //
};
use core::marker::PhantomData;

/// The kind: a page descriptor, for its page too.
#[derive(Debug)]
pub(crate) enum Page {}

/// Its owner word is 0.
#[derive(Debug)]
pub(crate) enum Free {}
/// As free, but the page holds what its new owner is to find there.
#[derive(Debug)]
pub(crate) enum Filled {}
/// It belongs to an inode.
#[derive(Debug)]
pub(crate) enum Owned {}
/// Its owner word was set to 0.
#[derive(Debug)]
pub(crate) enum Cleared {}

/// The owner word of a page: an inode in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) ino: u64,
    /// Low 24 bits of the inode's generation.
    pub(crate) generation: u32,
}

impl Owner {
    /// Bits of the generation that are kept.
    const GENERATION: u32 = 0xff_ffff;

    pub(crate) const fn new(ino: u64, generation: u32) -> Self {
        Self {
            ino,
            generation: generation & Self::GENERATION,
        }
    }

    const fn encode(self) -> u64 {
        num::join(0, self.generation) << INO_BITS | self.ino
    }

    /// Reads an owner word; [`None`] if the page is free.
    pub(crate) const fn decode(owner: u64) -> Option<Self> {
        if owner == 0 {
            return None;
        }
        Some(Self {
            ino: owner & ((1 << INO_BITS) - 1),
            generation: num::low32(owner >> INO_BITS),
        })
    }
}

impl Obj<Page, Clean, Free> {
    /// Makes an empty directory page of the page at `page`, except for the `lines` lines at `keep`,
    /// which the caller fills.
    pub(crate) fn fill_directory(
        self,
        pm: &impl Pm,
        page: Offset,
        keep: Offset,
        lines: u64,
    ) -> Obj<Page, Dirty, Filled> {
        let id = self.id();
        let before = keep.0.saturating_sub(page.0);
        let kept = before.saturating_add(lines.saturating_mul(LINE_BYTES));
        if before > 0 {
            pm.zero(page, before);
        }
        if kept < PAGE_BYTES {
            pm.zero(page.plus(kept), PAGE_BYTES - kept);
        }
        self.change(id).dirty()
    }
}

impl Obj<Page, Clean, Filled> {
    /// Makes it the `index`-th page of `owner`.
    pub(crate) fn own(
        self,
        pm: &impl Pm,
        kind: PageKind,
        index: u64,
        owner: &Obj<Inode, Clean, impl inode::Alive>,
        generation: u32,
    ) -> Obj<Page, Dirty, Owned> {
        let id = self.id();
        self.change(id)
            .store(pm, word::PLACE, kind.place(index))
            .store(pm, word::OWNER, Owner::new(owner.id(), generation).encode())
            .dirty()
    }
}

impl Obj<Page, Clean, Free> {
    /// Makes the page at `page` the target of a symlink that nothing names yet: until something does,
    /// both are orphans.
    pub(crate) fn fill_symlink(
        self,
        pm: &impl Pm,
        page: Offset,
        target: &[u8],
        owner: &Obj<Inode, Dirty, inode::Hollow>,
        generation: u32,
    ) -> Obj<Page, Dirty, Owned> {
        let id = self.id();
        pm.copy(page, target);
        self.change(id)
            .store(pm, word::PLACE, PageKind::Symlink.place(0))
            .store(pm, word::OWNER, Owner::new(owner.id(), generation).encode())
            .dirty()
    }
}

impl Obj<Page, Clean, Owned> {
    /// Takes it away from an owner that is gone.
    pub(super) fn clear(self, pm: &impl Pm) -> Obj<Page, Dirty, Cleared> {
        let id = self.id();
        self.change(id).store(pm, word::OWNER, 0).dirty()
    }
}

/// All pages of some runs, in one state each as an [`Obj`] of them would be.
#[derive(Debug)]
#[must_use = "what is done to the pages must become durable"]
pub(crate) struct Batch<R, P, O> {
    runs: R,
    geometry: Geometry,
    persistence: P,
    _state: PhantomData<O>,
}

impl<R: AsRef<[Run]>, P, O> Batch<R, P, O> {
    pub(crate) fn runs(&self) -> &[Run] {
        self.runs.as_ref()
    }

    /// Positions of the descriptors, with the index in the file of each page.
    fn descriptors(&self) -> impl Iterator<Item = (Offset, u64)> + '_ {
        let geometry = self.geometry;
        self.runs().iter().flat_map(move |run| {
            let run = *run;
            (0..run.pages).filter_map(move |nth| {
                let at = geometry.descriptor(run.page.saturating_add(nth))?;
                Some((at, run.index.saturating_add(nth)))
            })
        })
    }
}

impl<R: AsRef<[Run]>, O> Batch<R, Clean, O> {
    /// Takes the word of whoever looked: these pages are in this state.
    pub(super) fn found(geometry: &Geometry, runs: R) -> Self {
        Self {
            runs,
            geometry: *geometry,
            persistence: Clean,
            _state: PhantomData,
        }
    }

    fn dirty<O2>(self) -> Batch<R, Dirty, O2> {
        Batch {
            runs: self.runs,
            geometry: self.geometry,
            persistence: Dirty::without_lines(),
            _state: PhantomData,
        }
    }
}

impl<R: AsRef<[Run]>> Batch<R, Clean, Free> {
    /// The bytes that their new owner is to find in them were stored past the cache.
    pub(crate) fn fill(self, _bytes: &Copied) -> Batch<R, Dirty, Filled> {
        self.dirty()
    }

    /// As [`Self::fill`], and gives them to `owner`, behind whose end they lie: until its size covers
    /// them, they are as good as free.
    pub(crate) fn append(
        self,
        pm: &impl Pm,
        owner: &Obj<Inode, Dirty, inode::Stored>,
        generation: u32,
        _bytes: &Copied,
    ) -> Batch<R, Dirty, Owned> {
        self.store_owner(pm, owner.id(), generation);
        self.dirty()
    }
}

impl<R: AsRef<[Run]>, O> Batch<R, Clean, O> {
    fn store_owner(&self, pm: &impl Pm, ino: u64, generation: u32) {
        let owner = Owner::new(ino, generation).encode();
        for (at, index) in self.descriptors() {
            pm.store(at.word(word::PLACE), PageKind::Data.place(index));
            pm.store(at.word(word::OWNER), owner);
        }
    }
}

impl<R: AsRef<[Run]>> Batch<R, Clean, Filled> {
    /// Gives them to `owner`.
    pub(crate) fn own(
        self,
        pm: &impl Pm,
        owner: &Obj<Inode, Clean, impl inode::Alive>,
        generation: u32,
    ) -> Batch<R, Dirty, Owned> {
        self.store_owner(pm, owner.id(), generation);
        self.dirty()
    }
}

impl<R: AsRef<[Run]>> Batch<R, Clean, Owned> {
    /// Takes them away from their owner, which has durably given them up.
    pub(crate) fn clear(
        self,
        pm: &impl Pm,
        _owner: &Obj<Inode, Clean, impl inode::Abandons>,
    ) -> Batch<R, Dirty, Cleared> {
        for (at, _) in self.descriptors() {
            pm.store(at.word(word::OWNER), 0);
        }
        self.dirty()
    }
}

impl<R: AsRef<[Run]>, O: Described> Flush for Batch<R, Dirty, O> {
    type Durable = Batch<R, Clean, O>;

    fn write_back(&self, pm: &impl Pm) {
        let mut last = None;
        for line in self.descriptors().map(|(at, _)| at.line()) {
            if O::DESCRIBED && last != Some(line) {
                pm.write_back(line);
            }
            last = Some(line);
        }
    }

    fn durable(self, fenced: Fenced) -> Self::Durable {
        self.persistence.settle(fenced);
        Batch::found(&self.geometry, self.runs)
    }
}

/// Whether a state is one of the descriptors too, or of the contents only.
pub(crate) trait Described {
    const DESCRIBED: bool;
}

impl Described for Filled {
    const DESCRIBED: bool = false;
}

impl Described for Owned {
    const DESCRIBED: bool = true;
}

impl Described for Cleared {
    const DESCRIBED: bool = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_back() {
        let owner = Owner::new(12_345, 0x12ab_cdef);
        assert_eq!(owner.generation, 0xab_cdef);
        assert_eq!(Owner::decode(owner.encode()), Some(owner));
        assert_eq!(Owner::decode(0), None);
    }
}
