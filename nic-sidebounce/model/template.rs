// SPDX-License-Identifier: GPL-2.0

//! Rules that are often wanted together.
//!
//! Their priorities are fixed: what an administrator writes with lower numbers comes before, with higher
//! ones after. Only the first rule that matches decides, so what drops comes before what accepts: a trunk
//! drops what has a foreign tag, then clean traffic drops what has a foreign address, and what is left is
//! accepted.

use super::{
    ethernet::{
        Mac,
        Vid, //
    },
    field::{
        Action,
        ArpOp,
        Ethertype,
        MacMatch,
        Proto,
        VidMatch, //
    },
    key::Direction,
    line::{
        Kind,
        Malformed,
        Words, //
    },
    packet,
    prefix::Prefix,
    range::Range,
    rule::{
        Demands,
        Rule, //
    },
    text, //
};
use core::net::{
    Ipv4Addr,
    Ipv6Addr, //
};

/// Most addresses, or ranges of VIDs, in one template.
const MAX_ITEMS: usize = 16;

/// Several rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// The VM sends with its own addresses only, like libvirt's filter of that name: its MAC, these IP
    /// addresses and what stands for "none yet", in IP and in ARP, and nothing but IP and ARP. Without
    /// addresses, any IP address will do. Neighbour advertisements are not looked into.
    CleanTraffic {
        /// Of the VM.
        mac: Mac,
        /// Of the VM.
        addresses: [Option<Prefix>; MAX_ITEMS],
    },
    /// The VM may ask for addresses, and is answered.
    AllowDhcp,
    /// The VM has these tags and no others; packets without a tag are left to other rules.
    Trunk([Option<Range>; MAX_ITEMS]),
}

impl Template {
    /// The tags that a trunk drops.
    pub(crate) const FIRST_PRIORITY: u32 = 10_000;
    /// The clean traffic that is accepted; then the rest is dropped.
    const CLEAN: u32 = 10_001;
    const NOT_CLEAN: u32 = 10_002;
    /// What is accepted only if all that went before does not drop it.
    const LATER: u32 = 10_010;

    /// Reads what follows `template`.
    pub(crate) fn parse(words: &mut Words<'_>) -> Result<Self, Malformed> {
        let word = words.word("clean-traffic, allow-dhcp or trunk")?;
        match word.text {
            "clean-traffic" => {
                words.keyword("mac")?;
                let mac = words.value("a MAC address", Mac::parse)?;
                let mut addresses = [None; MAX_ITEMS];
                let mut slots = addresses.iter_mut();
                while let Some(word) = words.next() {
                    if word.text != "ip" {
                        return Err(word.wrong(Kind::Syntax, "ip and an address"));
                    }
                    let slot = slots.next();
                    let slot =
                        slot.ok_or_else(|| word.wrong(Kind::TooMany, "up to 16 addresses"))?;
                    *slot = Some(words.value("an address", Prefix::parse)?);
                }
                Ok(Self::CleanTraffic { mac, addresses })
            }
            "allow-dhcp" => Ok(Self::AllowDhcp),
            "trunk" => {
                let word = words.word("VIDs as in 5,100-199")?;
                let mut ranges = [None; MAX_ITEMS];
                let mut slots = ranges.iter_mut();
                for item in word.text.split(',') {
                    let slot = slots.next();
                    let slot = slot.ok_or_else(|| word.wrong(Kind::TooMany, "up to 16 ranges"))?;
                    *slot = Some(word.read("VIDs (0-4094) as in 5,100-199", |_| vids(item))?);
                }
                Ok(Self::Trunk(ranges))
            }
            _ => Err(word.wrong(Kind::Syntax, "clean-traffic, allow-dhcp or trunk")),
        }
    }

