// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 2: an inode is not freed while something points to it.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Pm,
    state::{Clean, Obj},
};

/// Frees a live inode.
pub(crate) fn run(pm: &impl Pm, inode: Obj<Inode, Clean, inode::Live>) {
    let _ = inode.free(pm); //~ E0599
}
