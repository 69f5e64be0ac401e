// SPDX-License-Identifier: GPL-2.0

//! testdev: the example driver, for QEMU's `edu` device. Copy it to start a module.
//!
//! It uses the wrappers of the support crate (all but the search for another driver's line):
//! attributes below the device, ranged numbers, an
//! interrupt of its own, and a hook on that interrupt's line which counts what arrives before the
//! handler does.
//!
//! # Terms
//!
//! - **raise**: make the device interrupt with given cause bits.
//! - **arrived**: interrupts the hook saw; **handled**: causes the handler acknowledged.

mod device;
mod driver;
mod ffi;
mod model;
mod regs;
mod sysfs;

kernel::module_pci_driver! {
    type: driver::TestDev,
    name: "testdev",
    authors: ["The rust-virt-modules developers"],
    description: "Example driver for QEMU's edu device",
    license: "GPL",
    params: {
        hook: bool {
            default: true,
            description: "Whether to hook the device's own line; another module can only if not",
        },
    },
}
