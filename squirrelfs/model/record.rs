// SPDX-License-Identifier: GPL-2.0

//! Directory records and their transitions.
//!
//! ```text
//!   Free --name--> Named --link(inode)--> Live --clear--> Cleared, which is as good as free
//! ```
//!
//! A free record's commit word is 0. Its other words may hold anything.

use super::{
    crc32c::Crc32c,
    inode::{
        self,
        Inode, //
    },
    layout::{
        record as word,
        Geometry,
        INO_BITS,
        LINES_PER_PAGE,
        NAME_MAX_BYTES, //
    },
    num,
    pm::{
        load_bytes,
        word_of,
        Offset,
        Pm,
        LINE_BYTES,
        WORD_BYTES, //
    },
    redo::{
        self,
        Redo, //
    },
    state::{
        Clean,
        Dirty,
        Obj, //
    }, //
};

/// The kind: a directory record.
#[derive(Debug)]
pub(crate) enum Record {}

/// Its commit word is 0.
#[derive(Debug)]
pub(crate) enum Free {}
/// It has a name and no inode.
#[derive(Debug)]
pub(crate) enum Named {}
/// It names an inode.
#[derive(Debug)]
pub(crate) enum Live {}
/// Its commit word was set to 0; the number is still that of the inode it named.
#[derive(Debug)]
pub(crate) enum Cleared {}

/// Its commit word was set to 0, and another record names the inode.
#[derive(Debug)]
pub(crate) enum Moved {}

/// It names the inode that another record named, and the other record names that of this one.
#[derive(Debug)]
pub(crate) enum Exchanged {}

/// States in which a record does not name its inode any more.
pub(crate) trait Gone {}
impl Gone for Cleared {}
impl Gone for Moved {}
impl Gone for Exchanged {}

/// An inode whose record names another now.
#[derive(Debug)]
pub(crate) struct Replaced(u64);

impl Replaced {
    /// The inode that durably lost a link to the record.
    pub(crate) fn lost_link(
        self,
        geometry: &Geometry,
        _by: &Obj<Record, Clean, Live>,
    ) -> Option<Obj<Inode, Clean, inode::LostLink>> {
        geometry.inode(self.0).map(|at| Obj::found(at, self.0))
    }
}

/// When a name becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// With the commit word in its line at the latest.
    WithCommit,
    /// By the next fence.
    AtOnce,
}

/// A name: 1 to 255 bytes without `/` and NUL, neither `.` nor `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Returns [`None`] for bytes that cannot name a directory entry.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let fits = !bytes.is_empty() && bytes.len() <= NAME_MAX_BYTES;
        let allowed = !bytes.iter().any(|byte| matches!(byte, b'/' | 0));
        (fits && allowed && bytes != b"." && bytes != b"..").then_some(Self(bytes))
    }

    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Lines a record of this name takes, 1 to 5.
    pub(crate) fn lines(self) -> u64 {
        let further = self.0.len().saturating_sub(word::FIRST_BYTES);
        1 + num::word(further.div_ceil(word::NEXT_BYTES))
    }

    /// Hash by which directories find it.
    pub(crate) fn hash(self) -> u32 {
        self.0
            .chunks(8)
            .fold(Crc32c::new(), |crc, chunk| crc.word(word_of(chunk)))
            .finish()
    }
}

/// The second word of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) hash: u32,
    /// Type bits of the inode's mode, for readdir.
    pub(crate) kind: u16,
    pub(crate) lines: u64,
    pub(crate) name_bytes: usize,
}

/// Where a head has the type.
pub(super) const KIND_MASK: u64 = 0xffff << 16;

impl Head {
    const fn encode(self) -> u64 {
        num::join(self.hash, 0)
            | num::wide16(self.kind) << 16
            | self.lines << 8
            | num::word(self.name_bytes)
    }

    /// Reads a head; [`None`] if its parts contradict each other.
    pub(crate) fn decode(head: u64) -> Option<Self> {
        let it = Self {
            hash: num::high32(head),
            kind: num::low16(head >> 16),
            lines: head >> 8 & 0xff,
            name_bytes: num::index(head & 0xff),
        };
        let further = it
            .name_bytes
            .saturating_sub(word::FIRST_BYTES)
            .div_ceil(word::NEXT_BYTES);
        let valid = it.name_bytes > 0
            && it.lines == 1 + num::word(further)
            && inode::mode::is_valid(it.kind)
            && it.kind & !inode::mode::FORMAT == 0;
        valid.then_some(it)
    }
}

