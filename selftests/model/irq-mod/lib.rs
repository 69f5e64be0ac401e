// SPDX-License-Identifier: GPL-2.0

//! irq-mod's model on the host, property tests of it, and a checker that tries every interleaving.
//! The model's own tests run with it.

#![allow(dead_code)]

#[path = "../../../irq-mod/model/mod.rs"]
mod model;

#[cfg(test)]
mod checker;
#[cfg(test)]
mod line;
#[cfg(test)]
mod tests;
