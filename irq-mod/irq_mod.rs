// SPDX-License-Identifier: GPL-2.0

//! irq-mod: interrupt moderation for any edge-triggered MSI or MSI-X line, without its driver's
//! help.
//!
//! # Terms
//!
//! - **line**: the interrupts that a user configures together, such as the queues of a NIC.
//! - **window**: the time after a delivery in which further interrupts of the vector are held.
//! - **hold**: acknowledge an interrupt without running the driver's handler.
//! - **replay**: make a held interrupt occur again; one replay serves all that a window held.
//! - **vector**: one interrupt of one function; a line stands for one or several.
//! - **guest**: threads whose activity decides which interval applies: the latency interval while one of
//!   them runs, the overflow interval while they wait for a CPU.

mod driver;
mod guest;
mod guests;
mod line;
mod lines;
mod model;
mod ops;
mod policy;
mod stats;
mod sysfs;
mod vector;
mod watch;

kernel::prelude::module! {
    type: driver::IrqMod,
    name: "irq_mod",
    authors: ["The rust-virt-modules developers"],
    description: "Interrupt moderation for edge-triggered MSI and MSI-X lines",
    license: "GPL",
    params: {
        irq: u32 {
            default: 0,
            description: "Line to moderate from the start, as named in /proc/interrupts; 0 for none",
        },
        latency_us: u32 {
            default: 100,
            description: "Latency interval of new lines in microseconds, 0 to 1000",
        },
    },
}
