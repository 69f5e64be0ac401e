// SPDX-License-Identifier: GPL-2.0

//! Patterns of the names that drivers give to their lines.

use core::fmt;

/// A pattern: `*` stands for any bytes, `?` for any one byte, everything else for itself. Brackets
/// are plain, since drivers use them: `vfio-msi*[0](0000:01:00.0)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glob<'a>(&'a str);

impl<'a> Glob<'a> {
    /// Longest pattern, in bytes.
    const MAX_LEN_BYTES: usize = 255;

    /// Returns [`None`] for a text that is empty or too long.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        (1..=Self::MAX_LEN_BYTES)
            .contains(&text.len())
            .then_some(Self(text))
    }

    /// Whether all of `name` is what the pattern stands for. Takes time proportional to the product
    /// of their lengths at most, and no memory.
    pub(crate) fn matches(self, name: &[u8]) -> bool {
        let (mut pattern, mut name) = (self.0.as_bytes(), name);
        // After the last `*`: the pattern, and the name where the next attempt begins.
        let mut retry = None;
        loop {
            match (pattern, name) {
                ([b'*', pattern_rest @ ..], _) => {
                    pattern = pattern_rest;
                    retry = Some((pattern, name));
                }
                ([], []) => return true,
                ([wanted, pattern_rest @ ..], [byte, name_rest @ ..])
                    if *wanted == b'?' || wanted == byte =>
                {
                    (pattern, name) = (pattern_rest, name_rest);
                }
                _ => {
                    // The `*` takes one more byte. Earlier ones need not: this one can take it all.
                    let Some((after, [_, rest @ ..])) = retry else {
                        return false;
                    };
                    (pattern, name) = (after, rest);
                    retry = Some((after, rest));
                }
            }
        }
    }
}

impl fmt::Display for Glob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern)
            .expect("not empty")
            .matches(name.as_bytes())
    }

    #[test]
    fn a_pattern_without_wildcards_is_a_name() {
        assert!(matches("eth1-rx-0", "eth1-rx-0"));
        assert!(!matches("eth1-rx-0", "eth1-rx-01"));
        assert!(!matches("eth1-rx-0", "eth1-rx-"));
        assert!(!matches("eth1-rx-0", ""));
        assert_eq!(Glob::new(""), None);
    }

    #[test]
    fn brackets_and_backslashes_are_plain() {
        assert!(matches(
            "vfio-msix[*](0000:01:00.?)",
            "vfio-msix[12](0000:01:00.0)"
        ));
        assert!(!matches("a[bc]", "ab"));
        assert!(matches("a[bc]", "a[bc]"));
        assert!(matches("\\*", "\\x"));
    }

    #[test]
    fn a_star_takes_any_bytes_and_a_question_mark_one() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "x"),
            ("**", ""),
            ("*x", "xxx"),
            ("a*b*c", "abbbc"),
            ("a*bc", "abcbc"),
            ("a*?c", "axc"),
            ("?*?", "xy"),
            ("*aab*", "aaaab"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("?", ""),
            ("?", "xy"),
            ("a*b", "a"),
            ("a*b*c", "acb"),
            ("*?x", "x"),
            ("*aab", "aabb"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
