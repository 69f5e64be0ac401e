// SPDX-License-Identifier: GPL-2.0

//! What a user reads of whether a line has an effect.

use super::search::Search;
use core::fmt;
use kernel_ext::irq::Refusal;

/// Whether a line does what it is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// At least one vector is moderated.
    Attached,
    /// There are some that could be, but the hardware delivers all of them to virtual CPUs.
    Bypassed,
    /// There is no such vector at the moment, or none is known.
    Waiting(Search),
    /// There is one, but it cannot be moderated.
    Unsupported(Refusal),
}

impl State {
    /// The word a user reads.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Bypassed => "bypassed",
            Self::Waiting(_) => "waiting",
            Self::Unsupported(_) => "unsupported",
        }
    }

    /// Why a line has no effect, or not all of it.
    pub(crate) fn reason(self, effect: Effect) -> Reason {
        match self {
            Self::Attached => match effect {
                Effect::Full => Reason::All("none"),
                Effect::Suspended => Reason::All("the system is about to sleep"),
                Effect::Off => Reason::All("its interval is 0"),
                Effect::Yielding => Reason::All("holding gains nothing at the moment"),
                Effect::Partial(refusal) => Reason::Some(why(refusal)),
            },
            Self::Bypassed => Reason::All("posted to a vCPU"),
            Self::Waiting(Search::Complete) => Reason::All(why(Refusal::Absent)),
            Self::Waiting(Search::Disturbed) => Reason::All("a driver is coming or going"),
            Self::Unsupported(refusal) => Reason::All(why(refusal)),
        }
    }
}

/// What becomes of the interrupts of a line that is attached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// They are moderated.
    Full,
    /// Nothing is held since the system is about to sleep.
    Suspended,
    /// Nothing is held since the interval in force is 0.
    Off,
    /// Nothing is held since that gains nothing; see [`crate::model::guard`].
    Yielding,
    /// Some of them cannot be moderated.
    Partial(Refusal),
}

/// Why a line has no effect.
pub(crate) enum Reason {
    /// On no interrupt.
    All(&'static str),
    /// On some of them.
    Some(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(why) => f.write_str(why),
            Self::Some(why) => write!(f, "not on all: {why}"),
        }
    }
}

const fn why(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Absent => "no such interrupt is in use",
        Refusal::Unsupported => "not an edge-triggered MSI or MSI-X with one target",
        Refusal::Shared => "several drivers share the interrupt",
        Refusal::Vital => "the kernel depends on the interrupt",
        Refusal::Taken => "another line has the interrupt",
        Refusal::NoMemory => "no memory",
    }
}
