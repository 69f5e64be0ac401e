// SPDX-License-Identifier: GPL-2.0

//! Registers of the `edu` device, from QEMU's `docs/specs/edu.rst`.

use kernel::io::register;

register! {
    /// Returns the bitwise complement of what was written.
    pub(crate) LIVENESS(u32) @ 0x04 {
        31:0 value;
    }

    /// Computes the factorial of what is written; reads give the result once the status is idle.
    pub(crate) FACTORIAL(u32) @ 0x08 {
        31:0 value;
    }

    /// What the device is doing.
    pub(crate) STATUS(u32) @ 0x20 {
        0:0 computing => bool;
    }

    /// Causes of the interrupts not acknowledged yet.
    pub(crate) IRQ_STATUS(u32) @ 0x24 {
        31:0 causes;
    }

    /// Adds causes and raises an interrupt.
    pub(crate) IRQ_RAISE(u32) @ 0x60 {
        31:0 causes;
    }

    /// Removes causes.
    pub(crate) IRQ_ACK(u32) @ 0x64 {
        31:0 causes;
    }
}

/// Size of what is used of BAR 0, in bytes.
pub(crate) const END: usize = 0x68;
