// SPDX-License-Identifier: GPL-2.0

//! How many interrupts a guest may cost the host.
//!
//! The lines of a guest share one number: the time up to which its deliveries are paid for, each with
//! a second divided by the limit. While it is not ahead of the clock by more than [`TOLERANCE_NS`], a
//! delivery may be made, so that a burst after a quiet time is not put off; otherwise it waits until
//! that is so.
//!
//! A line *books* a delivery when the first of its interrupts arrives, not when it is made. So no two
//! lines wait for the same moment, each is told its own, in the order in which they asked, and a line
//! that holds something holds one booking. In any time `t`, a guest of `n` vectors with a limit of `r`
//! a second has at most `r * t` deliveries, those of the tolerance, one, and one for each vector: it
//! may have booked before and deliver later, since its interval is longer.
//!
//! None waits for longer than [`MAX_WAIT_NS`], which bounds how long anything can be held. If a guest
//! has more vectors than its limit allows deliveries in that time, each may have one in that time
//! nevertheless.

use core::num::NonZeroU32;

/// How far ahead a guest may be of what its limit allows, in nanoseconds; at least one delivery.
pub(crate) const TOLERANCE_NS: u64 = 10_000_000;
/// Longest time that a delivery is put off, in nanoseconds.
pub(crate) const MAX_WAIT_NS: u64 = 100_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// The most deliveries a second for a guest, or no such limit.
///
/// # Invariants
///
/// The number, if there is one, lies in [`Limit::MIN`]`..=`[`Limit::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(Option<NonZeroU32>);

impl Limit {
    /// Least limit, in deliveries a second.
    pub(crate) const MIN: u32 = 100;
    /// Greatest limit, in deliveries a second.
    pub(crate) const MAX: u32 = 1_000_000;

    /// No limit.
    // INVARIANT: There is no number.
    pub(crate) const NONE: Self = Self(None);

    /// Creates a limit of so many deliveries a second, 0 for none, or returns [`None`] if the number is
    /// out of range.
    pub(crate) const fn from_irqs_per_s(irqs: u32) -> Option<Self> {
        if irqs != 0 && (irqs < Self::MIN || irqs > Self::MAX) {
            return None;
        }
        // INVARIANT: Unless it is 0, which is no number here, `irqs` was checked above.
        Some(Self(NonZeroU32::new(irqs)))
    }

    /// The number of deliveries a second; 0 if there is no limit.
    pub(crate) const fn irqs_per_s(self) -> u32 {
        match self.0 {
            Some(irqs) => irqs.get(),
            None => 0,
        }
    }

    /// Books a delivery at `now_ns`, for a guest that has paid up to `paid_ns`. Returns [`None`] if
    /// there is no limit.
    pub(crate) fn book(self, paid_ns: u64, now_ns: u64) -> Option<Booking> {
        let irqs = self.0?.get();
        let latest_ns = now_ns.saturating_add(MAX_WAIT_NS);
        // The upper end is what a limit that was lower until now, or too many lines, may have left.
        let from_ns = paid_ns
            .max(now_ns)
            .min(latest_ns.saturating_add(TOLERANCE_NS));
        // Rounded up, so that there are never more than the limit.
        let period_ns = SECOND_NS.div_ceil(u64::from(irqs));
        Some(Booking {
            at_ns: from_ns.saturating_sub(TOLERANCE_NS),
            paid_ns: from_ns.saturating_add(period_ns),
        })
    }
}

/// A delivery that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Booking {
    /// From when on, in nanoseconds; this may have passed.
    pub(crate) at_ns: u64,
    /// Up to when the guest has paid now.
    pub(crate) paid_ns: u64,
}

