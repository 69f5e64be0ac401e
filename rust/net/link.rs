// SPDX-License-Identifier: GPL-2.0

//! Sending and receiving on a device of somebody else.

use super::{
    anchor::{
        Anchor,
        Cargo,
        Here, //
    },
    device::Device,
    frame::Frame, //
};
use crate::bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

struct Nothing;

// SAFETY: Nothing leads to it ever.
unsafe impl Cargo for Nothing {
    unsafe fn attach(&self, _netdev: NonNull<bindings::net_device>) -> Result {
        Ok(())
    }

    unsafe fn detach(&self, _netdev: NonNull<bindings::net_device>) {}
}

/// A device that frames are sent on, from any context, until it goes. Nobody waits for this who removes the
/// device or takes it to another namespace; it is gone then.
///
/// Creating and dropping one sleeps and takes the lock of all devices: never in what is called with that lock
/// held, such as an event of a device, nor below an attribute of the device itself, whose removal waits.
pub struct Link(Pin<KBox<Anchor<Nothing>>>);

impl Link {
    /// Begins to use `device`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if it is no Ethernet device, [`ENOMEM`].
    pub fn new(device: Device) -> Result<Self> {
        Ok(Self(Anchor::new(device, Ok::<_, Error>(Nothing))?))
    }

    /// Which device it is or was.
    pub fn device(&self) -> Device {
        self.0.device()
    }

    /// Calls `act` with the device; [`None`] if it is gone. `act` must not sleep.
    pub fn with<R>(&self, act: impl FnOnce(Here<'_>) -> R) -> Option<R> {
        self.0.with(act)
    }

    /// As [`Here::transmit`].
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, or as there.
    pub fn transmit(&self, frame: Frame) -> Result {
        self.with(|here| here.transmit(frame))
            .unwrap_or(Err(ENODEV))
    }

    /// As [`Here::receive`].
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, or as there.
    pub fn receive(&self, frame: Frame) -> Result {
        self.with(|here| here.receive(frame)).unwrap_or(Err(ENODEV))
    }
}
