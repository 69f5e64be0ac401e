// SPDX-License-Identifier: GPL-2.0

//! What nic-sidebounce decides, without any kernel type: the same files are built into the module and into
//! its host tests.

pub(crate) mod budget;
pub(crate) mod cache;
pub(crate) mod classifier;
pub(crate) mod divert;
pub(crate) mod ethernet;
pub(crate) mod field;
pub(crate) mod flow;
pub(crate) mod hash;
pub(crate) mod hold;
pub(crate) mod joined;
pub(crate) mod key;
pub(crate) mod learned;
pub(crate) mod line;
pub(crate) mod mark;
pub(crate) mod mode;
pub(crate) mod note;
pub(crate) mod packet;
pub(crate) mod pool;
pub(crate) mod prefix;
pub(crate) mod range;
pub(crate) mod rule;
pub(crate) mod ruleset;
pub(crate) mod spec;
pub(crate) mod template;
pub(crate) mod verdict;

// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../../rust/model/mem.rs"]
pub(crate) mod mem;
#[path = "../../rust/model/name.rs"]
pub(crate) mod name;
#[path = "../../rust/model/text.rs"]
pub(crate) mod text;

// The support crate decides by these; they are tested here.
#[cfg(test)]
#[path = "../../rust/model/shelf.rs"]
mod shelf;
#[cfg(test)]
#[path = "../../rust/model/transaction.rs"]
mod transaction;
