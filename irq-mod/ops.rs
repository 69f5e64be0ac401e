// SPDX-License-Identifier: GPL-2.0

//! What runs at each interrupt: ask the model, do what it says, count.

use crate::{
    ffi::{
        self,
        How, //
    },
    model::{
        activity::Activity,
        window::{
            Arrival,
            Expiry,
            Masking, //
        },
    },
    stats::Counters,
    vector::Moderator, //
};
use kernel::time::{
    hrtimer::HrTimerExpires,
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
pub(crate) fn now_ns() -> u64 {
    u64::try_from(Instant::<Monotonic>::now().as_nanos()).unwrap_or(0)
}

impl Flow for Moderator {
    #[inline]
    fn arrived(&self, line: &Arrived<'_>) {
        if self.passes() {
            ffi::trace_deliver(line.irq(), Activity::Unknown);
            return line.deliver();
        }
        {
            let mut state = self.state.lock_with_irqs_off(line.irqs_off());
            let burst_events = state.settings.burst_events;
            if let Some(masking) = state.window.hold_another(burst_events) {
                state.counters.hold(masking);
                // Under the lock: an expiry on another CPU must not unmask before this masks.
                line.hold(masking.into());
                ffi::trace_hold(line.irq(), masking == Masking::Mask, state.armed_ns);
                return;
            }
            let now_ns = now_ns();
            let activity = self.activity();
            let intervals = state.intervals(now_ns);
            let events = state.window.events();
            match state
                .window
                .arrive(now_ns, &intervals, activity, burst_events, |due_ns| {
                    self.book(now_ns, due_ns)
                }) {
                Arrival::Hold { masking, arm_at_ns } => {
                    state.counters.hold(masking);
                    // Under the lock, as above.
                    line.hold(masking.into());
                    if let Some(at_ns) = arm_at_ns {
                        Counters::count(&mut state.counters.windows);
                        self.arm(&mut state, &intervals, activity, at_ns);
                    }
                    ffi::trace_hold(line.irq(), masking == Masking::Mask, state.armed_ns);
                    return;
                }
                Arrival::DeliverEarly { hold_ns } => {
                    Counters::count(&mut state.counters.early);
                    state.counters.end(events, hold_ns, 0);
                    state.guard.ended(events, now_ns);
                    self.settle(&state);
                }
                Arrival::Deliver => {}
            }
            state.counters.deliver(activity);
            ffi::trace_deliver(line.irq(), activity);
        }
        line.deliver();
    }

    fn expired(&self, line: &Expired<'_>) {
        let now_ns = now_ns();
        let mut state = self.state.lock_with_irqs_off(line.irqs_off());
        let activity = self.activity();
        let intervals = state.intervals(now_ns);
        self.unbook(&mut state);
        let events = state.window.events();
        let (masking, hold_ns) = match state.window.expire(now_ns, &intervals, activity) {
            Expiry::Nothing => return,
            Expiry::Rearm(at_ns) => {
                Counters::count(&mut state.counters.rearmed);
                self.arm(&mut state, &intervals, activity, at_ns);
                ffi::trace_rearm(line.irq(), state.armed_ns);
                return;
            }
            Expiry::Replay { masking, hold_ns } => (masking, hold_ns),
        };
        let rang_late_ns = now_ns.saturating_sub(self.settle(&state));
        // Under the lock, like the masking it undoes, so that the two cannot change places.
        if masking == Masking::Mask {
            line.unmask();
        }
        state.guard.ended(events, now_ns);
        let counters = &mut state.counters;
        counters.end(events, hold_ns, rang_late_ns);
        // Under the lock, so that whatever arrives next finds the window waiting for it.
        match line.replay() {
            Replay::Inline(reentry) => {
                Counters::count(&mut counters.replayed_inline);
                ffi::trace_replay(line.irq(), How::Inline, events, hold_ns);
                drop(state);
                reentry.run();
            }
            Replay::Injected => {
                Counters::count(&mut counters.replayed_injected);
                ffi::trace_replay(line.irq(), How::Injected, events, hold_ns);
            }
            Replay::Dropped => {
                Counters::count(&mut counters.dropped);
                ffi::trace_replay(line.irq(), How::Dropped, events, hold_ns);
            }
        }
    }

    fn drain(&self) {
        self.state.lock().window.drain();
    }

    fn is_drained(&self) -> bool {
        self.state.lock().window.is_empty()
    }
}
