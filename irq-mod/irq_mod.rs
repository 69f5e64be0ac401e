// SPDX-License-Identifier: GPL-2.0

//! irq-mod: interrupt moderation for any edge-triggered MSI or MSI-X line, without its driver's
//! help.
//!
//! # Terms
//!
//! - **vector**: one interrupt of one device, such as that of a receive queue of a NIC.
//! - **line**: the vectors that a user configures together.
//! - **window**: the time after a delivery in which further interrupts of the vector are held.
//! - **hold**: acknowledge an interrupt without running the driver's handler.
//! - **replay**: make a held interrupt occur again; one replay serves all that a window held.
//! - **guest**: threads whose activity decides which interval applies. It is **running** while one of
//!   them is on a CPU, **ready** while none is and one could be, and **halted** while all sleep.
//! - **latency interval**: the least time between deliveries while the guest is running.
//! - **overflow interval**: that while it is ready, as long as the device's buffers last.
//! - **budget**: what all lines of a guest together may deliver.

mod assist;
mod budget;
mod driver;
mod ffi;
mod guest;
mod guests;
mod line;
mod lines;
mod meter;
mod model;
mod ops;
mod settings;
mod stats;
mod sysfs;
mod vector;
mod waiter;
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
            description: "Interrupt to moderate from the start, by its number in /proc/interrupts; 0 for none",
        },
        latency_us: u32 {
            default: 100,
            description: "Latency interval of new lines in microseconds, 0 to 1000",
        },
    },
}
