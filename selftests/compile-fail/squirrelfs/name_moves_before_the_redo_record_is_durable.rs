// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 3: the old name goes when a durable redo record commits the new one.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    pm::Pm,
    record::{self, Record},
    redo::{self, Redo},
    state::{Clean, Dirty, Obj},
};

/// Clears the old record while the redo record is on its way.
pub(crate) fn run(
    pm: &impl Pm,
    record: Obj<Record, Clean, record::Live>,
    redo: &Obj<Redo, Dirty, redo::Armed>,
) {
    let _ = record.moved(pm, redo); //~ E0308
}
