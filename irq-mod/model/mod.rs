// SPDX-License-Identifier: GPL-2.0

//! What irq-mod decides, without any kernel type: the same files are built into the module and into
//! its host tests.

pub(crate) mod activity;
pub(crate) mod assist;
pub(crate) mod budget;
pub(crate) mod glob;
pub(crate) mod guard;
pub(crate) mod histogram;
pub(crate) mod interval;
pub(crate) mod pid;
pub(crate) mod policy;
pub(crate) mod rate;
pub(crate) mod spec;
pub(crate) mod window;

#[path = "../../rust/model/bdf.rs"]
pub(crate) mod bdf;
#[path = "../../rust/model/name.rs"]
pub(crate) mod name;
#[path = "../../rust/model/text.rs"]
pub(crate) mod text;
