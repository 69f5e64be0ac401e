// SPDX-License-Identifier: GPL-2.0

//! The life of a slot.
//!
//! ```text
//!            back appears                 pause, back goes
//!    Empty ---- Resuming ----> Running ---- Pausing ----> Paused
//!                  ^  |           ^            |           | |
//!                  |  |           +------------+           | |
//!                  |  |              undone                | |
//!                  +--|------------------------------------+ |
//!                     | resume, back appears                 | given up
//!                     |            failed                    v
//!                     +---------------------------------> Error ----> Paused
//!                                                            reset-error
//! ```
//!
//! # Terms
//!
//! - **back**: the PCI function behind the slot, bound to this module's driver.
//! - **transaction**: a reconfiguration of the physical function, which holds its slots.
//!
//! [`Slot`](super::slot::Slot) goes from one to the next.

use super::spec::{
    Command,
    Mode, //
};
use core::fmt;

/// The state that a user sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No device has ever been here.
    Empty,
    /// The device can be used.
    Running,
    /// It is about to be taken away.
    Pausing,
    /// It is away.
    Paused,
    /// It is about to be given back.
    Resuming,
    /// It is away, and nobody is going to give it back.
    Error,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Error => "error",
        })
    }
}

/// Who paused a slot, which is who resumes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// Somebody wrote to `control`.
    Manual(Mode),
    /// The back went away.
    BackGone,
    /// A transaction is under way.
    Transaction,
    /// The slot was in an error that somebody has seen.
    AfterError,
}

/// Why a slot is in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// The back went away, and such a slot is not paused.
    Gone,
    /// It could not be paused or resumed, or a transaction gave it up.
    Failed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "device gone",
            Self::Failed => "device failed",
        })
    }
}

/// Where a slot stands, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// See [`State::Empty`].
    Empty,
    /// See [`State::Running`].
    Running,
    /// See [`State::Pausing`].
    Pausing(Rest),
    /// See [`State::Paused`].
    Paused(Cause),
    /// See [`State::Resuming`]; [`None`] for the first time.
    Resuming(Option<Cause>),
    /// See [`State::Error`].
    Error(Fault),
    /// The slot is being removed.
    Removed,
}

/// Where a pause leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rest {
    /// To [`Phase::Paused`].
    Paused(Cause),
    /// To [`Phase::Error`].
    Error(Fault),
}

/// Where a back comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It has just been created: it is as after a reset.
    Fresh,
    /// It was there before, under another driver or behind another slot.
    Used,
}

/// What happens to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A back that matches was bound.
    BackAppeared(Arrival),
    /// The back is being unbound; it may or may not answer.
    BackGone,
    /// Somebody wrote to `control`.
    Command(Command),
    /// The first user opens the device.
    Open,
    /// The last user closed it.
    Close,
    /// The user resets the device.
    UserReset,
    /// A transaction begins.
    Hold,
    /// The transaction is over.
    Release,
    /// The transaction is over, and the back is lost.
    Abandon,
    /// The slot is to be removed.
    Remove,
}

/// Why an event is refused. It changes nothing then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// EBUSY: not in this state.
    Busy,
    /// ENODEV: no back.
    NoDevice,
}

/// Whether a device must be reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// It must, with its configuration saved and restored around it.
    Flr,
    /// It must not, or need not.
    None,
}

/// Whether a device that is to be paused will be there afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// It stays bound.
    Surviving,
    /// It is being unbound, or does not answer any more.
    Going,
}

/// What an event leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Refuse it.
    Refuse(Refusal),
    /// Do nothing.
    Nothing,
    /// A transition is under way: ask again after `Slot::finish`.
    Wait,
    /// Reset the new back, learn its identity, create the front and run; `Slot::finish` follows.
    Attach { reset: Reset },
    /// Reset the new back; the slot does not resume. If that fails, the back is not bound, and
    /// [`Event::BackGone`] follows.
    Keep { reset: Reset },
    /// Take the device from its user, then reset it; `Slot::finish` follows.
    Pause { device: Device, reset: Reset },
    /// Reset the device, then give it to its user; `Slot::finish` follows.
    Resume { reset: Reset },
    /// Reset the device, then open it; an open that fails is followed by [`Event::Close`].
    Open { reset: Reset },
    /// Reset the device now.
    Reset,
    /// Forget what the user had set up, and keep the device from DMA.
    Close,
    /// Take the slot apart.
    Remove,
}

/// How a pause or a resume went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should.
    Done,
    /// Not at all: everything is as before.
    Undone,
    /// In part; the device has been taken away.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_word() {
        for (state, word) in [
            (State::Empty, "empty"),
            (State::Running, "running"),
            (State::Pausing, "pausing"),
            (State::Paused, "paused"),
            (State::Resuming, "resuming"),
            (State::Error, "error"),
        ] {
            assert_eq!(state.to_string(), word);
        }
        assert_eq!(Fault::Gone.to_string(), "device gone");
    }
}
