// SPDX-License-Identifier: GPL-2.0

//! Where everything lies on the medium, and what its words mean. Format version 1.
//!
//! ```text
//! page 0             superblock, and in a line of its own the state word
//! page 1             redo records, one a line
//! pages 2 ..         inode table, 128 bytes each
//! then               page descriptor table, 16 bytes for each data page
//! then               data pages: file data, directories, symlinks; on larger media from the next
//!                    multiple of 2 MiB on, so that files can be mapped in such pieces
//! last page          copy of the superblock
//! ```
//!
//! All numbers are little-endian words. A structure becomes live by its last store, to its **commit
//! word**, and is dead while that is 0.

use super::{
    crc32c::Crc32c,
    num,
    pm::{
        Offset,
        Pm,
        LINE_BYTES,
        PAGE_BYTES,
        WORD_BYTES, //
    }, //
};

/// `SQRLFS1\n`.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"SQRLFS1\n");
/// The format described here.
pub(crate) const VERSION: u64 = 1;
/// Number of the root directory's inode; 0 is no inode.
pub(crate) const ROOT_INO: u64 = 1;
/// Inode numbers fit into this many bits wherever they are stored.
pub(crate) const INO_BITS: u32 = 40;
/// Longest name in bytes.
pub(crate) const NAME_MAX_BYTES: usize = 255;
/// Longest target of a symlink in bytes.
pub(crate) const SYMLINK_MAX_BYTES: usize = 4095;
/// Largest file in bytes: page indices have 40 bits.
pub(crate) const FILE_MAX_BYTES: u64 = PAGE_BYTES << 40;
/// Most links of an inode.
pub(crate) const LINK_MAX: u32 = 65_000;

/// Size of an inode in bytes: a line that changes often and one that does not.
pub(crate) const INODE_BYTES: u64 = 2 * LINE_BYTES;
/// Size of a page descriptor in bytes.
pub(crate) const DESCRIPTOR_BYTES: u64 = 2 * WORD_BYTES;
/// Lines of a page, and so the most records of a directory page.
pub(crate) const LINES_PER_PAGE: u64 = PAGE_BYTES / LINE_BYTES;
/// Redo records on the medium.
pub(crate) const REDO_RECORDS: u64 = LINES_PER_PAGE;
/// One inode for this many bytes of the medium, unless mkfs is told otherwise.
pub(crate) const BYTES_PER_INODE: u64 = 16 * 1024;
/// Smallest medium: room for the tables and 16 data pages.
pub(crate) const MIN_BYTES: u64 = 32 * PAGE_BYTES;
/// Largest medium: data page numbers have 40 bits.
pub(crate) const MAX_BYTES: u64 = PAGE_BYTES << 40;

/// From this size on the data pages begin at a multiple of [`HUGE_PAGE_BYTES`].
pub(crate) const HUGE_FROM_BYTES: u64 = 64 << 20;
/// What the CPU maps with one entry of an upper page table.
pub(crate) const HUGE_PAGE_BYTES: u64 = 2 << 20;

/// Words of a superblock, in its page.
pub(crate) mod superblock {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 1;
    /// Features that an implementation may ignore.
    pub(crate) const COMPAT: usize = 2;
    /// Features that an implementation must know to write.
    pub(crate) const RO_COMPAT: usize = 3;
    /// Features that an implementation must know to mount.
    pub(crate) const INCOMPAT: usize = 4;
    pub(crate) const SIZE_BYTES: usize = 5;
    pub(crate) const INODE_COUNT: usize = 6;
    /// 16 bytes.
    pub(crate) const UUID: usize = 7;
    /// 32 bytes, padded with zeros.
    pub(crate) const LABEL: usize = 9;
    pub(crate) const CREATED_NS: usize = 13;
    /// Everything before is covered.
    pub(crate) const CRC32C: usize = 31;
    /// Words of the checked part.
    pub(crate) const WORDS: usize = 32;
    /// The state word, first of a line of its own; only the first copy's counts.
    pub(crate) const STATE: u64 = 64;
}

