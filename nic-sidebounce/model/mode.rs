// SPDX-License-Identifier: GPL-2.0

//! What a user chooses of a few.

use super::{
    field::keyword,
    text::Malformed, //
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
}
