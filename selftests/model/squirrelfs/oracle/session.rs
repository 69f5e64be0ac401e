// SPDX-License-Identifier: GPL-2.0

//! A mounted file system, somebody who uses it, and what they know of it by themselves.

use super::{
    op::{fill_of, Op, Write, LATER_NS, OPEN},
    tree::{by_id, show, tree, Contents, Id, Shown, Tree, ATIME, CTIME},
};
use crate::model::{
    fs::{Error, Fs, Removal},
    inode::{mode, Attributes, Changes},
    pm::{Offset, Pm, PAGE_BYTES},
    record::Name,
    rename::Existing,
    write::{End, Source, Zeros},
};
use std::collections::{BTreeMap, BTreeSet};

/// What was done to each inode so far, kept without a look at the medium.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    files: BTreeMap<Id, Vec<u8>>,
    /// Which bytes were ever written to each file.
    written: BTreeMap<Id, BTreeSet<u8>>,
    /// Times that were replaced without a fence.
    left: BTreeSet<(Id, usize, u64)>,
}

impl History {
    /// A byte of `page` that was never written to a file.
    pub(crate) fn foreign(&self, id: Id, page: &[u8]) -> Option<u8> {
        let mut own = [false; 256];
        let written = self.written.get(&id).into_iter().flatten();
        [0].iter()
            .chain(written)
            .for_each(|byte| own[usize::from(*byte)] = true);
        page.iter().copied().find(|byte| !own[usize::from(*byte)])
    }

    /// Whether an attribute was once `value`, and what replaced it was left to a later fence.
    pub(crate) fn left(&self, id: Id, attribute: usize, value: u64) -> bool {
        self.left.contains(&(id, attribute, value))
    }

    fn learn(&mut self, shown: &Shown) {
        if let Contents::Pages(pages) = &shown.contents {
            let bytes = pages.values().flatten().copied();
            self.written.entry(shown.id).or_default().extend(bytes);
            self.files.insert(shown.id, shown.bytes());
        }
    }

    /// What a file shows that was not written to it.
    pub(crate) fn contradiction(&self, tree: &Tree) -> Option<String> {
        tree.iter().find_map(|(path, it)| {
            let bytes = self.files.get(&it.id)?;
            if it.bytes() != *bytes {
                return Some(format!("'{path}' does not have what was written to it"));
            }
            let clean = it.tail().iter().all(|byte| *byte == 0);
            (!clean).then(|| format!("there are bytes behind the end of '{path}'"))
        })
    }
}

/// A mounted file system in use.
pub(crate) struct Session<P: Pm> {
    pub(crate) fs: Fs<P>,
    open: Option<u64>,
    pub(crate) history: History,
}

/// A source of one byte, of which there are not more than `most`.
struct Bytes {
    fill: u8,
    most: u64,
}

impl<P: Pm> Source<P> for Bytes {
    fn store(&mut self, pm: &P, at: Offset, len_bytes: u64) -> u64 {
        let count = len_bytes.min(self.most);
        self.most -= count;
        pm.copy(at, &vec![self.fill; count as usize]);
        count
    }
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

impl<P: Pm> Session<P> {
    /// Of a file system that nobody has used since it was mounted.
    pub(crate) fn new(fs: Fs<P>) -> Self {
        let mut history = History::default();
        tree(&fs).values().for_each(|shown| history.learn(shown));
        Self {
            fs,
            open: None,
            history,
        }
    }

    pub(crate) fn tree(&self) -> Tree {
        tree(&self.fs)
    }

    /// The directory of a path, and its last component.
    fn split<'a>(&self, path: &'a str) -> Result<(u64, Name<'a>), Error> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = Name::new(name.as_bytes()).ok_or(Error::NotFound)?;
        Ok((self.find(dir)?, name))
    }

    /// The inode of a path.
    pub(crate) fn find(&self, path: &str) -> Result<u64, Error> {
        if path == OPEN {
            return self.open.ok_or(Error::NotFound);
        }
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(self.fs.root(), |dir, name| {
                let name = Name::new(name.as_bytes()).ok_or(Error::NotFound)?;
                self.fs.lookup(dir, name)
            })
    }