/// Words of an inode.
pub(crate) mod inode {
    /// Commit word: generation << 32 | TAG << 16 | mode.
    pub(crate) const HEAD: u64 = 0;
    /// Link count.
    pub(crate) const NLINK: u64 = 1;
    /// Size in bytes; of a directory, that of its pages.
    pub(crate) const SIZE: u64 = 2;
    pub(crate) const MTIME_NS: u64 = 3;
    pub(crate) const CTIME_NS: u64 = 4;
    /// Room: attribute flags, extended attributes.
    pub(crate) const FLAGS: u64 = 5;
    pub(crate) const XATTR: u64 = 6;
    /// The line that changes rarely begins here: uid | gid << 32.
    pub(crate) const OWNER: u64 = 8;
    pub(crate) const ATIME_NS: u64 = 9;
    pub(crate) const BTIME_NS: u64 = 10;
    pub(crate) const RDEV: u64 = 11;
    pub(crate) const PROJECT: u64 = 12;
    /// Marks a head.
    pub(crate) const TAG: u64 = 0x5149;
}

/// Words of a page descriptor.
pub(crate) mod descriptor {
    /// kind << 56 | index of the page in its file.
    pub(crate) const PLACE: u64 = 0;
    /// Commit word: generation, low 24 bits << 40 | inode number.
    pub(crate) const OWNER: u64 = 1;
}

/// Words of a directory record. A name of up to 48 bytes takes one line; a longer one continues in
/// up to four more, each beginning with [`record::CONTINUED`].
pub(crate) mod record {
    /// Commit word: inode number.
    pub(crate) const INO: u64 = 0;
    /// hash << 32 | kind << 16 | lines << 8 | length of the name in bytes.
    pub(crate) const HEAD: u64 = 1;
    /// The name.
    pub(crate) const NAME: u64 = 2;
    /// Bytes of the name in the first line, and in each further one.
    pub(crate) const FIRST_BYTES: usize = 48;
    pub(crate) const NEXT_BYTES: usize = 56;
    /// First word of the `n`-th further line: this + n. No inode has such a number.
    pub(crate) const CONTINUED: u64 = 0xc04d << 48;
    /// Most lines of a record.
    pub(crate) const MAX_LINES: u64 = 5;
}

/// Words of a redo record: two words of directory records that change together.
pub(crate) mod redo {
    /// Commit word: TAG << 32 | CRC-32C of the other words and of the name of the first target.
    pub(crate) const HEAD: u64 = 0;
    /// Position and new value of the first target.
    pub(crate) const FIRST: u64 = 1;
    /// Position and new value of the second.
    pub(crate) const SECOND: u64 = 3;
    pub(crate) const TAG: u64 = 0x5245_444f;
}

const _: () = {
    // A record holds the longest name, and no line of it is longer than a line.
    assert!(num::word(record::FIRST_BYTES) + record::NAME * WORD_BYTES == LINE_BYTES);
    assert!(num::word(record::NEXT_BYTES) + WORD_BYTES == LINE_BYTES);
    let most = record::FIRST_BYTES + (num::index(record::MAX_LINES) - 1) * record::NEXT_BYTES;
    assert!(NAME_MAX_BYTES <= most && NAME_MAX_BYTES > most - record::NEXT_BYTES);
    // The two lines of an inode.
    assert!(inode::OWNER * WORD_BYTES == LINE_BYTES && INODE_BYTES == 128);
    assert!(superblock::STATE * WORD_BYTES >= num::word(superblock::WORDS) * WORD_BYTES);
    assert!(SYMLINK_MAX_BYTES < num::index(PAGE_BYTES));
};

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// File data.
    Data,
    /// Directory records.
    Directory,
    /// The target of a symlink.
    Symlink,
}

impl PageKind {
    const fn code(self) -> u64 {
        match self {
            Self::Data => 1,
            Self::Directory => 2,
            Self::Symlink => 3,
        }
    }

    /// The descriptor word for the `index`-th page of a file.
    pub(crate) const fn place(self, index: u64) -> u64 {
        self.code() << 56 | index & ((1 << INO_BITS) - 1)
    }

