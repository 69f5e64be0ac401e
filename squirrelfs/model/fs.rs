// SPDX-License-Identifier: GPL-2.0

//! A mounted file system: the medium, its volatile index, and the operations by number and name.
//!
//! Every operation first finds and reserves all it needs, which may fail and changes nothing, and then
//! changes the medium, which cannot fail. Lock order: there is one lock, around this.

use super::{
    bitmap::Bitmap,
    dir::{
        Dir,
        DirPage, //
    },
    extents::{
        Extents,
        Run, //
    },
    inode::{
        self,
        mode,
        Head,
        Inode, //
    },
    layout::{
        descriptor as descriptor_word,
        inode as word,
        record as record_word,
        Geometry,
        PageKind,
        INO_BITS,
        LINES_PER_PAGE,
        ROOT_INO, //
    },
    mem::{
        Boxed,
        List,
        NoMemory, //
    },
    num,
    ops,
    pm::{
        Offset,
        Pm,
        LINE_BYTES, //
    },
    record::{
        self,
        Name, //
    },
    state::{
        Clean,
        Obj, //
    }, //
};
use core::marker::PhantomData;

/// Why an operation was not done; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    NotFound,
    Exists,
    NotDirectory,
    IsDirectory,
    NotEmpty,
    NoSpace,
    NoMemory,
    TooManyLinks,
    NameTooLong,
    /// Behind the end of the largest file.
    TooLarge,
    /// A directory would become its own descendant; or the operation is none for this type of inode.
    Invalid,
    /// The medium contradicts itself.
    Corrupt,
}

impl From<NoMemory> for Error {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// Evidence that an operation is durable. Whoever makes its effects visible asks for it.
#[derive(Debug)]
#[must_use = "the effects of the operation are to be made visible"]
pub(crate) struct Committed<Op>(PhantomData<Op>);

impl<Op> Committed<Op> {
    /// Says that an operation is durable. Only for who has just made it so.
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Kinds of operations, for [`Committed`].
pub(crate) mod op {
    #[derive(Debug)]
    pub(crate) enum Create {}
    #[derive(Debug)]
    pub(crate) enum Link {}
    #[derive(Debug)]
    pub(crate) enum Unlink {}
    #[derive(Debug)]
    pub(crate) enum Rename {}
    #[derive(Debug)]
    pub(crate) enum SetAttributes {}
    #[derive(Debug)]
    pub(crate) enum Resize {}
    #[derive(Debug)]
    pub(crate) enum Write {}
}

/// What is known of a live inode beyond its words.
#[derive(Debug)]
pub(crate) struct Node {
    pub(super) kind: Kind,
    /// Set while nothing names the inode and somebody may have it open: it dies with [`Fs::evict`].
    pub(super) orphan: Option<Obj<Inode, Clean, inode::LostLink>>,
}

/// What an inode has, by its type.
#[derive(Debug)]
pub(crate) enum Kind {
    Dir(Dir),
    File(Extents),
    /// The data page of its target.
    Symlink(Option<u64>),
    /// A device, a pipe or a socket.
    Special,
}

impl Node {
    /// An empty one for a new inode of this mode; `parent` is the directory that it comes into.
    pub(super) const fn new(mode: u16, parent: u64) -> Self {
        let kind = match mode & mode::FORMAT {
            mode::DIRECTORY => Kind::Dir(Dir::new(parent)),
            mode::REGULAR => Kind::File(Extents::new()),
            mode::SYMLINK => Kind::Symlink(None),
            _ => Kind::Special,
        };
        Self { kind, orphan: None }
    }

    /// Data pages that it has.
    pub(crate) fn pages(&self) -> u64 {
        match &self.kind {
            Kind::Dir(dir) => num::word(dir.pages().len()),
            Kind::File(extents) => extents.pages(),
            Kind::Symlink(page) => u64::from(page.is_some()),
            Kind::Special => 0,
        }
    }

