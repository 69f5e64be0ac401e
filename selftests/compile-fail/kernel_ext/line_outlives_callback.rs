// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A line is only known to exist during a callback, so what belongs to it cannot be kept.

use kernel_ext::irq::{Arrived, Expired, Flow, Reentry, Replay};

/// A flow that tries to remember a replay for later.
pub struct Keep(pub core::cell::Cell<Option<Reentry<'static>>>);

// SAFETY: Not true; this is about lifetimes alone.
unsafe impl Sync for Keep {}
// SAFETY: As above.
unsafe impl Send for Keep {}

impl Flow for Keep {
    fn arrived(&self, line: &Arrived<'_>) {
        line.deliver();
    }

    fn expired(&self, line: &Expired<'_>) {
        let _ = inline(line.replay());
        self.0.set(inline(line.replay())); //~ E0521
    }

    fn drain(&self) {}

    fn is_drained(&self) -> bool {
        true
    }
}

fn inline(replay: Replay<'_>) -> Option<Reentry<'_>> {
    match replay {
        Replay::Inline(reentry) => Some(reentry),
        _ => None,
    }
}
