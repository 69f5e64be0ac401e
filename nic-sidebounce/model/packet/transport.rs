// SPDX-License-Identifier: GPL-2.0

//! The transport layer: ports, types and codes, and what fragments may not do to them.

use super::{
    super::key::{
        Field,
        Flags, //
    },
    Bytes,
    Reader,
    Reason, //
};

const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Which part of a packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The first of several.
    First,
    /// Another.
    Later {
        /// Where it begins, in bytes.
        offset: usize,
    },
}

impl Part {
    /// `units` of 8 bytes lie before it; `more` follow. A packet that says it is a fragment but lacks
    /// nothing (RFC 6946) is whole.
    pub(super) const fn new(units: usize, more: bool) -> Self {
        match (units, more) {
            (0, false) => Self::Whole,
            (0, true) => Self::First,
            (units, _) => Self::Later {
                offset: units.saturating_mul(8),
            },
        }
    }

    /// What it means that a header does not fit.
    pub(super) const fn too_short(self) -> Reason {
        match self {
            Self::Whole => Reason::Length,
            Self::First | Self::Later { .. } => Reason::TinyFragment,
        }
    }
}

/// The least bytes of a header in which a rule can name something.
const fn min_header_bytes(proto: u8) -> Option<usize> {
    match proto {
        TCP => Some(20),
        UDP | ICMP | ICMPV6 => Some(8),
        SCTP => Some(12),
        _ => None,
    }
}

/// Where the checksum is in a header.
const fn checksum_at(proto: u8) -> Option<usize> {
    match proto {
        TCP => Some(16),
        UDP => Some(6),
        ICMP | ICMPV6 => Some(2),
        SCTP => Some(8),
        _ => None,
    }
}

/// Checks that a later part, from `body` to `end`, overwrites nothing that was read of the first one.
pub(super) fn check_later(proto: u8, offset: usize, body: usize, end: usize) -> Result<(), Reason> {
    if min_header_bytes(proto).is_some_and(|least| offset < least) {
        return Err(Reason::TinyFragment);
    }
    // No packet is longer than its length can say.
    if offset.saturating_add(end.saturating_sub(body)) > usize::from(u16::MAX) {
        return Err(Reason::Length);
    }
    Ok(())
}

impl<B: Bytes + ?Sized> Reader<'_, B> {
    /// Reads the header at `at` of what ends at `end`; a packet may be longer, padded by Ethernet.
    pub(super) fn transport(
        &mut self,
        proto: u8,
        at: usize,
        end: usize,
        part: Part,
    ) -> Result<(), Reason> {
        // Behind the header, as in a tunnel, it may be anywhere.
        let behind = at.saturating_add(min_header_bytes(proto).unwrap_or(0));
        let place = checksum_at(proto).map(|place| at.saturating_add(place));
        let is_settled = |pending: &usize| *pending >= behind || Some(*pending) == place;
        if self.pending.as_ref().is_some_and(is_settled) {
            self.pending = None;
        }
        let Some(least) = min_header_bytes(proto) else {
            return Ok(());
        };
        if at.saturating_add(least) > end {
            return Err(part.too_short());
        }
        let [a, b, c, d, e, f, _, _] = self.read(at)?;
        match proto {
            TCP => {
                let [length, flags, ..] = self.read::<8>(at.saturating_add(12))?;
                let header = usize::from(length >> 4).saturating_mul(4);
                if header < least {
                    return Err(Reason::Length);
                }
                if at.saturating_add(header) > end {
                    return Err(part.too_short());
                }
                self.key.set(Field::TCP_FLAGS, u64::from(flags));
            }
            UDP => {
                let length = usize::from(u16::from_be_bytes([e, f]));
                let fits = part != Part::Whole || at.saturating_add(length) <= end;
                if length < least || !fits {
                    return Err(Reason::Length);
                }
            }
            SCTP => {
                let [_checksum] = self.read::<1>(at.saturating_add(11))?;
            }
            _ => {}
        }
        let source = u64::from(u16::from_be_bytes([a, b]));
        self.key.set(Field::SRC_PORT, source);
        if !matches!(proto, ICMP | ICMPV6) {
            let destination = u64::from(u16::from_be_bytes([c, d]));
            self.key.set(Field::DST_PORT, destination);
        }
        self.key.mark(Flags::PORTS);
        Ok(())
    }
}
