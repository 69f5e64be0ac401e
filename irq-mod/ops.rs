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
    Arrived,
    Expired,
    Flow,
    Replay, //
};

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
    fn arrived(&self, line: &Arrived<'_>) {
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

    fn expired(&self, line: &Expired<'_>) {
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
        // Under the lock, so that whatever arrives next finds the window closed and is delivered.
        match line.replay() {
            Replay::Inline(reentry) => {
                Counters::count(&mut counters.replayed_inline);
                drop(state);
                reentry.run();
            }
            Replay::Injected => Counters::count(&mut counters.replayed_injected),
            Replay::Dropped => Counters::count(&mut counters.dropped),
        }
    }

    fn drain(&self) {
        self.state.lock().window.drain();
    }

    fn is_drained(&self) -> bool {
        self.state.lock().window.is_empty()
    }
}
