// SPDX-License-Identifier: GPL-2.0

//! The tools as a user has them: the programs are run on image files, and their output and exit codes
//! compared.

mod damage;
mod dump;
mod fixture;
mod fsck;
mod mkfs;
#[allow(dead_code, clippy::all)]
#[path = "../../../squirrelfs/model/mod.rs"]
mod model;
mod run;
