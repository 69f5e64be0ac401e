// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A hook either takes a frame or lets it pass.

use kernel_ext::net::{Outcome, Visit};

/// Takes a frame and tries to let it pass.
pub fn run<'a>(visit: Visit<'a>, mut pass: impl FnMut(Outcome<'a>)) {
    let _frame = visit.take();
    pass(Outcome::Pass(visit)); //~ E0382
}
