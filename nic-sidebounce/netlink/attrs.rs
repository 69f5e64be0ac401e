// SPDX-License-Identifier: GPL-2.0

//! The attributes of the family's messages.

use crate::model::{
    field::Action,
    key::Direction,
    name::Name, //
};
use kernel::prelude::*;
use kernel_ext::genl::{
    Attr,
    Bytes,
    Flag,
    Request,
    Text,
    Uint, //
};

// Numbers and values are those of `sidebounce.yaml`.
pub(super) const FILTER: Attr<Text<32>> = Attr::new(1);
pub(super) const PLACE: Attr<u32> = Attr::new(2);
pub(super) const PRIORITY: Attr<u32> = Attr::new(3);
pub(super) const RULE_NAME: Attr<Text<32>> = Attr::new(4);
pub(super) const RULE: Attr<Text<1024>> = Attr::new(5);
pub(super) const PACKETS: Attr<Uint> = Attr::new(6);
pub(super) const BYTES: Attr<Uint> = Attr::new(7);
pub(super) const DIRECTION: Attr<u32> = Attr::new(8);
pub(super) const ACTION: Attr<u32> = Attr::new(9);
pub(super) const SECONDS: Attr<u32> = Attr::new(10);
pub(super) const REMAINING_MS: Attr<Uint> = Attr::new(11);
pub(super) const DST_MAC: Attr<[u8; 6]> = Attr::new(12);
pub(super) const SRC_MAC: Attr<[u8; 6]> = Attr::new(13);
pub(super) const VID: Attr<u32> = Attr::new(14);
pub(super) const ETHERTYPE: Attr<u32> = Attr::new(15);
pub(super) const SRC_IP: Attr<Bytes<4, 16>> = Attr::new(16);
pub(super) const DST_IP: Attr<Bytes<4, 16>> = Attr::new(17);
pub(super) const PROTO: Attr<u32> = Attr::new(18);
pub(super) const SRC_PORT: Attr<u32> = Attr::new(19);
pub(super) const DST_PORT: Attr<u32> = Attr::new(20);
pub(super) const ICMP_TYPE: Attr<u32> = Attr::new(21);
pub(super) const ICMP_CODE: Attr<u32> = Attr::new(22);
pub(super) const ARP_OP: Attr<u32> = Attr::new(23);
pub(super) const ARP_SHA: Attr<[u8; 6]> = Attr::new(24);
pub(super) const ARP_THA: Attr<[u8; 6]> = Attr::new(25);
pub(super) const LATER_FRAGMENT: Attr<Flag> = Attr::new(26);
pub(super) const ALL: Attr<Flag> = Attr::new(27);
pub(super) const EVENT_KIND: Attr<u32> = Attr::new(28);
pub(super) const STATE: Attr<Text<32>> = Attr::new(29);
/// One more than the highest number.
pub(super) const ATTRS: usize = 30;

pub(super) const ACTIONS: [(u32, Action); 3] = [
    (0, Action::Accept),
    (1, Action::Drop),
    (2, Action::Bounce), //
];
pub(super) const DIRECTIONS: [(u32, Direction); 2] = [
    (0, Direction::Rx),
    (1, Direction::Tx), //
];

/// The number that stands for a value in a message.
pub(super) fn number_of<T: PartialEq>(value: T, numbers: &[(u32, T)]) -> u32 {
    let known = numbers.iter().find(|(_, known)| *known == value);
    known.map_or(u32::MAX, |(number, _)| *number)
}

/// The filter that a request names.
pub(super) fn filter<'a>(request: &Request<'a>) -> Result<Name<'a>> {
    let name = request.need(FILTER)?;
    Name::new(name).ok_or_else(|| request.refuse(FILTER, EINVAL, c"no name of a filter"))
}

/// What an attribute's number stands for.
pub(super) fn choose<T: Copy>(
    request: &Request<'_>,
    attr: Attr<u32>,
    numbers: &[(u32, T)],
) -> Result<T> {
    let wanted = request.need(attr)?;
    let known = numbers.iter().find(|(number, _)| *number == wanted);
    known
        .map(|(_, value)| *value)
        .ok_or_else(|| request.refuse(attr, EINVAL, c"no such value"))
}
