// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Rule 2: an inode has lost a link when the record is durably gone, not before.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::{
    layout::Geometry,
    record::{self, Record},
    state::{Dirty, Obj},
};

/// Takes the inode of a record that a crash may bring back.
pub(crate) fn run(geometry: &Geometry, record: Obj<Record, Dirty, record::Cleared>) {
    let _ = record.lost_link(geometry); //~ E0599
}
