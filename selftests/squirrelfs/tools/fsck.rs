// SPDX-License-Identifier: GPL-2.0

//! What `fsck.squirrelfs` finds, repairs and answers.

use crate::fixture;
use crate::model::inode::mode;
use crate::run::Place;

const SIZE: usize = 1 << 20;

fn with(bytes: &[u8]) -> Place {
    let place = Place::new();
    place.write("img", bytes);
    place
}

#[test]
fn what_was_unmounted_is_clean() {
    let bytes = fixture::unmounted(SIZE);
    let place = with(&bytes);
    for line in ["-n img", "-y img", "-p img", "-a img", "-p -C 0 img"] {
        let done = place.fsck(line);
        assert!(done.code == Some(0) && done.says("clean"), "{done:?}");
    }
    for line in ["-f -n img", "-f -y img", "-fpv img"] {
        let done = place.fsck(line);
        assert!(
            done.code == Some(0) && done.says("/63 inodes, "),
            "{done:?}"
        );
    }
    assert!(place.read("img") == bytes);
}

#[test]
fn what_a_crash_left_is_repaired_once() {
    let bytes = fixture::crashed(SIZE);
    let place = with(&bytes);
    let done = place.fsck("-n img");
    assert!(
        done.code == Some(4) && done.says("has no name. Free? no"),
        "{done:?}"
    );
    assert!(place.read("img") == bytes, "-n wrote");
    let done = place.fsck("-p img");
    assert!(done.code == Some(1) && done.says("MODIFIED"), "{done:?}");
    assert!(place.fsck("-n img").says("clean"));
    let done = place.fsck("-f -n img");
    assert!(done.code == Some(0) && !done.says("?"), "{done:?}");
}

#[test]
fn being_mounted_is_no_error() {
    let place = with(&fixture::mounted(SIZE));
    assert_eq!(place.fsck("-n img").code, Some(0));
    let done = place.fsck("-y img");
    assert!(
        done.code == Some(0) && done.says("was not unmounted"),
        "{done:?}"
    );
    assert!(place.fsck("-n img").says("clean"));
}

#[test]
fn a_superblock_is_restored_from_the_other() {
    let bytes = fixture::unmounted(SIZE);
    for at in [0, SIZE - 4096] {
        for damage in [&[0; 4096][..], &[0xff; 4096], &[1; 40]] {
            let place = with(&bytes);
            place.patch("img", at, damage);
            let done = place.fsck("-n img");
            assert!(done.code == Some(4) && done.says("Restore? no"), "{done:?}");
            let done = place.fsck("-y img");
            assert!(
                done.code == Some(1) && done.says("Restore? yes"),
                "{done:?}"
            );
            let done = place.fsck("-n -f img");
            assert_eq!(done.code, Some(0), "{done:?}");
            assert!(place.dump("img").says("superblocks valid"));
            assert!(place.read("img")[at..at + 256] == bytes[at..at + 256]);
        }
    }
}

#[test]
fn corruption_is_reported_and_left() {
    let bytes = fixture::unmounted(SIZE);
    let geometry = fixture::geometry(&bytes);
    let (fifo, at) = fixture::inode_of(&bytes, 0o010_000);
    let root = usize::try_from(geometry.inode(1).unwrap().0).unwrap();
    for (at, damage, said) in [
        (
            at,
            &[0; 8][..],
            format!("has a name for inode {fifo}, which is free"),
        ),
        (
            at + 2,
            b"??",
            format!("inode {fifo} is neither free nor of any type"),
        ),
        (
            root,
            &[0; 8],
            "inode 1, the root, is not that of a directory".into(),
        ),
        (
            at,
            &(mode::REGULAR | 0o644).to_le_bytes(),
            format!("has a name for inode {fifo}, which is of another type"),
        ),
    ] {
        let place = with(&bytes);
        place.patch("img", at, damage);
        let damaged = place.read("img");
        for line in ["-f -n img", "-f -y img"] {
            let done = place.fsck(line);
            assert!(done.code == Some(4) && done.says(&said), "{said}: {done:?}");
            assert!(done.says("CORRUPT"));
        }
        assert!(place.read("img") == damaged);
        assert_eq!(place.dump("img").code, Some(0));
    }
}

#[test]
fn a_damaged_name_is_reported() {
    let bytes = fixture::unmounted(SIZE);
    let name = bytes.windows(4).position(|it| it == b"user").unwrap();
    let place = with(&bytes);
    place.patch("img", name, b"u/er");
    let done = place.fsck("-f -n img");
    assert!(done.code == Some(4) && done.says("the name 'u/er', which is damaged"));
}

#[test]
fn what_is_no_squirrelfs_is_refused() {
    let bytes = fixture::unmounted(SIZE);
    for bytes in [
        &[][..],
        &[0; 100],
        &[0; SIZE],
        &[0xff; SIZE],
        &bytes[4096..8192],
    ] {
        let place = with(bytes);
        for line in ["-n img", "-y img", "-f -p img"] {
            let done = place.fsck(line);
            assert!(
                done.code == Some(8) && done.says("no squirrelfs"),
                "{done:?}"
            );
        }
        assert!(place.read("img") == bytes);
        assert_eq!(place.dump("img").code, Some(1));
    }
}

#[test]
fn a_truncated_image_is_corrupt() {
    let bytes = fixture::unmounted(SIZE);
    for len in [4096, 8192, 100_000, SIZE / 2, SIZE - 4096, SIZE - 1] {
        let place = with(&bytes[..len]);
        let done = place.fsck("-y img");
        assert!(
            done.code == Some(4) && !done.err.contains("panic"),
            "{done:?}"
        );
        assert!(place.read("img") == bytes[..len]);
    }
}

#[test]
fn an_image_with_more_behind_it_is_whole() {
    let mut bytes = fixture::unmounted(SIZE);
    bytes.extend([7; 10_000]);
    let place = with(&bytes);
    assert_eq!(place.fsck("-f -n img").code, Some(0));
    place.patch("img", SIZE - 4096, &[0; 256]);
    assert_eq!(place.fsck("-y img").code, Some(1));
    assert!(place.read("img") == bytes);
}

#[test]
fn later_versions_are_refused() {
    let place = with(&fixture::with_features(SIZE, 0, 1));
    for line in ["-n img", "-y img"] {
        let done = place.fsck(line);
        assert!(
            done.code == Some(8) && done.says("later version"),
            "{done:?}"
        );
    }
    let place = with(&fixture::with_features(SIZE, 1, 0));
    assert_eq!(place.fsck("-y img").code, Some(8));
    assert_eq!(place.dump("img").code, Some(0));
}

#[test]
fn wrong_usage_is_said() {
    let place = with(&fixture::unmounted(SIZE));
    for line in ["", "-x img", "-n -y img", "img img", "-y -C"] {
        let done = place.fsck(line);
        assert!(done.code == Some(16) && done.says("--help"), "{done:?}");
    }
    assert!(place.fsck("--help").says("usage: fsck.squirrelfs"));
    assert!(place.fsck("img").says("no terminal"));
    assert_eq!(place.fsck("-n missing").code, Some(8));
}
