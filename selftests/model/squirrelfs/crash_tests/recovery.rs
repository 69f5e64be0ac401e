// SPDX-License-Identifier: GPL-2.0

//! Crashes of the recovery from a crash, and recoveries that leave something out.

use super::{
    cases::LONG,
    explore_ops, medium,
    parts::{Omission, Part, Without},
    visible, Promise,
};
use crate::{
    model::{
        format::Access,
        fs::Fs,
        inode::mode,
        pm::Pm,
        scan::{mount, unmount},
    },
    oracle::{
        compare::difference,
        op::{
            chmod, chown, create, exchange, held, link, mkdir, populate, rename, resize, rmdir,
            symlink, unlink, write, Op, LATER_NS,
        },
        session::Session,
        tree::tree,
    },
    sim::{
        crash::{Limits, Seen},
        memory::Memory,
        trace::{explore, Moment},
    },
};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Of the images of a crash, the recovery of one in so many is crashed in turn: a prime number.
const SAMPLED: u64 = 7;

/// What leaves something to recover: a setup, and operations on it.
fn cases() -> Vec<(Vec<Op>, Vec<Op>)> {
    let files = || vec![create("x"), write("x", 0, 5_000), create("y")];
    let dirs = || vec![mkdir("d"), mkdir("e"), create("e/x"), create("z")];
    let tree = || [dirs(), vec![mkdir("d/i")]].concat();
    vec![
        (files(), vec![unlink("x"), create(LONG)]),
        (files(), vec![link("x", LONG), unlink("x")]),
        (files(), vec![rename("x", "y"), symlink("x", "y")]),
        (files(), vec![exchange("x", "y"), unlink("x")]),
        (files(), vec![held(unlink("x")), Op::Tmpfile]),
        (files(), vec![write("x", 5_000, 9_000), resize("x", 100)]),
        (files(), vec![resize("x", 9_000), populate("x", 2)]),
        (files(), vec![chmod("x", 0o4755), chown("x", 7)]),
        (dirs(), vec![rename("d", "e/d"), rename("e/d", "d")]),
        (tree(), vec![exchange("d/i", "z"), exchange("d/i", "z")]),
        (tree(), vec![rename("d/i", "e/i"), rmdir("e/i")]),
        (dirs(), vec![exchange("d", "e/x"), rmdir("e/x")]),
    ]
}

/// Calls `visit` with every image that a crash of each case may leave, and what it may be.
fn for_each_image(mut visit: impl FnMut(&Promise, Memory, Moment) -> Result<(), String>) {
    for (setup, ops) in cases() {
        let explored = explore_ops(&medium(&setup), &ops, 0, None, &mut visit);
        if !explored.report.violations.is_empty() {
            println!("{setup:?}, then {ops:?}");
        }
        explored.report.assert_clean();
    }
}

#[test]
fn a_recovery_that_crashes_is_done_again() {
    let (mut number, mut recoveries, mut states) = (0, 0, 0);
    for_each_image(|promise, image, moment| {
        number += 1;
        if number % SAMPLED != 0 {
            return Ok(());
        }
        let report = explore(
            &image,
            |image| drop(mount(image, Access::ReadWrite)),
            |image, _| promise.check(&image, moment),
        );
        recoveries += 1;
        states += report.states;
        match report.violations.first() {
            None => Ok(()),
            Some(found) => Err(format!("{found:?}")),
        }
    });
    println!("{states} crash states of {recoveries} recoveries");
}

#[test]
fn what_another_cpu_left_at_unmount_is_repaired_though_the_medium_says_that_it_is_clean() {
    let memory = medium(&[create("x"), write("x", 0, 5_000), create("y")]);
    let mut session = Session::new(visible(&memory));
    session.apply(&unlink("x"), LATER_NS).expect("it is there");
    let expected = session.tree();
    memory.run_on(1);
    unmount(session.fs);
    let (mut seen, mut repaired) = (Seen::default(), 0);
    for image in memory.crash_point().images(Limits::default(), &mut seen) {
        let (fs, repairs) = mount(&image, Access::ReadWrite).expect("sound");
        assert!(!repairs.unclean);
        assert_eq!(tree(&fs), expected);
        repaired += repairs.orphans + repairs.pages;
    }
    assert!(repaired > 0, "nothing was left");
    // The CPU that left it fences, as every switch to another task does.
    memory.run_on(0);
    memory.fence();
    assert_eq!(memory.pending_lines(), 0);
}

