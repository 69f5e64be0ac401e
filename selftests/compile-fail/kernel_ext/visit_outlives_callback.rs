// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A frame that is not taken is the kernel's again when the callback returns, so that it cannot be kept.

use kernel_ext::net::{Handler, Outcome, Visit};

/// A handler that tries to remember a frame without taking it.
pub struct Keep(pub core::cell::Cell<Option<Visit<'static>>>);

// SAFETY: Not true; this is about lifetimes alone.
unsafe impl Sync for Keep {}
// SAFETY: As above.
unsafe impl Send for Keep {}

impl Handler for Keep {
    const PRIORITY: i32 = 0;

    fn ingress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        self.0.set(Some(visit)); //~ E0521
        Outcome::Taken
    }

    fn egress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        Outcome::Pass(visit)
    }
}
