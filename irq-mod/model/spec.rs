// SPDX-License-Identifier: GPL-2.0

//! What a user writes: which lines are moderated, and which guests they belong to.

use super::{
    bdf::Bdf,
    glob::Glob,
    name::Name,
    pid::{
        Pid,
        Pids, //
    },
    text::decimal, //
};
use core::fmt;

pub(crate) use super::text::Malformed;

/// Which line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineTarget<'a> {
    /// `irq:N`, the number in the first column of `/proc/interrupts`.
    Irq(u32),
    /// `name:GLOB`, what drivers call their lines in the last column of `/proc/interrupts`.
    Name(Glob<'a>),
    /// `pci:ADDRESS` for all vectors of a PCI function, `pci:ADDRESS/INDEX` for one.
    Pci {
        /// The function.
        function: Bdf,
        /// Counts from 0.
        index: Option<u16>,
    },
}

impl<'a> LineTarget<'a> {
    /// Highest index of a vector: MSI-X has no more.
    pub(crate) const MAX_INDEX: u16 = 2047;

    /// Reads `irq:N`, `name:GLOB` or `pci:ADDRESS[/INDEX]`. A glob may contain spaces.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        match text.split_once(':') {
            Some(("irq", number)) => u32::try_from(decimal(number)?)
                .map(Self::Irq)
                .map_err(|_| Malformed::Range),
            Some(("name", pattern)) => Glob::new(pattern).map(Self::Name).ok_or(Malformed::Syntax),
            Some(("pci", place)) => {
                let (function, index) = match place.split_once('/') {
                    Some((function, index)) => (function, Some(vector_index(index)?)),
                    None => (place, None),
                };
                let function = Bdf::parse(function)?;
                Ok(Self::Pci { function, index })
            }
            _ => Err(Malformed::Syntax),
        }
    }
}

impl fmt::Display for LineTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Irq(number) => write!(f, "irq:{number}"),
            Self::Name(pattern) => write!(f, "name:{pattern}"),
            Self::Pci {
                function,
                index: None,
            } => write!(f, "pci:{function}"),
            Self::Pci {
                function,
                index: Some(index),
            } => write!(f, "pci:{function}/{index}"),
        }
    }
}

fn vector_index(text: &str) -> Result<u16, Malformed> {
    match u16::try_from(decimal(text)?) {
        Ok(index) if index <= LineTarget::MAX_INDEX => Ok(index),
        _ => Err(Malformed::Range),
    }
}

/// A line to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineSpec<'a> {
    /// What it is called.
    pub(crate) name: Name<'a>,
    /// Which it is.
    pub(crate) target: LineTarget<'a>,
}

impl<'a> LineSpec<'a> {
    /// Reads `NAME TARGET`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (name, target) = named(text)?;
        let target = LineTarget::parse(target)?;
        Ok(Self { name, target })
    }
}

/// Which threads are the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestTarget<'a> {
    /// `vm:PID`, the vCPU threads of a process.
    Vm(Pid),
    /// `pids:P[,P...]`, all threads of the processes.
    Pids(Pids),
    /// `cgroup:/PATH`, all threads in a control group (version 2) and below it.
    Cgroup(&'a str),
}

impl<'a> GuestTarget<'a> {
    /// Reads `vm:PID`, `pids:P[,P...]` or `cgroup:/PATH`. A path may contain spaces.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        match text.split_once(':') {
            Some(("vm", pid)) => Pid::parse(pid).map(Self::Vm),
            Some(("pids", list)) => Pids::parse(list).map(Self::Pids),
            Some(("cgroup", path)) if path.starts_with('/') && !path.contains('\0') => {
                Ok(Self::Cgroup(path))
            }
            _ => Err(Malformed::Syntax),
        }
    }
}

impl fmt::Display for GuestTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vm(pid) => write!(f, "vm:{pid}"),
            Self::Pids(list) => write!(f, "pids:{list}"),
            Self::Cgroup(path) => write!(f, "cgroup:{path}"),
        }
    }
}

/// What stands for no guest, and is the name of none.
const NO_GUEST: &str = "none";

