// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: a symlink is complete when its target is durable, not before.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    page::{self, Page},
    state::{Clean, Dirty, Obj},
};

/// Takes a target that is on its way for durable.
pub(crate) fn run(inode: Obj<Inode, Clean, inode::Hollow>, page: &Obj<Page, Dirty, page::Owned>) {
    let _ = inode.with_contents(page); //~ E0308
}
