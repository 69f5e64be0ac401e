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
    Line,
    Replayed, //
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

impl Moderator {
    /// Closes the window; returns whether something must be replayed.
    fn close(&self, line: &Line<'_>, now_ns: u64) -> bool {
        let mut state = self.state.lock();
        match state.window.close(now_ns) {
            Leftover::Nothing => false,
            Leftover::Replay { masking, hold_ns } => {
                state.counters.max_hold_ns = state.counters.max_hold_ns.max(hold_ns);
                // Under the lock, like the masking it undoes, so that the two cannot change places.
                if masking == Masking::Mask {
                    line.unmask();
                }
                true
            }
        }
    }

    /// Makes what was held occur again. Without the lock: inline, it comes back through `arrived`.
    fn replay(&self, line: &Line<'_>) {
        let how = line.replay();
        let counters: &mut Counters = &mut self.state.lock().counters;
        match how {
            Replayed::Inline => Counters::count(&mut counters.replayed_inline),
            Replayed::Injected => Counters::count(&mut counters.replayed_injected),
            Replayed::Dropped => Counters::count(&mut counters.dropped),
        }
    }
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

    fn expired(&self, line: Option<&Line<'_>>) {
        let now_ns = ns(Instant::<Monotonic>::now());
        match line {
            Some(line) => {
                if self.close(line, now_ns) {
                    self.replay(line);
                }
            }
            // The driver freed the line, so there is nobody to deliver to.
            None => {
                let mut state = self.state.lock();
                if state.window.close(now_ns) != Leftover::Nothing {
                    Counters::count(&mut state.counters.dropped);
                }
            }
        }
    }

    fn released(&self, line: &Line<'_>) {
        if self.close(line, ns(Instant::<Monotonic>::now())) {
            line.replay();
        }
    }
}
