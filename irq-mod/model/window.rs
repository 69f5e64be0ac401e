// SPDX-License-Identifier: GPL-2.0

//! When an interrupt is delivered and when it is held.
//!
//! Deliveries of a line are kept an interval apart. How long it is depends on what the guest does,
//! and is asked for anew whenever something is decided. The timer runs only while something is held.
//!
//! ```text
//!                arrival, due: deliver
//!                      +-----+
//!                      |     v     arrival, not due: hold, arm the timer
//!    any arrival:      +--- Idle ---------------------------------------> Held --+ arrival: hold,
//!      deliver               ^  ^                                         |  ^   | the second masks
//!        +-------------------+  |           the Nth of a burst: deliver   |  +---+
//!        |                      +-----------------------------------------+  ^   | expiry, not due:
//!    Replaying <----------------------------------------------------------+  +---+ arm it again
//!                              expiry, due: unmask if masked, replay
//! ```
//!
//! An interrupt is due an interval after the last delivery, and not before the guest's budget allows
//! one more ([`super::budget`]), which is asked once for each delivery, when the first of its
//! interrupts arrives. It is masked at the second held event: a device that masks itself while its
//! interrupt is unserved never pays for the access, and a device that does not is silenced. Where
//! bursts are delivered early nothing is masked, since a silent device cannot be counted; but nothing
//! is early that the budget does not allow yet, and then there is nothing to count.
//!
//! A replay makes one interrupt occur again, for all that was held. It may take its time and others
//! may overtake it: whatever arrives next is delivered. A window that is draining holds nothing more.

use super::{
    activity::Activity,
    policy::Intervals, //
};

/// Whether the device must be kept from raising more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Masking {
    /// Nothing is to be done.
    Leave,
    /// Mask the line, or unmask it at a replay.
    Mask,
}

/// What to do with an interrupt that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Deliver it.
    Deliver,
    /// Deliver it: it completes a burst. What was held is served by it, too.
    DeliverEarly {
        /// How long the first of the held interrupts waited, in nanoseconds.
        hold_ns: u64,
    },
    /// Do not deliver it.
    Hold {
        /// Whether to mask the line.
        masking: Masking,
        /// When the timer must expire, if it is to be started: this is the first that is held.
        arm_at_ns: Option<u64>,
    },
}

/// What to do when the timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nothing: nothing is held.
    Nothing,
    /// Start the timer again for this time, in nanoseconds.
    Rearm(u64),
    /// Make one interrupt occur again; unmask the line first if it was masked.
    Replay {
        /// Whether the line was masked.
        masking: Masking,
        /// How long the first of the held interrupts waited, in nanoseconds.
        hold_ns: u64,
    },
}

/// The interrupts that are held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    first_ns: u64,
    events: u32,
    masking: Masking,
    /// The budget allows no delivery before.
    not_before_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    /// Nothing is held.
    Idle,
    /// The timer is running.
    Held(Held),
    /// What was held is about to occur again.
    Replaying,
}

/// Whether a window may hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Holding,
    Draining,
}

/// The window of one line. Times are in nanoseconds on a clock that never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    state: State,
    mode: Mode,
    /// When the last interrupt was delivered.
    last_ns: Option<u64>,
}

