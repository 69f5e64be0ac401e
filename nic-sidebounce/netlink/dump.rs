// SPDX-License-Identifier: GPL-2.0

//! Lists of rules and of learned flows.

use super::{
    attrs,
    Control,
    Flows,
    Rules,
    Sidebounce,
    FLOW_GET,
    RULE_GET, //
};
use crate::model::flow::Flow;
use core::net::IpAddr;
use kernel::prelude::*;
use kernel_ext::genl::{
    accept,
    Accepted,
    Attr,
    Dump,
    Message,
    Page,
    Plain,
    Progress,
    Request, //
};

const ACCEPTS_FILTER: &[Accepted] = &accept::<2>(&[&[attrs::FILTER.accepted()]]);

/// A list of the rules of a filter, as they were when it began.
pub(super) struct RuleDump<C: Control> {
    rules: C::Rules,
    place: usize,
}

impl<C: Control> Dump<Sidebounce<C>> for RuleDump<C> {
    const NUMBER: u8 = RULE_GET;
    const ACCEPTS: &'static [Accepted] = ACCEPTS_FILTER;

    fn start(protocol: &Sidebounce<C>, request: &Request<'_>) -> Result<Self> {
        let rules = protocol.0.rules(attrs::filter(request)?)?;
        Ok(Self { rules, place: 0 })
    }

    fn next(&mut self, page: &mut Page<'_>) -> Result<Progress> {
        let Some(counted) = self.rules.get(self.place) else {
            return Ok(Progress::Done);
        };
        let rule = counted.rule;
        let place = u32::try_from(self.place).map_err(|_| EOVERFLOW)?;
        page.message(RULE_GET, |message| {
            message.put(attrs::PLACE, place)?;
            message.put(attrs::PRIORITY, rule.priority)?;
            message.put(
                attrs::DIRECTION,
                attrs::number_of(rule.direction, &attrs::DIRECTIONS),
            )?;
            message.put(
                attrs::ACTION,
                attrs::number_of(rule.action, &attrs::ACTIONS),
            )?;
            if let Some(name) = &rule.name {
                message.put_text(attrs::RULE_NAME, name.as_str())?;
            }
            message.put_text(attrs::RULE, rule)?;
            message.put(attrs::PACKETS, counted.packets)?;
            message.put(attrs::BYTES, counted.bytes)
        })?;
        self.place = self.place.saturating_add(1);
        Ok(Progress::More)
    }
}

/// A list of the flows that a filter has learned.
pub(super) struct FlowDump<C: Control> {
    flows: C::Flows,
    place: usize,
}

impl<C: Control> Dump<Sidebounce<C>> for FlowDump<C> {
    const NUMBER: u8 = FLOW_GET;
    const ACCEPTS: &'static [Accepted] = ACCEPTS_FILTER;

    fn start(protocol: &Sidebounce<C>, request: &Request<'_>) -> Result<Self> {
        let flows = protocol.0.flows(attrs::filter(request)?)?;
        Ok(Self { flows, place: 0 })
    }

    fn next(&mut self, page: &mut Page<'_>) -> Result<Progress> {
        let Some((place, learned)) = self.flows.next(self.place) else {
            return Ok(Progress::Done);
        };
        page.message(FLOW_GET, |message| {
            put_flow(message, &Flow::of(&learned.key))?;
            message.put(
                attrs::ACTION,
                attrs::number_of(learned.action, &attrs::ACTIONS),
            )?;
            message.put(attrs::REMAINING_MS, learned.remaining_ms)
        })?;
        self.place = place.saturating_add(1);
        Ok(Progress::More)
    }
}

fn put_flow(message: &mut Message<'_>, flow: &Flow) -> Result {
    message.put(
        attrs::DIRECTION,
        attrs::number_of(flow.direction, &attrs::DIRECTIONS),
    )?;
    put(message, attrs::DST_MAC, flow.dst_mac.map(|mac| mac.0))?;
    put(message, attrs::SRC_MAC, flow.src_mac.map(|mac| mac.0))?;
    put(message, attrs::VID, flow.vid.map(u32::from))?;
    put(message, attrs::ETHERTYPE, flow.ethertype.map(u32::from))?;
    for (attr, address) in [(attrs::SRC_IP, flow.src_ip), (attrs::DST_IP, flow.dst_ip)] {
        match address {
            Some(IpAddr::V4(address)) => message.put(attr, &address.octets())?,
            Some(IpAddr::V6(address)) => message.put(attr, &address.octets())?,
            None => {}
        }
    }
    put(message, attrs::PROTO, flow.proto.map(u32::from))?;
    put(message, attrs::SRC_PORT, flow.src_port.map(u32::from))?;
    put(message, attrs::DST_PORT, flow.dst_port.map(u32::from))?;
    put(message, attrs::ICMP_TYPE, flow.icmp_type.map(u32::from))?;
    put(message, attrs::ICMP_CODE, flow.icmp_code.map(u32::from))?;
    put(message, attrs::ARP_OP, flow.arp_op.map(u32::from))?;
    put(message, attrs::ARP_SHA, flow.arp_sha.map(|mac| mac.0))?;
    put(message, attrs::ARP_THA, flow.arp_tha.map(|mac| mac.0))?;
    put(message, attrs::LATER_FRAGMENT, flow.is_later.then_some(()))
}

/// Adds an attribute if there is something to say.
fn put<T: Plain>(message: &mut Message<'_>, attr: Attr<T>, value: Option<T::As<'_>>) -> Result {
    match value {
        Some(value) => message.put(attr, value),
        None => Ok(()),
    }
}