    /// Gives each rule to `add`, until it fails.
    pub(crate) fn rules<E>(&self, mut add: impl FnMut(Rule) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::CleanTraffic { mac, addresses } => clean_traffic(*mac, addresses, &mut add),
            Self::AllowDhcp => {
                let families = [
                    (packet::ETHERTYPE_IPV4, 67, 68),
                    (packet::ETHERTYPE_IPV6, 547, 546),
                ];
                for (ethertype, server, client) in families {
                    for (direction, from, to) in [
                        (Direction::Tx, client, server),
                        (Direction::Rx, server, client),
                    ] {
                        let demands = Demands {
                            ethertype: Some(Ethertype(ethertype)),
                            proto: Some(Proto::UDP),
                            src_port: Some(Range::only(from)),
                            dst_port: Some(Range::only(to)),
                            ..Demands::default()
                        };
                        add(rule(Self::LATER, direction, demands, Action::Accept))?;
                    }
                }
                Ok(())
            }
            Self::Trunk(ranges) => {
                for direction in [Direction::Rx, Direction::Tx] {
                    let tagged = |range| Demands {
                        vid: Some(VidMatch::Tagged(range)),
                        ..Demands::default()
                    };
                    others(ranges, |range| {
                        let first = Self::FIRST_PRIORITY;
                        add(rule(first, direction, tagged(range), Action::Drop))
                    })?;
                    for range in ranges.iter().flatten() {
                        add(rule(Self::LATER, direction, tagged(*range), Action::Accept))?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Gives the VIDs that are in none of `ranges` to `give`, from the lowest on.
fn others<E>(
    ranges: &[Option<Range>],
    mut give: impl FnMut(Range) -> Result<(), E>,
) -> Result<(), E> {
    let mut next = 0;
    while next <= Vid::MAX {
        let listed = ranges.iter().flatten();
        if let Some(range) = listed.clone().find(|range| range.contains(next)) {
            next = range.last().saturating_add(1);
            continue;
        }
        let above = listed.map(|range| range.first());
        let end = above.filter(|first| *first > next).min();
        let last = end.map_or(Vid::MAX, |end| end.saturating_sub(1));
        if let Some(range) = Range::new(next, last) {
            give(range)?;
        }
        next = last.saturating_add(1);
    }
    Ok(())
}

fn vids(text: &str) -> Result<Range, text::Malformed> {
    Range::parse(text, Vid::MAX)
}

fn rule(priority: u32, direction: Direction, demands: Demands, action: Action) -> Rule {
    Rule {
        priority,
        direction,
        demands,
        action,
        name: None,
    }
}

/// The address that a VM gives itself from its MAC address (RFC 4291, appendix A).
fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    Ipv6Addr::from_bits(u128::from_be_bytes([
        0xfe,
        0x80,
        0,
        0,
        0,
        0,
        0,
        0,
        a ^ 2,
        b,
        c,
        0xff,
        0xfe,
        d,
        e,
        f,
    ]))
}

fn clean_traffic<E>(
    mac: Mac,
    addresses: &[Option<Prefix>],
    add: &mut impl FnMut(Rule) -> Result<(), E>,
) -> Result<(), E> {
    let [ip, ipv6, arp] = [
        packet::ETHERTYPE_IPV4,
        packet::ETHERTYPE_IPV6,
        packet::ETHERTYPE_ARP,
    ];
    let own = Demands {
        src_mac: Some(MacMatch::exactly(mac)),
        ..Demands::default()
    };
    let accept = |demands| rule(Template::CLEAN, Direction::Tx, demands, Action::Accept);
    let from = |prefix| Demands {
        src_ip: Some(prefix),
        ..own
    };
    let says = |prefix, op| Demands {
        ethertype: Some(Ethertype(arp)),
        arp_op: op,
        arp_spa: prefix,
        arp_sha: Some(MacMatch::exactly(mac)),
        ..own
    };

    let any = addresses.iter().all(Option::is_none);
    if any {
        add(accept(says(None, None)))?;
        for ethertype in [ip, ipv6] {
            let ethertype = Some(Ethertype(ethertype));
            add(accept(Demands { ethertype, ..own }))?;
        }
    } else {
        for prefix in addresses.iter().flatten() {
            add(accept(from(*prefix)))?;
            if matches!(prefix, Prefix::V4 { .. }) {
                add(accept(says(Some(*prefix), None)))?;
            }
        }
        // What a host sends before it has an address: DHCP, probes for duplicates (RFC 5227, RFC 4862).
        if let Some(nobody) = Prefix::v4(Ipv4Addr::UNSPECIFIED, 32) {
            let dhcp = Demands {
                proto: Some(Proto::UDP),
                src_port: Some(Range::only(68)),
                dst_port: Some(Range::only(67)),
                ..from(nobody)
            };
            add(accept(dhcp))?;
            add(accept(says(Some(nobody), Some(ArpOp::Request))))?;
        }
        for address in [Ipv6Addr::UNSPECIFIED, link_local(mac)] {
            if let Some(prefix) = Prefix::v6(address, 128) {
                add(accept(from(prefix)))?;
            }
        }
    }
    // The rest, whatever it is.
    let rest = Demands::default();
    add(rule(Template::NOT_CLEAN, Direction::Tx, rest, Action::Drop))
}
