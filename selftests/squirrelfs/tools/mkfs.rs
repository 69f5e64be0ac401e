// SPDX-License-Identifier: GPL-2.0

//! What `mkfs.squirrelfs` makes and refuses.

use crate::fixture;
use crate::run::Place;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;

#[test]
fn an_image_file_is_made_with_its_size_and_is_clean() {
    for size in ["128K", "129K", "1M", "64M", "65M", "3G"] {
        let place = Place::new();
        let done = place.mkfs(&format!("-L data img {size}"));
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.says("made a squirrelfs of") && done.says("label  data"));
        let checked = place.fsck("-n -f img");
        assert_eq!((checked.code, &*checked.err), (Some(0), ""), "{checked:?}");
        assert_eq!(place.fsck("-n img").code, Some(0));
        assert!(place.dump("img").says("label       data"));
    }
}

#[test]
fn what_is_asked_for_is_made() {
    let place = Place::new();
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let line = format!("-q -U {uuid} -N 1000 -E root_owner=7:8 -b 8M img");
    let done = place.mkfs(&line);
    assert_eq!((done.code, &*done.out, &*done.err), (Some(0), "", ""));
    let shown = place.dump("--json img").out;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["superblock"]["uuid"], uuid);
    assert_eq!(
        shown["superblock"]["created_ns"],
        1_000_000_000_000_000_000_u64
    );
    assert!(shown["geometry"]["inodes"].as_u64().unwrap() >= 1000);
    let root = &shown["tree"][0]["inode"];
    assert_eq!((&root["uid"], &root["gid"]), (&7.into(), &8.into()));
    assert_eq!(place.mkfs("-q -f -U clear img").code, Some(0));
    assert!(place
        .dump("img")
        .says("00000000-0000-0000-0000-000000000000"));
}

#[test]
fn a_dry_run_makes_nothing() {
    let place = Place::new();
    let done = place.mkfs("-n img 1M");
    assert!(done.code == Some(0) && done.says("would make"));
    assert!(!place.path("img").exists());
    place.write("img", &[7; 1 << 20]);
    assert_eq!(place.mkfs("-n img").code, Some(0));
    assert_eq!(place.read("img"), [7; 1 << 20]);
}

#[test]
fn other_file_systems_are_overwritten_only_if_forced() {
    for (at, bytes, what) in [
        (1080, &b"\x53\xef"[..], "ext4"),
        (0, b"XFSB", "XFS"),
        (65_600, b"_BHRfS_M", "Btrfs"),
        (510, b"\x55\xaa", "partition table"),
        (0, b"SQRLFS1\n", "squirrelfs"),
    ] {
        let place = Place::new();
        place.write("img", &[0; 1 << 20]);
        place.patch("img", at, bytes);
        let before = place.read("img");
        let done = place.mkfs("img");
        assert!(done.code == Some(1) && done.says(what), "{done:?}");
        assert!(place.read("img") == before);
        assert_eq!(place.mkfs("-f img").code, Some(0));
        let again = place.mkfs("img");
        assert!(again.says("has a squirrelfs file system"), "{again:?}");
        assert_eq!(place.fsck("-f -n img").code, Some(0));
    }
}

#[test]
fn nothing_is_left_of_an_older_file_system() {
    let place = Place::new();
    place.write("img", &fixture::unmounted(1 << 20));
    assert_eq!(place.mkfs("-f img").code, Some(0));
    assert!(place.dump("img").says("1 directories, 0 names"));
    assert!(place.fsck("-f -n img").says("1/63 inodes, 0/"));
}

#[test]
fn sizes_that_make_no_file_system_leave_no_file() {
    for line in ["img 127K", "img 0", "-N 100000 img 1M", "img 16384T"] {
        let place = Place::new();
        let done = place.mkfs(line);
        assert!(done.code == Some(1) && !done.err.is_empty(), "{done:?}");
        assert!(!place.path("img").exists());
    }
}

#[test]
fn an_image_file_gets_larger_freely_and_smaller_by_force() {
    let place = Place::new();
    place.write("img", &[0; 1 << 20]);
    assert_eq!(place.mkfs("img 2M").code, Some(0));
    assert_eq!(place.mkfs("-f img 4M").code, Some(0));
    place.write("other", &[0; 1 << 20]);
    assert_eq!(place.mkfs("other 512K").code, Some(1));
    assert_eq!(place.mkfs("-f other 512K").code, Some(0));
    assert_eq!(place.read("other").len(), 512 << 10);
}

#[test]
fn what_is_no_medium_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.path("dir")).unwrap();
    for line in [
        "dir",
        "/dev/null",
        "missing",
        "/dev/missing 1M",
        "missing/img 1M",
    ] {
        let done = place.mkfs(line);
        assert!(done.code == Some(1) && !done.err.is_empty(), "{done:?}");
    }
    assert!(!place.path("missing").exists());
}

#[test]
fn a_file_in_use_is_refused() {
    let place = Place::new();
    place.write("img", &[0; 1 << 20]);
    let held = File::open(place.path("img")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(place.mkfs("img").says("in use"));
    assert_eq!(place.fsck("-y img").code, Some(8));
}

#[test]
fn wrong_usage_is_said() {
    let place = Place::new();
    for line in ["", "-x img", "img 1Q", "-U nonsense img", "-L", "img 1M 2M"] {
        let done = place.mkfs(line);
        assert!(done.code == Some(2) && done.says("--help"), "{done:?}");
    }
    let done = place.mkfs("--help");
    assert!(done.code == Some(0) && done.says("usage: mkfs.squirrelfs"));
    assert!(place.mkfs("-V").says("mkfs.squirrelfs"));
}

#[test]
fn a_file_that_may_not_be_written_is_refused() {
    let place = Place::new();
    place.write("img", &[0; 1 << 20]);
    let permissions = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(place.path("img"), permissions).unwrap();
    // Root may.
    let expected = if rustix::process::geteuid().is_root() {
        0
    } else {
        1
    };
    assert_eq!(place.mkfs("img").code, Some(expected));
}
