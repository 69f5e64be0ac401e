// SPDX-License-Identifier: GPL-2.0

//! What `dump.squirrelfs` shows.

use crate::fixture;
use crate::run::Place;
use serde_json::Value;

const SIZE: usize = 1 << 20;

fn filled() -> Place {
    let place = Place::new();
    place.write("img", &fixture::unmounted(SIZE));
    place
}

fn json(place: &Place, line: &str) -> Value {
    let done = place.dump(&format!("--json {line}"));
    assert_eq!(done.code, Some(0), "{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

/// RVM_BLESS=1 writes the file anew.
#[test]
fn a_small_tree_looks_as_ever() {
    let shown = filled().dump("img");
    assert_eq!((shown.code, &*shown.err), (Some(0), ""));
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../selftests/squirrelfs/tools/golden.txt"
    );
    if std::env::var_os("RVM_BLESS").is_some() {
        std::fs::write(path, &shown.out).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert!(
        shown.out == golden,
        "expected:\n{golden}\nfound:\n{}",
        shown.out
    );
}

#[test]
fn json_says_the_same() {
    let place = filled();
    let shown = json(&place, "img");
    assert_eq!(shown["superblock"]["label"]["text"], "golden");
    assert_eq!(shown["superblock"]["state"], "unmounted");
    let tree = shown["tree"].as_array().unwrap();
    let text = place.dump("img").out;
    let lines = text
        .lines()
        .skip_while(|line| !line.contains(" path"))
        .skip(1);
    assert_eq!(tree.len(), lines.count());
    let find = |path: &str| tree.iter().find(|node| node["path"]["text"] == path);
    let hole = find("/docs/user/hole").unwrap();
    assert_eq!(hole["inode"]["size_bytes"], 40_010);
    assert_eq!(hole["inode"]["extents"].as_array().unwrap().len(), 2);
    assert_eq!(find("/a").unwrap()["ino"], find("/docs/b").unwrap()["ino"]);
    assert_eq!(
        find("/link").unwrap()["inode"]["target"]["text"],
        "docs/user"
    );
    let odd = tree
        .iter()
        .find(|node| !node["path"]["bytes"].is_null())
        .unwrap();
    let bytes = odd["path"]["bytes"].as_array().unwrap();
    assert_eq!(
        bytes[bytes.len() - 2..],
        [0xff.into(), 0xfe.into()] as [Value; 2]
    );
    assert!(find("/docs/tab\there").is_some() && find("/gone").is_none());
}

#[test]
fn one_inode_is_shown_by_number_and_path() {
    let place = filled();
    let by_path = json(&place, "--path /docs/user img");
    let line = format!("--inode {} img", by_path["ino"]);
    assert_eq!(by_path, json(&place, &line));
    assert_eq!(by_path["entries"].as_array().unwrap().len(), 2);
    assert!(place.dump("-p / img").says("inode       1, generation 1"));
    assert!(place.dump("-p /docs/../x img").says("no path"));
    for line in [
        "-p /nothing img",
        "-i 0 img",
        "-i 60 img",
        "-i 99999999 img",
    ] {
        assert_eq!(place.dump(line).code, Some(1));
    }
}

#[test]
fn orphans_are_listed() {
    let place = Place::new();
    place.write("img", &fixture::crashed(SIZE));
    let done = place.dump("--orphans img");
    assert!(done.says("inodes without a name: 1\n"), "{done:?}");
    let shown = json(&place, "--orphans img");
    assert_eq!(shown["orphan_inodes"][0]["kind"], "file");
    assert!(shown["tree"].is_null());
    assert_eq!(shown["superblock"]["state"], "mounted");
}

#[test]
fn names_cannot_control_a_terminal() {
    let shown = filled().dump("img").out;
    assert!(shown.contains("/docs/tab\\there") && shown.contains("/docs/\\xff\\xfe"));
    assert!(shown.contains("/docs/grün"));
    assert!(!shown.chars().any(|it| it.is_control() && it != '\n'));
}

#[test]
fn nothing_is_changed() {
    let place = filled();
    let before = place.read("img");
    for line in ["img", "-j img", "-o img", "-i 1 img"] {
        assert_eq!(place.dump(line).code, Some(0));
    }
    assert!(place.read("img") == before);
}

#[test]
fn wrong_usage_is_said() {
    let place = filled();
    for line in ["", "-x img", "-i x img", "-o -i 1 img", "img img"] {
        let done = place.dump(line);
        assert!(done.code == Some(2) && done.says("--help"), "{done:?}");
    }
    assert!(place.dump("--help").says("usage: dump.squirrelfs"));
}
