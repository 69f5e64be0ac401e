// SPDX-License-Identifier: GPL-2.0

//! Networks of IP addresses.

use super::{
    field::number,
    packet,
    text::Malformed, //
};
use core::{
    fmt,
    net::{
        Ipv4Addr,
        Ipv6Addr, //
    }, //
};

/// The first bits of an IP address.
///
/// # Invariants
///
/// `len` is at most the length of the address in bits; the bits behind it are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// Of an IPv4 address.
    V4 {
        /// The address.
        address: Ipv4Addr,
        /// Bits that matter.
        len: u8,
    },
    /// Of an IPv6 address.
    V6 {
        /// The address.
        address: Ipv6Addr,
        /// Bits that matter.
        len: u8,
    },
}

impl Prefix {
    /// The first `len` bits of an IPv4 address; [`None`] if it has fewer.
    pub(crate) fn v4(address: Ipv4Addr, len: u8) -> Option<Self> {
        let unused = 32_u32.checked_sub(u32::from(len))?;
        let mask = u32::MAX.checked_shl(unused).unwrap_or(0);
        let address = Ipv4Addr::from_bits(address.to_bits() & mask);
        // INVARIANT: Masked above, after the length was checked.
        Some(Self::V4 { address, len })
    }

    /// The first `len` bits of an IPv6 address; [`None`] if it has fewer.
    pub(crate) fn v6(address: Ipv6Addr, len: u8) -> Option<Self> {
        let unused = 128_u32.checked_sub(u32::from(len))?;
        let mask = u128::MAX.checked_shl(unused).unwrap_or(0);
        let address = Ipv6Addr::from_bits(address.to_bits() & mask);
        // INVARIANT: Masked above, after the length was checked.
        Some(Self::V6 { address, len })
    }

    /// Reads `10.0.0.0/8`, `fe80::/10` or an address alone.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(number(len)?)),
            None => (text, None),
        };
        let prefix = if let Ok(address) = address.parse::<Ipv4Addr>() {
            Self::v4(address, len.unwrap_or(32))
        } else if let Ok(address) = address.parse::<Ipv6Addr>() {
            Self::v6(address, len.unwrap_or(128))
        } else {
            return Err(Malformed::Syntax);
        };
        prefix.ok_or(Malformed::Range)
    }

    /// The ethertype of packets with such addresses.
    pub(crate) const fn ethertype(&self) -> u16 {
        match self {
            Self::V4 { .. } => packet::ETHERTYPE_IPV4,
            Self::V6 { .. } => packet::ETHERTYPE_IPV6,
        }
    }

    /// Value and mask of the upper word of a key's address, and of the lower one.
    pub(crate) fn bits(&self) -> [(u64, u64); 2] {
        match self {
            Self::V4 { address, len } => {
                let mask = u64::MAX.checked_shl(64_u32.saturating_sub(u32::from(*len)));
                [
                    (u64::from(address.to_bits()) << 32, mask.unwrap_or(0)),
                    (0, 0),
                ]
            }
            Self::V6 { address, len } => {
                let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address.octets();
                let len = u32::from(*len);
                let high = u64::MAX.checked_shl(64_u32.saturating_sub(len));
                let low = u64::MAX.checked_shl(128_u32.saturating_sub(len.max(64)));
                [
                    (
                        u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                        high.unwrap_or(0),
                    ),
                    (
                        u64::from_be_bytes([i, j, k, l, m, n, o, p]),
                        low.unwrap_or(0),
                    ),
                ]
            }
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4 { address, len } => write!(f, "{address}/{len}"),
            Self::V6 { address, len } => write!(f, "{address}/{len}"),
        }
    }
}
