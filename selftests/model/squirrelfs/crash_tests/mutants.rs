// SPDX-License-Identifier: GPL-2.0

//! Programs that are wrong in one place, and whether that is found.

use super::{cases::LONG, explore_all, medium};
use crate::{
    oracle::op::{
        chmod, chown, chown_and_chmod, create, exchange, held, link, mkdir, populate, read, rename,
        resize, rmdir, symlink, unlink, write, Op, OPEN,
    },
    sim::fault::Fault,
};
use std::{
    collections::BTreeMap,
    panic::{catch_unwind, AssertUnwindSafe},
};

/// Setups, and operations on them. Each is followed by one that uses again what it gave up.
fn cases() -> Vec<(Vec<Op>, Vec<Op>)> {
    let x = || vec![create("x")];
    let data = || vec![create("x"), write("x", 0, 5_000)];
    vec![
        (vec![], vec![create("a"), create("b")]),
        (x(), vec![create(LONG), unlink(LONG), create("b")]),
        (x(), vec![mkdir("d"), create("d/x")]),
        (x(), vec![link("x", "a"), unlink("x")]),
        (
            vec![create("x"), link("x", "a")],
            vec![unlink("a"), unlink("x")],
        ),
        (data(), vec![unlink("x"), mkdir("d"), create("d/x")]),
        (
            vec![mkdir("d"), create("d/x"), unlink("d/x")],
            vec![rmdir("d"), mkdir("e"), create("e/x")],
        ),
        (x(), vec![rename("x", LONG), create("x")]),
        (
            vec![create("x"), create("y")],
            vec![rename("x", "y"), create("x"), unlink("y")],
        ),
        (
            vec![mkdir("d"), mkdir("e"), create("e/x")],
            vec![rename("d", "e/d"), rmdir("e/d"), mkdir("d")],
        ),
        (
            vec![mkdir("d"), mkdir("e"), mkdir("e/d")],
            vec![rename("e/d", "d"), rmdir("d"), unlink("d")],
        ),
        (
            vec![mkdir("d"), create("d/x"), create("y")],
            vec![exchange("d/x", "y"), unlink("y"), unlink("d/x")],
        ),
        (
            vec![mkdir("d"), mkdir("d/i"), create("y")],
            vec![exchange("d/i", "y"), unlink("d/i")],
        ),
        (x(), vec![symlink("s", "x"), unlink("s"), symlink("t", "y")]),
        (x(), vec![Op::Tmpfile, write(OPEN, 0, 9), link(OPEN, "a")]),
        (data(), vec![held(unlink("x")), Op::Close, create("y")]),
        (data(), vec![write("x", 4_090, 12), write("x", 5_000, 20)]),
        (
            data(),
            vec![write("x", 5_000, 9_000), write("x", 14_000, 9)],
        ),
        (
            data(),
            vec![resize("x", 20_000), write("x", 9_000, 20), populate("x", 3)],
        ),
        (
            data(),
            vec![resize("x", 100), resize("x", 9_000), write("x", 5_000, 9)],
        ),
        (data(), vec![resize("x", 4_500), resize("x", 9_000)]),
        (data(), vec![resize("x", 10), write("x", 9_000, 9)]),
        (
            x(),
            vec![chmod("x", 0o4755), chown("x", 7), chmod("x", 0o6711)],
        ),
        (
            vec![create("x"), chmod("x", 0o4755)],
            vec![chown_and_chmod("x", 7, 0o2711), read("x")],
        ),
    ]
}

/// Killed and surviving mutants of one kind.
#[derive(Default)]
struct Row {
    killed: usize,
    /// Of no effect: what was left out had been so already, durably.
    idle: usize,
    /// What was left out, and how often.
    survived: BTreeMap<String, usize>,
}

/// Fences that may be dropped: what is done to a file without a name, which a crash frees, needs none; and
/// the pages that a file gives up may be given to it again before they are durably gone, since both is said
/// in one line.
const FENCES: [(&str, usize); 3] = [("resize", 1), ("tmpfile", 1), ("write", 2)];

/// Write-backs that may be skipped.
///
/// - descriptor: of pages whose inode is gone, which recovery frees; and of those of the resize above.
/// - inode line 0: link counts, which recovery counts anew; heads of what has no name; times of what has no
///   name yet; the second of three changes of mode and owner, of which the third writes back the same line.
/// - inode line 1: the time of access.
/// - record: a name upon the same name, in a page that has it already.
const WRITE_BACKS: [(&str, usize); 4] = [
    ("descriptor", 5),
    ("inode line 0", 25),
    ("inode line 1", 1),
    ("record", 1),
];

/// Stores that may be dropped: what may stay without a write-back, and times that are stored a second time
/// with a link count.
const STORES: [(&str, usize); 6] = [
    ("descriptor.owner", 7),
    ("inode.atime", 1),
    ("inode.ctime", 24),
    ("inode.head", 15),
    ("inode.mtime", 1),
    ("inode.nlink", 22),
];

/// Zeros upon zeros, in a word that has a byte of data as well.
const STREAMS: [(&str, usize); 1] = [("data", 1)];

/// Of two stores within an epoch, the order matters only if they are to one line and the second commits,
/// or if the first is the last of its epoch.
const SWAPS_KILLED: usize = 52;

fn kind_of(fault: Fault) -> &'static str {
    match fault {
        Fault::DropFence(_) => "fence dropped",
        Fault::SkipWriteBack(_) => "write-back skipped",
        Fault::DropStore(_) => "store dropped",
        Fault::DropStream(_) => "stream dropped",
        Fault::SwapStores(_) => "stores swapped",
    }
}

#[test]
fn mutants_are_killed() {
    let mut table = BTreeMap::<_, Row>::new();
    for (setup, ops) in &cases() {
        let medium = medium(setup);
        let counts = explore_all(&medium, ops, ops.len(), None).counts;
        let faults = counts.iter().enumerate().flat_map(|(index, counts)| {
            counts.faults().into_iter().map(move |fault| (index, fault))
        });
        for (index, fault) in faults {
            let row = table.entry(kind_of(fault)).or_default();
            let explore = || explore_all(&medium, ops, index, Some((index, fault)));
            match catch_unwind(AssertUnwindSafe(explore)) {
                Ok(explored) if explored.idle => row.idle += 1,
                Ok(explored) if explored.report.violations.is_empty() => {
                    let hit = explored.hit.unwrap_or("nothing".into());
                    if !matches!(fault, Fault::SwapStores(_)) {
                        println!("{ops:?}, {index}: {fault:?} of {hit}");
                    }
                    *row.survived.entry(hit).or_default() += 1;
                }
                _ => row.killed += 1,
            }
        }
    }
    for (kind, row) in &table {
        let survived: usize = row.survived.values().sum();
        let Row { killed, idle, .. } = row;
        println!("{kind}: {killed} killed, {idle} of no effect, {survived} survive");
    }
    let survived = |kind| {
        let row = table.get(kind).map(|row| row.survived.iter());
        let named = row.into_iter().flatten();
        named
            .map(|(hit, count)| (hit.as_str(), *count))
            .collect::<Vec<_>>()
    };
    assert_eq!(survived("fence dropped"), FENCES);
    assert_eq!(survived("write-back skipped"), WRITE_BACKS);
    assert_eq!(survived("store dropped"), STORES);
    assert_eq!(survived("stream dropped"), STREAMS);
    assert_eq!(table["stores swapped"].killed, SWAPS_KILLED);
}
