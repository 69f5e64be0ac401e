// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! The data of a raw spinlock is reached through its guard only.

use kernel_ext::sync::RawSpinLock;

/// Reads what the lock protects.
pub fn run(lock: &RawSpinLock<u32>) -> u32 {
    return lock.data; //~ E0616
    *lock.lock()
}
