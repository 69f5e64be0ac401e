// SPDX-License-Identifier: GPL-2.0

//! The window after a delivery in which further interrupts are held.
//!
//! ```text
//!               arrival: deliver, start timer
//!      Closed ---------------------------------> Open
//!        ^                                        |  arrival: hold (the first)
//!        |  expiry: nothing held                  v
//!        +<-------------------------------------  |
//!        |                                      Open, held
//!        |  expiry: unmask if masked, replay      |  arrival: hold, mask (the second)
//!        +<-------------------------------------  +  arrival: hold (any other)
//! ```
//!
//! The window is masked at its second held event: a device that masks itself while its interrupt is
//! unserved never pays for the access, and a device that does not is silenced.
//!
//! A replay is an arrival at a closed window: it is delivered and opens the next one. A window that
//! is draining holds nothing more and opens no more.

use super::interval::Latency;

/// Whether the device must be kept from raising more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Masking {
    Leave,
    Mask,
}

/// What to do with an interrupt that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Deliver it and leave the window closed.
    Deliver,
    /// Start the timer for this many microseconds, then deliver it: the window is open.
    DeliverAndArm { interval_us: u32 },
    /// Do not deliver it.
    Hold(Masking),
}

/// What a window that was closed leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    Nothing,
    /// Make one interrupt occur again; unmask the line first if it was masked.
    Replay {
        masking: Masking,
        /// How long the first of the held interrupts waited, in nanoseconds.
        hold_ns: u64,
    },
}

/// The interrupts held in an open window.
#[derive(Clone, Copy, Debug)]
struct Held {
    first_ns: u64,
    masking: Masking,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open(Option<Held>),
}

/// Whether a window may hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Holding,
    Draining,
}

/// The window of one line. Times are in nanoseconds on a clock that never goes back.
#[derive(Debug)]
pub(crate) struct Window {
    state: State,
    mode: Mode,
}

