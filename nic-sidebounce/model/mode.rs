// SPDX-License-Identifier: GPL-2.0

//! What a user chooses of a few.

use super::{
    field::{
        keyword,
        words, //
    },
    text::Malformed, //
};
use core::fmt;

words! {
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

words! {
    /// How group packets reach a VF.
    Bum {
        /// Addressed to it alone, so that they stay in the NIC.
        Unicast = "unicast",
        /// As they are; a copy with the service tag goes to the wire too.
        Flood = "flood",
    }
}

words! {
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
