// SPDX-License-Identifier: GPL-2.0

//! Numbers and switches as a user writes them. Modules include this file in their models.

use core::fmt;

/// Why a text means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It is not of the expected form.
    Syntax,
    /// It is of the expected form, but something in it is too large or too many.
    Range,
}

/// Reads a number of decimal digits.
pub(crate) fn decimal(text: &str) -> Result<u64, Malformed> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Syntax);
    }
    text.parse().map_err(|_| Malformed::Range)
}

/// Reads a number of `width` hexadecimal digits.
pub(crate) fn hexadecimal(
    text: &str,
    width: core::ops::RangeInclusive<usize>,
) -> Result<u64, Malformed> {
    if !width.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Malformed::Syntax);
    }
    u64::from_str_radix(text, 16).map_err(|_| Malformed::Range)
}

/// Something that is on or off, written `1` or `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// `0`.
    Off,
    /// `1`.
    On,
}

impl Switch {
    /// Reads `0` or `1`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match decimal(text)? {
            0 => Ok(Self::Off),
            1 => Ok(Self::On),
            _ => Err(Malformed::Range),
        }
    }

    /// Whether it is [`Self::On`].
    pub(crate) const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

impl From<bool> for Switch {
    fn from(is_on: bool) -> Self {
        if is_on {
            Self::On
        } else {
            Self::Off
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "1" } else { "0" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_digits_is_read_and_a_huge_one_is_out_of_range() {
        assert_eq!(decimal("0"), Ok(0));
        assert_eq!(decimal("0042"), Ok(42));
        assert_eq!(decimal("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(decimal("18446744073709551616"), Err(Malformed::Range));
        for text in ["", " 1", "1 ", "+1", "-1", "0x1", "1.0", "\u{0661}"] {
            assert_eq!(decimal(text), Err(Malformed::Syntax), "{text:?}");
        }
    }

    #[test]
    fn a_hexadecimal_number_has_its_width() {
        assert_eq!(hexadecimal("fF", 2..=2), Ok(255));
        for text in ["", "f", "fff", "+f", "0x", "g0"] {
            assert_eq!(hexadecimal(text, 2..=2), Err(Malformed::Syntax), "{text:?}");
        }
    }

    #[test]
    fn a_switch_is_zero_or_one() {
        for text in ["0", "1"] {
            assert_eq!(Switch::parse(text).map(|s| s.to_string()), Ok(text.into()));
        }
        assert_eq!(Switch::parse("2"), Err(Malformed::Range));
        assert_eq!(Switch::parse("on"), Err(Malformed::Syntax));
    }
}
