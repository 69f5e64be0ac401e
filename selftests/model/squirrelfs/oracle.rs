// SPDX-License-Identifier: GPL-2.0

//! Operations as data, and a tree to compare with.

use crate::model::{
    fs::{Error, Fs, Removal},
    inode::{mode, Attributes},
    layout::{inode as word, NAME_MAX_BYTES},
    pm::Pm,
    record::{load_name, Name},
    rename::Existing,
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
    /// From, to; what has the new name is replaced.
    Rename(String, String),
}

/// What the file system shows of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Type bits of the mode.
    pub(crate) kind: u16,
    pub(crate) nlink: u64,
    /// The first path with the same inode.
    pub(crate) first: String,
    /// Its other words: see [`ATTRIBUTES`].
    pub(crate) attributes: [u64; ATTRIBUTES.len()],
}

/// Words of an inode that are compared one by one: of times, a crash may leave the old or the new.
const ATTRIBUTES: [u64; 8] = [
    word::HEAD,
    word::OWNER,
    word::SIZE,
    word::ATIME_NS,
    word::BTIME_NS,
    word::RDEV,
    word::MTIME_NS,
    word::CTIME_NS,
];
const CTIME: usize = 7;

/// All paths; that of the root is empty.
pub(crate) type Tree = BTreeMap<String, Shown>;

/// What `found` shows that an operation from `before` to `after` cannot leave. Once it has returned,
/// `found` must be `after`; before, names and links are those of one of the two, and every attribute is.
pub(crate) fn difference(
    found: &Tree,
    before: &Tree,
    after: &Tree,
    returned: bool,
) -> Option<String> {
    let structure = |tree: &Tree| {
        let shown = tree
            .iter()
            .map(|(path, it)| (path.clone(), it.kind, it.nlink, it.first.clone()));
        shown.collect::<Vec<_>>()
    };
    let is = |tree| structure(found) == structure(tree);
    if !is(after) && (returned || !is(before)) {
        return Some(format!("names and links: {:?}", structure(found)));
    }
    for (path, it) in found {
        for index in 0..ATTRIBUTES.len() {
            let of = |tree: &Tree| tree.get(path).map(|shown| shown.attributes[index]);
            let value = Some(it.attributes[index]);
            // A link less and its time are left to a later fence: recovery counts anew.
            let lost_link = before.get(path).is_some_and(|old| old.nlink > it.nlink);
            let old_allowed = !returned || index == CTIME && lost_link;
            if value != of(after) && !(old_allowed && value == of(before)) {
                return Some(format!(
                    "attribute {index} of '{path}' is {value:?}, was {:?}, becomes {:?}",
                    of(before),
                    of(after)
                ));
            }
        }
    }
    None
}

fn attributes(mode: u16, now_ns: i64) -> Attributes {
    Attributes {
        mode,
        uid: 1,
        gid: 2,
        nlink: 0,
        rdev: 0,
        now_ns,
    }
}

/// The time of what is done after a crash.
pub(crate) const LATER_NS: i64 = 9_000_000_009;

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

/// Does `op` at the time `now_ns`.
pub(crate) fn apply<P: Pm>(fs: &mut Fs<P>, op: &Op, now_ns: i64) -> Result<(), Error> {
    match op {
        Op::Create(path) | Op::Mkdir(path) => {
            let (dir, name) = split(fs, path)?;
            let is_dir = matches!(op, Op::Mkdir(_));
            let mode = if is_dir {
                mode::DIRECTORY | 0o755
            } else {
                mode::REGULAR | 0o644
            };
            fs.create(dir, name, attributes(mode, now_ns)).map(|_| ())
        }
        Op::Link(from, to) => {
            let ino = find(fs, from)?;
            let (dir, name) = split(fs, to)?;
            fs.link(dir, name, ino, now_ns).map(|_| ())
        }
        Op::Rename(from, to) => {
            let (from, to) = (split(fs, from)?, split(fs, to)?);
            let replaced = fs.lookup(to.0, to.1);
            let _ = fs.rename(from, to, Existing::Replace, now_ns)?;
            replaced.map_or(Ok(()), |ino| {
                fs.evict(ino);
                Ok(())
            })
        }
        Op::Unlink(path) | Op::Rmdir(path) => {
            let (dir, name) = split(fs, path)?;
            let kind = if matches!(op, Op::Rmdir(_)) {
                Removal::Directory
            } else {
                Removal::File
            };
            fs.unlink(dir, name, kind, now_ns)
                .map(|(ino, _)| fs.evict(ino))
        }
    }
}

/// Reads everything.
pub(crate) fn tree<P: Pm>(fs: &Fs<P>) -> Tree {
    let mut found = Tree::new();
    let mut first = BTreeMap::new();
    show(
        fs,
        fs.root(),
        mode::DIRECTORY,
        String::new(),
        &mut found,
        &mut first,
    );
    walk(fs, fs.root(), "", &mut found, &mut first);
    found
}

fn show<P: Pm>(
    fs: &Fs<P>,
    ino: u64,
    kind: u16,
    path: String,
    found: &mut Tree,
    first: &mut BTreeMap<u64, String>,
) {
    let word = |index| fs.inode_word(ino, index).expect("an inode");
    let shown = Shown {
        kind,
        nlink: word(word::NLINK),
        first: first.entry(ino).or_insert_with(|| path.clone()).clone(),
        attributes: ATTRIBUTES.map(word),
    };
    let twice = found.insert(path, shown);
    assert_eq!(twice, None, "a path is there twice");
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
        show(fs, entry.ino, entry.kind, path.clone(), found, first);
        if entry.kind == mode::DIRECTORY {
            walk(fs, entry.ino, &format!("{path}/"), found, first);
        }
    }
}

/// Removes everything, deepest first.
pub(crate) fn remove_all<P: Pm>(fs: &mut Fs<P>) -> Result<(), String> {
    for (path, shown) in tree(fs)
        .into_iter()
        .rev()
        .filter(|(path, _)| !path.is_empty())
    {
        let op = if shown.kind == mode::DIRECTORY {
            Op::Rmdir(path)
        } else {
            Op::Unlink(path)
        };
        apply(fs, &op, LATER_NS).map_err(|error| format!("{op:?}: {error:?}"))?;
    }
    Ok(())
}
