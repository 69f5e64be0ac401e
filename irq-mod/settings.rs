// SPDX-License-Identifier: GPL-2.0

//! What a user has set for a line. Each of its vectors has a copy, protected by its state's lock, since
//! it is read with every interrupt.

use crate::model::{
    interval::{
        Halted,
        Latency,
        Overflow, //
    },
    policy::Intervals,
    text::Switch, //
};

/// The settings of a line.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) intervals: Intervals,
    /// The number of interrupts in a window that ends it; 0 for none.
    pub(crate) burst_events: u16,
    /// Whether the latency interval is left out where it gains nothing; see [`crate::model::guard`].
    pub(crate) adaptive: Switch,
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
            adaptive: Switch::Off,
        }
    }
}
