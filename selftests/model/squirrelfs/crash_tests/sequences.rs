// SPDX-License-Identifier: GPL-2.0

//! All sequences of one and two operations, and some of three.

use super::{
    cases::{media, on_files, on_names, on_two_names},
    explore_all, medium, visible,
};
use crate::{
    oracle::{op::Op, session::Session},
    sim::memory::Memory,
};

/// Of the sequences of three operations, one in so many is tried: a prime number.
const SAMPLED: u32 = 97;

/// Tries the sequences that begin with any operations and end with one of `last`.
fn explore_sequences(setup: &[Op], last: &[Op]) {
    let all = [on_names(), on_two_names(), on_files()].concat();
    let medium = medium(setup);
    let (mut states, mut sequences, mut exhaustive) = (0, 0, true);
    let mut run = |ops: &[Op]| {
        // What fails changes nothing: a shorter sequence is the same.
        if !succeeds(&medium, &ops[..ops.len() - 1]) {
            return;
        }
        let explored = explore_all(&medium, ops, ops.len() - 1, None);
        if !explored.report.violations.is_empty() {
            println!("{setup:?}, then {ops:?}");
        }
        explored.report.assert_clean();
        states += explored.report.states;
        exhaustive &= explored.report.exhaustive;
        sequences += 1;
    };
    let mut third = (0..SAMPLED).cycle();
    for op in last {
        run(std::slice::from_ref(op));
        for first in &all {
            run(&[first.clone(), op.clone()]);
            for zeroth in all.iter().filter(|_| third.next() == Some(0)) {
                run(&[zeroth.clone(), first.clone(), op.clone()]);
            }
        }
    }
    println!("{states} crash states of {sequences} sequences, exhaustive: {exhaustive}");
    assert!(exhaustive);
}

/// Whether no operation fails.
fn succeeds(medium: &Memory, ops: &[Op]) -> bool {
    let memory = medium.clone();
    let mut session = Session::new(visible(&memory));
    let mut done = (200..)
        .zip(ops)
        .map(|(now_ns, op)| session.apply(op, now_ns));
    done.all(|result| result.is_ok())
}

#[test]
fn sequences_that_end_with_an_operation_on_a_name_survive_every_crash_of_a_fresh_medium() {
    explore_sequences(&media()[0], &on_names());
}

#[test]
fn sequences_that_end_with_a_rename_survive_every_crash_of_a_fresh_medium() {
    explore_sequences(&media()[0], &on_two_names());
}

#[test]
fn sequences_that_end_with_an_operation_on_a_file_survive_every_crash_of_a_fresh_medium() {
    explore_sequences(&media()[0], &on_files());
}

#[test]
fn sequences_that_end_with_an_operation_on_a_name_survive_every_crash_of_a_used_medium() {
    explore_sequences(&media()[1], &on_names());
}

#[test]
fn sequences_that_end_with_a_rename_survive_every_crash_of_a_used_medium() {
    explore_sequences(&media()[1], &on_two_names());
}

#[test]
fn sequences_that_end_with_an_operation_on_a_file_survive_every_crash_of_a_used_medium() {
    explore_sequences(&media()[1], &on_files());
}
