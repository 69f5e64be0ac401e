// SPDX-License-Identifier: GPL-2.0

//! What testdev decides, without any kernel type.

/// A number whose factorial the device can compute in 32 bits.
///
/// # Invariants
///
/// The number is at most [`Operand::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand(u32);

impl Operand {
    /// 13! exceeds 32 bits.
    pub(crate) const MAX: u32 = 12;

    /// Creates an operand, or returns [`None`] if `n` exceeds [`Self::MAX`].
    pub(crate) const fn new(n: u32) -> Option<Self> {
        if n > Self::MAX {
            return None;
        }
        // INVARIANT: `n` was checked above.
        Some(Self(n))
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

/// The cause bits of an interrupt to be raised; at least one is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause(u32);

impl Cause {
    /// Creates a cause, or returns [`None`] for none at all.
    pub(crate) const fn new(bits: u32) -> Option<Self> {
        match bits {
            0 => None,
            bits => Some(Self(bits)),
        }
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_operand_is_the_last_whose_factorial_fits() {
        let factorial = |n: u32| (1..=n).try_fold(1u32, u32::checked_mul);
        assert!(factorial(Operand::MAX).is_some());
        assert!(factorial(Operand::MAX + 1).is_none());
    }

    #[test]
    fn an_operand_out_of_range_is_refused() {
        assert_eq!(Operand::new(12).map(Operand::get), Some(12));
        assert_eq!(Operand::new(13), None);
    }

    #[test]
    fn an_interrupt_needs_a_cause() {
        assert_eq!(Cause::new(0), None);
        assert_eq!(Cause::new(5).map(Cause::bits), Some(5));
    }
}
