// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A held raw spinlock belongs to its CPU: the guard cannot be handed to another thread.

use kernel_ext::sync::RawSpinLock;

fn hand_over<T: Send>(_value: T) {}

/// Locks and tries to hand the guard over.
pub fn run(lock: &RawSpinLock<u32>) {
    let guard = lock.lock();
    let _ = *guard;
    hand_over(guard); //~ E0277
}
