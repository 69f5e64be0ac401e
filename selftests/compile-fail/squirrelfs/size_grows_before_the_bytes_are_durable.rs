// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! A size covers only what is durable.

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

/// Moves the end while the bytes are on their way.
pub(crate) fn run(
    pm: &impl Pm,
    inode: Obj<Inode, Dirty, inode::Stored>,
    pages: &Batch<Extents, Clean, page::Owned>,
) {
    let _ = inode.grow(pm, 1, 0, pages, pages); //~ E0599
}