impl Window {
    /// Creates a closed window.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Closed,
            mode: Mode::Holding,
        }
    }

    /// Holds nothing from now on; what is held already stays until the next [`Self::close`].
    pub(crate) fn drain(&mut self) {
        self.mode = Mode::Draining;
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        !matches!(self.state, State::Open(Some(_)))
    }

    /// Decides about an interrupt that arrives at `now_ns`. `latency` counts only if the window is
    /// closed.
    pub(crate) fn arrive(&mut self, now_ns: u64, latency: Latency) -> Arrival {
        if self.mode == Mode::Draining {
            return Arrival::Deliver;
        }
        match &mut self.state {
            State::Closed => match latency.effective_us() {
                0 => Arrival::Deliver,
                interval_us => {
                    self.state = State::Open(None);
                    Arrival::DeliverAndArm { interval_us }
                }
            },
            State::Open(held @ None) => {
                *held = Some(Held {
                    first_ns: now_ns,
                    masking: Masking::Leave,
                });
                Arrival::Hold(Masking::Leave)
            }
            State::Open(Some(held)) => {
                let before = core::mem::replace(&mut held.masking, Masking::Mask);
                Arrival::Hold(match before {
                    Masking::Leave => Masking::Mask,
                    Masking::Mask => Masking::Leave,
                })
            }
        }
    }

    /// Closes the window at `now_ns`: its timer expired, or the line is given back.
    pub(crate) fn close(&mut self, now_ns: u64) -> Leftover {
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Closed | State::Open(None) => Leftover::Nothing,
            State::Open(Some(held)) => Leftover::Replay {
                masking: held.masking,
                hold_ns: now_ns.saturating_sub(held.first_ns),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Latency = match Latency::from_us(100) {
        Some(latency) => latency,
        None => panic!(),
    };
    const OFF: Latency = match Latency::from_us(0) {
        Some(latency) => latency,
        None => panic!(),
    };

    fn open() -> Window {
        let mut window = Window::new();
        assert_eq!(
            window.arrive(0, LATENCY),
            Arrival::DeliverAndArm { interval_us: 100 }
        );
        window
    }

    #[test]
    fn the_first_interrupt_is_delivered_at_once() {
        open();
    }

    #[test]
    fn without_an_interval_every_interrupt_is_delivered() {
        let mut window = Window::new();
        for now_ns in 0..10 {
            assert_eq!(window.arrive(now_ns, OFF), Arrival::Deliver);
        }
        assert_eq!(window.close(10), Leftover::Nothing);
    }

    #[test]
    fn interrupts_inside_the_window_are_held_and_the_second_masks() {
        let mut window = open();
        assert_eq!(window.arrive(10, LATENCY), Arrival::Hold(Masking::Leave));
        assert_eq!(window.arrive(20, LATENCY), Arrival::Hold(Masking::Mask));
        assert_eq!(window.arrive(30, LATENCY), Arrival::Hold(Masking::Leave));
    }

    #[test]
    fn what_was_masked_is_unmasked() {
        let mut window = open();
        window.arrive(10, LATENCY);
        window.arrive(20, LATENCY);
        window.arrive(30, LATENCY);
        assert_eq!(
            window.close(100),
            Leftover::Replay {
                masking: Masking::Mask,
                hold_ns: 90
            }
        );
    }

    #[test]
    fn a_window_without_events_leaves_nothing() {
        assert_eq!(open().close(100), Leftover::Nothing);
    }

    #[test]
    fn turning_moderation_off_keeps_what_an_open_window_holds() {
        let mut window = open();
        assert_eq!(window.arrive(10, OFF), Arrival::Hold(Masking::Leave));
        assert!(matches!(window.close(20), Leftover::Replay { .. }));
        assert_eq!(window.arrive(30, OFF), Arrival::Deliver);
    }

    #[test]
    fn a_draining_window_gives_back_what_it_holds_and_holds_no_more() {
        let mut window = open();
        window.arrive(10, LATENCY);
        window.drain();
        assert!(!window.is_empty());
        assert_eq!(window.arrive(20, LATENCY), Arrival::Deliver);
        assert!(matches!(window.close(30), Leftover::Replay { .. }));
        assert!(window.is_empty());
        assert_eq!(window.arrive(40, LATENCY), Arrival::Deliver);
        assert_eq!(window.close(50), Leftover::Nothing);
    }

    #[test]
    fn a_clock_that_seems_to_go_back_gives_no_hold_time() {
        let mut window = open();
        window.arrive(50, LATENCY);
        assert!(matches!(
            window.close(20),
            Leftover::Replay { hold_ns: 0, .. }
        ));
    }

    /// Every sequence of arrivals, expiries and changes of the interval, up to a length, leaves no
    /// event behind: the driver runs at or after the last arrival once the window has closed.
    #[test]
    fn no_sequence_loses_an_event() {
        #[derive(Clone, Copy)]
        enum Step {
            Arrive(Latency),
            Expire,
        }
        const STEPS: [Step; 3] = [Step::Arrive(LATENCY), Step::Arrive(OFF), Step::Expire];
        const LENGTH: u32 = 9;
        for mut code in 0..STEPS.len().pow(LENGTH) {
            let mut window = Window::new();
            // Whether an event has arrived that no handler run has followed yet, and whether the
            // line is masked.
            let (mut unserved, mut masked) = (false, false);
            for now_ns in 0..u64::from(LENGTH) {
                let step = STEPS[code % STEPS.len()];
                code /= STEPS.len();
                let leftover = match step {
                    // A masked device latches its event: it arrives once it is unmasked.
                    Step::Arrive(_) if masked => Leftover::Nothing,
                    Step::Arrive(latency) => {
                        match window.arrive(now_ns, latency) {
                            Arrival::Hold(masking) => {
                                unserved = true;
                                masked |= masking == Masking::Mask;
                            }
                            _ => unserved = false,
                        }
                        Leftover::Nothing
                    }
                    Step::Expire => window.close(now_ns),
                };
                if let Leftover::Replay { masking, .. } = leftover {
                    assert!(unserved, "replayed without need");
                    assert_eq!(masked, masking == Masking::Mask);
                    masked = false;
                    assert!(!matches!(window.arrive(now_ns, LATENCY), Arrival::Hold(_)));
                    unserved = false;
                }
            }
            if let Leftover::Replay { masking, .. } = window.close(100) {
                masked &= masking != Masking::Mask;
                unserved = false;
            }
            assert!(!unserved && !masked);
        }
    }
}
