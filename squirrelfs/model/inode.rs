// SPDX-License-Identifier: GPL-2.0

//! Inodes and their transitions.
//!
//! ```text
//!   Free --init--> Init --(a record points to it)--> Live --lost link--> Live, or freed
//!   Free --init--> Hollow --(its contents are there)--> Init                 symlinks
//!   Init, or what lost its last link --(nobody has it open)--> freed
//!   Live --data is stored--> Stored --size covers it--> Live
//!   Live --size is less--> Shrunk --pages behind the end are gone--> Live
//! ```

use super::{
    extents::Run,
    layout::inode as word,
    num,
    page::{
        self,
        Batch,
        Page, //
    },
    pm::Pm,
    record,
    state::{
        Clean,
        Dirty,
        Obj, //
    },
    write::Copied, //
};

/// The kind: an inode.
#[derive(Debug)]
pub(crate) enum Inode {}

/// Its head is 0, and nothing points to it.
#[derive(Debug)]
pub(crate) enum Free {}
/// All its words are stored, and nothing points to it yet.
#[derive(Debug)]
pub(crate) enum Init {}
/// All its words are stored, its contents are not there, and nothing points to it yet.
#[derive(Debug)]
pub(crate) enum Hollow {}
/// At least one record points to it, or it is the root.
#[derive(Debug)]
pub(crate) enum Live {}
/// Its link count includes a link that is about to be made.
#[derive(Debug)]
pub(crate) enum MoreLinks {}
/// A record that pointed to it is durably gone; its link count does not say so yet.
#[derive(Debug)]
pub(crate) enum LostLink {}
/// The bytes of a write are in its pages; its size does not cover them yet.
#[derive(Debug)]
pub(crate) enum Stored {}
/// Its size is less than before; the pages behind it are still its own.
#[derive(Debug)]
pub(crate) enum Shrunk {}
/// Nothing points to it, and its head is 0 or about to be.
#[derive(Debug)]
pub(crate) enum Freed {}

/// States in which an inode can own pages.
pub(crate) trait Alive {}
impl Alive for Live {}
impl Alive for MoreLinks {}
impl Alive for Stored {}

/// States in which an inode gives up pages.
pub(crate) trait Abandons {}
impl Abandons for LostLink {}
impl Abandons for Shrunk {}

/// What a new inode is to be. Times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    /// Type and permissions, as in `stat(2)`.
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) rdev: u64,
    pub(crate) now_ns: i64,
}

/// Changes of an inode's attributes; times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// New permissions; type bits are ignored.
    pub(crate) mode: Option<u16>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) atime_ns: Option<i64>,
    pub(crate) mtime_ns: Option<i64>,
    pub(crate) ctime_ns: Option<i64>,
}

/// File types in a mode.
pub(crate) mod mode {
    pub(crate) const FORMAT: u16 = 0o170_000;
    pub(crate) const DIRECTORY: u16 = 0o040_000;
    pub(crate) const REGULAR: u16 = 0o100_000;
    pub(crate) const SYMLINK: u16 = 0o120_000;

    /// Whether the type bits are one of the seven that exist.
    pub(crate) const fn is_valid(mode: u16) -> bool {
        matches!(
            mode & FORMAT,
            DIRECTORY | REGULAR | SYMLINK | 0o010_000 | 0o020_000 | 0o060_000 | 0o140_000
        )
    }
}

/// The commit word of a live inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Counts the lives of an inode number, so that what belonged to an earlier one is told apart.
    pub(crate) generation: u32,
    pub(crate) mode: u16,
}

impl Head {
    pub(crate) const fn encode(self) -> u64 {
        num::join(self.generation, 0) | word::TAG << 16 | num::wide16(self.mode)
    }

    /// Reads a head; [`None`] if it is 0 or was not written by this file system.
    pub(crate) const fn decode(head: u64) -> Option<Self> {
        let mode = num::low16(head);
        if head >> 16 & 0xffff != word::TAG || !mode::is_valid(mode) {
            return None;
        }
        Some(Self {
            generation: num::high32(head),
            mode,
        })
    }
}

impl Obj<Inode, Clean, Free> {
    /// Stores all words of a new inode, its head last.
    pub(crate) fn init(
        self,
        pm: &impl Pm,
        generation: u32,
        new: &Attributes,
    ) -> Obj<Inode, Dirty, Init> {
        self.store_all(pm, generation, new, 0)
    }

    /// As [`Self::init`], of one whose contents, so many bytes, become durable with it.
    pub(crate) fn init_hollow(
        self,
        pm: &impl Pm,
        generation: u32,
        new: &Attributes,
        size_bytes: u64,
    ) -> Obj<Inode, Dirty, Hollow> {
        self.store_all(pm, generation, new, size_bytes)
    }

