// SPDX-License-Identifier: GPL-2.0

//! What can be wrong with a medium, in words.

use crate::model::{format::Unreadable, pm::Offset, scan::Corruption};
use crate::text::Name;
use std::fmt;

/// Something that no crash leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// As the core says.
    Core(Corruption),
    /// A record whose words are not those of one.
    Record { dir: u64, at: Offset },
    /// A name that no operation could have written.
    Name { dir: u64, at: Offset, name: Vec<u8> },
    /// Two records of a directory with one name.
    NameTwice { dir: u64, at: Offset, name: Vec<u8> },
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(what) => what_the_core_says(what, to),
            Self::Record { dir, at } => write!(
                to,
                "directory {dir} has at {:#x} a record that makes no sense",
                at.0
            ),
            Self::Name { dir, at, name } => write!(
                to,
                "directory {dir} has at {:#x} the name '{}', which is damaged",
                at.0,
                Name(name)
            ),
            Self::NameTwice { dir, at, name } => write!(
                to,
                "directory {dir} has the name '{}' twice, the second time at {:#x}",
                Name(name),
                at.0
            ),
        }
    }
}

fn what_the_core_says(what: &Corruption, to: &mut fmt::Formatter<'_>) -> fmt::Result {
    match *what {
        Corruption::Root => write!(to, "inode 1, the root, is not that of a directory"),
        Corruption::InodeHead { ino } => write!(to, "inode {ino} is neither free nor of any type"),
        Corruption::PageKind { page } => {
            write!(to, "page {page} is of no kind, or of one that its inode cannot have")
        }
        Corruption::PageTwice { page } => {
            write!(to, "page {page} has the place in its file that another page has too")
        }
        Corruption::Record { dir } => write!(to, "directory {dir} has a record that makes no sense"),
        Corruption::NameTwice { dir, ino } => write!(
            to,
            "directory {dir} has a name twice, the second time for inode {ino}"
        ),
        Corruption::Dangling { dir, ino } => {
            write!(to, "directory {dir} has a name for inode {ino}, which is free")
        }
        Corruption::Kind { dir, ino } => write!(
            to,
            "directory {dir} has a name for inode {ino}, which is of another type than the name says"
        ),
        Corruption::SecondParent { ino } => write!(to, "inode {ino}, a directory, has two names"),
        Corruption::Size { ino } => write!(
            to,
            "inode {ino} has a size that none of its type has, or is a symlink without target"
        ),
        Corruption::LinkCount { ino } => {
            write!(to, "inode {ino} has more names than its link count says")
        }
    }
}

/// What is wrong with one superblock.
pub(crate) fn unreadable(why: Unreadable) -> &'static str {
    match why {
        Unreadable::NotSquirrelfs => "is not one of squirrelfs",
        Unreadable::Unsupported => {
            "is of a later version, or names features that this program does not know"
        }
        Unreadable::Corrupt => "is damaged: its checksum is wrong, or it is for a larger medium",
    }
}
