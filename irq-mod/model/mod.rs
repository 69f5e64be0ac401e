// SPDX-License-Identifier: GPL-2.0

//! What irq-mod decides, without any kernel type: the same files are built into the module and into
//! its host tests.

pub(crate) mod interval;
pub(crate) mod spec;
pub(crate) mod window;
