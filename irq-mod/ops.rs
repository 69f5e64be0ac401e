// SPDX-License-Identifier: GPL-2.0

//! What runs at each interrupt: ask the model, do what it says, count.

use crate::{
    line::Moderator,
    model::window::{
        Arrival,
        Leftover,
        Masking, //
    },
    stats::Counters, //
};
use kernel::time::{
    hrtimer::HrTimerExpires,
    Delta,
    Instant,
    Monotonic, //
};
use kernel_ext::irq::{
    self,
    Flow,
    Injected,
    Line, //
};

/// When to try again to replay on a line that is moving between CPUs.
const RETRY: Delta = Delta::from_micros(50);

impl From<Masking> for irq::Masking {
    fn from(masking: Masking) -> Self {
        match masking {
            Masking::Leave => Self::Leave,
            Masking::Mask => Self::Mask,
        }
    }
}

/// Nanoseconds of the monotonic clock, which starts at boot and is never negative.
fn ns(now: Instant<Monotonic>) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(0)
}

impl Flow for Moderator {
    fn arrived(&self, line: &Line<'_>) {
        let now = Instant::<Monotonic>::now();
        let interval_us = {
            let mut state = self.state.lock();
            match state.window.arrive(ns(now), self.latency()) {
                Arrival::Hold(masking) => {
                    Counters::count(&mut state.counters.held);
                    if masking == Masking::Mask {
                        Counters::count(&mut state.counters.masked);
                    }
                    // Under the lock: an expiry on another CPU must not unmask before this masks.
                    line.hold(masking.into());
                    return;
                }
                Arrival::Deliver => {
                    Counters::count(&mut state.counters.delivered);
                    None
                }
                Arrival::DeliverAndArm { interval_us } => {
                    Counters::count(&mut state.counters.delivered);
                    Counters::count(&mut state.counters.windows);
                    Some(interval_us)
                }
            }
        };
        if let Some(interval_us) = interval_us {
            line.arm_after(now, Delta::from_micros(i64::from(interval_us)));
        }
        line.deliver();
    }

    fn expired(&self, line: &Line<'_>) {
        let now = Instant::<Monotonic>::now();
        let mut state = self.state.lock();
        let Leftover::Replay { masking, hold_ns } = state.window.close(ns(now)) else {
            return;
        };
        // Under the lock, like the masking it undoes, so that the two cannot change places.
        if masking == Masking::Mask {
            line.unmask();
        }
        let counters = &mut state.counters;
        counters.max_hold_ns = counters.max_hold_ns.max(hold_ns);
        if line.is_moving() || !line.is_on_target() {
            // Under the lock, so that whatever arrives next finds the window closed, reaches the
            // driver and thereby ends the injection: one that ended in an open window would block
            // all later ones.
            match line.inject() {
                Injected::Raised => return Counters::count(&mut counters.replayed_injected),
                Injected::Refused => return Counters::count(&mut counters.dropped),
                Injected::Busy if line.is_moving() => {
                    state.window.reopen(ns(now).saturating_sub(hold_ns));
                    return line.arm_after(now, RETRY);
                }
                // An injection by the kernel itself was held. Any CPU will do.
                Injected::Busy => {}
            }
        }
        Counters::count(&mut counters.replayed_inline);
        // Without the lock: it comes back through `arrived`.
        drop(state);
        line.reenter();
    }

    fn drain(&self) {
        self.state.lock().window.drain();
    }

    fn is_drained(&self) -> bool {
        self.state.lock().window.is_empty()
    }
}
