// SPDX-License-Identifier: GPL-2.0

//! The operations that sequences are made of, and the media that they begin on.

use crate::oracle::op::{
    chmod, chown, chown_and_chmod, create, exchange, held, link, mkdir, populate, read, rename,
    resize, rmdir, symlink, unlink, write, write_short, Op, OPEN,
};

/// A name of three lines.
pub(super) const LONG: &str = "a-name-that-takes-three-lines-of-a-directory-page-since-it-is-longer-than-what-two-hold-and-then-some";

/// A target of two lines.
const TARGET: &str = "../a/target/that/takes/two/lines/of/its/page/since/it/is/longer/than/one";

/// What is done before each sequence: nothing; or two files, one with data on two pages and a set-ID bit,
/// after others that left their bytes in free pages, and a directory.
pub(super) fn media() -> [Vec<Op>; 2] {
    let lived_in = vec![
        mkdir("d"),
        create("secret"),
        write("secret", 0, 12_288),
        create("a"),
        write("a", 0, 5_000),
        chmod("a", 0o4755),
        unlink("secret"),
        create("d/a"),
        write("d/a", 0, 20),
    ];
    [vec![], lived_in]
}

/// Operations on one name: two files and a directory in the root, one file in it.
pub(super) fn on_names() -> Vec<Op> {
    let mut all = Vec::new();
    for path in ["a", LONG, "d/a"] {
        all.extend([create(path), unlink(path)]);
    }
    for path in ["d", "d/e"] {
        all.extend([mkdir(path), rmdir(path)]);
    }
    for (from, to) in [("a", LONG), ("a", "d/a"), ("d/a", "a")] {
        all.push(link(from, to));
    }
    all.extend([symlink("a", "d/a"), symlink("d/a", TARGET)]);
    all
}

/// Operations that move names.
pub(super) fn on_two_names() -> Vec<Op> {
    let mut all = Vec::new();
    for (from, to) in [
        ("a", LONG),
        (LONG, "a"),
        ("a", "d/a"),
        ("d/a", "a"),
        ("d", "e"),
        ("d/e", "e"),
        ("e", "d/e"),
    ] {
        all.push(rename(from, to));
    }
    all.push(Op::RenameKeep("a".into(), "b".into()));
    for (one, other) in [("a", LONG), ("a", "d/a"), ("d", "a"), ("d/e", "a")] {
        all.push(exchange(one, other));
    }
    all
}

/// Operations on contents, attributes, and what somebody holds open.
pub(super) fn on_files() -> Vec<Op> {
    vec![
        Op::Tmpfile,
        link(OPEN, LONG),
        write(OPEN, 0, 10),
        held(unlink("a")),
        held(rename("d/a", "a")),
        Op::Close,
        write("a", 0, 20),
        write("a", 4_090, 12),
        write("a", 5_000, 9),
        write("a", 12_300, 3),
        write_short("a", 8_190, 9_000, 5),
        write("d/a", 16, 200),
        populate("a", 0),
        populate("a", 2),
        resize("a", 3),
        resize("a", 4_096),
        resize("a", 9_000),
        chmod("a", 0o6711),
        chmod("a", 0o600),
        chown("a", 7),
        chown_and_chmod("a", 8, 0o2711),
        read("a"),
    ]
}
