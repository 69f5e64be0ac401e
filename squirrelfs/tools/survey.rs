// SPDX-License-Identifier: GPL-2.0

//! Reading a medium as far as it makes sense, whatever is on it.
//!
//! The core refuses what contradicts itself, at the first contradiction. Here it is noted, and reading
//! goes on behind it. Every inode, page and record is looked at once, so the end is always reached.

use crate::model::{
    inode::{mode, Head},
    layout::{
        descriptor, inode as word, redo as redo_word, Geometry, PageKind, FILE_MAX_BYTES,
        LINES_PER_PAGE, NAME_MAX_BYTES, REDO_RECORDS, ROOT_INO, SYMLINK_MAX_BYTES,
    },
    num,
    page::Owner,
    pm::{Offset, Pm, LINE_BYTES, PAGE_BYTES},
    record::{self, load_name, Line},
    redo,
    scan::Corruption,
};
use crate::problem::Problem;
use std::collections::{BTreeMap, HashSet};

/// Pages of a file that follow each other, in it and on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) kind: PageKind,
    /// Index in the file and number of the first page.
    pub(crate) index: u64,
    pub(crate) page: u64,
    pub(crate) pages: u64,
}

/// A live inode.
#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) head: Head,
    pub(crate) size_bytes: u64,
    /// By index.
    pub(crate) extents: Vec<Extent>,
    /// Names that lead to it; one more for the root.
    pub(crate) names: u64,
}

impl Inode {
    pub(crate) fn is_dir(&self) -> bool {
        self.head.mode & mode::FORMAT == mode::DIRECTORY
    }

    /// Whether pages of this kind go with its type.
    fn can_have(&self, kind: PageKind) -> bool {
        let wanted = match kind {
            PageKind::Data => mode::REGULAR,
            PageKind::Directory => mode::DIRECTORY,
            PageKind::Symlink => mode::SYMLINK,
        };
        self.head.mode & mode::FORMAT == wanted
    }

    /// Whether its size is one that its type can have, and a symlink has its target.
    fn has_valid_size(&self) -> bool {
        match self.head.mode & mode::FORMAT {
            mode::REGULAR => self.size_bytes <= FILE_MAX_BYTES,
            mode::SYMLINK => {
                let page = |extent: &Extent| (extent.index, extent.pages) == (0, 1);
                let sizes = 1..=num::word(SYMLINK_MAX_BYTES);
                sizes.contains(&self.size_bytes) && self.extents.iter().any(page)
            }
            _ => true,
        }
    }

    pub(crate) fn pages(&self) -> u64 {
        self.extents.iter().map(|extent| extent.pages).sum()
    }
}

/// A record of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Offset,
    pub(crate) ino: u64,
    pub(crate) head: record::Head,
    pub(crate) name: Vec<u8>,
}

/// What there is on a medium.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    pub(crate) geometry: Geometry,
    pub(crate) inodes: BTreeMap<u64, Inode>,
    /// Pages whose owner is gone.
    pub(crate) lost_pages: Vec<u64>,
    /// Pages that have a live owner.
    pub(crate) used_pages: u64,
    /// Renames that are committed and not finished.
    pub(crate) renames: u64,
    pub(crate) problems: Vec<Problem>,
}

impl Survey {
    /// Reads everything.
    pub(crate) fn read(pm: &impl Pm, geometry: Geometry) -> Self {
        let mut survey = Self {
            geometry,
            inodes: BTreeMap::new(),
            lost_pages: Vec::new(),
            used_pages: 0,
            renames: 0,
            problems: Vec::new(),
        };
        let redo_records = (0..REDO_RECORDS).filter_map(|index| geometry.redo(index));
        survey.renames = redo_records
            .filter(|at| pm.load(at.word(redo_word::HEAD)) != 0)
            .filter(|at| redo::look(pm, &geometry, *at).is_some())
            .count() as u64;
        survey.inodes(pm);
        survey.pages(pm);
        survey.tree(pm);
        let named = |(_, inode): &(&u64, &Inode)| inode.names > 0;
        let inodes = survey.inodes.iter().filter(named);
        let odd = inodes.filter(|(_, inode)| !inode.has_valid_size());
        let odd = odd.map(|(ino, _)| Problem::Core(Corruption::Size { ino: *ino }));
        survey.problems.extend(odd);
        survey
    }

    fn problem(&mut self, what: Corruption) {
        self.problems.push(Problem::Core(what));
    }

    fn inodes(&mut self, pm: &impl Pm) {
        for ino in 1..self.geometry.inode_count() {
            let at = self.geometry.inode(ino);
            let head = at.map_or(0, |at| pm.load(at.word(word::HEAD)));
            match Head::decode(head) {
                Some(head) => {
                    let inode = Inode {
                        head,
                        size_bytes: self.inode_word(pm, ino, word::SIZE),
                        extents: Vec::new(),
                        names: 0,
                    };
                    self.inodes.insert(ino, inode);
                }
                None if head == 0 => {}
                None => self.problem(Corruption::InodeHead { ino }),
            }
        }
        if !self.inodes.get(&ROOT_INO).is_some_and(Inode::is_dir) {
            self.problem(Corruption::Root);
        }
    }

