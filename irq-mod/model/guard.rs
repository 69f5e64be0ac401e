// SPDX-License-Identifier: GPL-2.0

//! When holding interrupts gains nothing.
//!
//! A device that waits for each of its interrupts to be served raises one at a time: holding it only
//! makes it slower. A window that held several saved interrupts; one that held a single one did not.
//! Where nearly all windows held a single one there is no interval for a while, and then a short trial.
//!
//! ```text
//!             enough windows, nearly all of one
//!    Holding ----------------------------------> Yielding
//!       ^                                         |    ^
//!       |                                 a while |    | nearly all of one
//!       |            others, too                  v    |
//!       +--------------------------------------- Trying
//! ```

use super::interval::Latency;

/// How many windows tell that a device waits; many, so that a moment does not.
const HOLDING_WINDOWS: u32 = 128;
/// How many of a trial tell; few, since each makes a device slower that does wait.
const TRIAL_WINDOWS: u32 = 8;
/// How long interrupts are not held until the next trial, in nanoseconds.
const YIELDING_NS: u64 = 100_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Holding,
    Yielding { since_ns: u64 },
    Trying,
}

/// Whether the interrupts of a line are worth holding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    state: State,
    windows: u32,
    /// Those of them that held a single interrupt.
    single: u32,
}

impl Guard {
    /// Creates a guard that lets interrupts be held.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Holding,
            windows: 0,
            single: 0,
        }
    }

    /// The interval to be used at `now_ns`: `set`, or none.
    pub(crate) fn interval(&mut self, now_ns: u64, set: Latency) -> Latency {
        match self.state {
            State::Yielding { since_ns } if now_ns.saturating_sub(since_ns) < YIELDING_NS => {
                Latency::OFF
            }
            State::Yielding { .. } => {
                self.turn(State::Trying);
                set
            }
            State::Holding | State::Trying => set,
        }
    }

    /// What [`Self::interval`] would return.
    pub(crate) fn peek(&self, now_ns: u64, set: Latency) -> Latency {
        self.clone().interval(now_ns, set)
    }

    /// Learns that a window ended at `now_ns` that held `events` interrupts.
    pub(crate) fn ended(&mut self, events: u32, now_ns: u64) {
        self.windows = self.windows.saturating_add(1);
        if events <= 1 {
            self.single = self.single.saturating_add(1);
        }
        let enough = match self.state {
            State::Holding => HOLDING_WINDOWS,
            State::Trying => TRIAL_WINDOWS,
            // One that had begun before.
            State::Yielding { .. } => return,
        };
        if self.windows < enough {
            return;
        }
        // Four of five.
        let is_waiting = self.single.saturating_mul(5) >= self.windows.saturating_mul(4);
        self.turn(match is_waiting {
            true => State::Yielding { since_ns: now_ns },
            false => State::Holding,
        });
    }

    fn turn(&mut self, state: State) {
        *self = Self {
            state,
            windows: 0,
            single: 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Latency = match Latency::from_us(200) {
        Some(latency) => latency,
        None => panic!(),
    };

    /// Lets windows end that hold so many interrupts in turn.
    fn windows(guard: &mut Guard, count: u32, now_ns: u64, events: &[u32]) {
        let count = usize::try_from(count).expect("fits");
        for &events in events.iter().cycle().take(count) {
            guard.ended(events, now_ns);
        }
    }

    #[test]
    fn a_closed_loop_ends_without_an_interval_and_is_tried_again_for_a_moment() {
        let mut guard = Guard::new();
        windows(&mut guard, HOLDING_WINDOWS - 1, 0, &[1]);
        assert_eq!(guard.interval(0, SET), SET);
        guard.ended(1, 0);
        assert_eq!(guard.interval(0, SET), Latency::OFF);
        assert_eq!(guard.interval(YIELDING_NS - 1, SET), Latency::OFF);
        assert_eq!(guard.interval(YIELDING_NS, SET), SET);
        windows(&mut guard, TRIAL_WINDOWS, YIELDING_NS, &[1]);
        assert_eq!(guard.interval(YIELDING_NS, SET), Latency::OFF);
        assert_eq!(guard.interval(2 * YIELDING_NS, SET), SET);
    }

    #[test]
    fn looking_at_it_begins_no_trial() {
        let mut guard = Guard::new();
        windows(&mut guard, HOLDING_WINDOWS, 0, &[1]);
        let before = guard.clone();
        assert_eq!(guard.peek(0, SET), Latency::OFF);
        assert_eq!(guard.peek(YIELDING_NS, SET), SET);
        assert_eq!(guard, before);
    }

    #[test]
    fn a_line_that_becomes_busy_is_held_after_the_next_trial() {
        let mut guard = Guard::new();
        windows(&mut guard, HOLDING_WINDOWS, 0, &[1]);
        assert_eq!(guard.interval(YIELDING_NS, SET), SET);
        windows(&mut guard, TRIAL_WINDOWS, YIELDING_NS, &[1, 3]);
        windows(&mut guard, TRIAL_WINDOWS, YIELDING_NS, &[1]);
        assert_eq!(guard.interval(YIELDING_NS, SET), SET);
    }

    #[test]
    fn a_line_on_which_some_windows_hold_more_stays_held() {
        let mut guard = Guard::new();
        windows(&mut guard, 10 * HOLDING_WINDOWS, 0, &[1, 1, 2]);
        assert_eq!(guard.interval(0, SET), SET);
    }

    #[test]
    fn windows_that_end_late_do_not_count_for_the_next_trial() {
        let mut guard = Guard::new();
        windows(&mut guard, HOLDING_WINDOWS, 0, &[1]);
        windows(&mut guard, TRIAL_WINDOWS, 0, &[1]);
        guard.interval(YIELDING_NS, SET);
        guard.ended(1, YIELDING_NS);
        assert_eq!(guard.interval(YIELDING_NS, SET), SET);
    }
}
