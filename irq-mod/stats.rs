// SPDX-License-Identifier: GPL-2.0

//! What is counted for each vector, protected by its state's lock.

use crate::model::{
    activity::Activity,
    histogram::Histogram,
    window::Masking, //
};

/// Counters of one vector since it was attached, or of several together; they never go back.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Interrupts passed on to the kernel's edge flow handler, and so to the driver.
    pub(crate) delivered: u64,
    /// Those of them passed on while the guest was running, or while nothing is known of it.
    pub(crate) delivered_running: u64,
    /// Those of them passed on while the guest was waiting for a CPU.
    pub(crate) delivered_ready: u64,
    /// Those of them passed on while the guest was sleeping.
    pub(crate) delivered_halted: u64,
    /// Interrupts that were acknowledged without running the handler.
    pub(crate) held: u64,
    /// Times something began to be held.
    pub(crate) windows: u64,
    /// Times the line was masked because a window held two interrupts.
    pub(crate) masked: u64,
    /// Times the end of a window was put off, since the guest was not running any more.
    pub(crate) rearmed: u64,
    /// Windows ended by the number of interrupts that they held.
    pub(crate) early: u64,
    /// Replays on the CPU whose timer expired.
    pub(crate) replayed_inline: u64,
    /// Replays that the interrupt controller was asked for.
    pub(crate) replayed_injected: u64,
    /// Replays without a receiver: the driver had given up the line.
    pub(crate) dropped: u64,
    /// Longest time a held interrupt waited, in nanoseconds.
    pub(crate) max_hold_ns: u64,
    /// How long the first held interrupt of each window waited, in microseconds.
    pub(crate) holds_us: Histogram,
    /// How much later than due each window ended, in microseconds.
    pub(crate) lateness_us: Histogram,
    /// How many interrupts each window held.
    pub(crate) batches: Histogram,
}

impl Counters {
    /// Adds one; a counter that wrapped after centuries must not panic.
    pub(crate) fn count(counter: &mut u64) {
        *counter = counter.wrapping_add(1);
    }

    /// Counts an interrupt that is held, and the line that is masked for it.
    pub(crate) fn hold(&mut self, masking: Masking) {
        Self::count(&mut self.held);
        if masking == Masking::Mask {
            Self::count(&mut self.masked);
        }
    }

    /// Counts an interrupt that is passed on while the guest does `activity`.
    pub(crate) fn deliver(&mut self, activity: Activity) {
        Self::count(&mut self.delivered);
        Self::count(match activity {
            Activity::Unknown | Activity::Running => &mut self.delivered_running,
            Activity::Ready => &mut self.delivered_ready,
            Activity::Halted => &mut self.delivered_halted,
        });
    }

    /// Counts `interrupts` that were passed on for a line without a guest.
    pub(crate) fn pass(&mut self, interrupts: u64) {
        self.delivered = self.delivered.wrapping_add(interrupts);
        self.delivered_running = self.delivered_running.wrapping_add(interrupts);
    }

    /// Notes that a window ended, in which `events` interrupts were held, the first for `hold_ns`.
    pub(crate) fn end(&mut self, events: u32, hold_ns: u64, lateness_ns: u64) {
        self.max_hold_ns = self.max_hold_ns.max(hold_ns);
        self.holds_us.count(hold_ns / 1_000);
        self.lateness_us.count(lateness_ns / 1_000);
        self.batches.count(u64::from(events));
    }

    /// Adds those of another vector.
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.delivered, other.delivered),
            (&mut self.delivered_running, other.delivered_running),
            (&mut self.delivered_ready, other.delivered_ready),
            (&mut self.delivered_halted, other.delivered_halted),
            (&mut self.held, other.held),
            (&mut self.windows, other.windows),
            (&mut self.masked, other.masked),
            (&mut self.rearmed, other.rearmed),
            (&mut self.early, other.early),
            (&mut self.replayed_inline, other.replayed_inline),
            (&mut self.replayed_injected, other.replayed_injected),
            (&mut self.dropped, other.dropped),
        ];
        for (sum, count) in sums {
            *sum = sum.wrapping_add(count);
        }
        self.max_hold_ns = self.max_hold_ns.max(other.max_hold_ns);
        self.holds_us.add(&other.holds_us);
        self.lateness_us.add(&other.lateness_us);
        self.batches.add(&other.batches);
    }
}
