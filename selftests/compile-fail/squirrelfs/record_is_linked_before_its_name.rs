// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: a record names no inode before its own name is durable.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    record::{self, Record},
    state::{Clean, Dirty, Obj},
};

/// Commits a record whose name is still in the cache.
pub(crate) fn run(
    pm: &impl Pm,
    record: Obj<Record, Dirty, record::Named>,
    inode: &Obj<Inode, Clean, inode::Init>,
) {
    let _ = record.link(pm, inode); //~ E0599
}
