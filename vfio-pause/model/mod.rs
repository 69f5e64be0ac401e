// SPDX-License-Identifier: GPL-2.0

//! What vfio-pause decides, without any kernel type: the same files are built into the module and into
//! its host tests.

pub(crate) mod caps;
pub(crate) mod config;
pub(crate) mod header;
pub(crate) mod identity;
pub(crate) mod layout;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod quiet;
pub(crate) mod ranges;
pub(crate) mod registers;
pub(crate) mod slot;
pub(crate) mod space;
pub(crate) mod spec;
pub(crate) mod state;

#[path = "../../rust/model/bdf.rs"]
pub(crate) mod bdf;
#[path = "../../rust/model/name.rs"]
pub(crate) mod name;
#[path = "../../rust/model/text.rs"]
pub(crate) mod text;
