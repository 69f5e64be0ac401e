// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 2: a record is not used again before it durably names nothing.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    pm::Pm,
    record::{self, Durable, Name, Record},
    state::{Dirty, Obj},
};

/// Gives a new name to a record that a crash may bring back.
pub(crate) fn run(pm: &impl Pm, record: Obj<Record, Dirty, record::Cleared>, name: Name<'_>) {
    let _ = record.name(pm, name, 0, Durable::AtOnce); //~ E0599
}
