// SPDX-License-Identifier: GPL-2.0

//! What a user writes to add a filter: whose packets it is for.

use super::{
    name::Name,
    text::{
        decimal,
        Malformed, //
    }, //
};
use core::fmt;

/// The name of a network device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceName<'a>(&'a str);

impl<'a> DeviceName<'a> {
    /// Longest name in bytes (`IFNAMSIZ`, less the null byte).
    pub(crate) const MAX_LEN_BYTES: usize = 15;

    /// Reads a name as the kernel takes it: no spaces, slashes or colons, and neither `.` nor `..`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':');
        let fits = (1..=Self::MAX_LEN_BYTES).contains(&text.len());
        if !fits || matches!(text, "." | "..") || !text.bytes().all(allowed) {
            return Err(Malformed::Syntax);
        }
        Ok(Self(text))
    }

    /// The name as text.
    pub(crate) const fn as_str(self) -> &'a str {
        self.0
    }
}

/// At which end of its cable a network device of the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The other end is the VM's, as of a tap: what is sent on the device is for the VM.
    Host,
    /// It stands for the VM's own, as a VF below a macvtap: what it receives is for the VM.
    Vm,
}

/// Whose packets are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// `dev:NAME vf:N`: a VF of the physical function with this network device.
    Vf {
        /// Of the physical function.
        device: DeviceName<'a>,
        /// Counts from 0.
        vf: u16,
    },
    /// `dev:NAME` or `dev:NAME side:vm`: what is behind a network device of the host, or above it.
    Device {
        /// Of the host.
        device: DeviceName<'a>,
        /// Where it is.
        side: Side,
    },
}

impl<'a> Target<'a> {
    /// Highest number of a VF, as PCI has it.
    pub(crate) const MAX_VF: u16 = u16::MAX - 1;

    /// Reads `dev:NAME [vf:N|side:host|side:vm]`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (device, more) = match text.split_once(' ') {
            Some((device, more)) => (device, more),
            None => (text, "side:host"),
        };
        let device = device.strip_prefix("dev:").ok_or(Malformed::Syntax)?;
        let device = DeviceName::parse(device)?;
        let side = match more {
            "side:host" => Side::Host,
            "side:vm" => Side::Vm,
            _ => {
                let number = decimal(more.strip_prefix("vf:").ok_or(Malformed::Syntax)?)?;
                return match u16::try_from(number) {
                    Ok(vf) if vf <= Self::MAX_VF => Ok(Self::Vf { device, vf }),
                    _ => Err(Malformed::Range),
                };
            }
        };
        Ok(Self::Device { device, side })
    }

    /// The network device that is named.
    pub(crate) const fn device(self) -> DeviceName<'a> {
        match self {
            Self::Vf { device, .. } | Self::Device { device, .. } => device,
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vf { device, vf } => write!(f, "dev:{} vf:{vf}", device.as_str()),
            Self::Device { device, side } => {
                let side = match side {
                    Side::Host => "",
                    Side::Vm => " side:vm",
                };
                write!(f, "dev:{}{side}", device.as_str())
            }
        }
    }
}

/// A filter to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spec<'a> {
    /// What it is called.
    pub(crate) name: Name<'a>,
    /// What it is for.
    pub(crate) target: Target<'a>,
}

impl<'a> Spec<'a> {
    /// Reads a name and a [`Target`].
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (name, target) = text.split_once(' ').ok_or(Malformed::Syntax)?;
        Ok(Self {
            name: Name::new(name).ok_or(Malformed::Syntax)?,
            target: Target::parse(target)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_for_a_vf_or_a_device_and_is_printed_as_it_was_read() {
        let of_side = |side| (None, Some(side));
        for (text, expected) in [
            ("dev:eth0 vf:3", (Some(3), None)),
            ("dev:tap-1.x", of_side(Side::Host)),
            ("dev:eth7 side:vm", of_side(Side::Vm)),
        ] {
            let whole = format!("web0 {text}");
            let spec = Spec::parse(&whole).unwrap();
            assert_eq!(spec.name.as_str(), "web0");
            assert_eq!(spec.target.to_string(), text);
            let read = match spec.target {
                Target::Vf { vf, .. } => (Some(vf), None),
                Target::Device { side, .. } => of_side(side),
            };
            assert_eq!(read, expected);
        }
        let (short, long) = (Target::parse("dev:a"), Target::parse("dev:a side:host"));
        assert_eq!(short, long);
    }

    #[test]
    fn what_is_malformed_is_told_from_what_is_out_of_range() {
        for text in [
            "",
            "a",
            "a ",
            "a b",
            "a dev:",
            "a dev:x y",
            "a dev:x vf:",
            "a dev:x vf:-1",
            "a dev:x  vf:1",
            ". dev:x",
            "a dev:a/b",
            "a dev:..",
            "a dev:0123456789abcdef",
            "a dev:x vf:1 ",
            "a dev:x side:",
            "a dev:x side:vm vf:1",
        ] {
            assert_eq!(Spec::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["a dev:x vf:65535", "a dev:x vf:99999999999999999999"] {
            assert_eq!(Spec::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }
}
