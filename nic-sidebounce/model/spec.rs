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
    /// `dev:NAME`: what is behind a network device of the host, such as a tap.
    Device(DeviceName<'a>),
}

impl<'a> Target<'a> {
    /// Highest number of a VF, as PCI has it.
    pub(crate) const MAX_VF: u16 = u16::MAX - 1;

    /// Reads `dev:NAME [vf:N]`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let (device, vf) = match text.split_once(' ') {
            Some((device, vf)) => (device, Some(vf)),
            None => (text, None),
        };
        let device = device.strip_prefix("dev:").ok_or(Malformed::Syntax)?;
        let device = DeviceName::parse(device)?;
        let Some(vf) = vf else {
            return Ok(Self::Device(device));
        };
        let number = decimal(vf.strip_prefix("vf:").ok_or(Malformed::Syntax)?)?;
        match u16::try_from(number) {
            Ok(vf) if vf <= Self::MAX_VF => Ok(Self::Vf { device, vf }),
            _ => Err(Malformed::Range),
        }
    }

    /// The network device that is named.
    pub(crate) const fn device(self) -> DeviceName<'a> {
        match self {
            Self::Vf { device, .. } | Self::Device(device) => device,
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vf { device, vf } => write!(f, "dev:{} vf:{vf}", device.as_str()),
            Self::Device(device) => write!(f, "dev:{}", device.as_str()),
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
    /// Reads `NAME dev:NAME [vf:N]`.
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
        for (text, vf) in [("dev:eth0 vf:3", Some(3)), ("dev:tap-1.x", None)] {
            let whole = format!("web0 {text}");
            let spec = Spec::parse(&whole).unwrap();
            assert_eq!(spec.name.as_str(), "web0");
            assert_eq!(spec.target.to_string(), text);
            let read = match spec.target {
                Target::Vf { vf, .. } => Some(vf),
                Target::Device(_) => None,
            };
            assert_eq!(read, vf);
        }
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
        ] {
            assert_eq!(Spec::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
        for text in ["a dev:x vf:65535", "a dev:x vf:99999999999999999999"] {
            assert_eq!(Spec::parse(text), Err(Malformed::Range), "{text:?}");
        }
    }
}
