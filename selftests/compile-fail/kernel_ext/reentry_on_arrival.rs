// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! Only a timer may replay: an arrival that replayed would call itself without end.

use kernel_ext::irq::Arrived;

/// Delivers an interrupt and tries to replay it.
pub fn run(line: &Arrived<'_>) {
    line.deliver();
    let _ = line.replay(); //~ E0599
}
