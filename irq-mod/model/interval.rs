// SPDX-License-Identifier: GPL-2.0

//! How long interrupts are kept apart.

/// The least time between two deliveries of a line, in microseconds; 0 delivers every interrupt at
/// once.
///
/// # Invariants
///
/// The value is at most [`Latency::MAX_US`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latency(u32);

impl Latency {
    /// Longest interval, in microseconds.
    pub(crate) const MAX_US: u32 = 1_000;
    /// Shortest interval that is worth a timer, in microseconds; shorter ones are lengthened to it.
    pub(crate) const MIN_TIMER_US: u32 = 10;

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

    /// The interval that is in force, in microseconds: 0, or at least [`Self::MIN_TIMER_US`].
    pub(crate) const fn effective_us(self) -> u32 {
        match self.0 {
            0 => 0,
            us if us < Self::MIN_TIMER_US => Self::MIN_TIMER_US,
            us => us,
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
}
