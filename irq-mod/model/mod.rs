// SPDX-License-Identifier: GPL-2.0

//! What irq-mod decides, without any kernel type: the same files are built into the module and into
//! its host tests.

pub(crate) mod activity;
pub(crate) mod glob;
pub(crate) mod guard;
pub(crate) mod histogram;
pub(crate) mod interval;
pub(crate) mod name;
pub(crate) mod pci;
pub(crate) mod pid;
pub(crate) mod policy;
pub(crate) mod spec;
pub(crate) mod text;
pub(crate) mod window;
