// SPDX-License-Identifier: GPL-2.0

//! Page descriptors and their transitions. A page belongs to the inode its descriptor names; nothing
//! points from the inode to the page.
//!
//! ```text
//!   Free --fill(contents)--> Filled --own--> Owned --clear--> Cleared
//! ```

use super::{
    inode::{
        self,
        Inode, //
    },
    layout::{
        descriptor as word,
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
        Obj, //
    }, //
};

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

impl Obj<Page, Clean, Owned> {
    /// Takes it away from its owner.
    pub(crate) fn clear(self, pm: &impl Pm) -> Obj<Page, Dirty, Cleared> {
        let id = self.id();
        self.change(id).store(pm, word::OWNER, 0).dirty()
    }
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
