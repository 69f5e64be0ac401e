// SPDX-License-Identifier: GPL-2.0

//! The parts of a medium by name, and a recovery that leaves out its work on one of them.

use crate::model::{
    format::{self, Access},
    layout::{descriptor, inode, record, redo, Geometry, PageKind, INODE_BYTES},
    pm::{Offset, Pm, LINE_BYTES, PAGE_BYTES, WORD_BYTES},
};
use std::cell::Cell;

/// A table of the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Superblock,
    Redo,
    Inodes,
    Descriptors,
    /// Pages of directories, files and symlinks.
    Pages,
}

impl Part {
    pub(super) fn of(geometry: &Geometry, at: Offset) -> Self {
        let first = |at: Option<Offset>| at.map_or(u64::MAX, |at| at.0);
        match at.0 {
            ..PAGE_BYTES => Self::Superblock,
            at if at < 2 * PAGE_BYTES => Self::Redo,
            at if at < first(geometry.descriptor(0)) => Self::Inodes,
            at if at < first(geometry.page(0)) => Self::Descriptors,
            _ => Self::Pages,
        }
    }
}

/// What the word at `at` is; `line`: or the line.
pub(super) fn describe(geometry: &Geometry, pm: &impl Pm, at: Offset, line: bool) -> String {
    let part = Part::of(geometry, at);
    let word = |size: u64| at.0 % size / WORD_BYTES;
    match part {
        Part::Superblock => "superblock".into(),
        Part::Redo if line => "redo".into(),
        Part::Redo if word(LINE_BYTES) == redo::HEAD => "redo.head".into(),
        Part::Redo => "redo.change".into(),
        Part::Inodes if line => format!("inode line {}", at.0 % INODE_BYTES / LINE_BYTES),
        Part::Inodes => {
            let name = match word(INODE_BYTES) {
                inode::HEAD => "head",
                inode::NLINK => "nlink",
                inode::SIZE => "size",
                inode::MTIME_NS => "mtime",
                inode::CTIME_NS => "ctime",
                inode::OWNER => "owner",
                inode::ATIME_NS => "atime",
                inode::BTIME_NS => "btime",
                inode::RDEV => "rdev",
                _ => "room",
            };
            format!("inode.{name}")
        }
        Part::Descriptors if line => "descriptor".into(),
        Part::Descriptors if word(2 * WORD_BYTES) == descriptor::OWNER => "descriptor.owner".into(),
        Part::Descriptors => "descriptor.place".into(),
        Part::Pages => {
            let owner = geometry
                .page_of(at)
                .and_then(|page| geometry.descriptor(page));
            let place = owner.map_or(0, |at| pm.load(at.word(descriptor::PLACE)));
            let is_dir = matches!(PageKind::of_place(place), Some((PageKind::Directory, _)));
            match (is_dir, word(LINE_BYTES)) {
                (false, _) => "data".into(),
                (true, _) if line => "record".into(),
                (true, record::INO) => "record.ino".into(),
                (true, record::HEAD) => "record.head".into(),
                (true, _) => "record.name".into(),
            }
        }
    }
}

/// What is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Omission {
    /// Its stores.
    Stores(Part),
    /// Its write-backs.
    WriteBacks(Part),
    /// All fences.
    Fences,
}

/// A medium on which something is left out.
pub(super) struct Without<'a, P> {
    pm: &'a P,
    geometry: Geometry,
    omission: Cell<Option<Omission>>,
}

impl<'a, P: Pm> Without<'a, P> {
    pub(super) fn new(pm: &'a P, omission: Omission) -> Self {
        Self {
            pm,
            geometry: format::read(pm, Access::ReadOnly).expect("a medium"),
            omission: Cell::new(Some(omission)),
        }
    }

    /// From here on nothing is left out.
    pub(super) fn stop(&self) {
        self.omission.set(None);
    }

    fn omits(&self, omission: Omission) -> bool {
        self.omission.get() == Some(omission)
    }

    fn part(&self, at: Offset) -> Part {
        Part::of(&self.geometry, at)
    }
}

impl<P: Pm> Pm for Without<'_, P> {
    fn size_bytes(&self) -> u64 {
        self.pm.size_bytes()
    }

    fn load(&self, at: Offset) -> u64 {
        self.pm.load(at)
    }

    fn store(&self, at: Offset, value: u64) {
        if !self.omits(Omission::Stores(self.part(at))) {
            self.pm.store(at, value);
        }
    }

    fn write_back(&self, at: Offset) {
        if !self.omits(Omission::WriteBacks(self.part(at))) {
            self.pm.write_back(at);
        }
    }

    fn zero(&self, at: Offset, len_bytes: u64) {
        self.pm.zero(at, len_bytes);
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        self.pm.copy(at, bytes);
    }

    fn fence(&self) {
        if !self.omits(Omission::Fences) {
            self.pm.fence();
        }
    }
}