    fn id(&self, ino: u64) -> Result<Id, Error> {
        Ok((ino, self.fs.head(ino)?.generation.into()))
    }

    /// Does `op` at the time `now_ns`.
    pub(crate) fn apply(&mut self, op: &Op, now_ns: i64) -> Result<(), Error> {
        match op {
            Op::Create(path) => {
                let (dir, name) = self.split(path)?;
                let new = attributes(mode::REGULAR | 0o644, now_ns);
                let (ino, _) = self.fs.create(dir, name, new)?;
                self.made(ino)
            }
            Op::Mkdir(path) => {
                let (dir, name) = self.split(path)?;
                let new = attributes(mode::DIRECTORY | 0o755, now_ns);
                self.fs.create(dir, name, new).map(drop)
            }
            Op::Symlink(path, target) => {
                let (dir, name) = self.split(path)?;
                let new = attributes(0o777, now_ns);
                let made = self.fs.symlink(dir, name, target.as_bytes(), new);
                made.map(drop)
            }
            Op::Link(from, to) => {
                let ino = self.find(from)?;
                let (dir, name) = self.split(to)?;
                self.fs.link(dir, name, ino, now_ns).map(drop)
            }
            Op::Unlink(_) | Op::Rmdir(_) | Op::Rename(..) => {
                let gone = self.take_name(op, now_ns)?;
                if let Some(ino) = gone.filter(|ino| self.open != Some(*ino)) {
                    self.fs.evict(ino);
                }
                Ok(())
            }
            Op::Held(op) => {
                let gone = self.take_name(op, now_ns)?;
                self.hold(gone);
                Ok(())
            }
            Op::RenameKeep(from, to) => self.rename(from, to, Existing::Keep, now_ns),
            Op::Exchange(one, other) => self.rename(one, other, Existing::Exchange, now_ns),
            Op::Tmpfile => {
                let new = attributes(mode::REGULAR | 0o600, now_ns);
                let (ino, _) = self.fs.tmpfile(new)?;
                self.hold(Some(ino));
                self.made(ino)
            }
            Op::Close => {
                self.hold(None);
                Ok(())
            }
            Op::Write(write) => self.write(write, now_ns),
            Op::Populate(path, page) => {
                let ino = self.find(path)?;
                let at = page * PAGE_BYTES;
                let write = self.fs.begin_write(ino, at, PAGE_BYTES, End::Stays)?;
                if !write.fills_holes() {
                    // The page is there: nothing is to be done, and nothing was taken.
                    return Err(Error::Exists);
                }
                let geometry = *self.fs.geometry();
                let written = write.commit(self.fs.pm(), &geometry, &mut Zeros, now_ns);
                let _ = self.fs.note_write(written);
                Ok(())
            }
            Op::Resize(path, size) => {
                let ino = self.find(path)?;
                let _ = self.fs.resize(ino, *size, now_ns)?;
                let id = self.id(ino)?;
                let bytes = self.history.files.entry(id).or_default();
                bytes.resize(*size as usize, 0);
                Ok(())
            }
            Op::Chmod(path, mode) => {
                let changes = Changes {
                    mode: Some(*mode),
                    ctime_ns: Some(now_ns),
                    ..Changes::default()
                };
                self.fs.set_attributes(self.find(path)?, &changes).map(drop)
            }
            Op::Chown(path, uid, mode) => {
                let ino = self.find(path)?;
                let changes = Changes {
                    uid: Some(*uid),
                    mode: Some(mode.unwrap_or(self.fs.head(ino)?.mode & !0o6000)),
                    ctime_ns: Some(now_ns),
                    ..Changes::default()
                };
                self.fs.set_attributes(ino, &changes).map(drop)
            }
            Op::Read(path) => {
                let changes = Changes {
                    atime_ns: Some(now_ns),
                    ..Changes::default()
                };
                self.fs.set_times(self.find(path)?, &changes)
            }
        }
    }

    /// A file was made: it is empty.
    fn made(&mut self, ino: u64) -> Result<(), Error> {
        self.history.files.insert(self.id(ino)?, Vec::new());
        Ok(())
    }

