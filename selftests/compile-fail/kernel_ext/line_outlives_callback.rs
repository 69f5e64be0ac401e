// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A line is only known to exist during a callback, so it cannot be kept.

use kernel_ext::irq::{Flow, Line};

/// A flow that tries to remember its line.
pub struct Keep(pub core::cell::Cell<Option<Line<'static>>>);

// SAFETY: Not true; this is about lifetimes alone.
unsafe impl Sync for Keep {}
// SAFETY: As above.
unsafe impl Send for Keep {}

impl Flow for Keep {
    fn arrived(&self, line: &Line<'_>) {
        line.deliver();
    }

    fn expired(&self, line: &Line<'_>) {
        let _ = line.is_moving();
        // What would be stored has the callback's lifetime.
        self.0.set(shorten(line)); //~ E0521
    }

    fn drain(&self) {}

    fn is_drained(&self) -> bool {
        true
    }
}

fn shorten<'a>(line: &Line<'a>) -> Option<Line<'a>> {
    let _ = line;
    None
}
