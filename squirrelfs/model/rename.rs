// SPDX-License-Identifier: GPL-2.0

//! Rename: the one operation on two names.

use super::{
    fs::{
        op,
        Committed,
        Error,
        Fs,
        Node,
        Slot, //
    },
    layout::{
        record as record_word,
        LINK_MAX,
        ROOT_INO, //
    },
    ops,
    pm::{
        Offset,
        Pm, //
    },
    record::{
        self,
        Name,
        Record, //
    },
    state::{
        Clean,
        Obj, //
    }, //
};

/// What becomes of something that has the new name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the rename is not done.
    Keep,
    /// It gets the old name. There must be something.
    Exchange,
}

/// A name, and the record and the inode that it stands for.
struct Found {
    dir: u64,
    record: Offset,
    /// Index in the directory of the page that the record lies in.
    index: u64,
    ino: u64,
    /// The inode's mode.
    mode: u16,
    is_dir: bool,
}

impl<P: Pm> Fs<P> {
    /// Gives the inode that `from` stands for the name `to` instead, each in its directory.
    pub(crate) fn rename(
        &mut self,
        from: (u64, Name<'_>),
        to: (u64, Name<'_>),
        existing: Existing,
        now_ns: i64,
    ) -> Result<Committed<op::Rename>, Error> {
        let source = self.find(from)?.ok_or(Error::NotFound)?;
        let target = self.find(to)?;
        match (existing, &target) {
            (Existing::Keep, Some(_)) => return Err(Error::Exists),
            (Existing::Exchange, None) => return Err(Error::NotFound),
            (_, Some(target)) if target.ino == source.ino => return Ok(Committed::new()),
            _ => {}
        }
        if source.is_dir && self.is_inside(to.0, source.ino)? {
            return Err(Error::Invalid);
        }
        match (existing, target) {
            (Existing::Exchange, Some(target)) => {
                if target.is_dir && self.is_inside(from.0, target.ino)? {
                    return Err(Error::Invalid);
                }
                // A directory that changes places with something else is the one that moves.
                match source.is_dir {
                    true => self.exchange(&source, &target, now_ns),
                    false => self.exchange(&target, &source, now_ns),
                }
            }
            (_, Some(target)) => {
                match (source.is_dir, target.is_dir) {
                    (true, false) => return Err(Error::NotDirectory),
                    (false, true) => return Err(Error::IsDirectory),
                    (true, true) if self.dir(target.ino)?.records() > 0 => {
                        return Err(Error::NotEmpty)
                    }
                    _ => {}
                }
                self.replace(&source, from.1, &target, now_ns)
            }
            (_, None) => self.move_to(&source, from.1, to, now_ns),
        }
    }

    /// What a name stands for.
    fn find(&self, (dir, name): (u64, Name<'_>)) -> Result<Option<Found>, Error> {
        let Some(record) = self.dir(dir)?.find(&self.pm, name) else {
            return Ok(None);
        };
        let ino = self.pm.load(record.word(record_word::INO));
        Ok(Some(Found {
            dir,
            record,
            index: self.page_index(record)?,
            ino,
            mode: self.head(ino)?.mode,
            is_dir: self.node(ino).is_some_and(Node::is_dir),
        }))
    }

    /// Moves `source` to a name that nothing has.
    fn move_to(
        &mut self,
        source: &Found,
        from: Name<'_>,
        (to_dir, to): (u64, Name<'_>),
        now_ns: i64,
    ) -> Result<Committed<op::Rename>, Error> {
        let gains = source.is_dir && source.dir != to_dir;
        let from_record = self.source(source, to_dir, gains, now_ns)?;
        let slot = self.reserve_record(to_dir, to)?;
        let slot = self.grow(to_dir, slot)?;
        let (record, moved) = ops::rename(&self.pm, from_record, Obj::found(slot.at, 0), to);
        self.note_record(to_dir, &slot, to, &record);
        if let Ok(dir) = self.dir_mut(source.dir) {
            dir.remove(&moved, from.hash(), from.lines(), source.index);
        }
        if gains {
            self.lost_child(source.dir, &moved, now_ns);
        }
        self.set_parent(source.ino, to_dir);
        Ok(Committed::new())
    }

    /// Moves `source` to the name of `target`, which loses it.
    fn replace(
        &mut self,
        source: &Found,
        from: Name<'_>,
        target: &Found,
        now_ns: i64,
    ) -> Result<Committed<op::Rename>, Error> {
        let from_record = self.source(source, target.dir, false, now_ns)?;
        let to = Obj::found(target.record, target.ino);
        let (record, moved, replaced) = ops::rename_over(&self.pm, from_record, to);
        if let Ok(dir) = self.dir_mut(source.dir) {
            dir.remove(&moved, from.hash(), from.lines(), source.index);
        }
        // The old parent, or the only one: a directory was replaced.
        if source.is_dir {
            self.lost_child(source.dir, &moved, now_ns);
        }
        self.set_parent(source.ino, target.dir);
        if let Some(inode) = replaced.lost_link(&self.geometry, &record) {
            self.lost_link(target.ino, inode, now_ns);
        }
        Ok(Committed::new())
    }

    /// Exchanges what two names stand for. If one of the two is a directory, the first is.
    fn exchange(
        &mut self,
        first: &Found,
        second: &Found,
        now_ns: i64,
    ) -> Result<Committed<op::Rename>, Error> {
        let gains = first.is_dir && !second.is_dir && first.dir != second.dir;
        let source = self.source(first, second.dir, gains, now_ns)?;
        let inode = ops::inode_at(&self.geometry, second.ino).ok_or(Error::Corrupt)?;
        let other = (Obj::found(second.record, second.ino), inode);
        let exchanged = ops::exchange(&self.pm, source, other, second.mode);
        if gains {
            self.lost_child(first.dir, &exchanged, now_ns);
        }
        self.set_parent(first.ino, second.dir);
        self.set_parent(second.ino, first.dir);
        Ok(Committed::new())
    }

    /// What moves, with all that the medium needs for it; `gains`: the directory `to` gets a directory.
    fn source(
        &self,
        from: &Found,
        to: u64,
        gains: bool,
        now_ns: i64,
    ) -> Result<ops::Source, Error> {
        self.nlink(from.dir)?;
        let to_nlink = self.nlink(to)?;
        if gains && to_nlink >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        let redo = self.geometry.redo(0).ok_or(Error::Corrupt)?;
        let to_nlink = gains.then(|| to_nlink.saturating_add(1));
        Ok(ops::Source {
            record: Obj::found(from.record, from.ino),
            inode: ops::inode_at(&self.geometry, from.ino).ok_or(Error::Corrupt)?,
            kind: from.mode,
            redo: Obj::found(redo, 0),
            parents: self.parents(from.dir, to, to_nlink)?,
            now_ns,
        })
    }

    /// Counts a directory less in `dir`.
    fn lost_child(&self, dir: u64, gone: &Obj<Record, Clean, impl record::Gone>, now_ns: i64) {
        let nlink = self.nlink(dir).unwrap_or(0).saturating_sub(1);
        if let Some(dir) = ops::inode_at(&self.geometry, dir) {
            ops::lost_child(&self.pm, dir, gone, nlink, now_ns);
        }
    }

    fn set_parent(&mut self, ino: u64, parent: u64) {
        if let Ok(dir) = self.dir_mut(ino) {
            dir.parent = parent;
        }
    }

    /// The directories of a rename as objects.
    fn parents(&self, from: u64, to: u64, to_nlink: Option<u32>) -> Result<ops::Parents, Error> {
        let first = ops::inode_at(&self.geometry, from).ok_or(Error::Corrupt)?;
        if from == to {
            return Ok(ops::Parents::One(first));
        }
        let second = ops::inode_at(&self.geometry, to).ok_or(Error::Corrupt)?;
        Ok(ops::Parents::Two(first, second, to_nlink))
    }

    /// Whether the directory `dir` is `ancestor` or below it.
    fn is_inside(&self, dir: u64, ancestor: u64) -> Result<bool, Error> {
        let mut at = dir;
        // A tree of sound parents is not deeper than it has inodes.
        for _ in 0..self.geometry.inode_count() {
            if at == ancestor {
                return Ok(true);
            }
            if at == ROOT_INO {
                return Ok(false);
            }
            at = self.dir(at)?.parent;
        }
        Err(Error::Corrupt)
    }

    /// Gives the directory the page that goes with a slot, if any, at once.
    fn grow(&mut self, dir: u64, slot: Slot) -> Result<Slot, Error> {
        let generation = self.head(dir)?.generation;
        let Some(room) = self.new_page(&slot, generation)? else {
            return Ok(slot);
        };
        let owner = ops::inode_at(&self.geometry, dir).ok_or(Error::Corrupt)?;
        ops::grow(&self.pm, &owner, room);
        if let Some((page, at)) = slot.new_page {
            self.pages.insert(page);
            self.dir_mut(dir)?.add_page(page, at, slot.index)?;
        }
        Ok(Slot {
            new_page: None,
            ..slot
        })
    }
}
