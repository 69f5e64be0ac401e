// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o
//@ emit: obj
//@ error: E0080

//! What was stored becomes durable before the function returns, on every path.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    extents::Extents,
    inode::{self, Inode},
    page::{self, Batch},
    pm::{Offset, Pm},
    state::{fence, Clean, Obj},
};

/// A medium that keeps nothing.
struct Nowhere;

impl Pm for Nowhere {
    fn size_bytes(&self) -> u64 {
        0
    }
    fn load(&self, _: Offset) -> u64 {
        0
    }
    fn store(&self, _: Offset, _: u64) {}
    fn write_back(&self, _: Offset) {}
    fn zero(&self, _: Offset, _: u64) {}
    fn copy(&self, _: Offset, _: &[u8]) {}
    fn fence(&self) {}
}

/// Gives pages up and returns early.
#[no_mangle]
pub(crate) fn run(
    pages: Batch<Extents, Clean, page::Owned>,
    inode: &Obj<Inode, Clean, inode::Shrunk>,
    failed: bool,
) {
    let dirty = pages.clear(&Nowhere, inode);
    if failed {
        return; //~ -
    }
    let _ = fence(&Nowhere, dirty);
}