/// What a line of a directory page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Free, or left over from a record that is.
    Free,
    /// The first line of a live record.
    Live { ino: u64, head: Head },
    /// Not written by this file system.
    Corrupt,
}

/// Looks at the line at `at`, which is the `index`-th of its page.
pub(crate) fn look(pm: &impl Pm, at: Offset, index: u64) -> Line {
    let ino = pm.load(at.word(word::INO));
    if ino == 0 || ino >> 48 == word::CONTINUED >> 48 {
        return Line::Free;
    }
    let Some(head) = Head::decode(pm.load(at.word(word::HEAD))) else {
        return Line::Corrupt;
    };
    let fits = index.saturating_add(head.lines) <= LINES_PER_PAGE;
    let continued = (1..head.lines)
        .all(|n| pm.load(at.plus(n * LINE_BYTES)) == word::CONTINUED.wrapping_add(n));
    if ino >> INO_BITS != 0 || !fits || !continued {
        return Line::Corrupt;
    }
    Line::Live { ino, head }
}

/// Copies the name of the record at `at`, which takes `name_bytes`, into `to`; returns it.
pub(crate) fn load_name<'a>(
    pm: &impl Pm,
    at: Offset,
    name_bytes: usize,
    to: &'a mut [u8; NAME_MAX_BYTES],
) -> &'a [u8] {
    let name_bytes = name_bytes.min(NAME_MAX_BYTES);
    let (first, mut rest) = to[..name_bytes].split_at_mut(name_bytes.min(word::FIRST_BYTES));
    load_bytes(pm, at.word(word::NAME), first);
    let mut line = at.plus(LINE_BYTES);
    while !rest.is_empty() {
        let (now, later) = rest.split_at_mut(rest.len().min(word::NEXT_BYTES));
        load_bytes(pm, line.plus(WORD_BYTES), now);
        line = line.plus(LINE_BYTES);
        rest = later;
    }
    &to[..name_bytes]
}

impl Obj<Record, Clean, Free> {
    /// Stores the name, for an inode of the type `kind`. The lines behind the first must be free too.
    pub(crate) fn name(
        self,
        pm: &impl Pm,
        name: Name<'_>,
        kind: u16,
        durable: Durable,
    ) -> Obj<Record, Dirty, Named> {
        let head = Head {
            hash: name.hash(),
            kind: kind & inode::mode::FORMAT,
            lines: name.lines(),
            name_bytes: name.bytes().len(),
        };
        let split = name.bytes().len().min(word::FIRST_BYTES);
        let (first, rest) = name.bytes().split_at(split);
        // The line may have been the middle of a record: it must not look like one for a moment.
        let mut change = self.change(0).store_before_commit(pm, word::INO, 0);
        change = match durable {
            Durable::WithCommit => change.store_before_commit(pm, word::HEAD, head.encode()),
            Durable::AtOnce => change.store(pm, word::HEAD, head.encode()),
        };
        for (index, bytes) in (word::NAME..).zip(first.chunks(8)) {
            change = change.store_before_commit(pm, index, word_of(bytes));
        }
        for (line, bytes) in (1..).zip(rest.chunks(word::NEXT_BYTES)) {
            let base: u64 = line * (LINE_BYTES / WORD_BYTES);
            change = change.store(pm, base, word::CONTINUED.wrapping_add(line));
            for (index, bytes) in (base + 1..).zip(bytes.chunks(8)) {
                change = change.store(pm, index, word_of(bytes));
            }
        }
        change.dirty()
    }
}

impl Obj<Record, Clean, Named> {
    /// Names a new inode. Only one that is initialised and durable may be named.
    pub(crate) fn link(
        self,
        pm: &impl Pm,
        inode: &Obj<Inode, Clean, inode::Init>,
    ) -> Obj<Record, Dirty, Live> {
        self.commit(pm, inode.id())
    }

