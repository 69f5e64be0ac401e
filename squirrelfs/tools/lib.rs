// SPDX-License-Identifier: GPL-2.0

//! `mkfs.squirrelfs`, `fsck.squirrelfs` and `dump.squirrelfs`: the core of the module, on a block device
//! or an image file.
//!
//! The core decides what is valid, what a crash leaves and how that is repaired. What is here opens
//! devices, shows what the core does, and reads media that the core refuses.

mod changes;
mod device;
pub mod dump;
mod dump_json;
mod dump_text;
pub mod fsck;
mod fsck_args;
mod image;
pub mod mkfs;
mod mkfs_args;
// The kernel's lints are for it, not those of programs.
#[allow(dead_code, clippy::all)]
#[path = "../model/mod.rs"]
mod model;
mod pages;
mod problem;
mod program;
mod signature;
mod superblock;
mod survey;
mod text;
mod tree;
mod view;
