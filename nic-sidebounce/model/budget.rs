// SPDX-License-Identifier: GPL-2.0

//! How many packets a VF may have bounced, so that a guest cannot flood the host.
//!
//! A token bucket in the form of the generic cell rate algorithm (ITU-T I.371): all that changes is one
//! time, so that it can be an atomic which every CPU advances by compare-and-exchange.

/// The rate and the burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// All may.
    Unlimited,
    /// None may.
    Nothing,
    /// So many.
    Limited {
        /// One packet each.
        interval_ns: u64,
        /// How far the bucket may be ahead of the time: the burst less one, in intervals.
        tolerance_ns: u64,
    },
}

impl Budget {
    /// Highest rate, in packets a second, that is a limit.
    pub(crate) const MAX_PER_S: u32 = 10_000_000;

    /// `per_s` packets a second, `burst` of them at once; [`None`] if the rate is above the highest or the
    /// burst is none.
    pub(crate) fn new(per_s: u32, burst: u32) -> Option<Self> {
        let more = u64::from(burst).checked_sub(1)?;
        if per_s > Self::MAX_PER_S {
            return None;
        }
        let Some(interval_ns) = 1_000_000_000_u64.checked_div(u64::from(per_s)) else {
            return Some(Self::Nothing);
        };
        Some(Self::Limited {
            interval_ns,
            tolerance_ns: interval_ns.saturating_mul(more),
        })
    }

    /// Takes one packet out of a bucket: its state after that, or [`None`] if it is empty.
    #[inline]
    pub(crate) fn take(&self, bucket: Bucket, now_ns: u64) -> Option<Bucket> {
        match self {
            Self::Unlimited => Some(bucket),
            Self::Nothing => None,
            Self::Limited {
                interval_ns,
                tolerance_ns,
            } => {
                let ahead_ns = bucket.0.saturating_sub(now_ns);
                let full_ns = bucket.0.max(now_ns);
                let allowed = ahead_ns <= *tolerance_ns;
                allowed.then(|| Bucket(full_ns.saturating_add(*interval_ns)))
            }
        }
    }
}

/// The state of a bucket: when it will be full again, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket(pub(crate) u64);

impl Bucket {
    /// A full one.
    pub(crate) const FULL: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(budget: Budget, times_ns: impl Iterator<Item = u64>) -> usize {
        let mut bucket = Bucket::FULL;
        let mut taken = 0;
        for now_ns in times_ns {
            if let Some(next) = budget.take(bucket, now_ns) {
                bucket = next;
                taken += 1;
            }
        }
        taken
    }

    #[test]
    fn a_burst_goes_at_once_and_then_as_many_as_the_rate_allows() {
        let budget = Budget::new(1_000, 10).unwrap();
        assert_eq!(count(budget, (0..100).map(|_| 5_000_000_000)), 10);
        let second = (0..100_000).map(|at| 5_000_000_000 + at * 10_000);
        assert_eq!(count(budget, second), 10 + 999);
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_pass_and_no_limit_everything() {
        let nothing = Budget::new(0, 1).unwrap();
        assert_eq!(count(nothing, 0..10), 0);
        assert_eq!(count(Budget::Unlimited, 0..10), 10);
        assert_eq!(Budget::new(1, 0), None);
        assert_eq!(Budget::new(10_000_001, 1), None);
    }

    #[test]
    fn a_clock_that_ends_or_goes_back_does_no_harm() {
        let budget = Budget::new(1, u32::MAX).unwrap();
        let times = [u64::MAX, 0, u64::MAX, 7];
        // What was taken at the end of time is owed until then.
        assert_eq!(count(budget, times.into_iter()), 2);
    }
}
