// SPDX-License-Identifier: GPL-2.0

//! What a user has set for a line, as its vectors read it with every interrupt.

use crate::model::{
    interval::{
        Halted,
        HaltedUs,
        Latency,
        Overflow, //
    },
    policy::Intervals, //
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Stands for [`Halted::Latency`] and [`Halted::Overflow`], beyond every interval.
const AS_LATENCY: u32 = u32::MAX;
const AS_OVERFLOW: u32 = u32::MAX - 1;

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

/// The settings of a line. Each stands alone, so that all accesses are relaxed.
pub(crate) struct Policy {
    latency_us: Atomic<u32>,
    overflow_us: Atomic<u32>,
    halted: Atomic<u32>,
    burst_events: Atomic<u32>,
    adaptive: Atomic<u32>,
}

impl Policy {
    pub(crate) fn new(latency: Latency) -> Self {
        Self {
            latency_us: Atomic::new(latency.us()),
            overflow_us: Atomic::new(Overflow::DEFAULT.us()),
            halted: Atomic::new(AS_LATENCY),
            burst_events: Atomic::new(0),
            adaptive: Atomic::new(0),
        }
    }

    /// All intervals.
    pub(crate) fn intervals(&self) -> Intervals {
        Intervals {
            latency: Latency::from_us(self.latency_us.load(Relaxed)).unwrap_or(Latency::OFF),
            overflow: Overflow::from_us(self.overflow_us.load(Relaxed))
                .unwrap_or(Overflow::DEFAULT),
            halted: match self.halted.load(Relaxed) {
                AS_LATENCY => Halted::Latency,
                AS_OVERFLOW => Halted::Overflow,
                us => HaltedUs::from_us(us).map_or(Halted::Latency, Halted::Us),
            },
        }
    }

    pub(crate) fn set_latency(&self, latency: Latency) {
        self.latency_us.store(latency.us(), Relaxed);
    }

    pub(crate) fn set_overflow(&self, overflow: Overflow) {
        self.overflow_us.store(overflow.us(), Relaxed);
    }

    pub(crate) fn set_halted(&self, halted: Halted) {
        let code = match halted {
            Halted::Latency => AS_LATENCY,
            Halted::Overflow => AS_OVERFLOW,
            Halted::Us(halted) => halted.us(),
        };
        self.halted.store(code, Relaxed);
    }

    /// The number of interrupts in a window that ends it; 0 for none.
    pub(crate) fn burst_events(&self) -> u16 {
        u16::try_from(self.burst_events.load(Relaxed)).unwrap_or(0)
    }

    /// Whether the latency interval is left out where it gains nothing.
    pub(crate) fn adaptation(&self) -> Adaptation {
        match self.adaptive.load(Relaxed) {
            0 => Adaptation::Off,
            _ => Adaptation::On,
        }
    }

    pub(crate) fn set_adaptation(&self, adaptation: Adaptation) {
        self.adaptive.store(adaptation.number(), Relaxed);
    }

    pub(crate) fn set_burst_events(&self, events: u16) {
        self.burst_events.store(u32::from(events), Relaxed);
    }
}
