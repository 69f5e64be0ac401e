// SPDX-License-Identifier: GPL-2.0
//@ object: squirrelfs/squirrelfs.o

//! Only an operation that is durable gives the token by which its effects are made visible.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;

use model::fs::{op, Committed};

/// Makes the token of a create that nobody did.
pub(crate) fn run() {
    let _: Committed<op::Create> = Committed::new(); //~ E0624
}
