// SPDX-License-Identifier: GPL-2.0

//! What programs teach.

use super::{
    attrs,
    Control,
    Lesson,
    Sidebounce,
    Unlearn,
    FLOW_FORGET,
    FLOW_LEARN, //
};
use crate::model::{
    ethernet::Mac,
    field::Action,
    flow::Flow,
    key::Key, //
};
use core::net::IpAddr;
use kernel::prelude::*;
use kernel_ext::genl::{
    self,
    accept,
    Accepted,
    Attr,
    Bytes,
    Request, //
};

/// What names a flow, and the filter.
const FLOW: &[(u16, Accepted)] = &[
    attrs::FILTER.accepted(),
    attrs::DIRECTION.accepted(),
    attrs::DST_MAC.accepted(),
    attrs::SRC_MAC.accepted(),
    attrs::VID.accepted(),
    attrs::ETHERTYPE.accepted(),
    attrs::SRC_IP.accepted(),
    attrs::DST_IP.accepted(),
    attrs::PROTO.accepted(),
    attrs::SRC_PORT.accepted(),
    attrs::DST_PORT.accepted(),
    attrs::ICMP_TYPE.accepted(),
    attrs::ICMP_CODE.accepted(),
    attrs::ARP_OP.accepted(),
    attrs::ARP_SHA.accepted(),
    attrs::ARP_THA.accepted(),
    attrs::LATER_FRAGMENT.accepted(),
];

/// Lets a filter learn a flow.
pub(super) struct Learn;

impl<C: Control> genl::Action<Sidebounce<C>> for Learn {
    const NUMBER: u8 = FLOW_LEARN;
    const ACCEPTS: &'static [Accepted] = &accept::<{ attrs::ATTRS }>(&[
        FLOW,
        &[attrs::ACTION.accepted(), attrs::SECONDS.accepted()],
    ]);

    fn run(protocol: &Sidebounce<C>, request: &Request<'_>) -> Result {
        let filter = attrs::filter(request)?;
        let action = attrs::choose(request, attrs::ACTION, &attrs::ACTIONS)?;
        if action == Action::Bounce {
            return Err(request.refuse(attrs::ACTION, EINVAL, c"accept or drop"));
        }
        let seconds = request.need(attrs::SECONDS)?;
        if !(1..=Lesson::MAX_SECONDS).contains(&seconds) {
            return Err(request.refuse(attrs::SECONDS, ERANGE, c"1 to 86400"));
        }
        let lesson = Lesson {
            key: flow(request)?,
            action,
            seconds,
        };
        protocol.0.learn(filter, &lesson)
    }
}

/// Lets a filter forget one flow, or all.
pub(super) struct Forget;

impl<C: Control> genl::Action<Sidebounce<C>> for Forget {
    const NUMBER: u8 = FLOW_FORGET;
    const ACCEPTS: &'static [Accepted] =
        &accept::<{ attrs::ATTRS }>(&[FLOW, &[attrs::ALL.accepted()]]);

    fn run(protocol: &Sidebounce<C>, request: &Request<'_>) -> Result {
        let what = match request.get(attrs::ALL)? {
            Some(()) => Unlearn::All,
            None => Unlearn::One(flow(request)?),
        };
        protocol.0.unlearn(attrs::filter(request)?, what)
    }
}

/// A number that must fit into a field of a packet.
fn field<T: TryFrom<u32>>(request: &Request<'_>, attr: Attr<u32>) -> Result<Option<T>> {
    let Some(number) = request.get(attr)? else {
        return Ok(None);
    };
    match T::try_from(number) {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(request.refuse(attr, ERANGE, c"more than the field can hold")),
    }
}

fn address(request: &Request<'_>, attr: Attr<Bytes<4, 16>>) -> Result<Option<IpAddr>> {
    let Some(bytes) = request.get(attr)? else {
        return Ok(None);
    };
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Ok(Some(IpAddr::from(bytes)));
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(bytes) => Ok(Some(IpAddr::from(bytes))),
        Err(_) => Err(request.refuse(attr, EINVAL, c"4 or 16 bytes")),
    }
}

/// The flow that a request names.
fn flow(request: &Request<'_>) -> Result<Key> {
    let direction = attrs::choose(request, attrs::DIRECTION, &attrs::DIRECTIONS)?;
    let vid = field(request, attrs::VID)?;
    if vid.is_some_and(|vid: u16| vid > 0x0fff) {
        return Err(request.refuse(attrs::VID, ERANGE, c"0 to 4095"));
    }
    let flow = Flow {
        dst_mac: request.get(attrs::DST_MAC)?.map(Mac),
        src_mac: request.get(attrs::SRC_MAC)?.map(Mac),
        vid,
        ethertype: field(request, attrs::ETHERTYPE)?,
        src_ip: address(request, attrs::SRC_IP)?,
        dst_ip: address(request, attrs::DST_IP)?,
        proto: field(request, attrs::PROTO)?,
        src_port: field(request, attrs::SRC_PORT)?,
        dst_port: field(request, attrs::DST_PORT)?,
        icmp_type: field(request, attrs::ICMP_TYPE)?,
        icmp_code: field(request, attrs::ICMP_CODE)?,
        arp_op: field(request, attrs::ARP_OP)?,
        arp_sha: request.get(attrs::ARP_SHA)?.map(Mac),
        arp_tha: request.get(attrs::ARP_THA)?.map(Mac),
        is_later: request.get(attrs::LATER_FRAGMENT)?.is_some(),
        ..Flow::new(direction)
    };
    flow.key().map_err(|_| {
        request.explain(
            EINVAL,
            c"a flow has all fields of its ethertype and protocol, and no others",
        )
    })
}
