// SPDX-License-Identifier: GPL-2.0

//! Every crash state of every short sequence of operations.

use crate::{
    model::{
        format::{self, Options},
        fs::Fs,
        pm::PAGE_BYTES,
        scan::{mount, unmount, Access},
    },
    oracle::{apply, remove_all, tree, Op, Tree},
    sim::{
        fault::{Counts, Fault},
        memory::Memory,
        trace::{explore, Moment, Report},
    },
};

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
    all
}

/// Recovers an image as a machine does that starts with it, and compares: the tree is the one before or
/// the one after, and surely the latter once the operation had returned. Then uses it.
fn check(image: &Memory, moment: Moment, before: &Tree, after: &Tree) -> Result<(), String> {
    let (mut fs, _) = mount(image, Access::ReadWrite).map_err(|error| format!("{error:?}"))?;
    let found = tree(&fs);
    if found != *after && (moment == Moment::After || found != *before) {
        return Err(format!(
            "found {found:?}, before {before:?}, after {after:?}"
        ));
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
    apply(&mut fs, &Op::Create("new".into())).map_err(|error| format!("no new file: {error:?}"))?;
    remove_all(&mut fs)?;
    let (empty, repairs) =
        mount(image, Access::ReadOnly).map_err(|error| format!("emptied: {error:?}"))?;
    // Link counts of the root are a leftover of the last rmdir until something fences.
    if !tree(&empty).is_empty() || repairs.orphans + repairs.pages > 0 {
        return Err(format!("not empty: {:?}, {repairs:?}", tree(&empty)));
    }
    match image.defects().is_empty() {
        true => Ok(()),
        false => Err(format!("{:?}", image.defects())),
    }
}

/// Does `setup`, then explores the crash states of `op`, with or without a fault in it.
fn explore_op(setup: &[Op], op: &Op, fault: Option<Fault>) -> (Report, Counts) {
    let memory = formatted();
    let mut fs = mounted(&memory);
    for op in setup {
        let _ = apply(&mut fs, op);
    }
    let before = tree(&fs);
    let image = unmount(fs).clone();
    let mut oracle = mounted(&image);
    let _ = apply(&mut oracle, op);
    let after = tree(&oracle);

    // The state before the operation as the operation finds it: mounted, nothing pending.
    let memory = memory.clone();
    let mut fs = Some(mount(memory.clone(), Access::ReadWrite).expect("sound").0);
    drop(fs.take());
    let base = mounted(&memory);
    drop(base);
    let memory = match fault {
        Some(fault) => memory.with_fault(fault),
        None => memory,
    };
    let start = memory.counts();
    let report = explore(
        &memory,
        |memory| {
            let (mut fs, _) = mount_again(memory);
            let _ = apply(&mut fs, op);
        },
        |image, moment| check(&image, moment, &before, &after),
    );
    (report, memory.counts().since(start))
}

/// Mounts without storing anything: the medium is marked as mounted already.
fn mount_again(memory: &Memory) -> (Fs<&Memory>, ()) {
    (mount(memory, Access::ReadOnly).expect("sound").0, ())
}

#[test]
fn sequences_of_one_and_two_operations_survive_every_crash() {
    let all = operations();
    let (mut states, mut sequences, mut exhaustive) = (0, 0, true);
    let mut run = |setup: &[Op], op: &Op| {
        let (report, _) = explore_op(setup, op, None);
        if !report.violations.is_empty() {
            println!("{setup:?}, then {op:?}");
        }
        report.assert_clean();
        states += report.states;
        exhaustive &= report.exhaustive;
        sequences += 1;
    };
    for op in &all {
        run(&[], op);
        for first in &all {
            run(std::slice::from_ref(first), op);
            for zeroth in &all {
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
    let cost = |setup: &[Op], op: Op| explore_op(setup, &op, None).1.fences;
    assert_eq!(cost(&base, Op::Create(s("a"))), 2);
    assert_eq!(
        cost(&[], Op::Create(s("a"))),
        2,
        "with a new directory page"
    );
    assert_eq!(cost(&base, Op::Mkdir(s("e"))), 2);
    assert_eq!(cost(&base, Op::Link(s("x"), s("z"))), 2);
    assert_eq!(cost(&base, Op::Unlink(s("x"))), 2, "with the last link");
    let linked = [&base[..], &[Op::Link(s("x"), s("z"))]].concat();
    assert_eq!(cost(&linked, Op::Unlink(s("z"))), 1, "a link remains");
    let empty = [Op::Create(s("x")), Op::Mkdir(s("d"))];
    assert_eq!(cost(&empty, Op::Rmdir(s("d"))), 2);
}

#[test]
fn mutants_are_killed() {
    let s = |text: &str| text.to_string();
    let cases = [
        (vec![], Op::Create(s("a"))),
        (vec![Op::Create(s("x"))], Op::Create(s(LONG))),
        (vec![Op::Create(s("x"))], Op::Mkdir(s("d"))),
        (vec![Op::Create(s("x"))], Op::Link(s("x"), s("a"))),
        (
            vec![Op::Create(s("x")), Op::Link(s("x"), s("a"))],
            Op::Unlink(s("a")),
        ),
        (vec![Op::Create(s("x"))], Op::Unlink(s("x"))),
        (
            vec![
                Op::Mkdir(s("d")),
                Op::Create(s("d/x")),
                Op::Unlink(s("d/x")),
            ],
            Op::Rmdir(s("d")),
        ),
    ];
    let mut survivors = Vec::new();
    let mut killed = 0;
    for (setup, op) in &cases {
        let (_, counts) = explore_op(setup, op, None);
        for fault in counts.faults() {
            let (report, _) = explore_op(setup, op, Some(fault));
            match report.violations.is_empty() {
                true => survivors.push(format!("{op:?}: {fault:?}")),
                false => killed += 1,
            }
        }
    }
    println!("{killed} mutants killed, {} survive:", survivors.len());
    for survivor in &survivors {
        println!("  {survivor}");
    }
    assert!(killed > 0);
}