    fn store_all<O>(
        self,
        pm: &impl Pm,
        generation: u32,
        new: &Attributes,
        size_bytes: u64,
    ) -> Obj<Inode, Dirty, O> {
        let ino = self.id();
        let head = Head {
            generation,
            mode: new.mode,
        };
        self.change(ino)
            .store(pm, word::OWNER, num::join(new.gid, new.uid))
            .store(pm, word::ATIME_NS, num::time_word(new.now_ns))
            .store(pm, word::BTIME_NS, num::time_word(new.now_ns))
            .store(pm, word::RDEV, new.rdev)
            .store(pm, word::PROJECT, 0)
            .store(pm, word::NLINK, u64::from(new.nlink))
            .store(pm, word::SIZE, size_bytes)
            .store(pm, word::MTIME_NS, num::time_word(new.now_ns))
            .store(pm, word::CTIME_NS, num::time_word(new.now_ns))
            .store(pm, word::FLAGS, 0)
            .store(pm, word::XATTR, 0)
            .store(pm, word::HEAD, head.encode())
            .dirty()
    }
}

impl Obj<Inode, Clean, Hollow> {
    /// Its contents are durable and its own.
    pub(crate) fn with_contents(
        self,
        _contents: &Obj<Page, Clean, page::Owned>,
    ) -> Obj<Inode, Clean, Init> {
        self.into_state()
    }
}

impl Obj<Inode, Clean, Init> {
    /// It is to live without a name, as one that lost its last.
    pub(crate) fn unnamed(self) -> Obj<Inode, Clean, LostLink> {
        self.into_state()
    }

    /// A record points to it now.
    pub(crate) fn linked(
        self,
        _by: &Obj<record::Record, Clean, record::Live>,
    ) -> Obj<Inode, Clean, Live> {
        self.into_state()
    }
}

impl Obj<Inode, Clean, Live> {
    /// Sets the times that a change of a directory's contents sets.
    pub(crate) fn touch(self, pm: &impl Pm, now_ns: i64) -> Obj<Inode, Dirty, Live> {
        let ino = self.id();
        self.change(ino)
            .store(pm, word::MTIME_NS, num::time_word(now_ns))
            .store(pm, word::CTIME_NS, num::time_word(now_ns))
            .dirty()
    }

    /// Sets the time that a change of its name sets.
    pub(crate) fn renamed(self, pm: &impl Pm, now_ns: i64) -> Obj<Inode, Dirty, Live> {
        let ino = self.id();
        self.change(ino)
            .store(pm, word::CTIME_NS, num::time_word(now_ns))
            .dirty()
    }

    /// As [`Self::touch`], and counts one link more, which is not there yet.
    pub(crate) fn touch_and_add_link(
        self,
        pm: &impl Pm,
        nlink: u32,
        now_ns: i64,
    ) -> Obj<Inode, Dirty, MoreLinks> {
        self.touch_and_count(pm, nlink, now_ns)
    }

    /// As [`Self::touch`], and counts one link less: that of a directory in it, whose record is durably
    /// gone.
    pub(crate) fn lost_child(
        self,
        pm: &impl Pm,
        nlink: u32,
        now_ns: i64,
        _gone: &Obj<record::Record, Clean, impl record::Gone>,
    ) -> Obj<Inode, Dirty, Live> {
        self.touch_and_count(pm, nlink, now_ns)
    }

    fn touch_and_count<O>(self, pm: &impl Pm, nlink: u32, now_ns: i64) -> Obj<Inode, Dirty, O> {
        let ino = self.id();
        self.change(ino)
            .store(pm, word::NLINK, u64::from(nlink))
            .store(pm, word::MTIME_NS, num::time_word(now_ns))
            .store(pm, word::CTIME_NS, num::time_word(now_ns))
            .dirty()
    }

    /// The bytes of a write were stored to its pages. Sets the times that a write sets, unless they come
    /// with the size.
    pub(crate) fn stored(
        self,
        pm: &impl Pm,
        now_ns: Option<i64>,
        _bytes: &Copied,
    ) -> Obj<Inode, Dirty, Stored> {
        let ino = self.id();
        let change = self.change(ino);
        match now_ns {
            Some(now_ns) => change
                .store(pm, word::MTIME_NS, num::time_word(now_ns))
                .store(pm, word::CTIME_NS, num::time_word(now_ns))
                .dirty(),
            None => change.dirty(),
        }
    }

    /// All that its size is to cover are holes.
    pub(crate) fn complete(self) -> Obj<Inode, Clean, Stored> {
        self.into_state()
    }

    /// Sets a size that is less, and the times that this sets.
    pub(crate) fn shrink(
        self,
        pm: &impl Pm,
        size_bytes: u64,
        now_ns: i64,
    ) -> Obj<Inode, Dirty, Shrunk> {
        self.resize(pm, size_bytes, now_ns)
    }

