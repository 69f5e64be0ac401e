// SPDX-License-Identifier: GPL-2.0

//! By which mark the host says, as it gives a frame back, that its flow is to be accepted from now on.

use super::{
    note::Note,
    text::{
        decimal,
        hexadecimal,
        Malformed, //
    },
};
use core::fmt;

/// Which marks teach.
///
/// # Invariants
///
/// All bits of `value` are in `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LearnMark {
    /// None does.
    None,
    /// Those whose bits in `mask` are `value`.
    Masked {
        /// What they are.
        value: u32,
        /// Which are looked at.
        mask: u32,
    },
}

impl LearnMark {
    /// Reads `none` or `VALUE/MASK`, two numbers, decimal or hexadecimal with `0x`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "none" {
            return Ok(Self::None);
        }
        let (value, mask) = text.split_once('/').ok_or(Malformed::Syntax)?;
        let (value, mask) = (number(value)?, number(mask)?);
        if value & !mask != 0 {
            return Err(Malformed::Range);
        }
        // INVARIANT: As was checked.
        Ok(Self::Masked { value, mask })
    }

    /// Whether a frame with that mark teaches. One that it bounced with, and which nobody has changed, does
    /// not, whatever its bits are.
    pub(crate) const fn teaches(self, mark: u32) -> bool {
        match self {
            Self::None => false,
            Self::Masked { value, mask } => mark & mask == value && !Note::is_mark(mark),
        }
    }
}

fn number(text: &str) -> Result<u32, Malformed> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => hexadecimal(digits, 1..=16)?,
        None => decimal(text)?,
    };
    u32::try_from(number).map_err(|_| Malformed::Range)
}

impl fmt::Display for LearnMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Masked { value, mask } => write!(f, "{value:#x}/{mask:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_written_as_value_and_mask() {
        for (text, shown) in [
            ("none", "none"),
            ("1/1", "0x1/0x1"),
            ("0x10/0xff", "0x10/0xff"),
            ("0/0", "0x0/0x0"),
            ("4294967295/0xffffffff", "0xffffffff/0xffffffff"),
        ] {
            let mark = LearnMark::parse(text).unwrap();
            assert_eq!(mark.to_string(), shown);
            assert_eq!(LearnMark::parse(shown), Ok(mark));
        }
        for text in [
            "", "1", "1/", "/1", "none/1", "0x/1", "1/1/1", "-1/1", "1 /1", "1/g",
        ] {
            assert_eq!(LearnMark::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["4294967296/1", "1/0x100000000", "2/1", "1/0"] {
            assert_eq!(LearnMark::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }

    #[test]
    fn only_the_bits_of_the_mask_teach_and_not_what_a_frame_bounced_with() {
        let mark = LearnMark::parse("0x1/0x3").unwrap();
        assert!(mark.teaches(1) && mark.teaches(5) && !mark.teaches(3) && !mark.teaches(0));
        assert!(!mark.teaches(0x5ba0_0001));
        let any = LearnMark::parse("0/0").unwrap();
        assert!(any.teaches(0) && any.teaches(9) && !any.teaches(0x5ba0_0001));
        assert!(!LearnMark::None.teaches(0));
    }
}
