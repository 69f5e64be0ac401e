// SPDX-License-Identifier: GPL-2.0

//! Operations as data.

/// The path of what a session holds open, whether it has a name or not.
pub(crate) const OPEN: &str = "@";

/// The time of what is done after a crash.
pub(crate) const LATER_NS: i64 = 9_000_000_199;

/// One operation. Paths are relative to the root, components separated by `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Create(String),
    Mkdir(String),
    /// Path, target.
    Symlink(String, String),
    /// From, to.
    Link(String, String),
    Unlink(String),
    Rmdir(String),
    /// From, to; what has the new name is replaced.
    Rename(String, String),
    /// From, to; what has the new name stays.
    RenameKeep(String, String),
    Exchange(String, String),
    /// Makes a file without a name, and holds it open.
    Tmpfile,
    /// As the operation, which takes the last name from something, but somebody has that open.
    Held(Box<Op>),
    /// Nobody holds anything open any more.
    Close,
    Write(Write),
    /// A page fault: the page is there afterwards, the size as before.
    Populate(String, u64),
    /// Path, size in bytes.
    Resize(String, u64),
    /// Path, permissions.
    Chmod(String, u16),
    /// Path, user; the permissions lose their set-ID bits, or become these.
    Chown(String, u32, Option<u16>),
    /// Reads: the time of access is set by the way.
    Read(String),
}

impl Op {
    /// What is done, without to what.
    pub(crate) fn name(&self) -> String {
        let text = format!("{self:?}");
        text.split('(').next().unwrap_or_default().to_lowercase()
    }
}

/// Bytes for a file: each is [`fill_of`] the time of the operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) path: String,
    pub(crate) at: u64,
    pub(crate) len: u64,
    /// No more bytes can be had than this.
    pub(crate) most: u64,
}

/// The byte that a write at the time `now_ns` stores: never 0, and another one for each operation.
pub(crate) fn fill_of(now_ns: i64) -> u8 {
    1 + (now_ns % 200) as u8
}

fn s(text: &str) -> String {
    text.to_string()
}

pub(crate) fn create(path: &str) -> Op {
    Op::Create(s(path))
}

pub(crate) fn mkdir(path: &str) -> Op {
    Op::Mkdir(s(path))
}

pub(crate) fn symlink(path: &str, target: &str) -> Op {
    Op::Symlink(s(path), s(target))
}

pub(crate) fn link(from: &str, to: &str) -> Op {
    Op::Link(s(from), s(to))
}

pub(crate) fn unlink(path: &str) -> Op {
    Op::Unlink(s(path))
}

pub(crate) fn rmdir(path: &str) -> Op {
    Op::Rmdir(s(path))
}

pub(crate) fn rename(from: &str, to: &str) -> Op {
    Op::Rename(s(from), s(to))
}

pub(crate) fn exchange(one: &str, other: &str) -> Op {
    Op::Exchange(s(one), s(other))
}

pub(crate) fn held(op: Op) -> Op {
    Op::Held(Box::new(op))
}

pub(crate) fn write(path: &str, at: u64, len: u64) -> Op {
    write_short(path, at, len, len)
}

/// A write whose source has fewer bytes than it promised.
pub(crate) fn write_short(path: &str, at: u64, len: u64, most: u64) -> Op {
    let path = s(path);
    Op::Write(Write {
        path,
        at,
        len,
        most,
    })
}

pub(crate) fn populate(path: &str, page: u64) -> Op {
    Op::Populate(s(path), page)
}

pub(crate) fn resize(path: &str, size: u64) -> Op {
    Op::Resize(s(path), size)
}

pub(crate) fn chmod(path: &str, mode: u16) -> Op {
    Op::Chmod(s(path), mode)
}

pub(crate) fn chown(path: &str, uid: u32) -> Op {
    Op::Chown(s(path), uid, None)
}

pub(crate) fn chown_and_chmod(path: &str, uid: u32, mode: u16) -> Op {
    Op::Chown(s(path), uid, Some(mode))
}

pub(crate) fn read(path: &str) -> Op {
    Op::Read(s(path))
}
