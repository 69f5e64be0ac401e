// SPDX-License-Identifier: GPL-2.0

//! Which interval applies when.

use super::{
    activity::Activity,
    interval::{
        Halted,
        Latency,
        Overflow, //
    }, //
};

/// The intervals of a line, one for each situation of its guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intervals {
    /// While the guest runs, while nothing is known of it, and for a line without a guest.
    pub(crate) latency: Latency,
    /// While the guest waits for a CPU.
    pub(crate) overflow: Overflow,
    /// While the guest sleeps.
    pub(crate) halted: Halted,
}

impl Intervals {
    /// The least time between two deliveries, in microseconds; 0 delivers everything at once.
    pub(crate) const fn effective_us(&self, activity: Activity) -> u32 {
        match activity {
            Activity::Unknown | Activity::Running => self.latency.effective_us(),
            Activity::Ready => self.waiting_us(),
            Activity::Halted => match self.halted {
                Halted::Latency => self.latency.effective_us(),
                Halted::Overflow => self.waiting_us(),
                Halted::Us(us) => us.effective_us(),
            },
        }
    }

    /// Whether everything is delivered at once while the guest does `activity`.
    pub(crate) const fn holds_nothing(&self, activity: Activity) -> bool {
        self.effective_us(activity) == 0
    }

    /// [`Self::effective_us`] in nanoseconds.
    pub(crate) fn interval_ns(&self, activity: Activity) -> u64 {
        u64::from(self.effective_us(activity)).saturating_mul(1_000)
    }

    /// The overflow interval, but never less than the latency interval: a guest that cannot run is
    /// not interrupted more often than one that does.
    const fn waiting_us(&self) -> u32 {
        let (latency_us, overflow_us) = (self.latency.effective_us(), self.overflow.us());
        if overflow_us < latency_us {
            latency_us
        } else {
            overflow_us
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intervals(latency_us: u32, overflow_us: u32, halted: &str) -> Intervals {
        Intervals {
            latency: Latency::from_us(latency_us).expect("in range"),
            overflow: Overflow::from_us(overflow_us).expect("in range"),
            halted: Halted::parse(halted).expect("well-formed"),
        }
    }

    fn all_us(intervals: Intervals) -> [u32; 4] {
        [
            Activity::Unknown,
            Activity::Running,
            Activity::Ready,
            Activity::Halted,
        ]
        .map(|activity| intervals.effective_us(activity))
    }

    #[test]
    fn each_situation_has_its_interval() {
        assert_eq!(
            all_us(intervals(100, 5_000, "latency")),
            [100, 100, 5_000, 100]
        );
        assert_eq!(
            all_us(intervals(100, 5_000, "overflow")),
            [100, 100, 5_000, 5_000]
        );
        assert_eq!(
            all_us(intervals(100, 5_000, "20000")),
            [100, 100, 5_000, 20_000]
        );
        assert_eq!(all_us(intervals(0, 50, "3")), [0, 0, 50, 10]);
        assert_eq!(intervals(100, 5_000, "0").interval_ns(Activity::Halted), 0);
        assert_eq!(
            intervals(9, 100_000, "0").interval_ns(Activity::Ready),
            100_000_000
        );
    }

    #[test]
    fn a_guest_that_cannot_run_is_not_interrupted_more_often_than_one_that_does() {
        assert_eq!(
            all_us(intervals(1_000, 50, "overflow")),
            [1_000, 1_000, 1_000, 1_000]
        );
    }
}
