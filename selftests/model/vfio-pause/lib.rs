// SPDX-License-Identifier: GPL-2.0

//! vfio-pause's model on the host, and property tests of it. The model's own tests run with it.

#![allow(dead_code)]

#[path = "../../../vfio-pause/model/mod.rs"]
mod model;

#[cfg(test)]
mod config;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod ranges;
#[cfg(test)]
mod text;
#[cfg(test)]
mod walk;
