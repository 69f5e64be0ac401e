// SPDX-License-Identifier: GPL-2.0

//! What is counted for each line, protected by its state's lock.

/// Counters of one line since it was attached; they never go back.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Interrupts passed on to the kernel's edge flow handler, and so to the driver.
    pub(crate) delivered: u64,
    /// Interrupts that were acknowledged without running the handler.
    pub(crate) held: u64,
    /// Windows opened.
    pub(crate) windows: u64,
    /// Times the line was masked because a window held two interrupts.
    pub(crate) masked: u64,
    /// Replays on the CPU whose timer expired.
    pub(crate) replayed_inline: u64,
    /// Replays that the interrupt controller was asked for.
    pub(crate) replayed_injected: u64,
    /// Replays without a receiver: the driver had given up the line.
    pub(crate) dropped: u64,
    /// Longest time a held interrupt waited, in nanoseconds.
    pub(crate) max_hold_ns: u64,
}

impl Counters {
    /// Adds one; a counter that wrapped after centuries must not panic.
    pub(crate) fn count(counter: &mut u64) {
        *counter = counter.wrapping_add(1);
    }
}
