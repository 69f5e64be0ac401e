// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! A size covers only pages that durably belong to the file.

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

/// Moves the end while the pages' owner is on its way.
pub(crate) fn run(
    pm: &impl Pm,
    inode: Obj<Inode, Clean, inode::Stored>,
    pages: &Batch<Extents, Dirty, page::Owned>,
    none: &Batch<Extents, Clean, page::Owned>,
) {
    let _ = inode.grow(pm, 1, 0, none, pages); //~ E0308
}
