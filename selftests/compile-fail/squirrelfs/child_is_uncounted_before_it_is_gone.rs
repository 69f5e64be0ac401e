// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! The link count of a directory is lowered when the record of the one in it is durably gone.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    record::{self, Record},
    state::{Clean, Obj},
};

/// Lowers the count while the record is there.
pub(crate) fn run(
    pm: &impl Pm,
    dir: Obj<Inode, Clean, inode::Live>,
    child: &Obj<Record, Clean, record::Live>,
) {
    let _ = dir.lost_child(pm, 2, 0, child); //~ E0277
}
