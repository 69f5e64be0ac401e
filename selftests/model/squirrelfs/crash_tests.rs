// SPDX-License-Identifier: GPL-2.0

//! Every crash state of every short sequence of operations.

use crate::{
    model::{
        format::{self, Access, Options, Unreadable},
        fs::Fs,
        layout::{load_superblock, superblock, superblock_crc},
        pm::{Offset, Pm, PAGE_BYTES},
        scan::{mount, unmount, Refused},
    },
    oracle::{apply, difference, remove_all, tree, Op, Tree, LATER_NS},
    sim::{
        fault::{Counts, Fault},
        memory::Memory,
        trace::{explore, Moment, Report},
    },
};

/// Of the sequences of three operations, one in so many is tried.
const SAMPLED: u32 = 11;

/// A name of three lines.
const LONG: &str = "a-name-that-takes-three-lines-of-a-directory-page-since-it-is-longer-than-what-two-hold-and-then-some";

fn options() -> Options {
    Options {
        inode_count: 32,
        uuid: [7; 16],
        label: [0; 32],
        uid: 0,
        gid: 0,
        now_ns: 1,
    }
}

fn formatted() -> Memory {
    let memory = Memory::new(40 * PAGE_BYTES);
    format::format(&memory, &options()).expect("large enough");
    memory
}

fn mounted(memory: &Memory) -> Fs<&Memory> {
    mount(memory, Access::ReadWrite).expect("sound").0
}

/// All operations on a small name space: two files and a directory in the root, one file in it.
fn operations() -> Vec<Op> {
    let s = |text: &str| text.to_string();
    let mut all = Vec::new();
    for path in ["a", LONG, "d/a"] {
        all.extend([Op::Create(s(path)), Op::Unlink(s(path))]);
    }
    for path in ["d", "d/e"] {
        all.extend([Op::Mkdir(s(path)), Op::Rmdir(s(path))]);
    }
    for (from, to) in [("a", LONG), ("a", "d/a"), ("d/a", "a")] {
        all.push(Op::Link(s(from), s(to)));
    }
    for (from, to) in [
        ("a", LONG),
        (LONG, "a"),
        ("a", "d/a"),
        ("d/a", "a"),
        ("d", "e"),
        ("d/e", "e"),
        ("e", "d/e"),
    ] {
        all.push(Op::Rename(s(from), s(to)));
    }
    all
}

/// Recovers an image as a machine does that starts with it, and compares: the tree is that before or
/// after the operation, and surely the latter once it had returned. Then uses it.
fn check(image: &Memory, moment: Moment, before: &Tree, after: &Tree) -> Result<(), String> {
    let (mut fs, _) = mount(image, Access::ReadWrite).map_err(|error| format!("{error:?}"))?;
    let found = tree(&fs);
    if let Some(reason) = difference(&found, before, after, moment == Moment::After) {
        return Err(reason);
    }
    let free = fs.free();
    let (again, repairs) =
        mount(image, Access::ReadOnly).map_err(|error| format!("again: {error:?}"))?;
    if !repairs.is_none() {
        return Err(format!("recovery left {repairs:?}"));
    }
    if again.free() != free || tree(&again) != found {
        return Err("a second mount finds something else".into());
    }
    apply(&mut fs, &Op::Create("new".into()), LATER_NS)
        .map_err(|error| format!("no new file: {error:?}"))?;
    remove_all(&mut fs)?;
    let (empty, repairs) =
        mount(image, Access::ReadOnly).map_err(|error| format!("emptied: {error:?}"))?;
    // The link count of the root is a leftover of the last rmdir until something fences.
    if tree(&empty).len() > 1 || repairs.orphans + repairs.pages > 0 {
        return Err(format!("not empty: {:?}, {repairs:?}", tree(&empty)));
    }
    match image.defects().is_empty() {
        true => Ok(()),
        false => Err(format!("{:?}", image.defects())),
    }
}