    /// Holds this open, and nothing else.
    fn hold(&mut self, ino: Option<u64>) {
        let before = std::mem::replace(&mut self.open, ino);
        if let Some(before) = before.filter(|before| Some(*before) != ino) {
            self.fs.evict(before);
        }
    }

    fn rename(&mut self, from: &str, to: &str, how: Existing, now_ns: i64) -> Result<(), Error> {
        let (from, to) = (self.split(from)?, self.split(to)?);
        self.fs.rename(from, to, how, now_ns).map(drop)
    }

    /// Unlink, rmdir and rename, without evict. Returns what may have lost its last name.
    fn take_name(&mut self, op: &Op, now_ns: i64) -> Result<Option<u64>, Error> {
        let (path, kind) = match op {
            Op::Rename(from, to) => {
                let replaced = self.find(to).ok();
                self.rename(from, to, Existing::Replace, now_ns)?;
                return Ok(replaced);
            }
            Op::Rmdir(path) => (path, Removal::Directory),
            Op::Unlink(path) => (path, Removal::File),
            _ => panic!("{op:?} takes no name from anything"),
        };
        let (dir, name) = self.split(path)?;
        let (ino, _) = self.fs.unlink(dir, name, kind, now_ns)?;
        Ok(Some(ino))
    }

    fn write(&mut self, what: &Write, now_ns: i64) -> Result<(), Error> {
        let ino = self.find(&what.path)?;
        let fill = fill_of(now_ns);
        let mut source = Bytes {
            fill,
            most: what.most,
        };
        let (mut at, end) = (what.at, what.at.saturating_add(what.len));
        while at < end {
            let write = self.fs.begin_write(ino, at, end - at, End::Moves)?;
            let geometry = *self.fs.geometry();
            let written = write.commit(self.fs.pm(), &geometry, &mut source, now_ns);
            let (count, _) = self.fs.note_write(written);
            if count == 0 {
                break;
            }
            let id = self.id(ino)?;
            let bytes = self.history.files.entry(id).or_default();
            let (first, behind) = (at as usize, (at + count) as usize);
            bytes.resize(bytes.len().max(behind), 0);
            bytes[first..behind].fill(fill);
            self.history.written.entry(id).or_default().insert(fill);
            at += count;
        }
        Ok(())
    }

    /// Notes which times `op` replaced without a fence: of an inode that lost a link, recovery counts
    /// anew, and that something was read need not be known.
    pub(crate) fn note_left(&mut self, op: &Op, before: &Tree, after: &Tree) {
        let new = by_id(after);
        for (id, old) in by_id(before) {
            let Some(new) = new.get(&id) else {
                continue;
            };
            let mut left = |index: usize| {
                let value = old.attributes[index];
                self.history.left.insert((id, index, value));
            };
            if new.nlink < old.nlink {
                left(CTIME);
            }
            if matches!(op, Op::Read(_)) {
                left(ATIME);
            }
        }
    }

    /// Lets all files grow by some pages and a bit: what they had stays, and zeros follow.
    pub(crate) fn grow_all(&mut self) -> Result<(), String> {
        for (path, shown) in self.tree() {
            if !matches!(shown.contents, Contents::Pages(_)) {
                continue;
            }
            let grown = Op::Resize(path.clone(), shown.size() + PAGE_BYTES + 1);
            let failed = |error| format!("{grown:?}: {error:?}");
            self.apply(&grown, LATER_NS).map_err(failed)?;
            let found = show(&self.fs, shown.id.0, shown.kind).bytes();
            let (old, added) = found.split_at(shown.size() as usize);
            if old != shown.bytes() || added.iter().any(|byte| *byte != 0) {
                return Err(format!("'{path}' has other bytes when it has grown"));
            }
        }
        Ok(())
    }

    /// Removes everything, deepest first.
    pub(crate) fn remove_all(&mut self) -> Result<(), String> {
        let paths = self.tree().into_iter().rev();
        for (path, shown) in paths.filter(|(path, _)| !path.is_empty()) {
            let op = match shown.kind {
                mode::DIRECTORY => Op::Rmdir(path),
                _ => Op::Unlink(path),
            };
            self.apply(&op, LATER_NS)
                .map_err(|error| format!("{op:?}: {error:?}"))?;
        }
        Ok(())
    }
}