/// A guest to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestSpec<'a> {
    /// What it is called.
    pub(crate) name: Name<'a>,
    /// Which threads it is.
    pub(crate) target: GuestTarget<'a>,
}

impl<'a> GuestSpec<'a> {
    /// Reads `NAME TARGET`; `none` is no name.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (name, target) = named(text)?;
        if name.as_str() == NO_GUEST {
            return Err(Malformed::Syntax);
        }
        let target = GuestTarget::parse(target)?;
        Ok(Self { name, target })
    }
}

/// The guest that a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestLink<'a> {
    /// `none`.
    None,
    /// The guest of this name.
    Guest(Name<'a>),
}

impl<'a> GuestLink<'a> {
    /// Reads the name of a guest, or `none`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        if text == NO_GUEST {
            return Ok(Self::None);
        }
        Name::new(text).map(Self::Guest).ok_or(Malformed::Syntax)
    }
}

impl fmt::Display for GuestLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => NO_GUEST,
            Self::Guest(name) => name.as_str(),
        })
    }
}

/// Splits `NAME REST`.
fn named(text: &str) -> Result<(Name<'_>, &str), Malformed> {
    let (name, rest) = text.split_once(' ').ok_or(Malformed::Syntax)?;
    Ok((Name::new(name).ok_or(Malformed::Syntax)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_printed_as_it_is_read() {
        for text in [
            "irq:0",
            "irq:4294967295",
            "name:eth1-rx-0",
            "name:vfio-msix[*](0000:01:00.0)",
            "name:with space",
            "pci:0000:01:00.0",
            "pci:0000:01:00.0/0",
            "pci:10000:e1:00.3/2047",
        ] {
            assert_eq!(
                LineTarget::parse(text).map(|t| t.to_string()),
                Ok(text.into())
            );
        }
        for text in [
            "vm:2",
            "vm:2147483647",
            "pids:7",
            "pids:7,8,1000",
            "cgroup:/",
            "cgroup:/a b/c",
        ] {
            assert_eq!(
                GuestTarget::parse(text).map(|t| t.to_string()),
                Ok(text.into())
            );
        }
    }

    #[test]
    fn junk_is_no_line_and_huge_numbers_are_out_of_range() {
        for text in [
            "",
            "rx",
            "rx ",
            "rx 42",
            "rx irq:",
            "rx irq:x",
            "rx irq:-1",
            "rx irq: 1",
            "rx  irq:1",
            "rx name:",
            " irq:1",
            "rx pci:",
            "rx pci:01:00.0",
            "rx pci:0000:01:00.0/",
            "rx pci:0000:01:00.0/x",
            "rx pci:0000:01:00.0/1/2",
            "rx pci:0000:01:00.0 ",
        ] {
            assert_eq!(LineSpec::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in [
            "rx irq:4294967296",
            "rx pci:0000:01:20.0",
            "rx pci:0000:01:00.8",
            "rx pci:0000:01:00.0/2048",
            "rx pci:0000:01:00.0/65536",
        ] {
            assert_eq!(LineSpec::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }

    #[test]
    fn junk_is_no_guest_and_neither_is_init() {
        for text in [
            "",
            "web",
            "web ",
            "web 7",
            "web vm:",
            "web vm:0",
            "web vm:1",
            "web vm:-2",
            "web vm:7 ",
            "web vm:7,8",
            "web pids:",
            "web pids:7,",
            "web pids:,7",
            "web pids:7,,8",
            "web pids:7, 8",
            "web pids:7,1",
            "web pids:7,7",
            "web cgroup:",
            "web cgroup:a",
            "web cgroup:/a\0",
            "none vm:7",
            ".web vm:7",
        ] {
            assert_eq!(GuestSpec::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["web vm:2147483648", "web pids:2,4294967296"] {
            assert_eq!(GuestSpec::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }

    #[test]
    fn a_line_belongs_to_a_guest_or_to_none() {
        for text in ["none", "web"] {
            assert_eq!(
                GuestLink::parse(text).map(|l| l.to_string()),
                Ok(text.into())
            );
        }
        assert_eq!(GuestLink::parse("none"), Ok(GuestLink::None));
        assert_eq!(GuestLink::parse(""), Err(Malformed::Syntax));
    }
}
