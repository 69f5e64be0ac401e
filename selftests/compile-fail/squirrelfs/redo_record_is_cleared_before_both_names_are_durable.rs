// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 3: a redo record stays until both of its changes are durable.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    pm::Pm,
    record::{self, Record},
    redo::{self, Redo},
    state::{Clean, Dirty, Obj},
};

/// Clears it while the new name is on its way.
pub(crate) fn run(
    pm: &impl Pm,
    redo: Obj<Redo, Clean, redo::Armed>,
    to: &Obj<Record, Dirty, record::Live>,
    from: &Obj<Record, Clean, record::Moved>,
) {
    let _ = redo.disarm(pm, to, from); //~ E0308
}
