// SPDX-License-Identifier: GPL-2.0

//! vfio-pause: VFIO devices that outlive the PCI function behind them.
//!
//! # Terms
//!
//! - **slot**: one persistent device; a virtual machine opens it and never notices what is behind.
//! - **front**: the slot's device as VFIO sees it: a PCI function that exists in software only.
//! - **back**: the PCI function behind a slot, usually a virtual function; it may go and come back.
//! - **target**: which function is to be the back, by place: number of a virtual function, or address.
//! - **pause**: to take the back away from the user: no access to its registers, no DMA, no interrupts.
//! - **soft**, **hard**: without and with a reset of the back.
//! - **sink**: what is accessed in place of registers once waiting for the back has taken too long.
//! - **phantom**: a mapping of something that is not memory, remembered but not given to the IOMMU.

mod back;
mod dma;
mod driver;
mod ffi;
mod hal;
mod knobs;
mod model;
mod ops;
mod reconfigure;
mod slot;
mod stage;
mod stats;
mod sysfs;
mod wiring;

kernel::prelude::module! {
    type: driver::VfioPause,
    name: "vfio_pause",
    authors: ["The rust-virt-modules developers"],
    description: "VFIO devices that outlive the PCI function behind them",
    license: "GPL",
    params: {
        domain_min: u32 {
            default: 0x8000,
            description: "Lowest PCI domain for slots, 0x8000 to 0xffff",
        },
    },
}
