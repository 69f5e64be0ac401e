// SPDX-License-Identifier: GPL-2.0

//! What each operation asks of the medium.

use super::{explore_ops, medium};
use crate::{
    oracle::op::{
        chmod, chown, chown_and_chmod, create, exchange, link, mkdir, populate, read, rename,
        resize, rmdir, symlink, unlink, write, Op,
    },
    sim::fault::Counts,
};

/// What the last of `ops` costs.
fn cost(ops: &[Op]) -> Counts {
    let (op, setup) = ops.split_last().expect("an operation");
    let explored = explore_ops(
        &medium(setup),
        std::slice::from_ref(op),
        0,
        None,
        &mut |_, _, _| Ok(()),
    );
    explored.counts[0]
}

fn fences(setup: &[Op], op: Op) -> u64 {
    cost(&[setup, &[op]].concat()).fences
}

#[test]
fn operations_on_names_cost_as_many_fences_as_promised() {
    let base = [create("x"), mkdir("d"), create("d/y")];
    assert_eq!(fences(&base, create("a")), 2);
    assert_eq!(fences(&[], create("a")), 2, "with a new directory page");
    assert_eq!(fences(&base, mkdir("e")), 2);
    assert_eq!(fences(&base, symlink("s", "x")), 2);
    assert_eq!(
        fences(&[], symlink("s", "x")),
        2,
        "with a new directory page"
    );
    assert_eq!(fences(&base, Op::Tmpfile), 1);
    assert_eq!(fences(&base, link("x", "z")), 2);
    assert_eq!(fences(&base, unlink("x")), 1, "with the last link");
    let linked = [&base[..], &[link("x", "z")]].concat();
    assert_eq!(fences(&linked, unlink("z")), 1, "a link remains");
    assert_eq!(fences(&base, rename("x", "z")), 3);
    assert_eq!(fences(&base, rename("x", "d/y")), 3, "replacing");
    assert_eq!(fences(&base, rename("d/y", "z")), 3);
    assert_eq!(fences(&base, exchange("x", "d/y")), 3);
    assert_eq!(fences(&base, exchange("d", "x")), 3);
    assert_eq!(fences(&[create("x"), mkdir("d")], rmdir("d")), 1);
}

#[test]
fn operations_on_files_cost_as_many_fences_as_promised() {
    let base = [create("x"), write("x", 0, 100)];
    assert_eq!(fences(&base, write("x", 50, 20)), 1, "in place");
    assert_eq!(fences(&base, write("x", 100, 20)), 2, "appended to a page");
    assert_eq!(fences(&base, write("x", 100, 9_000)), 2, "and to new ones");
    assert_eq!(fences(&base, write("x", 9_000, 20)), 2, "behind a hole");
    let sparse = [&base[..], &[resize("x", 20_000)]].concat();
    assert_eq!(fences(&sparse, write("x", 9_000, 20)), 2, "into a hole");
    assert_eq!(fences(&sparse, populate("x", 3)), 2, "a page fault");
    assert_eq!(fences(&sparse, write("x", 19_990, 20)), 3, "both");
    assert_eq!(fences(&base, resize("x", 10)), 1, "no page goes");
    assert_eq!(fences(&base, resize("x", 0)), 2, "pages go");
    assert_eq!(fences(&base, resize("x", 9_000)), 2, "the tail is zeroed");
    assert_eq!(fences(&sparse, resize("x", 30_000)), 1, "there is no tail");
}

#[test]
fn changes_of_attributes_cost_as_many_fences_as_promised() {
    let plain = [create("x")];
    let set_id = [create("x"), chmod("x", 0o4755)];
    assert_eq!(fences(&plain, chmod("x", 0o600)), 1);
    assert_eq!(fences(&plain, chown("x", 7)), 1);
    assert_eq!(fences(&set_id, chmod("x", 0o600)), 1);
    assert_eq!(
        fences(&set_id, chown("x", 7)),
        2,
        "which loses a set-ID bit"
    );
    let both = chown_and_chmod("x", 7, 0o2711);
    assert_eq!(fences(&set_id, both), 3, "with set-ID bits of both owners");
    assert_eq!(fences(&set_id, chown("x", 1)), 1, "who owns it already");
    assert_eq!(fences(&plain, read("x")), 0);
}

#[test]
fn a_name_of_one_line_costs_one_line_in_a_page_that_is_there() {
    let lines = |setup: &[Op], op: Op| cost(&[setup, &[op]].concat()).write_backs;
    let base = [create("x")];
    // The parent, two of the inode; the record.
    assert_eq!(lines(&base, create("y")), 4);
    // In a page that is new, the record once more, and the page's descriptor.
    assert_eq!(lines(&[], create("y")), 6);
    assert_eq!(lines(&base, unlink("x")), 3);
    assert_eq!(lines(&base, write("x", 0, 8)), 2);
}
