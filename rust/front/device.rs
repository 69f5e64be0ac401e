// SPDX-License-Identifier: GPL-2.0

//! Either kind of device.

use super::{
    pci,
    platform,
    Persistent, //
};

/// The device of a front.
// Held for their `Drop`.
#[allow(dead_code)]
pub(super) enum Device<F: Persistent> {
    /// A function and the bus it is on.
    Pci(pci::Root<F>),
    /// A platform device.
    Platform(platform::Device),
}
