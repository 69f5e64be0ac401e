// SPDX-License-Identifier: GPL-2.0

//! What a user reads of whether a line has an effect.

use super::search::Search;
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

    /// Why a line has no effect.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Attached => "none",
            Self::Bypassed => "posted to a vCPU",
            Self::Waiting(Search::Complete) => "no such interrupt is in use",
            Self::Waiting(Search::Disturbed) => "a driver is coming or going",
            Self::Unsupported(refusal) => match refusal {
                // Never kept: it is waited for.
                Refusal::Absent => "no such interrupt is in use",
                Refusal::Unsupported => "not an edge-triggered MSI or MSI-X with one target",
                Refusal::Shared => "several drivers share the interrupt",
                Refusal::Vital => "the kernel depends on the interrupt",
                Refusal::Taken => "another line has the interrupt",
                Refusal::NoMemory => "no memory",
            },
        }
    }
}