    /// Names an inode once more. Its link count must durably include this.
    pub(crate) fn link_again(
        self,
        pm: &impl Pm,
        inode: &Obj<Inode, Clean, inode::MoreLinks>,
    ) -> Obj<Record, Dirty, Live> {
        self.commit(pm, inode.id())
    }

    /// Names the inode that an armed redo record moves here.
    pub(crate) fn link_moved(
        self,
        pm: &impl Pm,
        redo: &Obj<Redo, Clean, redo::Armed>,
    ) -> Obj<Record, Dirty, Live> {
        self.commit(pm, redo.id())
    }

    fn commit(self, pm: &impl Pm, ino: u64) -> Obj<Record, Dirty, Live> {
        self.change(ino).store(pm, word::INO, ino).dirty()
    }
}

impl Obj<Record, Clean, Live> {
    /// Names nothing any more.
    pub(crate) fn clear(self, pm: &impl Pm) -> Obj<Record, Dirty, Cleared> {
        let ino = self.id();
        self.change(ino).store(pm, word::INO, 0).dirty()
    }
}

impl Obj<Record, Clean, Live> {
    /// Names the inode of the type `kind` that an armed redo record moves here, instead of its own.
    pub(crate) fn replace(
        self,
        pm: &impl Pm,
        redo: &Obj<Redo, Clean, redo::Armed>,
        kind: u16,
    ) -> (Obj<Record, Dirty, Live>, Replaced) {
        let replaced = Replaced(self.id());
        (self.set(pm, redo.id(), kind), replaced)
    }

    /// Names nothing any more, since an armed redo record moves its inode elsewhere.
    pub(crate) fn moved(
        self,
        pm: &impl Pm,
        _redo: &Obj<Redo, Clean, redo::Armed>,
    ) -> Obj<Record, Dirty, Moved> {
        let ino = self.id();
        self.change(ino).store(pm, word::INO, 0).dirty()
    }

    /// Names the inode of the type `kind` that lost the other record of an exchange to its own.
    pub(crate) fn exchanged(
        self,
        pm: &impl Pm,
        _redo: &Obj<Redo, Clean, redo::Armed>,
        other: &Replaced,
        kind: u16,
    ) -> Obj<Record, Dirty, Exchanged> {
        self.set(pm, other.0, kind)
    }

    /// Stores type and inode number, in this order.
    pub(super) fn set<O>(self, pm: &impl Pm, ino: u64, kind: u16) -> Obj<Record, Dirty, O> {
        let head = pm.load(self.at().word(word::HEAD)) & !KIND_MASK;
        self.change(ino)
            .store(
                pm,
                word::HEAD,
                head | num::wide16(kind & inode::mode::FORMAT) << 16,
            )
            .store(pm, word::INO, ino)
            .dirty()
    }
}

impl Obj<Record, Clean, Cleared> {
    /// The inode that durably lost this link.
    pub(crate) fn lost_link(
        self,
        geometry: &Geometry,
    ) -> Option<Obj<Inode, Clean, inode::LostLink>> {
        let ino = self.id();
        geometry.inode(ino).map(|at| Obj::found(at, ino))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_as_many_lines_as_they_need() {
        let lines = |len: usize| Name::new(&vec![b'x'; len]).map(Name::lines);
        assert_eq!(
            [1, 48, 49, 104, 105, 255].map(lines),
            [1, 1, 2, 2, 3, 5].map(Some)
        );
        assert_eq!(lines(0), None);
        assert_eq!(lines(256), None);
    }

    #[test]
    fn what_means_something_else_is_no_name() {
        for bytes in [&b"."[..], b"..", b"a/b", b"a\0b", b""] {
            assert_eq!(Name::new(bytes), None);
        }
        assert!(
            Name::new(b"...").is_some()
                && Name::new(b".x").is_some()
                && Name::new(b"\xff").is_some()
        );
    }

    #[test]
    fn heads_are_read_back_and_junk_is_not() {
        let head = Head {
            hash: 0xdead_beef,
            kind: inode::mode::REGULAR,
            lines: 2,
            name_bytes: 60,
        };
        assert_eq!(Head::decode(head.encode()), Some(head));
        for junk in [
            0,
            u64::MAX,
            Head { lines: 3, ..head }.encode(),
            Head { kind: 1, ..head }.encode(),
        ] {
            assert_eq!(Head::decode(junk), None);
        }
    }
}
