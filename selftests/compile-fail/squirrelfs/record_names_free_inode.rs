// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: nothing points to an inode before it is initialised.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    record::{self, Record},
    state::{Clean, Obj},
};

/// Names an inode that nobody has made.
pub(crate) fn run(
    pm: &impl Pm,
    record: Obj<Record, Clean, record::Named>,
    inode: &Obj<Inode, Clean, inode::Free>,
) {
    let _ = record.link(pm, inode); //~ E0308
}