/// Does `setup`, then explores the crash states of each of `ops` in turn, with a fault in one of them or
/// without. Between two operations the volatile side is built anew, so that what one gives up the next
/// uses. Returns what was asked of the medium by each.
fn explore_ops(setup: &[Op], ops: &[Op], fault: Option<(usize, Fault)>) -> (Report, Vec<Counts>) {
    let mut memory = formatted();
    let mut fs = mounted(&memory);
    for (now_ns, op) in (100..).zip(setup) {
        let _ = apply(&mut fs, op, now_ns);
    }
    unmount(fs);
    // From here on the medium is marked as mounted, so that reading it stores nothing.
    drop(mounted(&memory));
    let mut total = Report {
        states: 0,
        exhaustive: true,
        violations: Vec::new(),
    };
    let mut counts = Vec::new();
    for ((index, op), now_ns) in ops.iter().enumerate().zip(200..) {
        let copy = memory.clone();
        let mut oracle = visible(&copy);
        let before = tree(&oracle);
        let _ = apply(&mut oracle, op, now_ns);
        let after = tree(&oracle);

        if let Some((_, fault)) = fault.filter(|(at, _)| *at == index) {
            memory = memory.with_fault(fault);
        }
        let start = memory.counts();
        let report = explore(
            &memory,
            |memory| {
                let _ = apply(&mut visible(memory), op, now_ns);
            },
            |image, moment| check(&image, moment, &before, &after),
        );
        counts.push(memory.counts().since(start));
        total.states += report.states;
        total.exhaustive &= report.exhaustive;
        total.violations.extend(report.violations);
    }
    (total, counts)
}

/// The file system as loads see it, without a store.
fn visible(memory: &Memory) -> Fs<&Memory> {
    mount(memory, Access::ReadOnly).expect("sound").0
}

#[test]
fn short_sequences_survive_every_crash() {
    let all = operations();
    let (mut states, mut sequences, mut exhaustive) = (0, 0, true);
    let mut run = |setup: &[Op], op: &Op| {
        let (report, _) = explore_ops(setup, std::slice::from_ref(op), None);
        if !report.violations.is_empty() {
            println!("{setup:?}, then {op:?}");
        }
        report.assert_clean();
        states += report.states;
        exhaustive &= report.exhaustive;
        sequences += 1;
    };
    // All of one and two operations, and of three one in a prime number.
    let mut third = (0..SAMPLED).cycle();
    for op in &all {
        run(&[], op);
        for first in &all {
            run(std::slice::from_ref(first), op);
            for zeroth in all.iter().filter(|_| third.next() == Some(0)) {
                run(&[zeroth.clone(), first.clone()], op);
            }
        }
    }
    println!("{states} crash states of {sequences} sequences, exhaustive: {exhaustive}");
    assert!(exhaustive);
}

#[test]
fn operations_cost_as_many_fences_as_promised() {
    let s = |text: &str| text.to_string();
    let base = [Op::Create(s("x")), Op::Mkdir(s("d")), Op::Create(s("d/y"))];
    let cost = |setup: &[Op], op: Op| explore_ops(setup, &[op], None).1[0].fences;
    assert_eq!(cost(&base, Op::Create(s("a"))), 2);
    assert_eq!(
        cost(&[], Op::Create(s("a"))),
        2,
        "with a new directory page"
    );
    assert_eq!(cost(&base, Op::Mkdir(s("e"))), 2);
    assert_eq!(cost(&base, Op::Link(s("x"), s("z"))), 2);
    assert_eq!(cost(&base, Op::Unlink(s("x"))), 1, "with the last link");
    let linked = [&base[..], &[Op::Link(s("x"), s("z"))]].concat();
    assert_eq!(cost(&linked, Op::Unlink(s("z"))), 1, "a link remains");
    assert_eq!(cost(&base, Op::Rename(s("x"), s("z"))), 3);
    assert_eq!(cost(&base, Op::Rename(s("x"), s("d/y"))), 3, "replacing");
    assert_eq!(cost(&base, Op::Rename(s("d/y"), s("z"))), 3);
    let empty = [Op::Create(s("x")), Op::Mkdir(s("d"))];
    assert_eq!(cost(&empty, Op::Rmdir(s("d"))), 1);
}

