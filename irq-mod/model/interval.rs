// SPDX-License-Identifier: GPL-2.0

//! How long interrupts are kept apart, in each situation of the guest.

use super::text::{
    decimal,
    Malformed, //
};
use core::fmt;

/// Shortest interval that is worth a timer, in microseconds; shorter ones are lengthened to it.
const MIN_TIMER_US: u32 = 10;

/// The interval that is in force where `us` was asked for: 0, or at least [`MIN_TIMER_US`].
const fn effective_us(us: u32) -> u32 {
    match us {
        0 => 0,
        us if us < MIN_TIMER_US => MIN_TIMER_US,
        us => us,
    }
}

/// The least time between two deliveries to a guest that runs, in microseconds; 0 delivers every
/// interrupt at once.
///
/// # Invariants
///
/// The value is at most [`Latency::MAX_US`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latency(u32);

impl Latency {
    /// Longest interval, in microseconds.
    pub(crate) const MAX_US: u32 = 1_000;
    /// No moderation.
    // INVARIANT: 0 is in range.
    pub(crate) const OFF: Self = Self(0);

    /// Creates an interval, or returns [`None`] if `us` exceeds [`Self::MAX_US`].
    pub(crate) const fn from_us(us: u32) -> Option<Self> {
        if us > Self::MAX_US {
            return None;
        }
        // INVARIANT: `us` was checked above.
        Some(Self(us))
    }

    /// The interval as it was asked for, in microseconds.
    pub(crate) const fn us(self) -> u32 {
        self.0
    }

    /// The interval that is in force, in microseconds: 0, or at least 10.
    pub(crate) const fn effective_us(self) -> u32 {
        effective_us(self.0)
    }
}

/// The least time between two deliveries to a guest that could run but does not, in microseconds.
///
/// # Invariants
///
/// The value lies in [`Overflow::MIN_US`]`..=`[`Overflow::MAX_US`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Overflow(u32);

impl Overflow {
    /// Shortest interval, in microseconds.
    pub(crate) const MIN_US: u32 = 50;
    /// Longest interval, in microseconds.
    pub(crate) const MAX_US: u32 = 100_000;

    /// 5 milliseconds, where nothing is known of the device.
    // INVARIANT: 5,000 is in range.
    pub(crate) const DEFAULT: Self = Self(5_000);
    /// 10 milliseconds, what [`OverflowRule::Auto`] of a new line does not exceed.
    // INVARIANT: 10,000 is in range.
    pub(crate) const DEFAULT_MAX: Self = Self(10_000);

    /// Creates an interval, or returns [`None`] if `us` is out of range.
    pub(crate) const fn from_us(us: u32) -> Option<Self> {
        if us < Self::MIN_US || us > Self::MAX_US {
            return None;
        }
        // INVARIANT: `us` was checked above.
        Some(Self(us))
    }

    /// The interval that is nearest to `us`.
    pub(crate) fn nearest(us: u32) -> Self {
        // INVARIANT: The value is brought into range.
        Self(us.clamp(Self::MIN_US, Self::MAX_US))
    }

    /// The interval in microseconds.
    pub(crate) const fn us(self) -> u32 {
        self.0
    }
}

/// Where the overflow interval comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverflowRule {
    /// As long as the device's ring lasts, see [`super::rate`].
    Auto,
    /// From the user.
    Fixed(Overflow),
}

impl OverflowRule {
    /// Reads `auto` or a number of microseconds.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "auto" => Ok(Self::Auto),
            number => u32::try_from(decimal(number)?)
                .ok()
                .and_then(Overflow::from_us)
                .map(Self::Fixed)
                .ok_or(Malformed::Range),
        }
    }
}

impl fmt::Display for OverflowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(Overflow(us)) => write!(f, "{us}"),
        }
    }
}

/// A number of microseconds that interrupts for a halted guest are kept apart.
///
/// # Invariants
///
/// The value is at most [`HaltedUs::MAX_US`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HaltedUs(u32);

impl HaltedUs {
    /// Longest interval, in microseconds.
    pub(crate) const MAX_US: u32 = 100_000;

    /// Creates an interval, or returns [`None`] if `us` exceeds [`Self::MAX_US`].
    pub(crate) const fn from_us(us: u32) -> Option<Self> {
        if us > Self::MAX_US {
            return None;
        }
        // INVARIANT: `us` was checked above.
        Some(Self(us))
    }

    /// The interval that is in force, in microseconds: 0, or at least 10.
    pub(crate) const fn effective_us(self) -> u32 {
        effective_us(self.0)
    }
}

/// The least time between two deliveries to a guest whose threads all sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halted {
    /// As if it ran: an interrupt is what it sleeps for.
    Latency,
    /// As if it waited for a CPU.
    Overflow,
    /// An interval of its own.
    Us(HaltedUs),
}

impl Halted {
    /// Reads `latency`, `overflow` or a number of microseconds up to [`HaltedUs::MAX_US`].
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "latency" => Ok(Self::Latency),
            "overflow" => Ok(Self::Overflow),
            number => u32::try_from(decimal(number)?)
                .ok()
                .and_then(HaltedUs::from_us)
                .map(Self::Us)
                .ok_or(Malformed::Range),
        }
    }
}

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency => f.write_str("latency"),
            Self::Overflow => f.write_str("overflow"),
            Self::Us(HaltedUs(us)) => write!(f, "{us}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_longer_than_the_maximum_is_refused() {
        assert_eq!(Latency::from_us(1_000).map(Latency::us), Some(1_000));
        assert_eq!(Latency::from_us(1_001), None);
        assert_eq!(Latency::from_us(u32::MAX), None);
    }

    #[test]
    fn zero_stays_zero_and_very_short_intervals_are_lengthened() {
        let effective_us = |us| Latency::from_us(us).map(Latency::effective_us);
        assert_eq!(effective_us(0), Some(0));
        assert_eq!(effective_us(1), Some(10));
        assert_eq!(effective_us(9), Some(10));
        assert_eq!(effective_us(10), Some(10));
        assert_eq!(effective_us(55), Some(55));
    }

    #[test]
    fn an_overflow_interval_has_a_least_and_a_greatest_value() {
        for us in [50, 5_000, 100_000] {
            assert_eq!(Overflow::from_us(us).map(Overflow::us), Some(us));
        }
        for us in [0, 49, 100_001, u32::MAX] {
            assert_eq!(Overflow::from_us(us), None, "{us}");
        }
    }

    #[test]
    fn where_the_overflow_interval_comes_from_is_printed_as_it_is_read() {
        for text in ["auto", "50", "100000"] {
            let rule = OverflowRule::parse(text).map(|rule| rule.to_string());
            assert_eq!(rule, Ok(text.into()));
        }
        for text in ["", "Auto", "auto ", "-1", "5ms"] {
            let rule = OverflowRule::parse(text);
            assert_eq!(rule, Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["0", "49", "100001", "4294967346", "18446744073709551616"] {
            let rule = OverflowRule::parse(text);
            assert_eq!(rule, Err(Malformed::Range), "{text:?}");
        }
    }

    #[test]
    fn what_a_halted_guest_gets_is_printed_as_it_is_read() {
        for text in ["latency", "overflow", "0", "9", "100000"] {
            assert_eq!(Halted::parse(text).map(|h| h.to_string()), Ok(text.into()));
        }
        for text in ["", "Latency", "latency ", "-1", "1us"] {
            assert_eq!(Halted::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["100001", "4294967296", "18446744073709551616"] {
            assert_eq!(Halted::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }
}
