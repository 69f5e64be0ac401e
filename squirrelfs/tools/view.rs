// SPDX-License-Identifier: GPL-2.0

//! What a dump says, apart from how it is written.

use crate::dump::Medium;
use crate::model::{
    format::{CLEAN, MOUNTED},
    inode::mode,
    layout::{inode as word, superblock, PageKind},
    num,
    pm::{Offset, Pm, PAGE_BYTES},
};
use crate::superblock::Second;
use crate::survey::{Extent, Inode};
use crate::text;
use crate::tree::target;
use serde::{Serialize, Serializer};

/// A name: text if it is UTF-8, and its bytes if not.
#[derive(Debug, Serialize)]
pub(crate) struct Bytes {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                text: text.into(),
                bytes: None,
            },
            Err(_) => Self {
                text: String::from_utf8_lossy(bytes).into_owned(),
                bytes: Some(bytes.into()),
            },
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct SuperblockView {
    pub(crate) version: u64,
    pub(crate) label: Bytes,
    pub(crate) uuid: String,
    pub(crate) created_ns: i64,
    pub(crate) features_compat: u64,
    pub(crate) features_ro_compat: u64,
    pub(crate) features_incompat: u64,
    /// `valid`, or which of the two is not.
    pub(crate) copies: &'static str,
    pub(crate) state: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct GeometryView {
    pub(crate) size_bytes: u64,
    pub(crate) page_bytes: u64,
    pub(crate) inode_table_at: u64,
    pub(crate) descriptors_at: u64,
    pub(crate) data_at: u64,
    pub(crate) superblock_copy_at: u64,
    pub(crate) inodes: u64,
    pub(crate) data_pages: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    pub(crate) used_inodes: u64,
    pub(crate) used_data_pages: u64,
    pub(crate) directories: u64,
    pub(crate) names: u64,
    pub(crate) orphan_inodes: u64,
    pub(crate) orphan_pages: u64,
    pub(crate) unfinished_renames: u64,
    pub(crate) problems: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExtentView {
    #[serde(serialize_with = "kind")]
    pub(crate) kind: PageKind,
    pub(crate) index: u64,
    pub(crate) page: u64,
    pub(crate) pages: u64,
    pub(crate) at: u64,
}

fn kind<S: Serializer>(kind: &PageKind, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(kind_name(*kind))
}

/// The word for a kind of pages.
pub(crate) fn kind_name(kind: PageKind) -> &'static str {
    match kind {
        PageKind::Data => "data",
        PageKind::Directory => "directory",
        PageKind::Symlink => "symlink",
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct InodeView {
    pub(crate) ino: u64,
    pub(crate) generation: u32,
    pub(crate) kind: &'static str,
    pub(crate) mode: u16,
    pub(crate) nlink: u64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size_bytes: u64,
    pub(crate) rdev: u64,
    pub(crate) atime_ns: i64,
    pub(crate) mtime_ns: i64,
    pub(crate) ctime_ns: i64,
    pub(crate) btime_ns: i64,
    pub(crate) flags: u64,
    pub(crate) xattr: u64,
    pub(crate) project: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Bytes>,
    pub(crate) extents: Vec<ExtentView>,
}

/// An entry of a directory.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    pub(crate) name: Bytes,
    pub(crate) ino: u64,
    pub(crate) kind: &'static str,
    pub(crate) at: u64,
}

impl Medium<'_> {
    pub(crate) fn superblock(&self) -> SuperblockView {
        let it = &self.superblock;
        let state = self.image.load(Offset(0).word(superblock::STATE));
        SuperblockView {
            version: it.word(superblock::VERSION),
            label: Bytes::new(&it.label()),
            uuid: it.uuid().to_string(),
            created_ns: it.created_ns(),
            features_compat: it.word(superblock::COMPAT),
            features_ro_compat: it.word(superblock::RO_COMPAT),
            features_incompat: it.word(superblock::INCOMPAT),
            copies: match (self.copies.first, self.copies.second) {
                (Err(_), _) => "first damaged",
                (_, Second::Same) => "valid",
                _ => "second damaged",
            },
            state: match state {
                CLEAN => "unmounted",
                MOUNTED => "mounted",
                _ => "unknown",
            },
        }
    }

    pub(crate) fn geometry(&self) -> GeometryView {
        let it = &self.survey.geometry;
        let at = |at: Option<Offset>| at.map_or(0, |at| at.0);
        GeometryView {
            size_bytes: it.size_bytes(),
            page_bytes: PAGE_BYTES,
            inode_table_at: 2 * PAGE_BYTES,
            descriptors_at: at(it.descriptor(0)),
            data_at: at(it.page(0)),
            superblock_copy_at: it.backup().0,
            inodes: it.inode_count() - 1,
            data_pages: it.data_pages(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let inodes = || self.survey.inodes.values();
        let names: u64 = inodes().map(|inode| inode.names).sum();
        Counts {
            used_inodes: num::word(inodes().len()),
            used_data_pages: self.survey.used_pages,
            directories: num::word(inodes().filter(|inode| inode.is_dir()).count()),
            names: names.saturating_sub(1),
            orphan_inodes: num::word(self.survey.orphans().count()),
            orphan_pages: num::word(self.survey.lost_pages.len()),
            unfinished_renames: self.survey.renames,
            problems: num::word(self.survey.problems.len()),
        }
    }

    /// An inode, if it is live.
    pub(crate) fn inode(&self, ino: u64) -> Option<InodeView> {
        let inode = self.survey.inodes.get(&ino)?;
        let word = |index| self.survey.inode_word(self.image, ino, index);
        let time = |index| num::time_ns(word(index));
        let size_bytes = word(word::SIZE);
        let target = match inode.head.mode & mode::FORMAT {
            mode::SYMLINK => target(&self.survey, self.image, ino, size_bytes),
            _ => None,
        };
        Some(InodeView {
            ino,
            generation: inode.head.generation,
            kind: text::kind(inode.head.mode),
            mode: inode.head.mode,
            nlink: word(word::NLINK),
            uid: num::low32(word(word::OWNER)),
            gid: num::high32(word(word::OWNER)),
            size_bytes,
            rdev: word(word::RDEV),
            atime_ns: time(word::ATIME_NS),
            mtime_ns: time(word::MTIME_NS),
            ctime_ns: time(word::CTIME_NS),
            btime_ns: time(word::BTIME_NS),
            flags: word(word::FLAGS),
            xattr: word(word::XATTR),
            project: word(word::PROJECT),
            target: target.map(|target| Bytes::new(&target)),
            extents: self.extents(inode),
        })
    }

    fn extents(&self, inode: &Inode) -> Vec<ExtentView> {
        let view = |extent: &Extent| ExtentView {
            kind: extent.kind,
            index: extent.index,
            page: extent.page,
            pages: extent.pages,
            at: self.survey.geometry.page(extent.page).map_or(0, |at| at.0),
        };
        inode.extents.iter().map(view).collect()
    }

    /// What is in a directory.
    pub(crate) fn entries(&self, dir: u64) -> Vec<EntryView> {
        let (entries, _) = self.survey.entries(self.image, dir);
        let views = entries.into_iter().map(|entry| EntryView {
            name: Bytes::new(&entry.name),
            ino: entry.ino,
            kind: text::kind(entry.head.kind),
            at: entry.at.0,
        });
        views.collect()
    }
}
