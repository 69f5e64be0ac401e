// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: a record names no inode before it has a name.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    record::{self, Record},
    state::{Clean, Obj},
};

/// Commits a free record.
pub(crate) fn run(
    pm: &impl Pm,
    record: Obj<Record, Clean, record::Free>,
    inode: &Obj<Inode, Clean, inode::Init>,
) {
    let _ = record.link(pm, inode); //~ E0599
}
