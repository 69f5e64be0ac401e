// SPDX-License-Identifier: GPL-2.0

//! What a user writes: which slot stands in front of which function, and what it is told to do.

use super::{
    bdf::Bdf,
    name::Name,
    text::decimal, //
};
use core::fmt;

pub(crate) use super::text::Malformed;

/// The function that belongs behind a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `pf:BDF vf:N`, a virtual function by its number, wherever it appears.
    Vf {
        /// The physical function.
        pf: Bdf,
        /// Counts from 0.
        index: u16,
    },
    /// `function:BDF`, whatever function sits there.
    Function(Bdf),
}

impl Target {
    /// Reads `pf:BDF vf:N` or `function:BDF`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let words = Words::parse(text)?;
        match words.front {
            None => words.target(),
            Some(_) => Err(Malformed::Syntax),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vf { pf, index } => write!(f, "pf:{pf} vf:{index}"),
            Self::Function(bdf) => write!(f, "function:{bdf}"),
        }
    }
}

/// What kind of device the user of a slot opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrontKind {
    /// `pci`: a PCI function with an address of its own.
    PciFunction,
    /// `platform`: a platform device.
    Platform,
}

impl FrontKind {
    fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "pci" => Ok(Self::PciFunction),
            "platform" => Ok(Self::Platform),
            _ => Err(Malformed::Syntax),
        }
    }
}

/// Reads the name of a slot; the files beside the slots have theirs already.
pub(crate) fn slot_name(text: &str) -> Option<Name<'_>> {
    Name::new(text).filter(|_| !matches!(text, "add" | "remove"))
}

/// A slot to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec<'a> {
    /// What it is called.
    pub(crate) name: Name<'a>,
    /// What belongs behind it.
    pub(crate) target: Target,
    /// What stands in front.
    pub(crate) front: FrontKind,
}

impl<'a> Spec<'a> {
    /// Reads `NAME TARGET [front:pci|platform]`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (name, words) = text.split_once(' ').ok_or(Malformed::Syntax)?;
        let name = slot_name(name).ok_or(Malformed::Syntax)?;
        let words = Words::parse(words)?;
        Ok(Self {
            name,
            target: words.target()?,
            front: words.front.unwrap_or(FrontKind::PciFunction),
        })
    }
}

/// The words `key:value` of a text, each at most once, in any order.
#[derive(Default)]
struct Words {
    pf: Option<Bdf>,
    vf: Option<u16>,
    function: Option<Bdf>,
    front: Option<FrontKind>,
}

impl Words {
    fn parse(text: &str) -> Result<Self, Malformed> {
        let mut words = Self::default();
        for word in text.split(' ') {
            match word.split_once(':') {
                Some(("pf", value)) => once(&mut words.pf, Bdf::parse(value)?)?,
                Some(("vf", value)) => once(&mut words.vf, count(value)?)?,
                Some(("function", value)) => once(&mut words.function, Bdf::parse(value)?)?,
                Some(("front", value)) => once(&mut words.front, FrontKind::parse(value)?)?,
                _ => return Err(Malformed::Syntax),
            }
        }
        Ok(words)
    }

    fn target(&self) -> Result<Target, Malformed> {
        match (self.pf, self.vf, self.function) {
            (Some(pf), Some(index), None) => Ok(Target::Vf { pf, index }),
            (None, None, Some(bdf)) => Ok(Target::Function(bdf)),
            _ => Err(Malformed::Syntax),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed::Syntax),
    }
}

fn count(text: &str) -> Result<u16, Malformed> {
    u16::try_from(decimal(text)?).map_err(|_| Malformed::Range)
}

/// What a pause does to a device that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Its registers survive.
    Soft,
    /// It is reset.
    Hard,
}

/// What a slot is told through `control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `pause soft` or `pause hard`.
    Pause(Mode),
    /// `resume`.
    Resume,
    /// `reset-error`.
    ResetError,
}

impl Command {
    /// Reads one of the four commands.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "pause soft" => Ok(Self::Pause(Mode::Soft)),
            "pause hard" => Ok(Self::Pause(Mode::Hard)),
            "resume" => Ok(Self::Resume),
            "reset-error" => Ok(Self::ResetError),
            _ => Err(Malformed::Syntax),
        }
    }
}

/// How many virtual functions a physical function is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reconfigure {
    /// The physical function.
    pub(crate) pf: Bdf,
    /// The number wanted.
    pub(crate) count: u16,
}

