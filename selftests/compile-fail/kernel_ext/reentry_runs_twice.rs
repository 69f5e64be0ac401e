// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A held interrupt occurs again once.

use kernel_ext::irq::Reentry;

/// Runs a replay and tries to run it again.
pub fn run(reentry: Reentry<'_>) {
    reentry.run();
    reentry.run(); //~ E0382
}
