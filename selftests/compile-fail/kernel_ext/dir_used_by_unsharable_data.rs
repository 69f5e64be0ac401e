// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! Attributes run on any CPU at any time, so a directory's data must be shareable.

use core::cell::Cell;
use kernel::sync::atomic::Atomic;
use kernel_ext::sysfs::Dir;

/// A directory of a counter that CPUs can share.
pub type Shared = Dir<Atomic<u32>>;

fn well_formed<T>() {}

/// Names both.
pub fn run() {
    well_formed::<Shared>();
    well_formed::<Dir<Cell<u32>>>(); //~ E0277
}
