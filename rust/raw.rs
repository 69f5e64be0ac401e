// SPDX-License-Identifier: GPL-2.0

//! Raw C pointers of safe kernel types that keep theirs private to the `kernel` crate.
//!
//! This is the only file that may rely on the layout of such a type.

use crate::bindings;
use kernel::{
    device,
    pci, //
};

/// Returns the C `struct device` of `dev`.
pub(crate) fn device<C: device::DeviceContext>(dev: &device::Device<C>) -> *mut bindings::device {
    // CAST: `Device` is `#[repr(transparent)]` over `Opaque<bindings::device>`, which is
    // transparent itself.
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// Returns the entry of a device table for a `vendor` that [`pci::Vendor`] has no name for.
pub(crate) const fn pci_device_id(vendor: u16, device: u16) -> pci::DeviceId {
    const ANY: u32 = u32::MAX;
    let id = bindings::pci_device_id {
        vendor: vendor as u32,
        device: device as u32,
        subvendor: ANY,
        subdevice: ANY,
        class: 0,
        class_mask: 0,
        driver_data: 0,
        override_only: 0,
    };
    // SAFETY: `DeviceId` is `#[repr(transparent)]` over `bindings::pci_device_id`.
    unsafe { core::mem::transmute::<bindings::pci_device_id, pci::DeviceId>(id) }
}