impl Reconfigure {
    /// Reads `BDF N`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let (pf, number) = text.split_once(' ').ok_or(Malformed::Syntax)?;
        Ok(Self {
            pf: Bdf::parse(pf)?,
            count: count(number)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bdf(text: &str) -> Bdf {
        Bdf::parse(text).expect("an address")
    }

    #[test]
    fn the_files_beside_the_slots_keep_their_names() {
        for text in ["add", "remove"] {
            assert_eq!(slot_name(text), None);
        }
        assert_eq!(slot_name("adds").map(Name::as_str), Some("adds"));
    }

    #[test]
    fn a_target_is_printed_as_it_is_read() {
        for text in [
            "pf:0000:01:00.0 vf:0",
            "pf:0000:01:00.0 vf:65535",
            "function:0000:00:11.0",
        ] {
            assert_eq!(Target::parse(text).map(|t| t.to_string()), Ok(text.into()));
        }
    }

    #[test]
    fn a_slot_is_a_pci_function_unless_it_is_asked_to_be_something_else() {
        let front = |text| Spec::parse(text).map(|spec| spec.front);
        assert_eq!(
            front("web0 function:0000:00:11.0"),
            Ok(FrontKind::PciFunction)
        );
        assert_eq!(
            front("web0 function:0000:00:11.0 front:pci"),
            Ok(FrontKind::PciFunction)
        );
        assert_eq!(
            front("web0 pf:0000:01:00.0 vf:3 front:platform"),
            Ok(FrontKind::Platform)
        );
        assert_eq!(
            Spec::parse("web0 vf:3 pf:0000:01:00.0").map(|spec| spec.target),
            Ok(Target::Vf {
                pf: bdf("0000:01:00.0"),
                index: 3
            })
        );
    }

    #[test]
    fn junk_is_malformed() {
        for text in [
            "",
            "web0",
            "web0 ",
            " web0 function:0000:00:11.0",
            "web0 function:0000:00:11.0 ",
            "web0  function:0000:00:11.0",
            "web0\tfunction:0000:00:11.0",
            "a/b function:0000:00:11.0",
            "web0 pf:0000:01:00.0",
            "web0 vf:0",
            "web0 front:pci",
            "web0 0000:00:11.0",
            "web0 pf:0000:01:00.0 vf:",
            "web0 pf:0000:01:00.0 vf:-1",
            "web0 pf:0000:01:00.0 vf:x",
            "web0 pf:0000:01:00.0 vf:0 vf:0",
            "web0 pf:0000:01:00.0 vf:0 function:0000:00:11.0",
            "web0 function:0000:00:11.0 function:0000:00:11.0",
            "web0 function:0000:00:11.0 front:",
            "web0 function:0000:00:11.0 front:pci front:pci",
            "web0 function:0000:00:11.0 back:pci",
        ] {
            assert_eq!(Spec::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        assert_eq!(
            Target::parse("function:0000:00:11.0 front:pci"),
            Err(Malformed::Syntax)
        );
    }

    #[test]
    fn a_number_too_large_is_out_of_range() {
        for text in [
            "web0 pf:0000:01:00.0 vf:65536",
            "web0 pf:0000:01:00.0 vf:99999999999999999999999",
            "web0 pf:0000:01:20.0 vf:0",
        ] {
            assert_eq!(Spec::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }

    #[test]
    fn a_slot_obeys_four_commands() {
        assert_eq!(Command::parse("pause soft"), Ok(Command::Pause(Mode::Soft)));
        assert_eq!(Command::parse("pause hard"), Ok(Command::Pause(Mode::Hard)));
        assert_eq!(Command::parse("resume"), Ok(Command::Resume));
        assert_eq!(Command::parse("reset-error"), Ok(Command::ResetError));
        for text in [
            "",
            "pause",
            "pause  soft",
            "pause soft ",
            "Resume",
            "reset",
            "1",
        ] {
            assert_eq!(Command::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
    }

    #[test]
    fn a_physical_function_is_told_a_number() {
        assert_eq!(
            Reconfigure::parse("0000:01:00.0 7"),
            Ok(Reconfigure {
                pf: bdf("0000:01:00.0"),
                count: 7
            })
        );
        for text in [
            "",
            "0000:01:00.0",
            "0000:01:00.0 ",
            "7 0000:01:00.0",
            "0000:01:00.0 7 7",
        ] {
            assert_eq!(Reconfigure::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        assert_eq!(
            Reconfigure::parse("0000:01:00.0 65536"),
            Err(Malformed::Range)
        );
    }
}
