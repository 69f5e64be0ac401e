// SPDX-License-Identifier: GPL-2.0

//! Media with features that this implementation does not know.

use super::formatted;
use crate::model::{
    format::{Access, Unreadable},
    layout::{load_superblock, superblock, superblock_crc},
    pm::{Offset, Pm},
    scan::{mount, Refused},
};

/// What mounting says of a medium whose superblock has a feature bit that nobody knows.
fn mount_with_feature(word: usize, access: Access) -> Option<Refused> {
    let memory = formatted();
    let mut words = load_superblock(&memory, Offset(0));
    words[word] = 1 << 63;
    words[superblock::CRC32C] = superblock_crc(&words);
    for (index, word) in (0..).zip(words) {
        memory.store(Offset(0).word(index), word);
    }
    mount(&memory, access).err()
}

#[test]
fn unknown_features_are_ignored_or_refused_as_their_kind_says() {
    let refused = Some(Refused::Unreadable(Unreadable::Unsupported));
    for access in [Access::ReadOnly, Access::ReadWrite] {
        assert_eq!(mount_with_feature(superblock::COMPAT, access), None);
        assert_eq!(mount_with_feature(superblock::INCOMPAT, access), refused);
    }
    assert_eq!(
        mount_with_feature(superblock::RO_COMPAT, Access::ReadOnly),
        None
    );
    assert_eq!(
        mount_with_feature(superblock::RO_COMPAT, Access::ReadWrite),
        refused
    );
}
