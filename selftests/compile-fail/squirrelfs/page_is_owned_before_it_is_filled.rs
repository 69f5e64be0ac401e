// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: no file owns a page that holds what an earlier one left in it.

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

/// Gives free pages to a file.
pub(crate) fn run(
    pm: &impl Pm,
    pages: Batch<Extents, Clean, page::Free>,
    inode: &Obj<Inode, Clean, inode::Stored>,
) {
    let _ = pages.own(pm, inode, 1); //~ E0599
}
