// SPDX-License-Identifier: GPL-2.0

//! What `stat(2)` shows of an inode, and its changes.

use super::{
    fs::{
        op,
        Committed,
        Error,
        Fs,
        Kind, //
    },
    inode::{
        self,
        Changes, //
    },
    layout::inode as word,
    num,
    ops,
    pm::Pm,
    state::{
        fence,
        leave,
        Obj, //
    }, //
};

/// The attributes of an inode. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) generation: u32,
    /// Type and permissions.
    pub(crate) mode: u16,
    pub(crate) nlink: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Of a directory, the bytes of its pages.
    pub(crate) size_bytes: u64,
    /// Data pages that it has.
    pub(crate) pages: u64,
    pub(crate) rdev: u64,
    pub(crate) atime_ns: i64,
    pub(crate) mtime_ns: i64,
    pub(crate) ctime_ns: i64,
    pub(crate) btime_ns: i64,
}

/// Set-user-ID and set-group-ID.
const SET_IDS: u16 = 0o6000;

impl<P: Pm> Fs<P> {
    /// The attributes of the inode `ino`.
    pub(crate) fn attributes(&self, ino: u64) -> Result<Stat, Error> {
        let node = self.node(ino).ok_or(Error::NotFound)?;
        let head = self.head(ino)?;
        let word = |index| self.inode_word(ino, index);
        let time_ns = |index| word(index).map(num::time_ns);
        let owner = word(word::OWNER)?;
        let pages = node.pages();
        let size_bytes = match node.kind {
            Kind::Dir(_) => pages.saturating_mul(super::pm::PAGE_BYTES),
            _ => word(word::SIZE)?,
        };
        Ok(Stat {
            generation: head.generation,
            mode: head.mode,
            nlink: self.nlink(ino)?,
            uid: num::low32(owner),
            gid: num::high32(owner),
            size_bytes,
            pages,
            rdev: word(word::RDEV)?,
            atime_ns: time_ns(word::ATIME_NS)?,
            mtime_ns: time_ns(word::MTIME_NS)?,
            ctime_ns: time_ns(word::CTIME_NS)?,
            btime_ns: time_ns(word::BTIME_NS)?,
        })
    }

    /// Changes attributes of the inode `ino`. A crash leaves either owner with either mode, but never a
    /// set-ID bit with the wrong one.
    pub(crate) fn set_attributes(
        &mut self,
        ino: u64,
        changes: &Changes,
    ) -> Result<Committed<op::SetAttributes>, Error> {
        let head = self.head(ino)?;
        let owner = self.inode_word(ino, word::OWNER)?;
        let inode = ops::inode_at(&self.geometry, ino).ok_or(Error::NotFound)?;
        let (old_uid, old_gid) = (num::low32(owner), num::high32(owner));
        let owner = (
            changes.uid.unwrap_or(old_uid),
            changes.gid.unwrap_or(old_gid),
        );
        let owner = (owner != (old_uid, old_gid)).then_some(owner);
        let pm = &self.pm;
        let wanted = changes.mode.unwrap_or(head.mode);
        let mode = |mode| Changes {
            mode: Some(mode),
            ..Changes::default()
        };
        let inode = match owner.is_some() && head.mode & SET_IDS != 0 {
            true => fence(
                pm,
                inode.set_attributes(pm, head, &mode(head.mode & !SET_IDS), None),
            ),
            false => inode,
        };
        let first = Changes {
            mode: match owner {
                Some(_) => Some(wanted & !SET_IDS),
                None => changes.mode,
            },
            ..*changes
        };
        let inode = fence(pm, inode.set_attributes(pm, head, &first, owner));
        if owner.is_some() && wanted & SET_IDS != 0 {
            let _ = fence(pm, inode.set_attributes(pm, head, &mode(wanted), None));
        }
        Ok(Committed::new())
    }

    /// Sets times of the inode `ino` that need not be durable before the next fence: those that reading,
    /// and writing through a mapping, set by the way.
    pub(crate) fn set_times(&mut self, ino: u64, times: &Changes) -> Result<(), Error> {
        let head = self.head(ino)?;
        let inode: Obj<_, _, inode::Live> =
            ops::inode_at(&self.geometry, ino).ok_or(Error::NotFound)?;
        let changes = Changes {
            mode: None,
            ..*times
        };
        leave(
            &self.pm,
            inode.set_attributes(&self.pm, head, &changes, None),
        );
        Ok(())
    }
}
