// SPDX-License-Identifier: GPL-2.0

//! Persistent memory on the host, and everything that a crash may leave of it.
//!
//! # Terms
//!
//! - **image**: the contents of a whole region.
//! - **durable**: what every crash leaves. **Visible**: what loads see. **Pending**: stores that are
//!   visible and not yet durable; a crash leaves of each line a prefix of them.
//! - **crash point**: a moment, with its durable image and its pending stores. It stands for all images
//!   that a crash at that moment may leave.
//! - **epoch**: the time between two fences.
//! - **stream**: to store past the cache, zeros or bytes.
//! - **CPU**: there are two; a fence waits for what the same one wrote back or streamed.
//! - **fault**: one deviation from the program, which a good check finds ([`fault`]).
//!
//! Positions are named as the model names them: a [word and a line](crate::model::pm). Inside this
//! module `word` and `line` are indices, counted from the region's beginning.
//!
//! # Example
//!
//! ```text
//! use crate::sim::memory::Memory;
//! use crate::sim::trace::{explore, Moment};
//!
//! let memory = Memory::new(1 << 20);
//! let report = explore(&memory, |pm| create(pm, name), |image, moment| {
//!     recover(&image);
//!     match (moment, tree(&image)) {
//!         (_, found) if found == after => Ok(()),
//!         (Moment::During, found) if found == before => Ok(()),
//!         (_, found) => Err(format!("{found:?}")),
//!     }
//! });
//! report.assert_clean();
//! assert_eq!(memory.defects(), []);
//! ```

pub(crate) mod crash;
pub(crate) mod fault;
mod image;
pub(crate) mod memory;
mod plan;
pub(crate) mod random;
#[cfg(test)]
mod reference;
mod region;
pub(crate) mod trace;
mod unit;
