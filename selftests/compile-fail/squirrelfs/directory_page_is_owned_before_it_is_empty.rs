// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 1: no directory owns a page whose old contents could be read as records.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    layout::PageKind,
    page::{self, Page},
    pm::Pm,
    state::{Clean, Dirty, Obj},
};

/// Gives a page to a directory while its zeros are on their way.
pub(crate) fn run(
    pm: &impl Pm,
    page: Obj<Page, Dirty, page::Filled>,
    dir: &Obj<Inode, Clean, inode::Live>,
) {
    let _ = page.own(pm, PageKind::Directory, 0, dir, 1); //~ E0599
}