impl Window {
    /// Creates a window that holds nothing and has delivered nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Idle,
            mode: Mode::Holding,
            last_ns: None,
        }
    }

    /// Holds nothing from now on; what is held already stays until the next [`Self::expire`].
    pub(crate) fn drain(&mut self) {
        self.mode = Mode::Draining;
    }

    /// Holds again, after [`Self::drain`].
    pub(crate) fn resume(&mut self) {
        self.mode = Mode::Holding;
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        !matches!(self.state, State::Held(_))
    }

    /// How many interrupts are held; those that a masked device does not raise are not counted.
    pub(crate) fn events(&self) -> u32 {
        match &self.state {
            State::Held(held) => held.events,
            State::Idle | State::Replaying => 0,
        }
    }

    /// When what is held is due, in nanoseconds, if the guest does `activity`; [`None`] if nothing is
    /// held.
    pub(crate) fn due_ns(&self, intervals: &Intervals, activity: Activity) -> Option<u64> {
        let interval_ns = self.interval_ns(intervals, activity)?;
        Some(interval_ns.max(self.booked_ns()))
    }

    /// The same, if there were no budget.
    pub(crate) fn interval_ns(&self, intervals: &Intervals, activity: Activity) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        Some(match self.mode {
            Mode::Draining => 0,
            Mode::Holding => self.next_ns(intervals, activity),
        })
    }

    /// When the budget allows what is held, in nanoseconds.
    pub(crate) fn booked_ns(&self) -> u64 {
        match (&self.state, self.mode) {
            (State::Held(held), Mode::Holding) => held.not_before_ns,
            _ => 0,
        }
    }

    /// The budget allows what is held at any time. Returns whether that is new.
    pub(crate) fn unbook(&mut self) -> bool {
        match &mut self.state {
            State::Held(held) => core::mem::take(&mut held.not_before_ns) != 0,
            State::Idle | State::Replaying => false,
        }
    }

    /// Holds an interrupt that arrives if that is decided whatever the time is, since others are held
    /// already; returns whether to mask the line then. Otherwise [`Self::arrive`] decides.
    #[inline]
    pub(crate) fn hold_another(&mut self, burst_events: u16) -> Option<Masking> {
        match &mut self.state {
            State::Held(held)
                if self.mode == Mode::Holding
                    && (burst_events == 0 || held.masking == Masking::Mask) =>
            {
                held.events = held.events.saturating_add(1);
                Some(match core::mem::replace(&mut held.masking, Masking::Mask) {
                    Masking::Leave => Masking::Mask,
                    Masking::Mask => Masking::Leave,
                })
            }
            State::Idle | State::Held(_) | State::Replaying => None,
        }
    }

    /// Decides about an interrupt that arrives at `now_ns`. The `burst_events`th interrupt that would
    /// be held is delivered; 0 for no such limit. `book` returns when the budget allows a delivery, in
    /// nanoseconds, given when the interval does.
    #[inline]
    pub(crate) fn arrive(
        &mut self,
        now_ns: u64,
        intervals: &Intervals,
        activity: Activity,
        burst_events: u16,
        book: impl FnOnce(u64) -> u64,
    ) -> Arrival {
        if let Some(masking) = self.hold_another(burst_events) {
            return Arrival::Hold {
                masking,
                arm_at_ns: None,
            };
        }
        let next_ns = self.next_ns(intervals, activity);
        match &mut self.state {
            State::Held(held) if held.masking == Masking::Leave => {
                let events = held.events.saturating_add(1);
                let is_allowed = now_ns >= held.not_before_ns;
                let is_early = is_allowed && completes_burst(events, burst_events);
                if self.mode == Mode::Draining || is_early {
                    let hold_ns = now_ns.saturating_sub(held.first_ns);
                    self.deliver(now_ns);
                    return Arrival::DeliverEarly { hold_ns };
                }
                held.events = events;
                // Where bursts end a window it is masked only now that none can.
                if !is_allowed {
                    held.masking = Masking::Mask;
                }
                Arrival::Hold {
                    masking: held.masking,
                    arm_at_ns: None,
                }
            }
            // What is held stays, since its expiry is what unmasks the line. The window is draining.
            State::Held(_) => Arrival::Deliver,
            State::Idle if self.mode == Mode::Holding => {
                let not_before_ns = book(next_ns);
                let is_due = now_ns >= next_ns || completes_burst(1, burst_events);
                if is_due && now_ns >= not_before_ns {
                    self.deliver(now_ns);
                    return Arrival::Deliver;
                }
                self.state = State::Held(Held {
                    first_ns: now_ns,
                    events: 1,
                    masking: Masking::Leave,
                    not_before_ns,
                });
                Arrival::Hold {
                    masking: Masking::Leave,
                    arm_at_ns: Some(next_ns.max(not_before_ns)),
                }
            }
            State::Idle | State::Replaying => {
                self.deliver(now_ns);
                Arrival::Deliver
            }
        }
    }

    /// Decides what the timer, or the end of the moderation, does at `now_ns`.
    pub(crate) fn expire(
        &mut self,
        now_ns: u64,
        intervals: &Intervals,
        activity: Activity,
    ) -> Expiry {
        let due_ns = self.due_ns(intervals, activity);
        match (&self.state, due_ns) {
            (State::Held(_), Some(due_ns)) if now_ns < due_ns => Expiry::Rearm(due_ns),
            (State::Held(held), _) => {
                let (masking, first_ns) = (held.masking, held.first_ns);
                self.state = State::Replaying;
                Expiry::Replay {
                    masking,
                    hold_ns: now_ns.saturating_sub(first_ns),
                }
            }
            (State::Idle | State::Replaying, _) => Expiry::Nothing,
        }
    }

    /// When the next delivery is due, in nanoseconds; 0 before the first.
    fn next_ns(&self, intervals: &Intervals, activity: Activity) -> u64 {
        self.last_ns.map_or(0, |last_ns| {
            last_ns.saturating_add(intervals.interval_ns(activity))
        })
    }

    fn deliver(&mut self, now_ns: u64) {
        self.state = State::Idle;
        self.last_ns = Some(now_ns);
    }
}

/// Whether as many interrupts as `events` are a burst.
fn completes_burst(events: u32, burst_events: u16) -> bool {
    burst_events != 0 && events >= u32::from(burst_events)
}

mod tests;
