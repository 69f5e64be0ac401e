// SPDX-License-Identifier: GPL-2.0

//! What a rule may demand of a field, as a user writes it.

use super::{
    ethernet::{
        Mac,
        Vid, //
    },
    packet,
    range::Range,
    text::{
        decimal,
        hexadecimal,
        Malformed, //
    }, //
};
use core::fmt;

/// The value that a word stands for.
pub(crate) fn keyword<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Malformed> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or(Malformed::Syntax)
}

/// Writes the word of a value, or what `other` writes.
fn write_keyword<T: PartialEq>(
    f: &mut fmt::Formatter<'_>,
    value: &T,
    words: &[(&str, T)],
    other: fmt::Arguments<'_>,
) -> fmt::Result {
    match words.iter().find(|(_, known)| known == value) {
        Some((word, _)) => f.write_str(word),
        None => f.write_fmt(other),
    }
}

/// Reads a decimal number of the type `T`.
pub(crate) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, Malformed> {
    T::try_from(decimal(text)?).map_err(|_| Malformed::Range)
}

/// Reads `0x` and one to `digits` hexadecimal digits.
fn hex<T: TryFrom<u64>>(text: &str, digits: usize) -> Result<T, Malformed> {
    let digits = 1..=digits;
    let number = hexadecimal(text.strip_prefix("0x").ok_or(Malformed::Syntax)?, digits)?;
    T::try_from(number).map_err(|_| Malformed::Range)
}

impl Mac {
    /// Reads `02:00:00:00:00:01`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let digits = hexadecimal(parts.next().ok_or(Malformed::Syntax)?, 2..=2)?;
            *byte = u8::try_from(digits).map_err(|_| Malformed::Range)?;
        }
        match parts.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(Malformed::Syntax),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Some bits of a MAC address.
///
/// # Invariants
///
/// Outside of the mask the address is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MacMatch {
    address: Mac,
    mask: Mac,
}

impl MacMatch {
    /// All bits of `address`.
    pub(crate) const fn exactly(address: Mac) -> Self {
        // INVARIANT: Nothing is outside of the mask.
        Self {
            address,
            mask: Mac::BROADCAST,
        }
    }

    /// Reads an address, or an address and a mask as in `01:00:00:00:00:00/01:00:00:00:00:00`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let Some((address, mask)) = text.split_once('/') else {
            return Mac::parse(text).map(Self::exactly);
        };
        let ([a, b, c, d, e, f], mask) = (Mac::parse(address)?.0, Mac::parse(mask)?);
        let [m, n, o, p, q, r] = mask.0;
        let address = Mac([a & m, b & n, c & o, d & p, e & q, f & r]);
        // INVARIANT: Masked above.
        Ok(Self { address, mask })
    }

    /// The value and the mask, in the lower 48 bits.
    pub(crate) fn bits(&self) -> (u64, u64) {
        (self.address.bits(), self.mask.bits())
    }
}

impl fmt::Display for MacMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, mask } = self;
        if *mask == Mac::BROADCAST {
            return write!(f, "{address}");
        }
        write!(f, "{address}/{mask}")
    }
}

/// What tag a packet must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VidMatch {
    /// None at all; one of VID 0, which has only a priority, is a tag.
    Untagged,
    /// One of these.
    Tagged(Range),
}

impl VidMatch {
    /// Reads `none`, a VID or two as in `100-199`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "none" {
            return Ok(Self::Untagged);
        }
        Range::parse(text, Vid::MAX).map(Self::Tagged)
    }
}

impl fmt::Display for VidMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untagged => f.write_str("none"),
            Self::Tagged(range) => write!(f, "{range}"),
        }
    }
}

/// What an Ethernet frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ethertype(pub(crate) u16);

impl Ethertype {
    const WORDS: [(&'static str, Self); 3] = [
        ("ip", Self(packet::ETHERTYPE_IPV4)),
        ("ipv6", Self(packet::ETHERTYPE_IPV6)),
        ("arp", Self(packet::ETHERTYPE_ARP)),
    ];

    /// Reads a word or `0x88cc`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        keyword(text, &Self::WORDS).or_else(|_| hex(text, 4).map(Self))
    }
}

impl fmt::Display for Ethertype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_keyword(f, self, &Self::WORDS, format_args!("0x{:04x}", self.0))
    }
}

/// A protocol above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proto(pub(crate) u8);

impl Proto {
    pub(crate) const ICMP: Self = Self(1);
    pub(crate) const TCP: Self = Self(6);
    pub(crate) const UDP: Self = Self(17);
    pub(crate) const ICMPV6: Self = Self(58);
    pub(crate) const SCTP: Self = Self(132);
    const WORDS: [(&'static str, Self); 5] = [
        ("tcp", Self::TCP),
        ("udp", Self::UDP),
        ("sctp", Self::SCTP),
        ("icmp", Self::ICMP),
        ("icmpv6", Self::ICMPV6),
    ];

    /// Reads a word or a number.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        keyword(text, &Self::WORDS).or_else(|_| number(text).map(Self))
    }

    /// Whether it has ports.
    pub(crate) const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_keyword(f, self, &Self::WORDS, format_args!("{}", self.0))
    }
}

/// Some of the eight flags of TCP.
///
/// # Invariants
///
/// Outside of the mask the value is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpFlags {
    value: u8,
    mask: u8,
}

impl TcpFlags {
    /// Reads the flags and those that matter, as in `0x02/0x12`; all matter if it is one number.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let (value, mask): (u8, u8) = match text.split_once('/') {
            Some((value, mask)) => (hex(value, 2)?, hex(mask, 2)?),
            None => (hex(text, 2)?, 0xff),
        };
        // INVARIANT: Masked here.
        Ok(Self {
            value: value & mask,
            mask,
        })
    }

    /// The value and the mask.
    pub(crate) fn bits(&self) -> (u64, u64) {
        (u64::from(self.value), u64::from(self.mask))
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}/0x{:02x}", self.value, self.mask)
    }
}

/// Enums that are written as one word each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All, with their words.
            pub(crate) const WORDS: &'static [(&'static str, Self)] =
                &[$(($word, Self::$variant),)*];

            /// Reads the word.
            pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
                keyword(text, Self::WORDS)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }
    };
}
pub(super) use words;

words! {
    /// What ARP says.
    ArpOp {
        /// Who has this address?
        Request = "request",
        /// I have.
        Reply = "reply",
    }
}

words! {
    /// Whether it is a part of a packet.
    Frag {
        /// A part.
        Yes = "yes",
        /// All of it.
        No = "no",
        /// The first part of several.
        First = "first",
        /// Another part.
        Later = "later",
    }
}

words! {
    /// Whether its headers could not be read.
    Unparsed {
        /// Not to the end.
        Yes = "yes",
        /// They were read.
        No = "no",
    }
}

words! {
    /// What becomes of a packet.
    Action {
        /// It goes where it was going.
        Accept = "accept",
        /// It goes nowhere.
        Drop = "drop",
        /// It goes to the hypervisor.
        Bounce = "bounce",
    }
}

impl super::key::Direction {
    /// Reads `rx` or `tx`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        keyword(text, &[("rx", Self::Rx), ("tx", Self::Tx)])
    }
}

impl fmt::Display for super::key::Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rx => "rx",
            Self::Tx => "tx",
        })
    }
}
