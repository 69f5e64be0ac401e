// SPDX-License-Identifier: GPL-2.0

//! Redo records: two directory records that change together.
//!
//! ```text
//!   Empty --arm--> Armed --(both changes are made)--> Empty
//! ```
//!
//! An armed record commits the operation: if a crash comes before both changes are made, recovery makes
//! them. Its checksum covers the name of the first target, which may be written in the same epoch: if
//! the name did not arrive, the operation did not happen.

use super::{
    crc32c::Crc32c,
    layout::{
        record as record_word,
        redo as word,
        Geometry, //
    },
    num,
    pm::{
        Offset,
        Pm,
        LINE_BYTES,
        WORD_BYTES, //
    },
    record::{
        self,
        Record, //
    },
    state::{
        Clean,
        Dirty,
        Obj, //
    }, //
};

/// The kind: a redo record.
#[derive(Debug)]
pub(crate) enum Redo {}

/// Its head is 0.
#[derive(Debug)]
pub(crate) enum Empty {}
/// It is durable and commits two changes.
#[derive(Debug)]
pub(crate) enum Armed {}

/// A change of a directory record: its position and its new inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) record: Offset,
    pub(crate) ino: u64,
}

/// Checksum of two changes and of the name of the first one's record.
fn checksum(pm: &impl Pm, first: Change, second: Change) -> u64 {
    let mut crc = Crc32c::new();
    for word in [first.record.0, first.ino, second.record.0, second.ino] {
        crc = crc.word(word);
    }
    let head = pm.load(first.record.word(record_word::HEAD));
    let lines = record::Head::decode(head).map_or(1, |head| head.lines);
    // All words but the inode number and the type in the head, which are what changes.
    crc = crc.word(head & !record::KIND_MASK);
    for index in record_word::NAME..lines * (LINE_BYTES / WORD_BYTES) {
        crc = crc.word(pm.load(first.record.word(index)));
    }
    num::join(num::low32(word::TAG), crc.finish())
}

impl Obj<Redo, Clean, Empty> {
    /// Commits both changes as soon as this is durable; `moved` is the inode that they are about.
    pub(crate) fn arm(
        self,
        pm: &impl Pm,
        moved: u64,
        first: Change,
        second: Change,
    ) -> Obj<Redo, Dirty, Armed> {
        self.change(moved)
            .store(pm, word::FIRST, first.record.0)
            .store(pm, word::FIRST + 1, first.ino)
            .store(pm, word::SECOND, second.record.0)
            .store(pm, word::SECOND + 1, second.ino)
            .store(pm, word::HEAD, checksum(pm, first, second))
            .dirty()
    }
}

impl Obj<Redo, Clean, Armed> {
    /// Both changes are durable.
    pub(crate) fn disarm(
        self,
        pm: &impl Pm,
        _first: &Obj<Record, Clean, record::Live>,
        _second: &Obj<Record, Clean, record::Moved>,
    ) -> Obj<Redo, Dirty, Empty> {
        self.forget(pm)
    }

    /// Both changes are durable: two names were exchanged.
    pub(crate) fn disarm_exchange(
        self,
        pm: &impl Pm,
        _first: &Obj<Record, Clean, record::Live>,
        _second: &Obj<Record, Clean, record::Exchanged>,
    ) -> Obj<Redo, Dirty, Empty> {
        self.forget(pm)
    }

    /// Recovery has made both changes.
    pub(super) fn forget(self, pm: &impl Pm) -> Obj<Redo, Dirty, Empty> {
        self.change(0).store(pm, word::HEAD, 0).dirty()
    }
}

/// What the redo record at `at` commits; [`None`] if it is empty or did not arrive whole.
pub(crate) fn look(pm: &impl Pm, geometry: &Geometry, at: Offset) -> Option<(Change, Change)> {
    let change = |index: u64| Change {
        record: Offset(pm.load(at.word(index))),
        ino: pm.load(at.word(index + 1)),
    };
    let (first, second) = (change(word::FIRST), change(word::SECOND));
    let is_record =
        |it: Change| it.record.line() == it.record && geometry.page_of(it.record).is_some();
    let head = pm.load(at.word(word::HEAD));
    let armed = num::high32(head) == num::low32(word::TAG) && is_record(first) && is_record(second);
    (armed && head == checksum(pm, first, second)).then_some((first, second))
}
