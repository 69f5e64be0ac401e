// SPDX-License-Identifier: GPL-2.0

//! A simulated line: a device that raises interrupts, a driver that serves them, a guest, and between
//! them the window, used as the module uses it.

use crate::model::{
    activity::Activity,
    budget::Limit,
    policy::Intervals,
    window::{Arrival, Expiry, Masking, Window},
};
use std::{cell::Cell, rc::Rc};

/// What the lines of a guest share.
pub(crate) struct Budget {
    pub(crate) limit: Cell<Limit>,
    paid_ns: Cell<u64>,
    pub(crate) contained: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(limit: Limit) -> Rc<Self> {
        Rc::new(Self {
            limit: Cell::new(limit),
            paid_ns: Cell::new(0),
            contained: Cell::new(0),
        })
    }

    fn book(&self, now_ns: u64, due_ns: u64) -> u64 {
        let Some(booking) = self.limit.get().book(self.paid_ns.get(), now_ns) else {
            return 0;
        };
        self.paid_ns.set(booking.paid_ns);
        let puts_off = u64::from(booking.puts_off(now_ns, due_ns));
        self.contained.set(self.contained.get() + puts_off);
        booking.at_ns
    }
}

/// The line. Times are in nanoseconds.
pub(crate) struct Line {
    pub(crate) window: Window,
    pub(crate) now_ns: u64,
    pub(crate) intervals: Intervals,
    pub(crate) burst_events: u16,
    pub(crate) budget: Rc<Budget>,
    activity: Activity,
    /// When the timer expires.
    timer_ns: Option<u64>,
    is_masked: bool,
    /// A masked device remembers one interrupt.
    latched: bool,
    /// When the first event came that no run of the driver's handler has followed.
    unserved_since_ns: Option<u64>,
    pub(crate) deliveries_ns: Vec<u64>,
    pub(crate) longest_wait_ns: u64,
    pub(crate) longest_hold_ns: u64,
    /// Interrupts held since the last delivery.
    pub(crate) held: u32,
}

impl Line {
    pub(crate) fn new(intervals: Intervals) -> Self {
        Self {
            window: Window::new(),
            now_ns: 0,
            intervals,
            burst_events: 0,
            budget: Budget::new(Limit::NONE),
            activity: Activity::Unknown,
            timer_ns: None,
            is_masked: false,
            latched: false,
            unserved_since_ns: None,
            deliveries_ns: Vec::new(),
            longest_wait_ns: 0,
            longest_hold_ns: 0,
            held: 0,
        }
    }

    /// The device has an event.
    pub(crate) fn raise(&mut self) {
        self.unserved_since_ns.get_or_insert(self.now_ns);
        if self.is_masked {
            self.latched = true;
        } else {
            self.arrive();
        }
    }

    fn arrive(&mut self) {
        let arrival = self.window.arrive(
            self.now_ns,
            &self.intervals,
            self.activity,
            self.burst_events,
            |due_ns| self.budget.book(self.now_ns, due_ns),
        );
        match arrival {
            Arrival::Hold { masking, arm_at_ns } => {
                self.held += 1;
                self.is_masked |= masking == Masking::Mask;
                self.timer_ns = arm_at_ns.or(self.timer_ns);
            }
            Arrival::Deliver => self.deliver(),
            Arrival::DeliverEarly { hold_ns } => {
                self.longest_hold_ns = self.longest_hold_ns.max(hold_ns);
                self.deliver();
            }
        }
    }

    fn deliver(&mut self) {
        self.held = 0;
        self.deliveries_ns.push(self.now_ns);
        if let Some(since_ns) = self.unserved_since_ns.take() {
            self.longest_wait_ns = self.longest_wait_ns.max(self.now_ns - since_ns);
        }
    }

    /// When its timer expires next.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.timer_ns
    }

    /// The limit of its guest was lifted.
    pub(crate) fn lift(&mut self) {
        self.window.unbook();
        self.move_timer();
    }

    /// The guest does something else.
    pub(crate) fn change(&mut self, activity: Activity) {
        self.activity = activity;
        if activity == Activity::Running {
            self.move_timer();
        }
    }

    /// What an activation, or a change of the intervals, does with what is held.
    pub(crate) fn move_timer(&mut self) {
        if let Some(due_ns) = self.window.due_ns(&self.intervals, self.activity) {
            self.timer_ns = Some(due_ns.max(self.now_ns));
        }
    }

    /// Lets time pass; every timer on the way expires.
    pub(crate) fn run_until(&mut self, end_ns: u64) {
        while let Some(timer_ns) = self.timer_ns.filter(|&timer_ns| timer_ns <= end_ns) {
            self.now_ns = self.now_ns.max(timer_ns);
            self.timer_ns = None;
            self.expire();
        }
        self.now_ns = self.now_ns.max(end_ns);
    }

    /// The timer's callback.
    pub(crate) fn expire(&mut self) {
        match self
            .window
            .expire(self.now_ns, &self.intervals, self.activity)
        {
            Expiry::Nothing => {}
            Expiry::Rearm(at_ns) => self.timer_ns = Some(at_ns),
            Expiry::Replay { masking, hold_ns } => {
                self.longest_hold_ns = self.longest_hold_ns.max(hold_ns);
                if masking == Masking::Mask {
                    self.is_masked = false;
                }
                self.arrive();
                if !self.is_masked && core::mem::take(&mut self.latched) {
                    self.arrive();
                }
            }
        }
    }

    /// Whether every event so far was followed by a run of the driver's handler.
    pub(crate) fn is_served(&self) -> bool {
        self.unserved_since_ns.is_none() && !self.is_masked && !self.latched
    }
}
