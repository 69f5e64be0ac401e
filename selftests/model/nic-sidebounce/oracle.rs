// SPDX-License-Identifier: GPL-2.0

//! A slow second opinion: all rules one after the other, each demand by itself, on plain numbers.

use crate::model::{
    field::{Action, ArpOp, Frag, Unparsed, VidMatch},
    key::{Direction, Field, Flags, Key},
    prefix::Prefix,
    rule::{Demands, Rule},
};

fn address(prefix: &Prefix, high: u64, low: u64) -> bool {
    let (wanted, len): (u128, u8) = match prefix {
        Prefix::V4 { address, len } => (u128::from(address.to_bits()) << 96, *len),
        Prefix::V6 { address, len } => (address.to_bits(), *len),
    };
    let number = (u128::from(high) << 64) | u128::from(low);
    (0..u32::from(len)).all(|bit| (number ^ wanted) << bit >> 127 == 0)
}

fn demanded(demands: &Demands, key: &Key) -> bool {
    let get = |field| key.get(field);
    let known = |flags| key.has(flags);
    let family = |prefix: &Prefix| {
        let ethertype = get(Field::ETHERTYPE);
        match prefix {
            Prefix::V4 { .. } => ethertype == 0x0800,
            Prefix::V6 { .. } => ethertype == 0x86dd,
        }
    };
    let is_arp = known(Flags::NET) && get(Field::ETHERTYPE) == 0x0806;
    let mac = |demand: &Option<crate::model::field::MacMatch>, field| {
        demand.is_none_or(|mac| get(field) & mac.bits().1 == mac.bits().0)
    };
    let source = |prefix: &Prefix| address(prefix, get(Field::SRC_HIGH), get(Field::SRC_LOW));
    let target = |prefix: &Prefix| address(prefix, get(Field::DST_HIGH), get(Field::DST_LOW));
    // In ARP, the lower words are MAC addresses.
    let port = |field| u16::try_from(get(field)).unwrap();
    let names_mac = demands.dst_mac.is_some() || demands.src_mac.is_some();
    let d = demands;
    (!names_mac || known(Flags::MAC))
        && mac(&d.dst_mac, Field::DST_MAC)
        && mac(&d.src_mac, Field::SRC_MAC)
        && d.vid.is_none_or(|vid| {
            let tag = u16::try_from(get(Field::TAG)).unwrap();
            known(Flags::TYPE)
                && match vid {
                    VidMatch::Untagged => tag == 0,
                    VidMatch::Tagged(range) => tag & 0x1000 != 0 && range.contains(tag & 0xfff),
                }
        })
        && d.ethertype.is_none_or(|ethertype| {
            known(Flags::TYPE) && get(Field::ETHERTYPE) == u64::from(ethertype.0)
        })
        && d.proto
            .is_none_or(|proto| known(Flags::PROTO) && get(Field::PROTO) == u64::from(proto.0))
        && d.src_ip
            .is_none_or(|prefix| known(Flags::NET) && family(&prefix) && source(&prefix))
        && d.dst_ip
            .is_none_or(|prefix| known(Flags::NET) && family(&prefix) && target(&prefix))
        && d.src_port
            .is_none_or(|range| known(Flags::PORTS) && range.contains(port(Field::SRC_PORT)))
        && d.dst_port
            .is_none_or(|range| known(Flags::PORTS) && range.contains(port(Field::DST_PORT)))
        && d.icmp_type
            .is_none_or(|number| known(Flags::PORTS) && get(Field::ICMP_TYPE) == u64::from(number))
        && d.icmp_code
            .is_none_or(|number| known(Flags::PORTS) && get(Field::ICMP_CODE) == u64::from(number))
        && d.tcp_flags.is_none_or(|flags| {
            known(Flags::PORTS) && get(Field::TCP_FLAGS) & flags.bits().1 == flags.bits().0
        })
        && d.arp_op.is_none_or(|op| {
            is_arp && get(Field::ARP_OP) == if op == ArpOp::Request { 1 } else { 2 }
        })
        && d.arp_spa.is_none_or(|prefix| is_arp && source(&prefix))
        && d.arp_tpa.is_none_or(|prefix| is_arp && target(&prefix))
        && (d.arp_sha.is_none() || is_arp)
        && mac(&d.arp_sha, Field::ARP_SENDER_MAC)
        && (d.arp_tha.is_none() || is_arp)
        && mac(&d.arp_tha, Field::ARP_TARGET_MAC)
        && d.frag.is_none_or(|frag| match frag {
            Frag::Yes => known(Flags::FRAGMENT),
            Frag::No => known(Flags::PROTO) && !known(Flags::FRAGMENT),
            Frag::First => known(Flags::PROTO) && known(Flags::FRAGMENT) && !known(Flags::LATER),
            Frag::Later => known(Flags::FRAGMENT) && known(Flags::LATER),
        })
}

fn is_matched(rule: &Rule, direction: Direction, key: &Key) -> bool {
    let may_be_unparsed = match (rule.demands.unparsed, rule.action) {
        (Some(Unparsed::Yes), _) => key.has(Flags::UNPARSED),
        (Some(Unparsed::No), _) | (None, Action::Accept) => !key.has(Flags::UNPARSED),
        (None, _) => true,
    };
    rule.direction == direction && may_be_unparsed && demanded(&rule.demands, key)
}

/// The place of the rule that decides.
pub(crate) fn lookup(rules: &[Rule], direction: Direction, key: &Key) -> Option<u32> {
    let matching = rules.iter().enumerate();
    let matching = matching.filter(|(_, rule)| is_matched(rule, direction, key));
    let best = matching.min_by_key(|(index, rule)| (rule.priority, *index));
    best.map(|(index, _)| u32::try_from(index).unwrap())
}
