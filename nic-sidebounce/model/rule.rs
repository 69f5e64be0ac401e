// SPDX-License-Identifier: GPL-2.0

//! A rule: what it demands of a packet, and what becomes of a packet that has it.

use super::{
    field::{
        Action,
        ArpOp,
        Ethertype,
        Frag,
        MacMatch,
        Proto,
        TcpFlags,
        Unparsed,
        VidMatch, //
    },
    key::{
        Direction,
        Field,
        Flags,
        Pattern, //
    },
    name::Name,
    packet,
    prefix::Prefix,
    range::Range, //
};
use core::fmt;

/// What a rule is called; the same as a [`Name`], kept.
///
/// # Invariants
///
/// The first `len` bytes are a [`Name`], the others 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    bytes: [u8; Name::MAX_LEN_BYTES],
    len: usize,
}

impl Label {
    /// Keeps a name.
    pub(crate) fn new(name: Name<'_>) -> Self {
        let text = name.as_str().as_bytes();
        let mut bytes = [0; Name::MAX_LEN_BYTES];
        for (byte, from) in bytes.iter_mut().zip(text) {
            *byte = *from;
        }
        // INVARIANT: A name is not longer than that.
        Self {
            bytes,
            len: text.len(),
        }
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.len).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

/// A rule. Of those that match, the one with the lowest priority number decides; of these, the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Lower numbers come first.
    pub(crate) priority: u32,
    /// Which packets it is for.
    pub(crate) direction: Direction,
    /// What it demands of them.
    pub(crate) demands: Demands,
    /// What becomes of those.
    pub(crate) action: Action,
    /// What it is called.
    pub(crate) name: Option<Label>,
}

/// What a rule demands of a packet: all that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    pub(crate) dst_mac: Option<MacMatch>,
    pub(crate) src_mac: Option<MacMatch>,
    pub(crate) vid: Option<VidMatch>,
    pub(crate) ethertype: Option<Ethertype>,
    pub(crate) proto: Option<Proto>,
    pub(crate) src_ip: Option<Prefix>,
    pub(crate) dst_ip: Option<Prefix>,
    pub(crate) src_port: Option<Range>,
    pub(crate) dst_port: Option<Range>,
    pub(crate) icmp_type: Option<u8>,
    pub(crate) icmp_code: Option<u8>,
    pub(crate) tcp_flags: Option<TcpFlags>,
    pub(crate) arp_op: Option<ArpOp>,
    pub(crate) arp_spa: Option<Prefix>,
    pub(crate) arp_tpa: Option<Prefix>,
    pub(crate) arp_sha: Option<MacMatch>,
    pub(crate) arp_tha: Option<MacMatch>,
    pub(crate) frag: Option<Frag>,
    pub(crate) unparsed: Option<Unparsed>,
}