    pub(super) const fn is_dir(&self) -> bool {
        matches!(self.kind, Kind::Dir(_))
    }
}

/// An entry of a directory, as readdir gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) ino: u64,
    /// Type bits of a mode.
    pub(crate) kind: u16,
    /// Where its name is, and how long.
    pub(crate) at: Offset,
    pub(crate) name_bytes: usize,
    /// The cookie at which reading goes on behind it.
    pub(crate) next: u64,
}

/// A mounted file system.
#[derive(Debug)]
pub(crate) struct Fs<P: Pm> {
    pub(super) pm: P,
    pub(super) geometry: Geometry,
    pub(super) inodes: Bitmap,
    pub(super) pages: Bitmap,
    pub(super) nodes: List<Option<Boxed<Node>>>,
    /// Larger than every generation on the medium.
    pub(super) next_generation: u32,
}

/// Where a record of a directory goes.
pub(super) struct Slot {
    pub(super) at: Offset,
    /// Index in the directory of the page that it lies in.
    pub(super) index: u64,
    /// Number and position of that page, if the directory gets it for this.
    pub(super) new_page: Option<(u64, Offset)>,
}

impl<P: Pm> Fs<P> {
    pub(crate) fn pm(&self) -> &P {
        &self.pm
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Inodes and pages that are free.
    pub(crate) fn free(&self) -> (u64, u64) {
        (self.inodes.free(), self.pages.free())
    }

    pub(super) fn node(&self, ino: u64) -> Option<&Node> {
        self.nodes.get(num::index(ino))?.as_deref()
    }

    pub(super) fn node_mut(&mut self, ino: u64) -> Option<&mut Node> {
        self.nodes.get_mut(num::index(ino))?.as_deref_mut()
    }

    pub(crate) fn dir(&self, ino: u64) -> Result<&Dir, Error> {
        match self.node(ino).map(|node| &node.kind) {
            Some(Kind::Dir(dir)) => Ok(dir),
            Some(_) => Err(Error::NotDirectory),
            None => Err(Error::NotFound),
        }
    }

    pub(super) fn dir_mut(&mut self, ino: u64) -> Result<&mut Dir, Error> {
        match self.node_mut(ino).map(|node| &mut node.kind) {
            Some(Kind::Dir(dir)) => Ok(dir),
            Some(_) => Err(Error::NotDirectory),
            None => Err(Error::NotFound),
        }
    }

    pub(super) fn set_node(&mut self, ino: u64, node: Boxed<Node>) {
        if let Some(slot) = self.nodes.get_mut(num::index(ino)) {
            *slot = Some(node);
        }
    }

    /// The word `index` of the inode `ino`.
    pub(crate) fn inode_word(&self, ino: u64, index: u64) -> Result<u64, Error> {
        let at = self.geometry.inode(ino).ok_or(Error::NotFound)?;
        Ok(self.pm.load(at.word(index)))
    }

    /// The head of the live inode `ino`.
    pub(crate) fn head(&self, ino: u64) -> Result<Head, Error> {
        Head::decode(self.inode_word(ino, word::HEAD)?).ok_or(Error::Corrupt)
    }

    pub(super) fn nlink(&self, ino: u64) -> Result<u32, Error> {
        u32::try_from(self.inode_word(ino, word::NLINK)?).map_err(|_| Error::Corrupt)
    }

    /// The inode that `name` stands for in the directory `dir`.
    pub(crate) fn lookup(&self, dir: u64, name: Name<'_>) -> Result<u64, Error> {
        let at = self.dir(dir)?.find(&self.pm, name).ok_or(Error::NotFound)?;
        Ok(self.pm.load(at.word(record_word::INO)))
    }

    /// The first entry at or behind `cookie`; 0 begins. Cookies stay valid while entries come and go.
    pub(crate) fn entry(&self, dir: u64, cookie: u64) -> Result<Option<Entry>, Error> {
        let dir = self.dir(dir)?;
        let first = cookie / LINES_PER_PAGE;
        let pages = dir.pages().get(dir.position(first)..).unwrap_or(&[]);
        for page in pages {
            let mut line = match page.index == first {
                true => cookie % LINES_PER_PAGE,
                false => 0,
            };
            while line < LINES_PER_PAGE {
                let at = page.at.plus(line * LINE_BYTES);
                if let record::Line::Live { ino, head } = record::look(&self.pm, at, line) {
                    return Ok(Some(Entry {
                        ino,
                        kind: head.kind,
                        at,
                        name_bytes: head.name_bytes,
                        next: page.index * LINES_PER_PAGE + line + head.lines,
                    }));
                }
                line += 1;
            }
        }
        Ok(None)
    }

    /// The index in its directory of the page that a record lies in.
    pub(super) fn page_index(&self, record: Offset) -> Result<u64, Error> {
        let page = self.geometry.page_of(record).ok_or(Error::Corrupt)?;
        let at = self.geometry.descriptor(page).ok_or(Error::Corrupt)?;
        let place = self.pm.load(at.word(descriptor_word::PLACE));
        let (_, index) = PageKind::of_place(place).ok_or(Error::Corrupt)?;
        Ok(index)
    }

    /// Finds and reserves room for a record of `name` in the directory `dir`.
    pub(super) fn reserve_record(&mut self, dir: u64, name: Name<'_>) -> Result<Slot, Error> {
        let found = self.dir(dir)?;
        if found.find(&self.pm, name).is_some() {
            return Err(Error::Exists);
        }
        let next_index = found.next_index();
        let slot = match self.dir_mut(dir)?.find_lines(name.lines()) {
            Some((at, index)) => Slot {
                at,
                index,
                new_page: None,
            },
            None => {
                let page = self.pages.find_free().ok_or(Error::NoSpace)?;
                let at = self.geometry.page(page).ok_or(Error::Corrupt)?;
                if next_index >> (INO_BITS - 8) != 0 {
                    return Err(Error::NoSpace);
                }
                Slot {
                    at,
                    index: next_index,
                    new_page: Some((page, at)),
                }
            }
        };
        let dir = self.dir_mut(dir)?;
        dir.reserve()?;
        dir.reserve_page()?;
        Ok(slot)
    }

    /// Notes in the index what a committed record changed.
    pub(super) fn note_record(
        &mut self,
        dir: u64,
        slot: &Slot,
        name: Name<'_>,
        record: &Obj<record::Record, Clean, record::Live>,
    ) {
        if let Some((page, _)) = slot.new_page {
            self.pages.insert(page);
        }
        if let Ok(dir) = self.dir_mut(dir) {
            if let Some((page, at)) = slot.new_page {
                // Room was reserved.
                let _ = dir.add_page(page, at, slot.index);
            }
            dir.insert(record, name.hash(), name.lines(), slot.index);
        }
    }

    /// Takes `name` from whatever it stands for, which must be a directory if `kind` says so and not be
    /// one otherwise. Returns its number. An inode without links lives until [`Self::evict`].
    pub(crate) fn unlink(
        &mut self,
        dir: u64,
        name: Name<'_>,
        kind: Removal,
        now_ns: i64,
    ) -> Result<(u64, Committed<op::Unlink>), Error> {
        let at = self.dir(dir)?.find(&self.pm, name).ok_or(Error::NotFound)?;
        let index = self.page_index(at)?;
        let ino = self.pm.load(at.word(record_word::INO));
        match (kind, &self.node(ino).ok_or(Error::Corrupt)?.kind) {
            (Removal::File, Kind::Dir(_)) => return Err(Error::IsDirectory),
            (Removal::Directory, Kind::Dir(dir)) if dir.records() > 0 => {
                return Err(Error::NotEmpty)
            }
            (Removal::File, _) | (Removal::Directory, Kind::Dir(_)) => {}
            (Removal::Directory, _) => return Err(Error::NotDirectory),
        }
        let dir_nlink = self.nlink(dir)?;
        self.nlink(ino)?;
        let parent = ops::inode_at(&self.geometry, dir).ok_or(Error::Corrupt)?;

        let cleared = ops::unlink(&self.pm, parent, Obj::found(at, ino), now_ns);
        if let Ok(dir) = self.dir_mut(dir) {
            dir.remove(&cleared, name.hash(), name.lines(), index);
        }
        if kind == Removal::Directory {
            if let Some(parent) = ops::inode_at(&self.geometry, dir) {
                ops::lost_child(
                    &self.pm,
                    parent,
                    &cleared,
                    dir_nlink.saturating_sub(1),
                    now_ns,
                );
            }
        }
        if let Some(inode) = cleared.lost_link(&self.geometry) {
            self.lost_link(ino, inode, now_ns);
        }
        Ok((ino, Committed::new()))
    }

    /// Counts a link less, or remembers that none is left.
    pub(super) fn lost_link(
        &mut self,
        ino: u64,
        inode: Obj<Inode, Clean, inode::LostLink>,
        now_ns: i64,
    ) {
        let nlink = self.nlink(ino).unwrap_or(0);
        let is_dir = self.node(ino).is_some_and(Node::is_dir);
        if nlink > 1 && !is_dir {
            ops::count_less(&self.pm, inode, nlink - 1, now_ns);
            return;
        }
        inode.note_unlinked(&self.pm, now_ns);
        if let Some(node) = self.node_mut(ino) {
            node.orphan = Some(inode);
        }
    }

    /// Nobody has the inode `ino` open any more: if nothing names it either, it is freed.
    pub(crate) fn evict(&mut self, ino: u64) {
        let orphan = self.node_mut(ino).and_then(|node| node.orphan.take());
        if let Some(inode) = orphan {
            self.free_inode(ino, inode);
        }
    }

    pub(super) fn free_inode(&mut self, ino: u64, inode: Obj<Inode, Clean, inode::LostLink>) {
        let node = self.nodes.get_mut(num::index(ino)).and_then(Option::take);
        let symlink;
        let (dir, file): (&[DirPage], &[Run]) = match node.as_deref().map(|node| &node.kind) {
            Some(Kind::Dir(dir)) => (dir.pages(), &[]),
            Some(Kind::File(extents)) => (&[], extents.runs()),
            Some(Kind::Symlink(Some(page))) => {
                symlink = [Run::single(*page)];
                (&[], &symlink)
            }
            _ => (&[], &[]),
        };
        let dir = dir.iter().map(|page| Run::single(page.page));
        let runs = dir.chain(file.iter().copied());
        ops::free(&self.pm, &self.geometry, inode, runs.clone());
        for run in runs {
            self.pages.remove_run(run.page, run.pages);
        }
        self.inodes.remove(ino);
    }

    /// Number of the root directory.
    pub(crate) const fn root(&self) -> u64 {
        ROOT_INO
    }
}

/// What kind of thing a name is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Anything but a directory.
    File,
    /// An empty directory.
    Directory,
}
