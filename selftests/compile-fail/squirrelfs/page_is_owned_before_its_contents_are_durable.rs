// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: no file owns a page whose contents a crash may take back.

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

/// Gives pages to a file whose bytes are on their way.
pub(crate) fn run(
    pm: &impl Pm,
    pages: Batch<Extents, Dirty, page::Filled>,
    inode: &Obj<Inode, Clean, inode::Stored>,
) {
    let _ = pages.own(pm, inode, 1); //~ E0599
}
