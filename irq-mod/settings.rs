// SPDX-License-Identifier: GPL-2.0

//! What a user has set for a line. Each of its vectors has a copy, protected by its state's lock, since
//! it is read with every interrupt.

use crate::model::{
    interval::{
        Halted,
        Latency,
        Overflow, //
    },
    policy::Intervals, //
};

/// Whether a line watches what its latency interval gains.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adaptation {
    /// The interval is as it was set.
    Off,
    /// It is left out where it gains nothing; see [`crate::model::guard`].
    On,
}

impl Adaptation {
    /// Returns [`None`] for anything but 0 and 1.
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::On),
            _ => None,
        }
    }

    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::On => 1,
        }
    }
}

/// The settings of a line.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) intervals: Intervals,
    /// The number of interrupts in a window that ends it; 0 for none.
    pub(crate) burst_events: u16,
    pub(crate) adaptation: Adaptation,
}

impl Settings {
    /// Those of a new line.
    pub(crate) const fn new(latency: Latency) -> Self {
        Self {
            intervals: Intervals {
                latency,
                overflow: Overflow::DEFAULT,
                halted: Halted::Latency,
            },
            burst_events: 0,
            adaptation: Adaptation::Off,
        }
    }
}
