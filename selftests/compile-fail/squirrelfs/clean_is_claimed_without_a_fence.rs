// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Only a fence makes an object clean.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    state::{Dirty, Fenced, Flush, Obj},
};

/// Makes the proof of a fence.
pub(crate) fn run(inode: Obj<Inode, Dirty, inode::Live>) {
    let _ = inode.durable(Fenced(())); //~ E0423
}
