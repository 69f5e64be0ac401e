// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o
//@ emit: obj
//@ error: E0080

//! What was stored becomes durable before the function returns, on every path.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    inode::{self, Inode},
    pm::{Offset, Pm},
    record::{self, Record},
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

/// Makes one of two changes durable.
#[no_mangle]
pub(crate) fn run(
    record: Obj<Record, Clean, record::Live>,
    dir: Obj<Inode, Clean, inode::Live>,
    failed: bool,
) {
    let record = record.clear(&Nowhere);
    let _ = fence(&Nowhere, dir.touch(&Nowhere, 1));
    if failed {
        return; //~ -
    }
    let _ = fence(&Nowhere, record);
}
