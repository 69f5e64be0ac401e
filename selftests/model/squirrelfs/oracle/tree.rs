// SPDX-License-Identifier: GPL-2.0

//! Everything that a file system shows.

use crate::model::{
    extents::Mapping,
    fs::Fs,
    inode::mode,
    layout::{inode as word, NAME_MAX_BYTES, SYMLINK_MAX_BYTES},
    pm::{load_bytes, Pm, PAGE_BYTES},
    record::load_name,
};
use std::collections::BTreeMap;

/// An inode in one of its lives: number and generation.
pub(crate) type Id = (u64, u64);

/// The bytes of a page.
pub(crate) type Page = Vec<u8>;

/// Words of an inode that are compared one by one: of times, a crash may leave the old or the new.
pub(crate) const ATTRIBUTES: [u64; 8] = [
    word::HEAD,
    word::OWNER,
    word::SIZE,
    word::ATIME_NS,
    word::BTIME_NS,
    word::RDEV,
    word::MTIME_NS,
    word::CTIME_NS,
];
/// Places in [`ATTRIBUTES`].
pub(crate) const HEAD: usize = 0;
pub(crate) const OWNER: usize = 1;
pub(crate) const SIZE: usize = 2;
pub(crate) const ATIME: usize = 3;
pub(crate) const CTIME: usize = 7;

/// What is in an inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing, or other names.
    None,
    Target(Vec<u8>),
    /// Its pages by index, whole: what lies behind the end is seen through a mapping.
    Pages(BTreeMap<u64, Page>),
}

impl Contents {
    /// Its pages; none of what is no file.
    pub(crate) fn pages(&self) -> &BTreeMap<u64, Page> {
        const NONE: &BTreeMap<u64, Page> = &BTreeMap::new();
        match self {
            Self::Pages(pages) => pages,
            Self::None | Self::Target(_) => NONE,
        }
    }
}

/// What the file system shows of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) id: Id,
    /// Type bits of the mode, as the name has them.
    pub(crate) kind: u16,
    pub(crate) nlink: u64,
    /// See [`ATTRIBUTES`].
    pub(crate) attributes: [u64; ATTRIBUTES.len()],
    pub(crate) contents: Contents,
    /// Data pages that it has.
    pub(crate) pages: u64,
}

impl Shown {
    pub(crate) fn size(&self) -> u64 {
        self.attributes[SIZE]
    }

    /// The byte at a position of the page `index` of a file; 0 in a hole.
    pub(crate) fn byte(&self, index: u64, position: usize) -> u8 {
        let page = self.contents.pages().get(&index);
        page.map_or(0, |page| page[position])
    }

    /// What reading the file gives.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.size() as usize];
        for (index, page) in self.contents.pages() {
            let at = (index * PAGE_BYTES) as usize;
            let count = bytes.len().saturating_sub(at).min(page.len());
            bytes[at..at + count].copy_from_slice(&page[..count]);
        }
        bytes
    }

    /// What of the last page lies behind the end.
    pub(crate) fn tail(&self) -> &[u8] {
        let (index, skip) = (self.size() / PAGE_BYTES, self.size() % PAGE_BYTES);
        match self.contents.pages().get(&index) {
            Some(page) if skip > 0 => &page[skip as usize..],
            _ => &[],
        }
    }
}

/// All paths; that of the root is empty.
pub(crate) type Tree = BTreeMap<String, Shown>;

/// The inodes of a tree.
pub(crate) fn by_id(tree: &Tree) -> BTreeMap<Id, &Shown> {
    tree.values().map(|shown| (shown.id, shown)).collect()
}

/// Reads everything.
pub(crate) fn tree<P: Pm>(fs: &Fs<P>) -> Tree {
    let mut found = Tree::new();
    found.insert(String::new(), show(fs, fs.root(), mode::DIRECTORY));
    walk(fs, fs.root(), "", &mut found);
    found
}

/// Reads one inode.
pub(crate) fn show<P: Pm>(fs: &Fs<P>, ino: u64, kind: u16) -> Shown {
    let word = |index| fs.inode_word(ino, index).expect("an inode");
    let stat = fs.attributes(ino).expect("a live inode");
    let contents = match stat.mode & mode::FORMAT {
        mode::REGULAR => Contents::Pages(pages(fs, ino, stat.size_bytes)),
        mode::SYMLINK => {
            let mut buffer = [0; SYMLINK_MAX_BYTES];
            Contents::Target(fs.target(ino, &mut buffer).expect("a target").to_vec())
        }
        _ => Contents::None,
    };
    Shown {
        id: (ino, stat.generation.into()),
        kind,
        nlink: stat.nlink.into(),
        attributes: ATTRIBUTES.map(word),
        contents,
        pages: stat.pages,
    }
}

fn pages<P: Pm>(fs: &Fs<P>, ino: u64, size: u64) -> BTreeMap<u64, Page> {
    let mut found = BTreeMap::new();
    let (mut index, end) = (0, size.div_ceil(PAGE_BYTES));
    while index < end {
        index += match fs.map(ino, index, end - index).expect("a file") {
            Mapping::Hole { pages } => pages,
            Mapping::Data(run) => {
                let first = fs.position(run).expect("on the medium");
                for nth in 0..run.pages {
                    let mut page = vec![0; PAGE_BYTES as usize];
                    load_bytes(fs.pm(), first.plus(nth * PAGE_BYTES), &mut page);
                    found.insert(index + nth, page);
                }
                run.pages
            }
        };
    }
    found
}

fn walk<P: Pm>(fs: &Fs<P>, dir: u64, path: &str, found: &mut Tree) {
    let mut cookie = 0;
    while let Some(entry) = fs.entry(dir, cookie).expect("a directory") {
        let mut buffer = [0; NAME_MAX_BYTES];
        let name = load_name(fs.pm(), entry.at, entry.name_bytes, &mut buffer);
        let path = format!("{path}{}", String::from_utf8_lossy(name));
        cookie = entry.next;
        let twice = found.insert(path.clone(), show(fs, entry.ino, entry.kind));
        assert_eq!(twice, None, "a path is there twice");
        if entry.kind == mode::DIRECTORY {
            walk(fs, entry.ino, &format!("{path}/"), found);
        }
    }
}
