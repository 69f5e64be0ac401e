// SPDX-License-Identifier: GPL-2.0

//! irq-mod's model on the host, and property tests of it. The model's own tests run with it.

#![allow(dead_code)]

#[path = "../../../irq-mod/model/mod.rs"]
mod model;

#[cfg(test)]
mod line;
#[cfg(test)]
mod tests;
