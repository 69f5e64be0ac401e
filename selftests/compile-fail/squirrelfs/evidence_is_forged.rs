// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Nobody but the model says in which state an object on the medium is.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::Offset,
    state::{Clean, Obj},
};

/// Takes an inode for one that lost its last link.
pub(crate) fn run() {
    let _: Obj<Inode, Clean, inode::LostLink> = Obj::found(Offset(0), 1); //~ E0624
}