    /// Reads a descriptor word: kind and index.
    pub(crate) const fn of_place(word: u64) -> Option<(Self, u64)> {
        let index = word & !(0xff << 56);
        if index >> INO_BITS != 0 {
            return None;
        }
        match word >> 56 {
            1 => Some((Self::Data, index)),
            2 => Some((Self::Directory, index)),
            3 => Some((Self::Symlink, index)),
            _ => None,
        }
    }
}

/// Why sizes do not make a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadGeometry {
    /// Smaller than [`MIN_BYTES`], or too small for that many inodes.
    TooSmall,
    /// Larger than [`MAX_BYTES`], or more inodes than pages.
    TooLarge,
}

/// Where the tables of a medium are; derived from two numbers alone.
///
/// # Invariants
///
/// All tables and data pages lie in front of the last page, which lies within `size_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    size_bytes: u64,
    inode_count: u64,
    descriptors: u64,
    data: u64,
    data_pages: u64,
}

impl Geometry {
    /// Lays out a medium of `size_bytes` with room for `inode_count` inodes, which is rounded up to
    /// whole pages.
    pub(crate) fn new(size_bytes: u64, inode_count: u64) -> Result<Self, BadGeometry> {
        let size_bytes = size_bytes / PAGE_BYTES * PAGE_BYTES;
        if size_bytes < MIN_BYTES {
            return Err(BadGeometry::TooSmall);
        }
        let pages = size_bytes / PAGE_BYTES;
        if size_bytes > MAX_BYTES || inode_count > pages {
            return Err(BadGeometry::TooLarge);
        }
        let inodes_per_page = PAGE_BYTES / INODE_BYTES;
        let inode_pages = inode_count.max(inodes_per_page).div_ceil(inodes_per_page);
        // Superblock, redo records and the copy at the end.
        let rest = (pages - 3)
            .checked_sub(inode_pages)
            .ok_or(BadGeometry::TooSmall)?;
        let per_page = PAGE_BYTES / DESCRIPTOR_BYTES;
        let descriptor_pages = rest.div_ceil(per_page + 1);
        let data_pages = rest - descriptor_pages;
        let descriptors = (2 + inode_pages) * PAGE_BYTES;
        let tables_end = descriptors + descriptor_pages * PAGE_BYTES;
        let data = match size_bytes {
            ..HUGE_FROM_BYTES => tables_end,
            _ => tables_end.next_multiple_of(HUGE_PAGE_BYTES),
        };
        let data_pages = data_pages
            .checked_sub((data - tables_end) / PAGE_BYTES)
            .filter(|pages| *pages >= 2)
            .ok_or(BadGeometry::TooSmall)?;
        // INVARIANT: The pages of all parts add up to `pages`, or to less if there is a gap before the data.
        Ok(Self {
            size_bytes,
            inode_count: inode_pages * inodes_per_page,
            descriptors,
            data,
            data_pages,
        })
    }

    pub(crate) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Inodes on the medium; their numbers are 1 to this minus 1.
    pub(crate) const fn inode_count(&self) -> u64 {
        self.inode_count
    }

    /// Data pages on the medium; their numbers are 0 to this minus 1.
    pub(crate) const fn data_pages(&self) -> u64 {
        self.data_pages
    }

    /// Position of the copy of the superblock.
    pub(crate) const fn backup(&self) -> Offset {
        Offset(self.size_bytes - PAGE_BYTES)
    }

    /// Position of the inode `ino`, or [`None`] if there is no such number.
    pub(crate) const fn inode(&self, ino: u64) -> Option<Offset> {
        if ino == 0 || ino >= self.inode_count {
            return None;
        }
        Some(Offset(2 * PAGE_BYTES + ino * INODE_BYTES))
    }

    /// Position of the descriptor of the data page `page`, or [`None`] if there is no such page.
    pub(crate) const fn descriptor(&self, page: u64) -> Option<Offset> {
        if page >= self.data_pages {
            return None;
        }
        Some(Offset(self.descriptors + page * DESCRIPTOR_BYTES))
    }

    /// Position of the data page `page`, or [`None`] if there is no such page.
    pub(crate) const fn page(&self, page: u64) -> Option<Offset> {
        if page >= self.data_pages {
            return None;
        }
        Some(Offset(self.data + page * PAGE_BYTES))
    }

