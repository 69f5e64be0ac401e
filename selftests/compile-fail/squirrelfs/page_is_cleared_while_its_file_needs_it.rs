// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 2: pages are not given up while their inode is alive and covers them.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    extents::Extents,
    inode::{self, Inode},
    page::{self, Batch},
    pm::Pm,
    state::{Clean, Obj},
};

/// Takes the pages of a live inode.
pub(crate) fn run(
    pm: &impl Pm,
    pages: Batch<Extents, Clean, page::Owned>,
    inode: &Obj<Inode, Clean, inode::Live>,
) {
    let _ = pages.clear(pm, inode); //~ E0277
}
