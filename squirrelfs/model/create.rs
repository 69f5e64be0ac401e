// SPDX-License-Identifier: GPL-2.0

//! Operations that make an inode, or a name for one.

use super::{
    fs::{
        op,
        Committed,
        Error,
        Fs,
        Kind,
        Node,
        Slot, //
    },
    inode::{
        self,
        mode,
        Attributes,
        Inode, //
    },
    layout::{
        LINK_MAX,
        SYMLINK_MAX_BYTES, //
    },
    mem::Boxed,
    ops::{
        self,
        InPage,
        NewPage, //
    },
    pm::{
        Offset,
        Pm, //
    },
    record::Name,
    state::{
        Clean,
        Obj, //
    }, //
};

/// Number and object of a free inode, and what is to be known of it.
type ReservedInode = (u64, Obj<Inode, Clean, inode::Free>, Boxed<Node>);

/// Does something with the room for a record: that in a page there is, or a new page's.
macro_rules! with_room {
    ($fs:expr, $dir:expr, $slot:expr, |$room:ident| $body:expr) => {{
        let generation = $fs.head($dir)?.generation;
        match $fs.new_page(&$slot, generation)? {
            None => {
                let $room = InPage;
                $body
            }
            Some($room) => $body,
        }
    }};
}

impl<P: Pm> Fs<P> {
    /// Makes an inode of any type but symlink under `name`; returns its number.
    pub(crate) fn create(
        &mut self,
        dir: u64,
        name: Name<'_>,
        mut new: Attributes,
    ) -> Result<(u64, Committed<op::Create>), Error> {
        let is_dir = new.mode & mode::FORMAT == mode::DIRECTORY;
        if new.mode & mode::FORMAT == mode::SYMLINK {
            return Err(Error::Invalid);
        }
        let slot = self.reserve_record(dir, name)?;
        let dir_nlink = self.nlink(dir)?;
        if is_dir && dir_nlink >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        let (ino, inode, node) = self.reserve_inode(new.mode, dir)?;
        new.nlink = if is_dir { 2 } else { 1 };
        let inode = ops::NewInode {
            inode,
            generation: self.next_generation,
            attributes: &new,
        };
        let to = self.target_of(dir, name, &slot, new.now_ns)?;
        let pm = &self.pm;
        let record = with_room!(self, dir, slot, |room| match is_dir {
            true => ops::mkdir(pm, to.with(room), inode, dir_nlink.saturating_add(1)),
            false => ops::create(pm, to.with(room), inode),
        });
        self.note_inode(ino, node);
        self.note_record(dir, &slot, name, &record);
        Ok((ino, Committed::new()))
    }

    /// Makes a symlink to `target` under `name`; returns its number.
    pub(crate) fn symlink(
        &mut self,
        dir: u64,
        name: Name<'_>,
        target: &[u8],
        mut new: Attributes,
    ) -> Result<(u64, Committed<op::Create>), Error> {
        if target.is_empty() {
            return Err(Error::NotFound);
        }
        if target.len() > SYMLINK_MAX_BYTES {
            return Err(Error::NameTooLong);
        }
        new.mode = mode::SYMLINK | new.mode & !mode::FORMAT;
        new.nlink = 1;
        let slot = self.reserve_record(dir, name)?;
        let (ino, inode, mut node) = self.reserve_inode(new.mode, dir)?;
        let (page, at) = self.reserve_page(slot.new_page.map(|(page, _)| page))?;
        let descriptor = self.geometry.descriptor(page).ok_or(Error::Corrupt)?;
        node.kind = Kind::Symlink(Some(page));
        let contents = ops::Target {
            bytes: target,
            descriptor: Obj::found(descriptor, page),
            at,
        };
        let inode = ops::NewInode {
            inode,
            generation: self.next_generation,
            attributes: &new,
        };
        let to = self.target_of(dir, name, &slot, new.now_ns)?;
        let pm = &self.pm;
        let record = with_room!(self, dir, slot, |room| ops::symlink(
            pm,
            to.with(room),
            inode,
            contents
        ));
        self.pages.insert(page);
        self.note_inode(ino, node);
        self.note_record(dir, &slot, name, &record);
        Ok((ino, Committed::new()))
    }

    /// Makes a file without a name, which dies with [`Self::evict`] unless it gets one by
    /// [`Self::link`]; returns its number.
    pub(crate) fn tmpfile(
        &mut self,
        mut new: Attributes,
    ) -> Result<(u64, Committed<op::Create>), Error> {
        new.nlink = 0;
        let (ino, inode, mut node) = self.reserve_inode(new.mode, 0)?;
        let inode = ops::NewInode {
            inode,
            generation: self.next_generation,
            attributes: &new,
        };
        node.orphan = Some(ops::tmpfile(&self.pm, inode));
        self.note_inode(ino, node);
        Ok((ino, Committed::new()))
    }

    /// Finds a free inode and makes what is to be known of it.
    fn reserve_inode(&mut self, mode: u16, parent: u64) -> Result<ReservedInode, Error> {
        let ino = self.inodes.find_free().ok_or(Error::NoSpace)?;
        let inode = ops::inode_at(&self.geometry, ino).ok_or(Error::NoSpace)?;
        Ok((ino, inode, Boxed::new(Node::new(mode, parent))?))
    }

    /// Finds a free page other than `but`: number and position.
    fn reserve_page(&mut self, but: Option<u64>) -> Result<(u64, Offset), Error> {
        let page = match but {
            None => self.pages.find_free(),
            Some(but) => self.pages.find_free_but(but),
        };
        let page = page.ok_or(Error::NoSpace)?;
        Ok((page, self.geometry.page(page).ok_or(Error::Corrupt)?))
    }

    fn note_inode(&mut self, ino: u64, node: Boxed<Node>) {
        self.inodes.insert(ino);
        self.next_generation = self.next_generation.wrapping_add(1);
        self.set_node(ino, node);
    }

    /// Where a new record goes, but for the room.
    fn target_of<'a>(
        &self,
        dir: u64,
        name: Name<'a>,
        slot: &Slot,
        now_ns: i64,
    ) -> Result<ops::NewName<'a, ()>, Error> {
        Ok(ops::NewName {
            dir: ops::inode_at(&self.geometry, dir).ok_or(Error::Corrupt)?,
            record: Obj::found(slot.at, 0),
            name,
            room: (),
            now_ns,
        })
    }

    /// The page that goes with a slot, as an object.
    pub(super) fn new_page(&self, slot: &Slot, generation: u32) -> Result<Option<NewPage>, Error> {
        let Some((page, at)) = slot.new_page else {
            return Ok(None);
        };
        let descriptor = self.geometry.descriptor(page).ok_or(Error::Corrupt)?;
        Ok(Some(NewPage {
            descriptor: Obj::found(descriptor, page),
            at,
            index: slot.index,
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
        let inode = ops::inode_at(&self.geometry, ino).ok_or(Error::NotFound)?;
        let to = self.target_of(dir, name, &slot, now_ns)?;
        let pm = &self.pm;
        let nlink = nlink.saturating_add(1);
        let record = with_room!(self, dir, slot, |room| ops::link(
            pm,
            to.with(room),
            inode,
            mode,
            nlink
        ));
        if let Some(node) = self.node_mut(ino) {
            node.orphan = None;
        }
        self.note_record(dir, &slot, name, &record);
        Ok(Committed::new())
    }
}
