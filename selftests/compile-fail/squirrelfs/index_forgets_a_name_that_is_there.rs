// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! The volatile index forgets only what is durably gone.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    dir::Dir,
    record::{self, Record},
    state::{Clean, Obj},
};

/// Hides a name that is on the medium.
pub(crate) fn run(dir: &mut Dir, record: &Obj<Record, Clean, record::Live>) {
    dir.remove(record, 0, 1, 0); //~ E0277
}
