// SPDX-License-Identifier: GPL-2.0

//! The network layer: ARP, IPv4 and IPv6 with its extension headers.

use super::super::key::{
    Field,
    Flags, //
};
use super::{
    transport::Part,
    Bytes,
    Reader,
    Reason, //
};

/// Extension headers that are followed.
const MAX_EXTENSIONS: usize = 6;
/// Bytes of extension headers that are followed.
const MAX_EXTENSION_BYTES: usize = 512;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

impl<B: Bytes + ?Sized> Reader<'_, B> {
    pub(super) fn arp(&mut self, at: usize) -> Result<(), Reason> {
        let [0, 1, 8, 0, 6, 4, o0, o1] = self.read(at)? else {
            return Err(Reason::Arp);
        };
        let at = at.saturating_add(8);
        let [m0, m1, m2, m3, m4, m5, i0, i1, i2, i3] = self.read(at)?;
        let [n0, n1, n2, n3, n4, n5, j0, j1, j2, j3] = self.read(at.saturating_add(10))?;
        let mac = |[a, b, c, d, e, f]: [u8; 6]| u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let sender = mac([m0, m1, m2, m3, m4, m5]);
        let target = mac([n0, n1, n2, n3, n4, n5]);
        self.key.set(Field::ARP_SENDER_MAC, sender);
        self.key.set(Field::ARP_TARGET_MAC, target);
        self.set_ipv4([i0, i1, i2, i3], [j0, j1, j2, j3]);
        let op = u16::from_be_bytes([o0, o1]);
        self.key.set(Field::ARP_OP, u64::from(op));
        self.key.mark(Flags::NET);
        Ok(())
    }

    pub(super) fn ipv4(&mut self, at: usize) -> Result<(), Reason> {
        let [first, _, l0, l1, _, _, f0, f1, _, proto, _, _] = self.read(at)?;
        let [s0, s1, s2, s3, d0, d1, d2, d3] = self.read(at.saturating_add(12))?;
        if first >> 4 != 4 {
            return Err(Reason::Version);
        }
        let header = usize::from(first & 0x0f).saturating_mul(4);
        let total = usize::from(u16::from_be_bytes([l0, l1]));
        if header < 20 || total < header {
            return Err(Reason::Length);
        }
        let (body, end) = (at.saturating_add(header), at.saturating_add(total));
        // Options must be there, whatever they are.
        let [_last] = self.read(body.saturating_sub(1))?;
        self.set_ipv4([s0, s1, s2, s3], [d0, d1, d2, d3]);
        self.key.set(Field::PROTO, u64::from(proto));
        self.key.mark(Flags::NET.with(Flags::PROTO));

        let word = u16::from_be_bytes([f0, f1]);
        let part = Part::new(usize::from(word & 0x1fff), word & 0x2000 != 0);
        self.mark_part(part);
        match part {
            Part::Later { offset } => super::transport::check_later(proto, offset, body, end),
            Part::Whole | Part::First => self.transport(proto, body, end, part),
        }
    }

    pub(super) fn ipv6(&mut self, at: usize) -> Result<(), Reason> {
        let [first, _, _, _, l0, l1, next, _] = self.read(at)?;
        let [source, destination] =
            [8, 24].map(|offset| self.read::<16>(at.saturating_add(offset)));
        if first >> 4 != 6 {
            return Err(Reason::Version);
        }
        let (source, destination) = (halves(source?), halves(destination?));
        self.key.set(Field::SRC_HIGH, source.0);
        self.key.set(Field::SRC_LOW, source.1);
        self.key.set(Field::DST_HIGH, destination.0);
        self.key.set(Field::DST_LOW, destination.1);
        self.key.mark(Flags::NET);
        let body = at.saturating_add(40);
        let payload = usize::from(u16::from_be_bytes([l0, l1]));
        self.extensions(next, body, body.saturating_add(payload))
    }

    /// Follows the extension headers from `body` on, of which the first is of the kind `next`.
    fn extensions(&mut self, mut next: u8, body: usize, end: usize) -> Result<(), Reason> {
        let mut at = body;
        let mut part = Part::Whole;
        let mut seen = 0_usize;
        while is_extension(next) {
            if seen == MAX_EXTENSIONS {
                return Err(Reason::Extensions);
            }
            if next == HOP_BY_HOP && seen != 0 {
                return Err(Reason::Order);
            }
            let [following, units, kind, last] = self.read(at)?;
            let length = match next {
                FRAGMENT => 8,
                AUTHENTICATION => usize::from(units).saturating_mul(4).saturating_add(8),
                _ => usize::from(units).saturating_mul(8).saturating_add(8),
            };
            if next == ROUTING && kind == 0 {
                return Err(Reason::SourceRoute);
            }
            let behind = at.saturating_add(length);
            if behind.saturating_sub(body) > MAX_EXTENSION_BYTES {
                return Err(Reason::Extensions);
            }
            if behind > end {
                return Err(part.too_short());
            }
            if next == FRAGMENT {
                if part != Part::Whole {
                    return Err(Reason::Order);
                }
                let word = u16::from_be_bytes([kind, last]);
                part = Part::new(usize::from(word >> 3), word & 1 != 0);
                self.mark_part(part);
            }
            next = following;
            at = behind;
            seen = seen.saturating_add(1);
            if let Part::Later { offset } = part {
                // What follows is no header but data, whatever it is said to be.
                if is_extension(next) {
                    return Ok(());
                }
                self.set_proto(next);
                return super::transport::check_later(next, offset, at, end);
            }
        }
        // The last bytes of what was skipped must be there too.
        let [_last] = self.read(at.saturating_sub(1))?;
        self.set_proto(next);
        self.transport(next, at, end, part)
    }

    fn set_proto(&mut self, proto: u8) {
        self.key.set(Field::PROTO, u64::from(proto));
        self.key.mark(Flags::PROTO);
    }

    fn set_ipv4(&mut self, [a, b, c, d]: [u8; 4], [e, f, g, h]: [u8; 4]) {
        let high = |[a, b, c, d]: [u8; 4]| u64::from_be_bytes([a, b, c, d, 0, 0, 0, 0]);
        self.key.set(Field::SRC_HIGH, high([a, b, c, d]));
        self.key.set(Field::DST_HIGH, high([e, f, g, h]));
    }

    fn mark_part(&mut self, part: Part) {
        match part {
            Part::Whole => {}
            Part::First => self.key.mark(Flags::FRAGMENT),
            Part::Later { .. } => self.key.mark(Flags::FRAGMENT.with(Flags::LATER)),
        }
    }
}

const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION
    )
}

/// The two words of an IPv6 address.
fn halves(address: [u8; 16]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
    (
        u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        u64::from_be_bytes([i, j, k, l, m, n, o, p]),
    )
}
