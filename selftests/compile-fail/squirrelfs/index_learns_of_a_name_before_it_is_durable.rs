// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! The volatile index shows only what is durable.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    dir::Dir,
    record::{self, Record},
    state::{Dirty, Obj},
};

/// Shows a name that a crash may take back.
pub(crate) fn run(dir: &mut Dir, record: &Obj<Record, Dirty, record::Live>) {
    dir.insert(record, 0, 1, 0); //~ E0308
}
