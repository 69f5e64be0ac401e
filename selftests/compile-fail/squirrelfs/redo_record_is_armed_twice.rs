// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! An object is in one state: a redo record in use cannot take a second rename.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    pm::Pm,
    redo::{self, Change, Redo},
    state::{Clean, Obj},
};

/// Uses the same empty record for two renames.
pub(crate) fn run(pm: &impl Pm, redo: Obj<Redo, Clean, redo::Empty>, change: Change) {
    let _ = redo.arm(pm, 1, change, change);
    let _ = redo.arm(pm, 2, change, change); //~ E0382
}