impl Booking {
    /// Whether a delivery at `now_ns` that is otherwise due at `due_ns` is put off by it.
    pub(crate) const fn puts_off(&self, now_ns: u64, due_ns: u64) -> bool {
        self.at_ns > now_ns && self.at_ns > due_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS_NS: u64 = 1_000_000;
    /// A time with room before it.
    const START_NS: u64 = SECOND_NS;

    fn limit(irqs: u32) -> Limit {
        Limit::from_irqs_per_s(irqs).expect("in range")
    }

    /// How many deliveries are allowed at `now_ns` at once.
    fn burst(limit: Limit, paid_ns: &mut u64, now_ns: u64) -> u32 {
        let mut count = 0;
        loop {
            let booking = limit.book(*paid_ns, now_ns).expect("limited");
            if booking.at_ns > now_ns {
                return count;
            }
            *paid_ns = booking.paid_ns;
            count += 1;
        }
    }

    #[test]
    fn a_limit_is_zero_for_none_or_in_range() {
        for irqs in [0, 100, 1_000, 1_000_000] {
            let limit = Limit::from_irqs_per_s(irqs);
            assert_eq!(limit.map(Limit::irqs_per_s), Some(irqs));
        }
        for irqs in [1, 99, 1_000_001, u32::MAX] {
            assert_eq!(Limit::from_irqs_per_s(irqs), None, "{irqs}");
        }
        assert_eq!(Limit::from_irqs_per_s(0), Some(Limit::NONE));
    }

    #[test]
    fn without_a_limit_nothing_is_booked() {
        assert_eq!(Limit::NONE.book(u64::MAX, 0), None);
    }

    #[test]
    fn after_a_quiet_time_ten_milliseconds_worth_and_one_are_delivered_at_once() {
        for (irqs, most) in [(100, 2), (1_000, 11), (1_000_000, 10_001)] {
            let mut paid_ns = 0;
            assert_eq!(burst(limit(irqs), &mut paid_ns, START_NS), most, "{irqs}");
            assert_eq!(burst(limit(irqs), &mut paid_ns, START_NS), 0, "{irqs}");
        }
    }

    #[test]
    fn a_storm_is_served_at_the_limit_and_never_above() {
        for irqs in [100, 300, 1_000, 999_999, 1_000_000] {
            let (mut paid_ns, mut now_ns) = (0, START_NS);
            burst(limit(irqs), &mut paid_ns, now_ns);
            let mut count = 0;
            while now_ns < 2 * START_NS {
                let booking = limit(irqs).book(paid_ns, now_ns).expect("limited");
                assert!(booking.at_ns > now_ns);
                (now_ns, paid_ns) = (booking.at_ns, booking.paid_ns);
                count += 1;
            }
            // The last one is at the end of the second or after it.
            assert!(
                (irqs - irqs / 900..=irqs + 1).contains(&count),
                "{count} {irqs}"
            );
        }
    }

    #[test]
    fn those_that_wait_have_different_times_in_the_order_in_which_they_asked() {
        let mut paid_ns = 0;
        burst(limit(1_000), &mut paid_ns, START_NS);
        for turn in 1..=100 {
            let booking = limit(1_000).book(paid_ns, START_NS).expect("limited");
            assert_eq!(booking.at_ns, START_NS + turn * MS_NS);
            assert!(booking.puts_off(START_NS, START_NS));
            assert!(!booking.puts_off(START_NS, booking.at_ns));
            paid_ns = booking.paid_ns;
        }
    }

    #[test]
    fn no_delivery_is_put_off_by_more_than_the_longest_wait_and_what_comes_later_pays_for_no_more()
    {
        let mut paid_ns = 0;
        for _ in 0..1_000 {
            let booking = limit(100).book(paid_ns, START_NS).expect("limited");
            assert!(booking.at_ns <= START_NS + MAX_WAIT_NS);
            paid_ns = booking.paid_ns;
        }
        assert!(paid_ns <= START_NS + MAX_WAIT_NS + TOLERANCE_NS + 10 * MS_NS);
        // A limit that is raised is in force at once, but for those.
        let booking = limit(1_000_000).book(paid_ns, START_NS + 110 * MS_NS);
        assert_eq!(
            booking.map(|booking| booking.at_ns),
            Some(START_NS + 110 * MS_NS)
        );
    }

    #[test]
    fn numbers_at_their_end_do_not_overflow() {
        for paid_ns in [0, u64::MAX] {
            for now_ns in [0, 1, u64::MAX - 1, u64::MAX] {
                let booking = limit(100).book(paid_ns, now_ns).expect("limited");
                assert!(booking.at_ns <= now_ns.saturating_add(MAX_WAIT_NS));
            }
        }
    }
}
