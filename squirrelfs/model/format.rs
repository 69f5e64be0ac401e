// SPDX-License-Identifier: GPL-2.0

//! Making a file system, and reading what it says about itself.

use super::{
    inode::{
        mode,
        Attributes, //
    },
    layout::{
        self,
        load_superblock,
        superblock,
        superblock_crc,
        BadGeometry,
        Geometry,
        MAGIC,
        ROOT_INO,
        VERSION, //
    },
    num,
    ops,
    pm::{
        Offset,
        Pm,
        PAGE_BYTES, //
    },
    state::fence, //
};

/// The state word of a file system that was unmounted.
pub(crate) const CLEAN: u64 = u64::from_le_bytes(*b"unmounte");
/// The state word of one that is, or was when the machine stopped.
pub(crate) const MOUNTED: u64 = u64::from_le_bytes(*b"mounted\0");

/// Features that this implementation knows.
const KNOWN_RO_COMPAT: u64 = 0;
const KNOWN_INCOMPAT: u64 = 0;

/// What mkfs is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// 0 for one for every [`layout::BYTES_PER_INODE`] bytes.
    pub(crate) inode_count: u64,
    pub(crate) uuid: [u8; 16],
    /// Padded with zeros.
    pub(crate) label: [u8; 32],
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) now_ns: i64,
}

/// Whether the medium may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Look only: count what would be repaired.
    ReadOnly,
    /// Repair, and mark the medium as mounted.
    ReadWrite,
}

/// Why a medium cannot be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Neither copy of the superblock is one.
    NotSquirrelfs,
    /// Written by a later version, or with features that this one does not know.
    Unsupported,
    /// The superblock contradicts itself or the size of the medium.
    Corrupt,
}

/// Makes an empty file system on the whole medium. Nothing of it is valid before the last store.
pub(crate) fn format(pm: &impl Pm, options: &Options) -> Result<Geometry, BadGeometry> {
    let inode_count = match options.inode_count {
        0 => pm.size_bytes() / layout::BYTES_PER_INODE,
        count => count,
    };
    let geometry = Geometry::new(pm.size_bytes(), inode_count)?;
    // No superblock while the tables are being made.
    pm.zero(Offset(0), 2 * PAGE_BYTES);
    pm.zero(geometry.backup(), PAGE_BYTES);
    pm.fence();
    let tables = geometry.page(0).map_or(0, |first| first.0 - 2 * PAGE_BYTES);
    pm.zero(Offset(2 * PAGE_BYTES), tables);
    pm.fence();

    if let Some(root) = ops::inode_at(&geometry, ROOT_INO) {
        let attributes = Attributes {
            mode: mode::DIRECTORY | 0o755,
            uid: options.uid,
            gid: options.gid,
            nlink: 2,
            rdev: 0,
            now_ns: options.now_ns,
        };
        let _ = fence(pm, root.init(pm, 1, &attributes));
    }
    pm.store(geometry.state(), CLEAN);
    pm.write_back(geometry.state());

    let mut words = [0; superblock::WORDS];
    let mut set = |index: usize, bytes: &[u8]| {
        for (word, chunk) in words.iter_mut().skip(index).zip(bytes.chunks(8)) {
            *word = super::pm::word_of(chunk);
        }
    };
    set(superblock::MAGIC, &MAGIC.to_le_bytes());
    set(superblock::VERSION, &VERSION.to_le_bytes());
    set(superblock::SIZE_BYTES, &geometry.size_bytes().to_le_bytes());
    set(
        superblock::INODE_COUNT,
        &geometry.inode_count().to_le_bytes(),
    );
    set(superblock::UUID, &options.uuid);
    set(superblock::LABEL, &options.label);
    set(superblock::CREATED_NS, &options.now_ns.to_le_bytes());
    let crc = superblock_crc(&words);
    if let Some(word) = words.get_mut(superblock::CRC32C) {
        *word = crc;
    }
    for at in [geometry.backup(), Offset(0)] {
        write_superblock(pm, at, &words);
    }
    Ok(geometry)
}

/// Stores the checked part of a superblock, its magic last, and makes it durable.
fn write_superblock(pm: &impl Pm, at: Offset, words: &[u64; superblock::WORDS]) {
    for (index, word) in words.iter().enumerate().rev() {
        let at = at.word(num::word(index));
        pm.store(at, *word);
        pm.write_back(at);
    }
    pm.fence();
}

/// Reads the superblock, or its copy if the first is damaged.
pub(crate) fn read(pm: &impl Pm, access: Access) -> Result<Geometry, Unreadable> {
    let backup = Offset((pm.size_bytes() / PAGE_BYTES).saturating_sub(1) * PAGE_BYTES);
    let first = read_at(pm, Offset(0), access);
    match first {
        Ok(_) | Err(Unreadable::Unsupported) => first,
        Err(_) => read_at(pm, backup, access).map_err(|second| match (first, second) {
            (_, Unreadable::Unsupported) => second,
            (Err(Unreadable::Corrupt), _) => Unreadable::Corrupt,
            _ => second,
        }),
    }
}

fn read_at(pm: &impl Pm, at: Offset, access: Access) -> Result<Geometry, Unreadable> {
    let words = load_superblock(pm, at);
    let word = |index: usize| words.get(index).copied().unwrap_or(0);
    if word(superblock::MAGIC) != MAGIC {
        return Err(Unreadable::NotSquirrelfs);
    }
    if word(superblock::CRC32C) != superblock_crc(&words) {
        return Err(Unreadable::Corrupt);
    }
    let unknown = word(superblock::INCOMPAT) & !KNOWN_INCOMPAT
        | match access {
            Access::ReadOnly => 0,
            Access::ReadWrite => word(superblock::RO_COMPAT) & !KNOWN_RO_COMPAT,
        };
    if word(superblock::VERSION) != VERSION || unknown != 0 {
        return Err(Unreadable::Unsupported);
    }
    let geometry = Geometry::new(word(superblock::SIZE_BYTES), word(superblock::INODE_COUNT))
        .map_err(|_| Unreadable::Corrupt)?;
    let fits = geometry.size_bytes() <= pm.size_bytes();
    let same = geometry.size_bytes() == word(superblock::SIZE_BYTES)
        && geometry.inode_count() == word(superblock::INODE_COUNT);
    if !fits || !same {
        return Err(Unreadable::Corrupt);
    }
    Ok(geometry)
}
