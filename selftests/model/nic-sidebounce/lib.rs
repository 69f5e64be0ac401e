// SPDX-License-Identifier: GPL-2.0

//! nic-sidebounce's model on the host, and property tests of it. The model's own tests run with it.

#![allow(dead_code)]

#[path = "../../../nic-sidebounce/model/mod.rs"]
mod model;

#[cfg(test)]
mod hold;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod rulegen;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod text;
