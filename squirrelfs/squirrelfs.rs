// SPDX-License-Identifier: GPL-2.0

//! squirrelfs: a file system for persistent memory whose crash consistency is checked by types.
//!
//! # Terms
//!
//! - **medium**: the persistent memory that is mounted.
//! - **durable**: on the medium, whatever happens next.
//! - **unclean**: not unmounted before the machine stopped; the next mount repairs what that left.

mod driver;
#[allow(dead_code)] // Formatting is for the tools.
mod model;
mod mount;
mod ops;
mod region;
mod stats;
mod sysfs;

kernel::prelude::module! {
    type: driver::SquirrelFs,
    name: "squirrelfs",
    authors: ["The rust-virt-modules developers"],
    description: "File system for persistent memory, its crash consistency checked by types",
    license: "GPL",
    alias: ["fs-squirrelfs"],
}
