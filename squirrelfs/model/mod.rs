// SPDX-License-Identifier: GPL-2.0

//! The file system without a kernel: what is on the medium, in which order it is changed, what a crash
//! leaves and how that is repaired. The same files are built into the module, its tools and the crash
//! simulator.

pub(crate) mod attributes;
pub(crate) mod bitmap;
pub(crate) mod crc32c;
pub(crate) mod create;
pub(crate) mod data;
pub(crate) mod dir;
pub(crate) mod extents;
pub(crate) mod format;
pub(crate) mod fs;
pub(crate) mod inode;
pub(crate) mod layout;
pub(crate) mod num;
pub(crate) mod ops;
pub(crate) mod page;
pub(crate) mod pm;
pub(crate) mod record;
pub(crate) mod redo;
pub(crate) mod rename;
pub(crate) mod scan;
pub(crate) mod state;
pub(crate) mod write;

#[path = "../../rust/model/mem.rs"]
pub(crate) mod mem;
