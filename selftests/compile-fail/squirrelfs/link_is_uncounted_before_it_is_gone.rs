// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! A link count is never lower than the number of links: it is lowered when the link is gone.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    state::{Clean, Obj},
};

/// Lowers the count of an inode that lost no link.
pub(crate) fn run(pm: &impl Pm, inode: Obj<Inode, Clean, inode::Live>) {
    let _ = inode.drop_link(pm, 1, 0); //~ E0599
}
