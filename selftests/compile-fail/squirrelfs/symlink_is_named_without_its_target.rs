// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: nothing points to a symlink before its target is durable.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    record::{self, Record},
    state::{Clean, Obj},
};

/// Names a symlink that is a bare inode.
pub(crate) fn run(
    pm: &impl Pm,
    record: Obj<Record, Clean, record::Named>,
    inode: &Obj<Inode, Clean, inode::Hollow>,
) {
    let _ = record.link(pm, inode); //~ E0308
}
