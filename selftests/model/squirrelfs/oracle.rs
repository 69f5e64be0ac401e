// SPDX-License-Identifier: GPL-2.0

//! Operations as data, and a tree to compare with.

use crate::model::{
    fs::{Error, Fs, Removal},
    inode::{mode, Attributes},
    layout::{inode as word, NAME_MAX_BYTES},
    pm::Pm,
    record::{load_name, Name},
};
use std::collections::BTreeMap;

/// One operation. Paths are relative to the root, components separated by `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Create(String),
    Mkdir(String),
    /// From, to.
    Link(String, String),
    Unlink(String),
    Rmdir(String),
}

/// What the file system shows: for each path its type, its link count, and the first path with the same
/// inode.
pub(crate) type Tree = BTreeMap<String, (u16, u64, String)>;

/// The time of all operations; a later one would only differ in times, which are not ordered.
const NOW_NS: i64 = 1_000_000_007;

fn attributes(mode: u16) -> Attributes {
    Attributes {
        mode,
        uid: 1,
        gid: 2,
        nlink: 0,
        rdev: 0,
        now_ns: NOW_NS,
    }
}

/// The directory of a path, and its last component.
fn split<'a, P: Pm>(fs: &Fs<P>, path: &'a str) -> Result<(u64, Name<'a>), Error> {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((
        find(fs, dir)?,
        Name::new(name.as_bytes()).ok_or(Error::NotFound)?,
    ))
}

/// The inode of a path.
fn find<P: Pm>(fs: &Fs<P>, path: &str) -> Result<u64, Error> {
    path.split('/')
        .filter(|name| !name.is_empty())
        .try_fold(fs.root(), |dir, name| {
            fs.lookup(dir, Name::new(name.as_bytes()).ok_or(Error::NotFound)?)
        })
}

/// Does `op`.
pub(crate) fn apply<P: Pm>(fs: &mut Fs<P>, op: &Op) -> Result<(), Error> {
    match op {
        Op::Create(path) | Op::Mkdir(path) => {
            let (dir, name) = split(fs, path)?;
            let is_dir = matches!(op, Op::Mkdir(_));
            let mode = if is_dir {
                mode::DIRECTORY | 0o755
            } else {
                mode::REGULAR | 0o644
            };
            fs.create(dir, name, attributes(mode)).map(|_| ())
        }
        Op::Link(from, to) => {
            let ino = find(fs, from)?;
            let (dir, name) = split(fs, to)?;
            fs.link(dir, name, ino, NOW_NS).map(|_| ())
        }
        Op::Unlink(path) | Op::Rmdir(path) => {
            let (dir, name) = split(fs, path)?;
            let kind = if matches!(op, Op::Rmdir(_)) {
                Removal::Directory
            } else {
                Removal::File
            };
            fs.unlink(dir, name, kind, NOW_NS).map(|_| ())
        }
    }
}

/// Reads everything.
pub(crate) fn tree<P: Pm>(fs: &Fs<P>) -> Tree {
    let mut found = Tree::new();
    let mut first = BTreeMap::new();
    walk(fs, fs.root(), "", &mut found, &mut first);
    found
}

fn walk<P: Pm>(
    fs: &Fs<P>,
    dir: u64,
    path: &str,
    found: &mut Tree,
    first: &mut BTreeMap<u64, String>,
) {
    let mut entries = Vec::new();
    let mut cookie = 0;
    while let Some(entry) = fs.entry(dir, cookie).expect("a directory") {
        let mut buffer = [0; NAME_MAX_BYTES];
        let name = load_name(fs.pm(), entry.at, entry.name_bytes, &mut buffer);
        let name = String::from_utf8(name.to_vec()).expect("the tests' names are text");
        entries.push((format!("{path}{name}"), entry));
        cookie = entry.next;
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, entry) in entries {
        let nlink = fs.inode_word(entry.ino, word::NLINK).expect("an inode");
        let group = first
            .entry(entry.ino)
            .or_insert_with(|| path.clone())
            .clone();
        let twice = found.insert(path.clone(), (entry.kind, nlink, group));
        assert!(twice.is_none(), "{path} is there twice");
        if entry.kind == mode::DIRECTORY {
            walk(fs, entry.ino, &format!("{path}/"), found, first);
        }
    }
}

/// Removes everything, deepest first.
pub(crate) fn remove_all<P: Pm>(fs: &mut Fs<P>) -> Result<(), String> {
    for (path, (kind, ..)) in tree(fs).into_iter().rev() {
        let op = if kind == mode::DIRECTORY {
            Op::Rmdir(path)
        } else {
            Op::Unlink(path)
        };
        apply(fs, &op).map_err(|error| format!("{op:?}: {error:?}"))?;
    }
    Ok(())
}
