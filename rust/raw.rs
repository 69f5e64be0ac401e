// SPDX-License-Identifier: GPL-2.0

//! Raw C pointers of safe kernel types that keep theirs private to the `kernel` crate.
//!
//! This is the only file that may rely on the layout of such a type.

use crate::bindings;
use kernel::device;

/// Returns the C `struct device` of `dev`.
pub(crate) fn device<C: device::DeviceContext>(dev: &device::Device<C>) -> *mut bindings::device {
    // CAST: `Device` is `#[repr(transparent)]` over `Opaque<bindings::device>`, which is
    // transparent itself.
    core::ptr::from_ref(dev).cast_mut().cast()
}