/// Recovers `image` with something left out, looks at what that gives, uses it, and crashes at any time.
fn check_omission(
    promise: &Promise,
    image: &Memory,
    moment: Moment,
    omission: Omission,
) -> Result<(), String> {
    let recover = |image: &Memory, then: &mut dyn FnMut(Fs<&Without<'_, Memory>>)| {
        let pm = Without::new(image, omission);
        if let Ok((fs, _)) = mount(&pm, Access::ReadWrite) {
            pm.stop();
            then(fs);
        }
    };
    let mut result = Err("not mounted".to_string());
    let first = image.clone();
    recover(&first, &mut |fs| result = promise.check_mounted(fs, moment));
    result?;

    let crashed = explore(
        &image.clone(),
        |image| recover(image, &mut |_| ()),
        |image, _| promise.check(&image, moment),
    );
    if let Some(violation) = crashed.violations.first() {
        return Err(violation.reason.clone());
    }
    let mut result = Ok(());
    let used = image.clone();
    recover(&used, &mut |fs| {
        let mut session = Session::new(fs);
        session.grow_all().expect("it could be used before");
        // The records that a rename has moved to change once more.
        for (path, shown) in session.tree() {
            if shown.kind == mode::REGULAR {
                let moved = format!("{path}-moved");
                session.apply(&link(&path, &moved), LATER_NS).expect("room");
                session.apply(&unlink(&path), LATER_NS).expect("a name");
            }
        }
        let expected = session.tree();
        let mut seen = Seen::default();
        let images = used.crash_point().images(Limits::default(), &mut seen);
        for image in images {
            let found = mount(&image, Access::ReadWrite).map(|(fs, _)| tree(&fs));
            let found = found.map_err(|error| format!("{error:?}"));
            let history = &session.history;
            let reason = found.map(|it| difference(&it, &expected, &expected, history, true));
            if let Some(reason) = reason.unwrap_or_else(Some) {
                result = Err(reason);
                break;
            }
        }
    });
    result
}

#[test]
fn recoveries_that_leave_something_out_are_found() {
    use Omission::{Fences, Stores, WriteBacks};
    let all = [
        Stores(Part::Superblock),
        Stores(Part::Redo),
        Stores(Part::Inodes),
        Stores(Part::Descriptors),
        Stores(Part::Pages),
        WriteBacks(Part::Superblock),
        WriteBacks(Part::Redo),
        WriteBacks(Part::Inodes),
        WriteBacks(Part::Descriptors),
        WriteBacks(Part::Pages),
        Fences,
    ];
    let mut reasons = all.map(|_| None);
    let mut number = 0;
    for_each_image(|promise, image, moment| {
        number += 1;
        if number % SAMPLED != 0 {
            return Ok(());
        }
        for (omission, reason) in all.into_iter().zip(&mut reasons) {
            if reason.is_none() {
                let check = || check_omission(promise, &image, moment, omission);
                let result = catch_unwind(AssertUnwindSafe(check));
                *reason = result.unwrap_or(Err("panicked".into())).err();
            }
        }
        Ok(())
    });
    println!("{} recoveries", number / SAMPLED);
    for (omission, reason) in all.iter().zip(&reasons) {
        println!("{omission:?}: {}", reason.as_deref().unwrap_or("survives"));
    }
    let survivors = all
        .iter()
        .zip(&reasons)
        .filter(|(_, reason)| reason.is_none());
    let survivors: Vec<_> = survivors.map(|(omission, _)| *omission).collect();
    // The state word says how the medium was left; what is to be repaired shows without it.
    let of_the_state_word = [Stores(Part::Superblock), WriteBacks(Part::Superblock)];
    assert_eq!(survivors, of_the_state_word);
}
