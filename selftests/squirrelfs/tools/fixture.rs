// SPDX-License-Identifier: GPL-2.0

//! Media with something on them.

use crate::model::{
    format::{self, Access, Options},
    fs::{Fs, Removal},
    inode::{mode, Attributes},
    layout::{self, superblock, Geometry},
    num,
    pm::{Offset, Pm},
    record::Name,
    rename::Existing,
    scan,
    write::{End, Zeros},
};
use std::cell::RefCell;

/// A medium in memory, all of which is durable at once.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: RefCell<Vec<u8>>,
    /// What was there before each change, if that is wanted.
    history: Option<RefCell<Vec<Vec<u8>>>>,
}

impl Memory {
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self {
            bytes: RefCell::new(bytes),
            history: None,
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner()
    }
}

impl Pm for Memory {
    fn size_bytes(&self) -> u64 {
        num::word(self.bytes.borrow().len())
    }

    fn load(&self, at: Offset) -> u64 {
        let bytes = self.bytes.borrow();
        let word = bytes.get(num::index(at.0)..).and_then(|it| it.get(..8));
        word.map_or(0, |word| u64::from_le_bytes(word.try_into().unwrap()))
    }

    fn store(&self, at: Offset, value: u64) {
        self.copy(at, &value.to_le_bytes());
    }

    fn write_back(&self, _at: Offset) {}

