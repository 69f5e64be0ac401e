// SPDX-License-Identifier: GPL-2.0

//! A simulated line: a device that raises interrupts, a driver that serves them, and between them the
//! window, used as `irq-mod/ops.rs` uses it.

use crate::model::{
    interval::Latency,
    window::{Arrival, Leftover, Masking, Window},
};

/// The line. Times are in nanoseconds.
pub(crate) struct Line {
    pub(crate) window: Window,
    pub(crate) now_ns: u64,
    /// When the timer expires.
    timer_ns: Option<u64>,
    is_masked: bool,
    /// A masked device remembers one interrupt.
    latched: bool,
    /// When the first event came that no run of the driver's handler has followed.
    unserved_since_ns: Option<u64>,
    pub(crate) deliveries_ns: Vec<u64>,
    pub(crate) longest_wait_ns: u64,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            window: Window::new(),
            now_ns: 0,
            timer_ns: None,
            is_masked: false,
            latched: false,
            unserved_since_ns: None,
            deliveries_ns: Vec::new(),
            longest_wait_ns: 0,
        }
    }

    /// The device has an event.
    pub(crate) fn raise(&mut self, latency: Latency) {
        self.unserved_since_ns.get_or_insert(self.now_ns);
        if self.is_masked {
            self.latched = true;
        } else {
            self.arrive(latency);
        }
    }

    fn arrive(&mut self, latency: Latency) {
        match self.window.arrive(self.now_ns, latency) {
            Arrival::Hold(masking) => self.is_masked |= masking == Masking::Mask,
            Arrival::Deliver => self.deliver(),
            Arrival::DeliverAndArm { interval_us } => {
                self.timer_ns = Some(self.now_ns + u64::from(interval_us) * 1_000);
                self.deliver();
            }
        }
    }

    fn deliver(&mut self) {
        self.deliveries_ns.push(self.now_ns);
        if let Some(since_ns) = self.unserved_since_ns.take() {
            self.longest_wait_ns = self.longest_wait_ns.max(self.now_ns - since_ns);
        }
    }

    /// Lets time pass; every timer on the way expires.
    pub(crate) fn run_until(&mut self, end_ns: u64, latency: Latency) {
        while let Some(timer_ns) = self.timer_ns.filter(|&timer_ns| timer_ns <= end_ns) {
            self.now_ns = self.now_ns.max(timer_ns);
            self.timer_ns = None;
            self.expire(latency);
        }
        self.now_ns = self.now_ns.max(end_ns);
    }

    /// The timer's callback.
    pub(crate) fn expire(&mut self, latency: Latency) {
        let Leftover::Replay { masking, .. } = self.window.close(self.now_ns) else {
            return;
        };
        if masking == Masking::Mask {
            self.is_masked = false;
        }
        self.arrive(latency);
        if !self.is_masked && core::mem::take(&mut self.latched) {
            self.arrive(latency);
        }
    }

    /// Whether every event so far was followed by a run of the driver's handler.
    pub(crate) fn is_served(&self) -> bool {
        self.unserved_since_ns.is_none() && !self.is_masked && !self.latched
    }
}
