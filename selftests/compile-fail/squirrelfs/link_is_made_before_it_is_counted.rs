// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! A link count is never lower than the number of links: it is raised before the link is made.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    record::{self, Record},
    state::{Clean, Obj},
};

/// Names an inode once more whose count does not say so.
pub(crate) fn run(
    pm: &impl Pm,
    record: Obj<Record, Clean, record::Named>,
    inode: &Obj<Inode, Clean, inode::Live>,
) {
    let _ = record.link_again(pm, inode); //~ E0308
}
