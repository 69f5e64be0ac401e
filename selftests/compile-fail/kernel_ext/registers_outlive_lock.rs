// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! Registers of another driver's function are not to be had without the lock that keeps the driver away.

use core::cell::Cell;
use kernel::prelude::*;
use kernel_ext::{
    net::Device,
    pci::{RegisterMap, Registers},
};

/// Tries to keep them.
pub fn run(
    device: Device,
    map: &'static RegisterMap,
    kept: &Cell<Option<&'static Registers<'static>>>,
) -> Result {
    device.registers(map, |_, registers| {
        kept.set(Some(registers)); //~ E0521
        Ok(())
    })
}