    /// Number of the data page that `at` lies in, or [`None`] if it lies elsewhere.
    pub(crate) const fn page_of(&self, at: Offset) -> Option<u64> {
        match at.0.checked_sub(self.data) {
            Some(bytes) if bytes / PAGE_BYTES < self.data_pages => Some(bytes / PAGE_BYTES),
            _ => None,
        }
    }

    /// Position of the redo record `index`, or [`None`] if there is no such record.
    pub(crate) const fn redo(&self, index: u64) -> Option<Offset> {
        if index >= REDO_RECORDS {
            return None;
        }
        Some(Offset(PAGE_BYTES + index * LINE_BYTES))
    }

    /// Position of the state word.
    pub(crate) const fn state(&self) -> Offset {
        Offset(0).word(superblock::STATE)
    }
}

/// Checksum of the checked part of a superblock.
pub(crate) fn superblock_crc(words: &[u64; superblock::WORDS]) -> u64 {
    let covered = words.iter().take(superblock::CRC32C);
    u64::from(
        covered
            .fold(Crc32c::new(), |crc, word| crc.word(*word))
            .finish(),
    )
}

/// Loads the checked part of the superblock at `at`.
pub(crate) fn load_superblock(pm: &impl Pm, at: Offset) -> [u64; superblock::WORDS] {
    core::array::from_fn(|index| pm.load(at.word(num::word(index))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_neither_overlap_nor_leave_the_medium() {
        for pages in (32..3_000).step_by(7).chain([1 << 20, 1 << 40]) {
            let size_bytes = pages * PAGE_BYTES;
            let Ok(it) = Geometry::new(size_bytes, size_bytes / BYTES_PER_INODE) else {
                panic!("{pages} pages");
            };
            let last =
                |at: Option<Offset>, bytes: u64| at.map(|at| at.0 + bytes).unwrap_or(u64::MAX);
            assert!(last(it.redo(REDO_RECORDS - 1), LINE_BYTES) <= 2 * PAGE_BYTES);
            assert!(last(it.inode(it.inode_count() - 1), INODE_BYTES) <= it.descriptors);
            assert!(last(it.descriptor(it.data_pages() - 1), DESCRIPTOR_BYTES) <= it.data);
            assert!(last(it.page(it.data_pages() - 1), PAGE_BYTES) <= it.backup().0);
            assert_eq!(it.backup().0 + PAGE_BYTES, size_bytes);
        }
    }

    #[test]
    fn numbers_out_of_range_have_no_position() {
        let it = Geometry::new(64 * PAGE_BYTES, 0).unwrap();
        assert_eq!(it.inode(0), None);
        assert_eq!(it.inode(it.inode_count()), None);
        assert_eq!(it.page(it.data_pages()), None);
        assert_eq!(it.descriptor(u64::MAX), None);
        assert_eq!(it.redo(REDO_RECORDS), None);
        assert_eq!(it.page_of(Offset(0)), None);
        assert_eq!(it.page_of(it.page(3).unwrap().plus(99)), Some(3));
        assert_eq!(it.page_of(it.backup()), None);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert_eq!(Geometry::new(0, 1), Err(BadGeometry::TooSmall));
        assert_eq!(Geometry::new(MIN_BYTES - 1, 1), Err(BadGeometry::TooSmall));
        assert_eq!(Geometry::new(u64::MAX, 1), Err(BadGeometry::TooLarge));
        assert_eq!(
            Geometry::new(MIN_BYTES, u64::MAX),
            Err(BadGeometry::TooLarge)
        );
        assert!(Geometry::new(MIN_BYTES, 32).is_ok());
    }

    #[test]
    fn descriptor_words_are_read_back_and_junk_is_not() {
        for kind in [PageKind::Data, PageKind::Directory, PageKind::Symlink] {
            assert_eq!(PageKind::of_place(kind.place(12_345)), Some((kind, 12_345)));
        }
        assert_eq!(PageKind::of_place(0), None);
        assert_eq!(PageKind::of_place(1 << 56 | 1 << 45), None);
        assert_eq!(PageKind::of_place(u64::MAX), None);
    }
}