#[test]
fn mutants_are_killed() {
    let s = |text: &str| text.to_string();
    // Each operation is followed by one that uses again what it gave up.
    let cases = [
        (vec![], vec![Op::Create(s("a")), Op::Create(s("b"))]),
        (
            vec![Op::Create(s("x"))],
            vec![Op::Create(s(LONG)), Op::Unlink(s(LONG)), Op::Create(s("b"))],
        ),
        (
            vec![Op::Create(s("x"))],
            vec![Op::Mkdir(s("d")), Op::Create(s("d/x"))],
        ),
        (
            vec![Op::Create(s("x"))],
            vec![Op::Link(s("x"), s("a")), Op::Unlink(s("x"))],
        ),
        (
            vec![Op::Create(s("x")), Op::Link(s("x"), s("a"))],
            vec![Op::Unlink(s("a")), Op::Unlink(s("x"))],
        ),
        (
            vec![Op::Create(s("x"))],
            vec![Op::Unlink(s("x")), Op::Mkdir(s("d"))],
        ),
        (
            vec![
                Op::Mkdir(s("d")),
                Op::Create(s("d/x")),
                Op::Unlink(s("d/x")),
            ],
            vec![Op::Rmdir(s("d")), Op::Mkdir(s("e")), Op::Create(s("e/x"))],
        ),
        (
            vec![Op::Create(s("x"))],
            vec![Op::Rename(s("x"), s(LONG)), Op::Create(s("x"))],
        ),
        (
            vec![Op::Create(s("x")), Op::Create(s("y"))],
            vec![
                Op::Rename(s("x"), s("y")),
                Op::Create(s("x")),
                Op::Unlink(s("y")),
            ],
        ),
        (
            vec![Op::Mkdir(s("d")), Op::Mkdir(s("e")), Op::Create(s("e/x"))],
            vec![Op::Rename(s("d"), s("e/d")), Op::Rename(s("e/d"), s("d"))],
        ),
    ];
    let mut table = std::collections::BTreeMap::new();
    for (setup, ops) in &cases {
        let (_, counts) = explore_ops(setup, ops, None);
        let faults = counts.iter().enumerate().flat_map(|(index, counts)| {
            counts.faults().into_iter().map(move |fault| (index, fault))
        });
        for fault in faults {
            let (report, _) = explore_ops(setup, ops, Some(fault));
            let kind = match fault.1 {
                Fault::DropFence(_) => "fence dropped",
                Fault::SkipWriteBack(_) => "write-back skipped",
                Fault::SwapStores(_) => "stores swapped",
            };
            let (killed, survived): &mut (u32, Vec<String>) = table.entry(kind).or_default();
            match report.violations.is_empty() {
                true => survived.push(format!("{ops:?}: {fault:?}")),
                false => *killed += 1,
            }
        }
    }
    for (kind, (killed, survived)) in &table {
        println!("{kind}: {killed} killed, {} survive", survived.len());
        for survivor in survived {
            println!("  {survivor}");
        }
    }
    let survived = |kind| table.get(kind).map_or(0, |(_, survived)| survived.len());
    // The last fence of rename: on one CPU, which is all that is simulated, the next operation's first
    // fence comes early enough.
    assert_eq!(survived("fence dropped"), 4);
    // Leftovers: the link count after unlink; the inode's head; the parent's link count, the head and the
    // owner of the page after rmdir; the same after rename. Recovery finds all of them by itself. And a
    // name that is written over the same one.
    assert_eq!(survived("write-back skipped"), 13);
    // Within an epoch the order of most stores does not matter.
    assert!(table
        .get("stores swapped")
        .is_some_and(|(killed, _)| *killed > 0));
}

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
