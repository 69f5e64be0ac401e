// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 2: pages behind the end are given up when the smaller size is durable.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    extents::Extents,
    inode::{self, Inode},
    page::{self, Batch},
    pm::Pm,
    state::{Clean, Dirty, Obj},
};

/// Takes the pages while a crash may bring the old size back.
pub(crate) fn run(
    pm: &impl Pm,
    pages: Batch<Extents, Clean, page::Owned>,
    inode: &Obj<Inode, Dirty, inode::Shrunk>,
) {
    let _ = pages.clear(pm, inode); //~ E0308
}
