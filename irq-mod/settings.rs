// SPDX-License-Identifier: GPL-2.0

//! What a user has set for a line. Each of its vectors has a copy, protected by its state's lock, since
//! it is read with every interrupt.

use crate::model::{
    interval::{
        Halted,
        Latency,
        Overflow,
        OverflowRule, //
    },
    policy::Intervals,
    rate::{
        DepthRule,
        RateHint,
        Terms,
        Told, //
    },
    text::Switch, //
};

/// The settings of a line.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Of them, the overflow interval is `overflow`'s.
    pub(crate) intervals: Intervals,
    pub(crate) overflow: OverflowRule,
    /// What [`OverflowRule::Auto`] does not exceed.
    pub(crate) overflow_max: Overflow,
    pub(crate) depth: DepthRule,
    pub(crate) rate_hint: RateHint,
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
            overflow: OverflowRule::Auto,
            overflow_max: Overflow::DEFAULT_MAX,
            depth: DepthRule::Auto,
            rate_hint: RateHint::NONE,
            burst_events: 0,
            adaptive: Switch::Off,
        }
    }

    /// What the overflow interval of a vector depends on, whose device's driver has told this.
    pub(crate) fn terms(&self, told: Told) -> Terms {
        Terms {
            told,
            depth: self.depth,
            hint: self.rate_hint,
            max: self.overflow_max,
        }
    }
}
