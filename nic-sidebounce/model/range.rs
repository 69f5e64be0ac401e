// SPDX-License-Identifier: GPL-2.0

//! Numbers from one to another, and the prefixes that make them up.

use super::{
    field::number,
    text::Malformed, //
};
use core::fmt;

/// Numbers of up to 16 bits, from the first to the last.
///
/// # Invariants
///
/// The first is not above the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u16,
    last: u16,
}

impl Range {
    /// Returns [`None`] if `first` is above `last`.
    pub(crate) const fn new(first: u16, last: u16) -> Option<Self> {
        if first > last {
            return None;
        }
        // INVARIANT: Checked above.
        Some(Self { first, last })
    }

    /// One number.
    pub(crate) const fn only(number: u16) -> Self {
        // INVARIANT: They are the same.
        Self {
            first: number,
            last: number,
        }
    }

    /// Reads a number, or two as in `22-23`, none above `max`.
    pub(crate) fn parse(text: &str, max: u16) -> Result<Self, Malformed> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self::new(number(first)?, number(last)?);
        range
            .filter(|range| range.last <= max)
            .ok_or(Malformed::Range)
    }

    /// The lowest.
    pub(crate) const fn first(&self) -> u16 {
        self.first
    }

    /// The highest.
    pub(crate) const fn last(&self) -> u16 {
        self.last
    }

    /// Whether a number is one of them.
    pub(crate) const fn contains(&self, number: u16) -> bool {
        self.first <= number && number <= self.last
    }

    /// The fewest prefixes that make up the range: at most 30, as for 1-65534.
    pub(crate) fn prefixes(&self) -> Prefixes {
        Prefixes {
            next: u32::from(self.first),
            last: u32::from(self.last),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last {
            return write!(f, "{first}");
        }
        write!(f, "{first}-{last}")
    }
}

/// The prefixes of a range, each as a value and a mask of 16 bits.
#[derive(Clone, Debug)]
pub(crate) struct Prefixes {
    next: u32,
    last: u32,
}

impl Iterator for Prefixes {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let left = self.last.checked_add(1)?.checked_sub(self.next)?;
        // The largest block that begins here, and is not longer than what is left.
        let aligned = self.next.trailing_zeros().min(16);
        let block_bits = aligned.min(left.checked_ilog2()?);
        let block = 1_u32.checked_shl(block_bits)?;
        let value = u64::from(self.next);
        self.next = self.next.checked_add(block)?;
        Some((value, u64::from(0x1_0000_u32.checked_sub(block)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_make_up_the_range_and_are_not_more_than_thirty() {
        for (first, last, count) in [
            (0, 65535, 1),
            (1, 65534, 30),
            (22, 23, 1),
            (22, 22, 1),
            (1024, 65535, 6),
            (65535, 65535, 1),
            (0, 0, 1),
            (3, 9, 3),
        ] {
            let range = Range::new(first, last).unwrap();
            assert_eq!(range.prefixes().count(), count, "{range}");
            for number in 0..=u16::MAX {
                let hits = range
                    .prefixes()
                    .filter(|(value, mask)| u64::from(number) & mask == *value)
                    .count();
                assert_eq!(
                    hits,
                    usize::from(range.contains(number)),
                    "{range} {number}"
                );
            }
        }
    }

    #[test]
    fn a_range_is_read_as_it_is_printed() {
        for text in ["0", "22", "22-23", "0-65535"] {
            let range = Range::parse(text, u16::MAX).map(|range| range.to_string());
            assert_eq!(range, Ok(text.into()));
        }
        for text in ["", "-", "1-", "-1", "1-2-3", "a"] {
            assert_eq!(
                Range::parse(text, u16::MAX),
                Err(Malformed::Syntax),
                "{text:?}"
            );
        }
        for text in ["65536", "2-1", "1-65536"] {
            assert_eq!(
                Range::parse(text, u16::MAX),
                Err(Malformed::Range),
                "{text:?}"
            );
        }
        assert_eq!(Range::parse("4095", 4094), Err(Malformed::Range));
    }
}