    fn pages(&mut self, pm: &impl Pm) {
        for page in 0..self.geometry.data_pages() {
            let Some(at) = self.geometry.descriptor(page) else {
                continue;
            };
            let Some(owner) = Owner::decode(pm.load(at.word(descriptor::OWNER))) else {
                continue;
            };
            let Some(inode) = self
                .inodes
                .get_mut(&owner.ino)
                .filter(|inode| Owner::new(owner.ino, inode.head.generation) == owner)
            else {
                self.lost_pages.push(page);
                continue;
            };
            let place = PageKind::of_place(pm.load(at.word(descriptor::PLACE)));
            match place {
                Some((PageKind::Data, index)) if index >= inode.size_bytes.div_ceil(PAGE_BYTES) => {
                    self.lost_pages.push(page);
                    continue;
                }
                Some((kind, index)) if inode.can_have(kind) => inode.extents.push(Extent {
                    kind,
                    index,
                    page,
                    pages: 1,
                }),
                _ => self.problem(Corruption::PageKind { page }),
            }
            self.used_pages += 1;
        }
        let mut twice = Vec::new();
        for inode in self.inodes.values_mut() {
            inode
                .extents
                .sort_by_key(|extent| (extent.index, extent.page));
            let mut merged: Vec<Extent> = Vec::new();
            for extent in inode.extents.drain(..) {
                match merged.last_mut() {
                    Some(last) if last.index + last.pages > extent.index => {
                        twice.push(extent.page);
                    }
                    Some(last)
                        if last.kind == extent.kind
                            && last.index + last.pages == extent.index
                            && last.page + last.pages == extent.page =>
                    {
                        last.pages += 1;
                    }
                    _ => merged.push(extent),
                }
            }
            inode.extents = merged;
        }
        for page in twice {
            self.problem(Corruption::PageTwice { page });
        }
    }

    /// Goes through the directories that names lead to.
    fn tree(&mut self, pm: &impl Pm) {
        let mut todo = Vec::new();
        if let Some(root) = self.inodes.get_mut(&ROOT_INO) {
            root.names = 1;
            todo.push(ROOT_INO);
        }
        while let Some(dir) = todo.pop() {
            let (entries, bad) = self.entries(pm, dir);
            let records = bad.into_iter().map(|at| Problem::Record { dir, at });
            self.problems.extend(records);
            let mut names = HashSet::new();
            for entry in &entries {
                self.entry(dir, entry, &mut todo);
                if !names.insert(&entry.name) {
                    self.problems.push(Problem::NameTwice {
                        dir,
                        at: entry.at,
                        name: entry.name.clone(),
                    });
                }
            }
        }
    }

    fn entry(&mut self, dir: u64, entry: &Entry, todo: &mut Vec<u64>) {
        let ino = entry.ino;
        let name = record::Name::new(&entry.name);
        if name.is_none_or(|name| name.hash() != entry.head.hash) {
            self.problems.push(Problem::Name {
                dir,
                at: entry.at,
                name: entry.name.clone(),
            });
        }
        let Some(inode) = self.inodes.get_mut(&ino) else {
            return self.problem(Corruption::Dangling { dir, ino });
        };
        inode.names += 1;
        let (is_dir, names) = (inode.is_dir(), inode.names);
        if inode.head.mode & mode::FORMAT != entry.head.kind {
            self.problem(Corruption::Kind { dir, ino });
        }
        match (is_dir, names) {
            (true, 1) => todo.push(ino),
            (true, 2) => self.problem(Corruption::SecondParent { ino }),
            _ => {}
        }
    }

    /// The records of a directory in their order, and the positions of lines that make no sense.
    pub(crate) fn entries(&self, pm: &impl Pm, dir: u64) -> (Vec<Entry>, Vec<Offset>) {
        let (mut entries, mut bad) = (Vec::new(), Vec::new());
        let extents = self.inodes.get(&dir).map_or(&[][..], |it| &it.extents);
        let pages = extents
            .iter()
            .filter(|extent| extent.kind == PageKind::Directory)
            .flat_map(|extent| extent.page..extent.page + extent.pages);
        for page in pages.filter_map(|page| self.geometry.page(page)) {
            let mut line = 0;
            while line < LINES_PER_PAGE {
                let at = page.plus(line * LINE_BYTES);
                line += match record::look(pm, at, line) {
                    Line::Free => 1,
                    Line::Live { ino, head } => {
                        let mut buffer = [0; NAME_MAX_BYTES];
                        let name = load_name(pm, at, head.name_bytes, &mut buffer).to_vec();
                        let lines = head.lines;
                        entries.push(Entry {
                            at,
                            ino,
                            head,
                            name,
                        });
                        lines.max(1)
                    }
                    Line::Corrupt => {
                        bad.push(at);
                        1
                    }
                };
            }
        }
        (entries, bad)
    }

    /// The inode that a path leads to; components are separated by `/`.
    pub(crate) fn resolve(&self, pm: &impl Pm, path: &[u8]) -> Option<u64> {
        path.split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty() && *name != b".")
            .try_fold(ROOT_INO, |dir, name| {
                let (entries, _) = self.entries(pm, dir);
                let entry = entries.into_iter().find(|entry| entry.name == name)?;
                self.inodes.contains_key(&entry.ino).then_some(entry.ino)
            })
    }

    /// Live inodes that no name leads to.
    pub(crate) fn orphans(&self) -> impl Iterator<Item = (u64, &Inode)> {
        let nameless = |(_, inode): &(&u64, &Inode)| inode.names == 0;
        self.inodes
            .iter()
            .filter(nameless)
            .map(|(ino, it)| (*ino, it))
    }

    /// The word `index` of an inode.
    pub(crate) fn inode_word(&self, pm: &impl Pm, ino: u64, index: u64) -> u64 {
        let at = self.geometry.inode(ino);
        at.map_or(0, |at| pm.load(at.word(index)))
    }
}
