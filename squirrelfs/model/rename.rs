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
    pm::Pm,
    record::Name,
    state::Obj, //
};

/// What becomes of something that has the new name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the rename is not done.
    Keep,
}

impl<P: Pm> Fs<P> {
    /// Gives the inode that `from` stands for the name `to` instead, each in its directory.
    pub(crate) fn rename(
        &mut self,
        (from_dir, from): (u64, Name<'_>),
        (to_dir, to): (u64, Name<'_>),
        existing: Existing,
        now_ns: i64,
    ) -> Result<Committed<op::Rename>, Error> {
        let from_at = self
            .dir(from_dir)?
            .find(&self.pm, from)
            .ok_or(Error::NotFound)?;
        let ino = self.pm.load(from_at.word(record_word::INO));
        let kind = self.head(ino)?.mode;
        let is_dir = matches!(self.node(ino), Some(Node::Dir(_)));
        let target = self.dir(to_dir)?.find(&self.pm, to);
        let target = target.map(|at| (at, self.pm.load(at.word(record_word::INO))));
        if let Some((_, replaced)) = target {
            if existing == Existing::Keep {
                return Err(Error::Exists);
            }
            if replaced == ino {
                return Ok(Committed::new());
            }
            match (is_dir, self.node(replaced).ok_or(Error::Corrupt)?) {
                (true, Node::Other) => return Err(Error::NotDirectory),
                (false, Node::Dir(_)) => return Err(Error::IsDirectory),
                (true, Node::Dir(dir)) if dir.records() > 0 => return Err(Error::NotEmpty),
                _ => {}
            }
        }
        if is_dir && self.is_inside(to_dir, ino)? {
            return Err(Error::Invalid);
        }
        let gains_child = is_dir && from_dir != to_dir && target.is_none();
        let to_nlink = self.nlink(to_dir)?;
        if gains_child && to_nlink >= LINK_MAX {
            return Err(Error::TooManyLinks);
        }
        let parents = self.parents(
            from_dir,
            to_dir,
            gains_child.then(|| to_nlink.saturating_add(1)),
        )?;
        let redo = self.geometry.redo(0).ok_or(Error::Corrupt)?;
        let source = ops::Source {
            record: Obj::found(from_at, ino),
            kind,
            redo: Obj::found(redo, 0),
            parents,
            now_ns,
        };

        let (moved, replaced) = match target {
            Some((at, old)) => {
                let (record, moved, replaced) =
                    ops::rename_over(&self.pm, source, Obj::found(at, old));
                (
                    moved,
                    replaced
                        .lost_link(&self.geometry, &record)
                        .map(|inode| (old, inode)),
                )
            }
            None => {
                let slot = self.reserve_record(to_dir, to)?;
                let slot = self.grow(to_dir, slot)?;
                let (record, moved) = ops::rename(&self.pm, source, Obj::found(slot.at, 0), to);
                self.note_record(to_dir, &slot, to, &record);
                (moved, None)
            }
        };
        if let Ok(dir) = self.dir_mut(from_dir) {
            dir.remove(&moved, from.hash(), from.lines());
        }
        // The parent that has a directory less: the old one, or the only one if a directory was replaced.
        if is_dir && (from_dir != to_dir || target.is_some()) {
            let nlink = self.nlink(from_dir)?.saturating_sub(1);
            if let Some(parent) = ops::inode_at(&self.geometry, from_dir) {
                ops::lost_child(&self.pm, parent, &moved, nlink, now_ns);
            }
        }
        if let Ok(dir) = self.dir_mut(ino) {
            dir.parent = to_dir;
        }
        if let Some((old, inode)) = replaced {
            let nlink = self.nlink(old)?;
            if is_dir || nlink <= 1 {
                self.free_inode(old, inode);
            } else {
                ops::count_less(&self.pm, inode, nlink - 1, now_ns);
            }
        }
        Ok(Committed::new())
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
        if let Some((page, at, index)) = slot.new_page {
            self.pages.insert(page);
            self.dir_mut(dir)?.add_page(page, at, index)?;
        }
        Ok(Slot {
            new_page: None,
            ..slot
        })
    }
}
