// SPDX-License-Identifier: GPL-2.0

//! PCI functions: their interrupts, and functions that are looked after for somebody else.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)
//!
//! A driver of a device uses [`kernel::pci`] and an [`Interrupt`]. What stands behind a function
//! that comes and goes, such as a virtual function that is passed on to a virtual machine, is told
//! so by a [`Keeper`] and works with a [`Function`], which is never more than a reference, and with
//! what a [`Claim`] on it gives: [`Window`]s on its memory and its [`Vectors`]. Of one that another
//! driver drives, a [`RegisterMap`] says which [`Registers`] may be used.

mod claim;
mod function;
mod interrupt;
mod keeper;
mod registers;
mod sriov;
mod watch;

use crate::raw;
use kernel::pci;

pub use claim::{
    Claim,
    Reset,
    VectorKind,
    Vectors,
    Window, //
};
pub use function::{
    Address,
    Function,
    Resource, //
};
pub use interrupt::{
    Delivery,
    Interrupt,
    Switch, //
};
pub use keeper::{
    Keeper,
    Keeping, //
};
pub use registers::{
    Register,
    RegisterMap,
    Registers, //
};
pub use watch::{
    Watch,
    Watcher, //
};

/// Returns the entry of a device table for a `vendor` that [`pci::Vendor`] has no name for.
pub const fn device_id(vendor: u16, device: u16) -> pci::DeviceId {
    raw::pci_device_id(vendor, device)
}