impl Demands {
    /// Returns what a rule lacks, or contradicts, so that no packet could ever match.
    pub(crate) fn conflict(&self) -> Option<&'static str> {
        let mut family = self.ethertype.map(|ethertype| ethertype.0);
        let mut agrees = |ethertype: u16| *family.get_or_insert(ethertype) == ethertype;
        for prefix in [&self.src_ip, &self.dst_ip].into_iter().flatten() {
            if !agrees(prefix.ethertype()) {
                return Some("addresses of one family, that of the ethertype");
            }
        }
        let addresses = [&self.arp_spa, &self.arp_tpa].into_iter().flatten();
        for prefix in addresses {
            if !matches!(prefix, Prefix::V4 { .. }) {
                return Some("IPv4 addresses in ARP");
            }
        }
        if self.names_arp() && !agrees(packet::ETHERTYPE_ARP) {
            return Some("no other family with ARP");
        }
        let has_ports = self.src_port.is_some() || self.dst_port.is_some();
        if has_ports && !self.proto.is_some_and(Proto::has_ports) {
            return Some("proto tcp, udp or sctp with ports");
        }
        if self.tcp_flags.is_some() && self.proto != Some(Proto::TCP) {
            return Some("proto tcp with tcp_flags");
        }
        let names_icmp = self.icmp_type.is_some() || self.icmp_code.is_some();
        let icmp_agrees = match self.proto {
            Some(Proto::ICMP) => !names_icmp || agrees(packet::ETHERTYPE_IPV4),
            Some(Proto::ICMPV6) => !names_icmp || agrees(packet::ETHERTYPE_IPV6),
            _ => !names_icmp,
        };
        if !icmp_agrees {
            return Some("proto icmp with ip, or icmpv6 with ipv6");
        }
        let names_ip = self.proto.is_some() || self.frag.is_some();
        if names_ip && !agrees(packet::ETHERTYPE_IPV4) && !agrees(packet::ETHERTYPE_IPV6) {
            return Some("ethertype ip or ipv6 with proto and frag");
        }
        let names_transport = has_ports || names_icmp || self.tcp_flags.is_some();
        if names_transport && self.frag == Some(Frag::Later) {
            return Some("no ports, types or flags in later fragments");
        }
        None
    }

    fn names_arp(&self) -> bool {
        self.arp_op.is_some()
            || self.arp_spa.is_some()
            || self.arp_tpa.is_some()
            || self.arp_sha.is_some()
            || self.arp_tha.is_some()
    }

    /// Everything but the ranges, each of which several patterns make up.
    fn pattern(&self) -> Pattern {
        let mut pattern = Pattern::ANY;
        let mut needed = Flags::NONE;
        let mut demand = |field, (value, mask), flags| {
            pattern.demand(field, value, mask);
            needed = needed.with(flags);
        };
        for (field, mac) in [
            (Field::DST_MAC, self.dst_mac),
            (Field::SRC_MAC, self.src_mac),
        ] {
            if let Some(mac) = mac {
                demand(field, mac.bits(), Flags::MAC);
            }
        }
        let macs = [
            (Field::ARP_SENDER_MAC, self.arp_sha),
            (Field::ARP_TARGET_MAC, self.arp_tha),
        ];
        for (field, mac) in macs {
            if let Some(mac) = mac {
                demand(field, mac.bits(), Flags::NET);
            }
        }
        if self.vid == Some(VidMatch::Untagged) {
            demand(Field::TAG, (0, Field::TAGGED), Flags::TYPE);
        }
        let source = [Field::SRC_HIGH, Field::SRC_LOW];
        let destination = [Field::DST_HIGH, Field::DST_LOW];
        let prefixes = [
            (source, self.src_ip),
            (destination, self.dst_ip),
            (source, self.arp_spa),
            (destination, self.arp_tpa),
        ];
        for ([high, low], prefix) in prefixes {
            if let Some(prefix) = prefix {
                let [high_bits, low_bits] = prefix.bits();
                demand(high, high_bits, Flags::NET);
                demand(low, low_bits, Flags::NET);
            }
        }
        if let Some(ethertype) = self.implied_ethertype() {
            demand(
                Field::ETHERTYPE,
                (u64::from(ethertype), 0xffff),
                Flags::TYPE,
            );
        }
        if let Some(Proto(proto)) = self.proto {
            demand(Field::PROTO, (u64::from(proto), 0xff), Flags::PROTO);
        }
        for (field, number) in [
            (Field::ICMP_TYPE, self.icmp_type),
            (Field::ICMP_CODE, self.icmp_code),
        ] {
            if let Some(number) = number {
                demand(field, (u64::from(number), 0xff), Flags::PORTS);
            }
        }
        if let Some(flags) = self.tcp_flags {
            demand(Field::TCP_FLAGS, flags.bits(), Flags::PORTS);
        }
        if let Some(op) = self.arp_op {
            let op = match op {
                ArpOp::Request => 1,
                ArpOp::Reply => 2,
            };
            demand(Field::ARP_OP, (op, 0xffff), Flags::NET);
        }
        pattern.demand_flags(needed, needed);
        let parts = Flags::FRAGMENT.with(Flags::LATER);
        match self.frag {
            Some(Frag::Yes) => pattern.demand_flags(Flags::FRAGMENT, Flags::FRAGMENT),
            // Before the protocol is known, a fragment header may still come.
            Some(Frag::No) => {
                pattern.demand_flags(Flags::PROTO, Flags::PROTO.with(Flags::FRAGMENT))
            }
            Some(Frag::First) => {
                let set = Flags::FRAGMENT.with(Flags::PROTO);
                pattern.demand_flags(set, parts.with(Flags::PROTO));
            }
            Some(Frag::Later) => pattern.demand_flags(parts, parts),
            None => {}
        }
        pattern
    }

    /// The ethertype that the rule names or that follows from what it names.
    fn implied_ethertype(&self) -> Option<u16> {
        let named = self.ethertype.map(|ethertype| ethertype.0);
        let address = self.src_ip.or(self.dst_ip);
        let arp = self.names_arp().then_some(packet::ETHERTYPE_ARP);
        let icmp = match (self.icmp_type.or(self.icmp_code), self.proto) {
            (Some(_), Some(Proto::ICMP)) => Some(packet::ETHERTYPE_IPV4),
            (Some(_), Some(Proto::ICMPV6)) => Some(packet::ETHERTYPE_IPV6),
            _ => None,
        };
        named
            .or(address.map(|prefix| prefix.ethertype()))
            .or(arp)
            .or(icmp)
    }
}

