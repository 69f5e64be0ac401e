// SPDX-License-Identifier: GPL-2.0

//! A mounted file system: the medium, its volatile index, and the operations by number and name.
//!
//! Every operation first finds and reserves all it needs, which may fail and changes nothing, and then
//! changes the medium, which cannot fail. Lock order: there is one lock, around this.

use super::{
    bitmap::Bitmap,
    dir::Dir,
    inode::{
        mode,
        Attributes,
        Head, //
    },
    layout::{
        inode as word,
        record as record_word,
        Geometry,
        INO_BITS,
        LINES_PER_PAGE,
        LINK_MAX,
        ROOT_INO, //
    },
    mem::{
        List,
        NoMemory, //
    },
    ops::{
        self,
        InPage,
        NewPage,
        Target, //
    },
    pm::{
        Offset,
        Pm,
        LINE_BYTES, //
    },
    record::{
        self,
        Name, //
    },
    state::Obj, //
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
    /// A directory would become its own descendant.
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
}

/// What is known of a live inode beyond its words.
#[derive(Debug)]
pub(crate) enum Node {
    Dir(Dir),
    Other,
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
    pub(super) nodes: List<Option<Node>>,
    /// Larger than every generation on the medium.
    pub(super) next_generation: u32,
}

/// Where a record of a directory goes.
pub(super) struct Slot {
    pub(super) at: Offset,
    /// Number and position of the page that the directory gets, and the page's index in it.
    pub(super) new_page: Option<(u64, Offset, u64)>,
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
        self.nodes.get(usize::try_from(ino).ok()?)?.as_ref()
    }

    pub(crate) fn dir(&self, ino: u64) -> Result<&Dir, Error> {
        match self.node(ino) {
            Some(Node::Dir(dir)) => Ok(dir),
            Some(Node::Other) => Err(Error::NotDirectory),
            None => Err(Error::NotFound),
        }
    }

    pub(super) fn dir_mut(&mut self, ino: u64) -> Result<&mut Dir, Error> {
        let index = usize::try_from(ino).map_err(|_| Error::NotFound)?;
        match self.nodes.get_mut(index) {
            Some(Some(Node::Dir(dir))) => Ok(dir),
            Some(Some(Node::Other)) => Err(Error::NotDirectory),
            _ => Err(Error::NotFound),
        }
    }

    fn set_node(&mut self, ino: u64, node: Option<Node>) {
        let slot = usize::try_from(ino)
            .ok()
            .and_then(|index| self.nodes.get_mut(index));
        if let Some(slot) = slot {
            *slot = node;
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
        let mut index = cookie / LINES_PER_PAGE;
        let mut line = cookie % LINES_PER_PAGE;
        while index < dir.next_index() {
            let page = dir.pages().iter().find(|page| page.index == index);
            while let Some(page) = page.filter(|_| line < LINES_PER_PAGE) {
                let at = page.at.plus(line * LINE_BYTES);
                if let record::Line::Live { ino, head } = record::look(&self.pm, at, line) {
                    return Ok(Some(Entry {
                        ino,
                        kind: head.kind,
                        at,
                        name_bytes: head.name_bytes,
                        next: index * LINES_PER_PAGE + line + head.lines,
                    }));
                }
                line += 1;
            }
            index += 1;
            line = 0;
        }
        Ok(None)
    }

    /// Finds and reserves room for a record of `name` in the directory `dir`.
    pub(super) fn reserve_record(&mut self, dir: u64, name: Name<'_>) -> Result<Slot, Error> {
        let found = self.dir(dir)?;
        if found.find(&self.pm, name).is_some() {
            return Err(Error::Exists);
        }
        let slot = match found.find_lines(name.lines()) {
            Some(at) => Slot { at, new_page: None },
            None => {
                let page = self.pages.find_free().ok_or(Error::NoSpace)?;
                let at = self.geometry.page(page).ok_or(Error::Corrupt)?;
                let index = found.next_index();
                if index >> (INO_BITS - 8) != 0 {
                    return Err(Error::NoSpace);
                }
                Slot {
                    at,
                    new_page: Some((page, at, index)),
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
        record: &Obj<record::Record, super::state::Clean, record::Live>,
    ) {
        if let Some((page, _, _)) = slot.new_page {
            self.pages.insert(page);
        }
        if let Ok(dir) = self.dir_mut(dir) {
            if let Some((page, at, index)) = slot.new_page {
                // Room was reserved.
                let _ = dir.add_page(page, at, index);
            }
            dir.insert(record, name.hash(), name.lines());
        }
    }

    /// Makes an inode of any type but symlink under `name`; returns its number.
    pub(crate) fn create(
        &mut self,
        dir: u64,
        name: Name<'_>,
        mut new: Attributes,
    ) -> Result<(u64, Committed<op::Create>), Error> {
        let is_dir = new.mode & mode::FORMAT == mode::DIRECTORY;
        let slot = self.reserve_record(dir, name)?;
        let dir_nlink = self.nlink(dir)?;
        if is_dir && dir_nlink >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        let generation = self.head(dir)?.generation;
        let ino = self.inodes.find_free().ok_or(Error::NoSpace)?;
        let inode = ops::inode_at(&self.geometry, ino).ok_or(Error::NoSpace)?;
        let parent = ops::inode_at(&self.geometry, dir).ok_or(Error::Corrupt)?;
        new.nlink = if is_dir { 2 } else { 1 };

        let inode = ops::NewInode {
            inode,
            generation: self.next_generation,
            attributes: &new,
        };
        let pm = &self.pm;
        macro_rules! commit {
            ($room:expr) => {{
                let to = Target {
                    dir: parent,
                    record: Obj::found(slot.at, 0),
                    name,
                    room: $room,
                    now_ns: new.now_ns,
                };
                if is_dir {
                    ops::mkdir(pm, to, inode, dir_nlink.saturating_add(1))
                } else {
                    ops::create(pm, to, inode)
                }
            }};
        }
        let record = match self.new_page(&slot, generation)? {
            None => commit!(InPage),
            Some(room) => commit!(room),
        };
        self.inodes.insert(ino);
        self.next_generation = self.next_generation.wrapping_add(1);
        self.note_record(dir, &slot, name, &record);
        let node = if is_dir {
            Node::Dir(Dir::new(dir))
        } else {
            Node::Other
        };
        self.set_node(ino, Some(node));
        Ok((ino, Committed::new()))
    }

    /// The page that goes with a slot, as an object.
    pub(super) fn new_page(&self, slot: &Slot, generation: u32) -> Result<Option<NewPage>, Error> {
        let Some((page, at, index)) = slot.new_page else {
            return Ok(None);
        };
        let descriptor = self.geometry.descriptor(page).ok_or(Error::Corrupt)?;
        Ok(Some(NewPage {
            descriptor: Obj::found(descriptor, page),
            at,
            index,
            generation,
        }))
    }

    /// Names the inode `ino` once more.
    pub(crate) fn link(
        &mut self,
        dir: u64,
        name: Name<'_>,
        ino: u64,
        now_ns: i64,
    ) -> Result<Committed<op::Link>, Error> {
        let mode = self.head(ino)?.mode;
        if mode & mode::FORMAT == mode::DIRECTORY {
            return Err(Error::IsDirectory);
        }
        let nlink = self.nlink(ino)?;
        if nlink >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        let slot = self.reserve_record(dir, name)?;
        let generation = self.head(dir)?.generation;
        let inode = ops::inode_at(&self.geometry, ino).ok_or(Error::NotFound)?;
        let parent = ops::inode_at(&self.geometry, dir).ok_or(Error::Corrupt)?;

        let pm = &self.pm;
        macro_rules! commit {
            ($room:expr) => {{
                let to = Target {
                    dir: parent,
                    record: Obj::found(slot.at, 0),
                    name,
                    room: $room,
                    now_ns,
                };
                ops::link(pm, to, inode, mode, nlink.saturating_add(1))
            }};
        }
        let record = match self.new_page(&slot, generation)? {
            None => commit!(InPage),
            Some(room) => commit!(room),
        };
        self.note_record(dir, &slot, name, &record);
        Ok(Committed::new())
    }

    /// Takes `name` from whatever it stands for, which must be a directory if `kind` says so and not be
    /// one otherwise. An inode without links is freed.
    pub(crate) fn unlink(
        &mut self,
        dir: u64,
        name: Name<'_>,
        kind: Removal,
        now_ns: i64,
    ) -> Result<Committed<op::Unlink>, Error> {
        let at = self.dir(dir)?.find(&self.pm, name).ok_or(Error::NotFound)?;
        let ino = self.pm.load(at.word(record_word::INO));
        match (kind, self.node(ino).ok_or(Error::Corrupt)?) {
            (Removal::File, Node::Dir(_)) => return Err(Error::IsDirectory),
            (Removal::Directory, Node::Other) => return Err(Error::NotDirectory),
            (Removal::Directory, Node::Dir(dir)) if dir.records() > 0 => {
                return Err(Error::NotEmpty)
            }
            _ => {}
        }
        let nlink = self.nlink(ino)?;
        let dir_nlink = self.nlink(dir)?;
        let parent = ops::inode_at(&self.geometry, dir).ok_or(Error::Corrupt)?;

        let cleared = ops::unlink(&self.pm, parent, Obj::found(at, ino), now_ns);
        if let Ok(dir) = self.dir_mut(dir) {
            dir.remove(&cleared, name.hash(), name.lines());
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
        if let (_, Some(inode)) = cleared.lost_link(&self.geometry) {
            if kind == Removal::Directory || nlink <= 1 {
                self.free_inode(ino, inode);
            } else {
                ops::count_less(&self.pm, inode, nlink - 1, now_ns);
            }
        }
        Ok(Committed::new())
    }

    pub(super) fn free_inode(
        &mut self,
        ino: u64,
        inode: Obj<super::inode::Inode, super::state::Clean, super::inode::LostLink>,
    ) {
        let node = usize::try_from(ino)
            .ok()
            .and_then(|index| self.nodes.get_mut(index));
        let node = node.and_then(Option::take);
        let pages = match &node {
            Some(Node::Dir(dir)) => dir.pages(),
            _ => &[],
        };
        let objects = pages.iter().filter_map(|page| {
            let at = self.geometry.descriptor(page.page)?;
            Some(Obj::found(at, page.page))
        });
        ops::free(&self.pm, inode, objects);
        for page in pages {
            self.pages.remove(page.page);
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
