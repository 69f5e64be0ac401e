// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A hook that was dropped has given its line back and cannot be used any more.

use kernel_ext::irq::{Flow, Hook};

/// Detaches and looks at the line.
pub fn run<T: Flow>(hook: Hook<T>) {
    let _ = hook.irq();
    drop(hook);
    let _ = hook.status(); //~ E0382
}