impl Rule {
    /// How many patterns make up the rule.
    pub(crate) fn pattern_count(&self) -> usize {
        let tags = match self.demands.vid {
            Some(VidMatch::Tagged(range)) => range.prefixes().count(),
            Some(VidMatch::Untagged) | None => 1,
        };
        [self.demands.src_port, self.demands.dst_port]
            .into_iter()
            .flatten()
            .fold(tags, |count, range| {
                count.saturating_mul(range.prefixes().count())
            })
    }

    /// Gives each of the patterns that make up the rule to `give`, until it fails.
    ///
    /// A rule that accepts does not match what could not be read, unless it says `unparsed yes`:
    /// otherwise odd headers would take a packet past the rules above it that drop or bounce.
    pub(crate) fn patterns<E>(
        &self,
        mut give: impl FnMut(Pattern) -> Result<(), E>,
    ) -> Result<(), E> {
        let Demands {
            vid,
            src_port,
            dst_port,
            unparsed,
            ..
        } = self.demands;
        let mut base = self.demands.pattern();
        let set = match self.direction {
            Direction::Rx => Flags::NONE,
            Direction::Tx => Flags::TX,
        };
        base.demand_flags(set, Flags::TX);
        match (unparsed, self.action) {
            (Some(Unparsed::Yes), _) => base.demand_flags(Flags::UNPARSED, Flags::UNPARSED),
            (Some(Unparsed::No), _) | (None, Action::Accept) => {
                base.demand_flags(Flags::NONE, Flags::UNPARSED);
            }
            (None, Action::Drop | Action::Bounce) => {}
        }
        let tags = match vid {
            Some(VidMatch::Tagged(range)) => Some(range),
            Some(VidMatch::Untagged) | None => None,
        };
        each(tags, |tag| {
            let mut tagged = base;
            if let Some((vid, mask)) = tag {
                let mask = Field::TAGGED | (mask & 0xfff);
                tagged.demand(Field::TAG, Field::TAGGED | vid, mask);
                tagged.demand_flags(Flags::TYPE, Flags::TYPE);
            }
            each(src_port, |source| {
                let mut sourced = tagged;
                demand_port(&mut sourced, Field::SRC_PORT, source);
                each(dst_port, |destination| {
                    let mut pattern = sourced;
                    demand_port(&mut pattern, Field::DST_PORT, destination);
                    give(pattern)
                })
            })
        })
    }
}

/// Calls `give` with each prefix of a range, or once without.
fn each<E>(
    range: Option<Range>,
    mut give: impl FnMut(Option<(u64, u64)>) -> Result<(), E>,
) -> Result<(), E> {
    match range {
        Some(range) => range.prefixes().try_for_each(|prefix| give(Some(prefix))),
        None => give(None),
    }
}

fn demand_port(pattern: &mut Pattern, field: Field, prefix: Option<(u64, u64)>) {
    if let Some((port, mask)) = prefix {
        pattern.demand(field, port, mask);
        pattern.demand_flags(Flags::PORTS, Flags::PORTS);
    }
}

impl fmt::Display for Rule {
    /// Writes the line that adds the rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            priority,
            direction,
            demands,
            action,
            name,
        } = self;
        write!(
            f,
            "add prio {priority} dir {direction}{demands} action {action}"
        )?;
        match name {
            Some(name) => write!(f, " name {}", name.as_str()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Demands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        macro_rules! write_named {
            ($($field:ident)*) => {
                $(if let Some(value) = self.$field {
                    write!(f, concat!(" ", stringify!($field), " {}"), value)?;
                })*
            };
        }
        write_named!(dst_mac src_mac vid ethertype proto src_ip dst_ip src_port dst_port);
        write_named!(icmp_type icmp_code tcp_flags arp_op arp_spa arp_tpa arp_sha arp_tha);
        write_named!(frag unparsed);
        Ok(())
    }
}
