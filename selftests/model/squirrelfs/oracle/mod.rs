// SPDX-License-Identifier: GPL-2.0

//! Operations as data, and a tree to compare with.
//!
//! - [`op`]: what is done, to a [`session::Session`] of a mounted file system.
//! - [`tree`]: everything that a file system shows, the bytes of its pages included.
//! - [`compare`]: what a crash may leave of an operation, and what not.

pub(crate) mod compare;
pub(crate) mod op;
pub(crate) mod session;
pub(crate) mod tree;
