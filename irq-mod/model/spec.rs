// SPDX-License-Identifier: GPL-2.0

//! What a user writes to add a line: `NAME TARGET`.

/// The name of a line, which is that of its directory: 1 to 32 of `A-Z a-z 0-9 . _ -`, not
/// beginning with a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Longest name, in bytes.
    pub(crate) const MAX_LEN_BYTES: usize = 32;

    /// Returns [`None`] for a text that cannot be the name of a line.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let taken = matches!(text, "add" | "remove");
        let fits = !text.is_empty() && text.len() <= Self::MAX_LEN_BYTES;
        (fits && !taken && !text.starts_with('.') && text.bytes().all(allowed))
            .then_some(Self(text))
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }
}

/// Which line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// `irq:N`, the number in the first column of `/proc/interrupts`.
    Irq(u32),
    /// `name:X`, what the driver calls it in the last column of `/proc/interrupts`.
    Action(&'a str),
}

/// Why a text is no [`Spec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Not of the form `NAME TARGET`.
    Syntax,
    /// An interrupt number above [`u32::MAX`].
    Range,
}

/// A line to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) target: Target<'a>,
}

impl<'a> Spec<'a> {
    /// Reads `NAME irq:N` or `NAME name:X`; X may contain spaces.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (name, target) = text.split_once(' ').ok_or(Malformed::Syntax)?;
        let name = Name::new(name).ok_or(Malformed::Syntax)?;
        let target = match target.split_once(':') {
            Some(("irq", number)) => Target::Irq(irq_number(number)?),
            Some(("name", action)) if !action.is_empty() => Target::Action(action),
            _ => return Err(Malformed::Syntax),
        };
        Ok(Self { name, target })
    }
}

fn irq_number(text: &str) -> Result<u32, Malformed> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Syntax);
    }
    text.parse().map_err(|_| Malformed::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<Target<'_>, Malformed> {
        Spec::parse(text).map(|spec| spec.target)
    }

    #[test]
    fn a_line_is_named_by_number_or_by_its_drivers_name() {
        assert_eq!(target("rx irq:42"), Ok(Target::Irq(42)));
        assert_eq!(target("rx name:eth1-rx-0"), Ok(Target::Action("eth1-rx-0")));
        assert_eq!(
            target("v0 name:vfio-msix[0](0000:01:00.0)"),
            Ok(Target::Action("vfio-msix[0](0000:01:00.0)"))
        );
        assert_eq!(
            target("a name:with space"),
            Ok(Target::Action("with space"))
        );
    }

    #[test]
    fn junk_is_malformed_and_a_huge_number_is_out_of_range() {
        for text in [
            "",
            "rx",
            "rx ",
            "rx 42",
            "rx irq:",
            "rx irq:x",
            "rx irq:-1",
            "rx irq: 1",
            "rx name:",
            " irq:1",
        ] {
            assert_eq!(target(text), Err(Malformed::Syntax), "{text:?}");
        }
        assert_eq!(target("rx irq:4294967296"), Err(Malformed::Range));
    }

    #[test]
    fn a_name_is_fit_for_a_directory() {
        for text in ["rx", "eth1-rx.0_x", "A", "x".repeat(32).as_str()] {
            assert!(Name::new(text).is_some(), "{text:?}");
        }
        for text in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "a b",
            "add",
            "remove",
            "\u{e9}",
            "a\n",
            "x".repeat(33).as_str(),
        ] {
            assert!(Name::new(text).is_none(), "{text:?}");
        }
    }
}
