// SPDX-License-Identifier: GPL-2.0

//! How often which size of something occurred.

use core::fmt;

/// Counts of values by their powers of two: the first bucket is 0, bucket N from 2^(N-1) to less than
/// 2^N, and the last has no upper end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    buckets: [u64; Self::BUCKETS],
}

impl Histogram {
    /// Number of buckets; the last begins at 65,536.
    pub(crate) const BUCKETS: usize = 18;
    const LAST: usize = Self::BUCKETS - 1;

    /// Counts a value.
    pub(crate) fn count(&mut self, value: u64) {
        let bits = u64::BITS.saturating_sub(value.leading_zeros());
        let bucket = usize::try_from(bits).map_or(Self::LAST, |bits| bits.min(Self::LAST));
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            *bucket = bucket.wrapping_add(1);
        }
    }

    /// Adds the counts of another one.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.buckets.iter_mut().zip(other.buckets) {
            *sum = sum.wrapping_add(count);
        }
    }

    /// The lower end of each bucket, and its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let floors =
            core::iter::successors(Some(0), |&floor: &u64| Some(floor.saturating_mul(2).max(1)));
        floors.zip(self.buckets.iter().copied())
    }
}

/// A line for each bucket: its lower end and its count.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|(floor, count)| writeln!(f, "{floor} {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_between_its_powers_of_two() {
        let floor = |value| {
            let mut histogram = Histogram::default();
            histogram.count(value);
            let mut counted = histogram.iter().filter(|&(_, count)| count == 1);
            let floor = counted.next().map(|(floor, _)| floor);
            assert_eq!(counted.next(), None);
            floor
        };
        for (value, expected) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 2),
            (4, 4),
            (65_535, 32_768),
            (65_536, 65_536),
            (u64::MAX, 65_536),
        ] {
            assert_eq!(floor(value), Some(expected), "{value}");
        }
        assert_eq!(Histogram::default().iter().count(), Histogram::BUCKETS);
    }

    #[test]
    fn histograms_add_up_and_are_shown_bucket_by_bucket() {
        let (mut some, mut more) = (Histogram::default(), Histogram::default());
        for value in [0, 5, 6] {
            some.count(value);
        }
        more.count(7);
        some.add(&more);
        let text = some.to_string();
        assert!(text.starts_with("0 1\n1 0\n2 0\n4 3\n8 0\n"), "{text}");
        assert!(text.ends_with("65536 0\n"), "{text}");
    }
}