    fn zero(&self, at: Offset, len_bytes: u64) {
        self.copy(at, &vec![0; num::index(len_bytes)]);
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        let at = num::index(at.0);
        if let Some(history) = &self.history {
            history.borrow_mut().push(self.bytes.borrow().clone());
        }
        self.bytes.borrow_mut()[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn fence(&self) {}
}

/// The time at which everything is made: 2001-09-09.
const NOW_NS: i64 = 1_000_000_000_000_000_000;

fn attributes(mode: u16) -> Attributes {
    Attributes {
        mode,
        uid: 1000,
        gid: 100,
        nlink: 0,
        rdev: 0,
        now_ns: NOW_NS,
    }
}

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

fn directory(fs: &mut Fs<Memory>, dir: u64, text: &str) -> u64 {
    let mode = mode::DIRECTORY | 0o755;
    fs.create(dir, name(text), attributes(mode)).unwrap().0
}

fn file(fs: &mut Fs<Memory>, dir: u64, text: &str, bytes: usize) -> u64 {
    let mode = mode::REGULAR | 0o644;
    let ino = fs.create(dir, name(text), attributes(mode)).unwrap().0;
    if bytes > 0 {
        write(fs, ino, 0, bytes);
    }
    ino
}

fn write(fs: &mut Fs<Memory>, ino: u64, at: u64, bytes: usize) {
    let write = fs.begin_write(ino, at, num::word(bytes), End::Moves);
    let write = write.unwrap();
    let written = write.commit(fs.pm(), fs.geometry(), &mut Zeros, NOW_NS);
    let _ = fs.note_write(written);
}

/// A file system of `size_bytes` with some of everything, mounted.
fn filled(size_bytes: usize) -> Fs<Memory> {
    let memory = Memory::from_bytes(vec![0; size_bytes]);
    let mut label = [0; 32];
    label[..6].copy_from_slice(b"golden");
    let options = Options {
        inode_count: 0,
        uuid: *b"0123456789abcdef",
        label,
        uid: 0,
        gid: 0,
        now_ns: NOW_NS,
    };
    format::format(&memory, &options).unwrap();
    fill(memory)
}

/// Puts some of everything onto an empty medium.
fn fill(memory: Memory) -> Fs<Memory> {
    let (mut fs, _) = scan::mount(memory, Access::ReadWrite).unwrap();
    let root = fs.root();
    let docs = directory(&mut fs, root, "docs");
    let user = directory(&mut fs, docs, "user");
    let long = "long-".repeat(40);
    file(&mut fs, user, &long, 5000);
    let hole = file(&mut fs, user, "hole", 1);
    write(&mut fs, hole, 40_000, 10);
    let twice = file(&mut fs, root, "a", 4096);
    let _ = fs.link(docs, name("b"), twice, NOW_NS).unwrap();
    for text in ["tab\there", "grün"] {
        file(&mut fs, docs, text, 0);
    }
    let _ = fs
        .create(docs, Name::new(b"\xff\xfe").unwrap(), attributes(0o010_600))
        .unwrap();
    let link = attributes(mode::SYMLINK | 0o777);
    let _ = fs.symlink(root, name("link"), b"docs/user", link).unwrap();
    file(&mut fs, root, "gone", 100);
    let (gone, _) = fs
        .unlink(root, name("gone"), Removal::File, NOW_NS)
        .unwrap();
    fs.evict(gone);
    let empty = directory(&mut fs, user, "empty");
    let _ = fs
        .rename(
            (user, name("empty")),
            (docs, name("moved")),
            Existing::Replace,
            NOW_NS,
        )
        .unwrap();
    assert!(empty > 0);
    fs
}

/// The bytes at every moment of filling a medium: what a crash leaves if all stores have arrived.
pub(crate) fn moments(empty: Vec<u8>) -> Vec<Vec<u8>> {
    let memory = Memory {
        bytes: RefCell::new(empty),
        history: Some(RefCell::default()),
    };
    let fs = fill(memory);
    let history = fs.pm().history.as_ref();
    history.map(RefCell::take).unwrap_or_default()
}

/// The bytes of a medium with some of everything that was unmounted.
pub(crate) fn unmounted(size_bytes: usize) -> Vec<u8> {
    scan::unmount(filled(size_bytes)).into_bytes()
}

/// The bytes of one that is mounted, with nothing to repair.
pub(crate) fn mounted(size_bytes: usize) -> Vec<u8> {
    let fs = filled(size_bytes);
    let bytes = fs.pm().bytes.borrow().clone();
    bytes
}

/// The bytes of one with features that no program knows: to be known by who writes, and by who reads.
pub(crate) fn with_features(size_bytes: usize, ro_compat: u64, incompat: u64) -> Vec<u8> {
    let memory = Memory::from_bytes(unmounted(size_bytes));
    let backup = geometry(&memory.bytes.borrow()).backup();
    for at in [Offset(0), backup] {
        memory.store(at.word(num::word(superblock::RO_COMPAT)), ro_compat);
        memory.store(at.word(num::word(superblock::INCOMPAT)), incompat);
        let words = layout::load_superblock(&memory, at);
        let crc = layout::superblock_crc(&words);
        memory.store(at.word(num::word(superblock::CRC32C)), crc);
    }
    memory.into_bytes()
}

/// The bytes of one that was not unmounted, when the machine stopped while a file without a name was open.
pub(crate) fn crashed(size_bytes: usize) -> Vec<u8> {
    let mut fs = filled(size_bytes);
    let _ = fs.tmpfile(attributes(mode::REGULAR | 0o600)).unwrap();
    let bytes = fs.pm().bytes.borrow().clone();
    bytes
}

/// The geometry of a medium.
pub(crate) fn geometry(bytes: &[u8]) -> Geometry {
    let memory = Memory::from_bytes(bytes.to_vec());
    format::read(&memory, Access::ReadOnly).unwrap()
}

/// Where the first inode whose mode has this type is.
pub(crate) fn inode_of(bytes: &[u8], kind: u16) -> (u64, usize) {
    let geometry = geometry(bytes);
    let memory = Memory::from_bytes(bytes.to_vec());
    let found = (2..geometry.inode_count()).find_map(|ino| {
        let at = geometry.inode(ino)?;
        let head = memory.load(at.word(layout::inode::HEAD));
        let head = crate::model::inode::Head::decode(head)?;
        (head.mode & mode::FORMAT == kind).then_some((ino, num::index(at.0)))
    });
    found.unwrap()
}
