// SPDX-License-Identifier: GPL-2.0

//! The name of what a user adds. Modules include this file in their models.

use core::fmt;

/// The name of an object, which is that of its directory: 1 to 32 of `A-Z a-z 0-9 . _ -`, not beginning
/// with a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Longest name, in bytes.
    pub(crate) const MAX_LEN_BYTES: usize = 32;

    /// Returns [`None`] for a text that cannot be a name.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fits = !text.is_empty() && text.len() <= Self::MAX_LEN_BYTES;
        (fits && !text.starts_with('.') && text.bytes().all(allowed)).then_some(Self(text))
    }

    /// The name as text.
    pub(crate) const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_a_directory() {
        for text in ["rx", "eth1-rx.0_x", "A", "x".repeat(32).as_str()] {
            assert_eq!(Name::new(text).map(Name::as_str), Some(text));
        }
        for text in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "a b",
            "a\0",
            "\u{e9}",
            "a\n",
            "x".repeat(33).as_str(),
        ] {
            assert_eq!(Name::new(text), None, "{text:?}");
        }
    }
}