    fn resize<O>(self, pm: &impl Pm, size_bytes: u64, now_ns: i64) -> Obj<Inode, Dirty, O> {
        let ino = self.id();
        self.change(ino)
            .store(pm, word::MTIME_NS, num::time_word(now_ns))
            .store(pm, word::CTIME_NS, num::time_word(now_ns))
            .store(pm, word::SIZE, size_bytes)
            .dirty()
    }

    /// Sets the permissions in its head, which was `head`, the times, and the owner: user and group.
    pub(crate) fn set_attributes(
        self,
        pm: &impl Pm,
        head: Head,
        changes: &Changes,
        owner: Option<(u32, u32)>,
    ) -> Obj<Inode, Dirty, Live> {
        let ino = self.id();
        let mode = changes.mode.map(|mode| {
            let mode = head.mode & mode::FORMAT | mode & !mode::FORMAT;
            Head { mode, ..head }.encode()
        });
        let words = [
            (word::HEAD, mode),
            (word::MTIME_NS, changes.mtime_ns.map(num::time_word)),
            (word::CTIME_NS, changes.ctime_ns.map(num::time_word)),
            (word::OWNER, owner.map(|(uid, gid)| num::join(gid, uid))),
            (word::ATIME_NS, changes.atime_ns.map(num::time_word)),
        ];
        let mut change = self.change(ino);
        for (index, value) in words {
            if let Some(value) = value {
                change = change.store(pm, index, value);
            }
        }
        change.dirty()
    }

    /// Counts one link more, which is not there yet.
    pub(crate) fn add_link(
        self,
        pm: &impl Pm,
        nlink: u32,
        now_ns: i64,
    ) -> Obj<Inode, Dirty, MoreLinks> {
        let ino = self.id();
        self.change(ino)
            .store(pm, word::NLINK, u64::from(nlink))
            .store(pm, word::CTIME_NS, num::time_word(now_ns))
            .dirty()
    }
}

impl Obj<Inode, Clean, MoreLinks> {
    /// The link that was counted is there.
    pub(crate) fn settled(
        self,
        _by: &Obj<record::Record, Clean, record::Live>,
    ) -> Obj<Inode, Clean, Live> {
        self.into_state()
    }
}

impl Obj<Inode, Clean, Stored> {
    /// The size covers what was stored, all of which is durable and its own: the pages of former holes
    /// and those behind the former end.
    pub(crate) fn grow<A: AsRef<[Run]>, B: AsRef<[Run]>>(
        self,
        pm: &impl Pm,
        size_bytes: u64,
        now_ns: i64,
        _filled: &Batch<A, Clean, page::Owned>,
        _appended: &Batch<B, Clean, page::Owned>,
    ) -> Obj<Inode, Dirty, Live> {
        self.into_state::<Live>().resize(pm, size_bytes, now_ns)
    }
}

impl Obj<Inode, Clean, Shrunk> {
    /// The pages behind its end are not its own any more.
    pub(crate) fn cut<R: AsRef<[Run]>>(
        self,
        _gone: &Batch<R, Clean, page::Cleared>,
    ) -> Obj<Inode, Clean, Live> {
        self.into_state()
    }
}

impl Obj<Inode, Clean, LostLink> {
    /// Stores that no link is left. Recovery finds that by itself, so that it need never be durable.
    pub(crate) fn note_unlinked(&self, pm: &impl Pm, now_ns: i64) {
        pm.store(self.at().word(word::NLINK), 0);
        pm.store(self.at().word(word::CTIME_NS), num::time_word(now_ns));
    }

    /// Counts one link less.
    pub(crate) fn drop_link(
        self,
        pm: &impl Pm,
        nlink: u32,
        now_ns: i64,
    ) -> Obj<Inode, Dirty, Live> {
        let ino = self.id();
        self.change(ino)
            .store(pm, word::NLINK, u64::from(nlink))
            .store(pm, word::CTIME_NS, num::time_word(now_ns))
            .dirty()
    }

    /// The last link is gone, and nobody has the file open: the inode dies.
    pub(crate) fn free(self, pm: &impl Pm) -> Obj<Inode, Dirty, Freed> {
        let ino = self.id();
        self.change(ino).store(pm, word::HEAD, 0).dirty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_back_and_junk_is_not() {
        let head = Head {
            generation: 7,
            mode: mode::REGULAR | 0o644,
        };
        assert_eq!(Head::decode(head.encode()), Some(head));
        assert_eq!(Head::decode(0), None);
        assert_eq!(Head::decode(u64::MAX), None);
        assert_eq!(Head::decode(word::TAG << 16), None);
    }
}
