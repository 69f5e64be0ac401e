// SPDX-License-Identifier: GPL-2.0

//! What a user chooses of a few.

use super::{
    field::keyword,
    text::{
        hexadecimal,
        Malformed, //
    }, //
};
use core::fmt;

/// Declares a choice: its words and what they mean.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            /// Reads one of the words.
            pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
                keyword(text, Self::WORDS)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    };
}

choice! {
    /// What becomes of packets that a VF sends.
    TxMode {
        /// They pass its rules, then go on.
        Capture = "capture",
        /// They go on.
        None = "none",
        /// As [`Self::Capture`], but those for the wire are not fetched from there.
        Jail = "jail",
    }
}

choice! {
    /// How group packets reach a VF.
    Bum {
        /// Addressed to it alone, so that they stay in the NIC.
        Unicast = "unicast",
        /// As they are; a copy with the service tag goes to the wire too.
        Flood = "flood",
    }
}

choice! {
    /// What becomes of packets that bounce while nobody is there to look at them.
    Fail {
        /// They are dropped.
        Closed = "closed",
        /// They go on as if accepted.
        Open = "open",
    }
}

/// By which marks level 2 says that it accepts a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LearnMark {
    /// By none.
    None,
    /// By those that are `value` in the bits of `mask`.
    Marked {
        /// Within the mask.
        value: u32,
        /// Not 0.
        mask: u32,
    },
}

impl LearnMark {
    /// Reads `none` or `VALUE/MASK`, both as `0x` and hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "none" {
            return Ok(Self::None);
        }
        let number = |text: &str| {
            let digits = text.strip_prefix("0x").ok_or(Malformed::Syntax)?;
            let number = hexadecimal(digits, 1..=16)?;
            u32::try_from(number).map_err(|_| Malformed::Range)
        };
        let (value, mask) = text.split_once('/').ok_or(Malformed::Syntax)?;
        let (value, mask) = (number(value)?, number(mask)?);
        if mask == 0 || value & !mask != 0 {
            return Err(Malformed::Range);
        }
        Ok(Self::Marked { value, mask })
    }

    /// Whether a packet with this mark teaches.
    pub(crate) const fn teaches(self, mark: u32) -> bool {
        match self {
            Self::None => false,
            Self::Marked { value, mask } => mark & mask == value,
        }
    }
}

impl fmt::Display for LearnMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Marked { value, mask } => write!(f, "{value:#x}/{mask:#x}"),
        }
    }
}

/// How many packets may bounce in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BounceRate {
    /// As many as there are.
    Unlimited,
    /// So many.
    PerSecond(u32),
}

impl fmt::Display for BounceRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::PerSecond(rate) => write!(f, "{rate}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_printed_as_it_is_read() {
        for word in ["capture", "none", "jail"] {
            assert_eq!(TxMode::parse(word).unwrap().to_string(), word);
        }
        for word in ["", "Capture", "capture ", "1"] {
            assert_eq!(TxMode::parse(word), Err(Malformed::Syntax));
        }
        assert_eq!(Bum::parse("flood"), Ok(Bum::Flood));
        assert_eq!(Fail::parse("open"), Ok(Fail::Open));
    }

    #[test]
    fn a_mark_teaches_by_its_masked_bits_and_may_not_lie_outside_of_them() {
        let mark = LearnMark::parse("0x10/0xf0").unwrap();
        assert_eq!(mark.to_string(), "0x10/0xf0");
        assert!(mark.teaches(0x1f) && !mark.teaches(0x2f) && !mark.teaches(0));
        assert!(!LearnMark::None.teaches(0));
        for text in ["0x0/0x0", "0x1/0x2", "0x100000000/0xffffffffff"] {
            assert_eq!(LearnMark::parse(text), Err(Malformed::Range), "{text}");
        }
        for text in ["", "1/1", "0x1", "0x/0x1", "0x1/", "None", "0x1/0x1/0x1"] {
            assert_eq!(LearnMark::parse(text), Err(Malformed::Syntax), "{text}");
        }
    }
}
