// SPDX-License-Identifier: GPL-2.0

//! Numbers as a user writes them.

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

/// Reads a number of decimal digits that fits into 32 bits.
pub(crate) fn decimal_u32(text: &str) -> Result<u32, Malformed> {
    u32::try_from(decimal(text)?).map_err(|_| Malformed::Range)
}

/// Reads a number of `width` hexadecimal digits, at most 8.
pub(crate) fn hexadecimal(
    text: &str,
    width: core::ops::RangeInclusive<usize>,
) -> Result<u32, Malformed> {
    if !width.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Malformed::Syntax);
    }
    u32::from_str_radix(text, 16).map_err(|_| Malformed::Range)
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
        assert_eq!(decimal_u32("4294967295"), Ok(u32::MAX));
        assert_eq!(decimal_u32("4294967296"), Err(Malformed::Range));
        for text in ["", " 1", "1 ", "+1", "-1", "0x1", "1.0", "\u{0661}"] {
            assert_eq!(decimal(text), Err(Malformed::Syntax), "{text:?}");
        }
    }

    #[test]
    fn a_hexadecimal_number_has_its_width() {
        assert_eq!(hexadecimal("fF", 2..=2), Ok(255));
        assert_eq!(hexadecimal("ffffffff", 4..=8), Ok(u32::MAX));
        for text in ["", "f", "fff", "+f", "0x", "g0"] {
            assert_eq!(hexadecimal(text, 2..=2), Err(Malformed::Syntax), "{text:?}");
        }
    }
}
