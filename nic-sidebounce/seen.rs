// SPDX-License-Identifier: GPL-2.0

//! Packets of the kernel as the model reads them.

use crate::model::{
    divert,
    ethernet::Mac,
    packet::{
        Bytes,
        Tag, //
    }, //
};
use kernel_ext::net::{
    Packet,
    VlanProtocol, //
};

/// A packet's bytes, without the tag that the kernel took out.
pub(crate) struct Seen<'a>(pub(crate) &'a Packet);

impl Bytes for Seen<'_> {
    #[inline]
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.at(offset)
    }
}

/// The tag that the kernel took out.
#[inline]
pub(crate) fn tag(packet: &Packet) -> Option<Tag> {
    packet.tag().map(|tag| Tag(tag.control))
}

/// What decides where a packet goes; [`None`] if it has no Ethernet header.
#[inline]
pub(crate) fn divert_frame(packet: &Packet) -> Option<divert::Frame> {
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = packet.at(0)?;
    let tag = packet.tag();
    // A tag of another kind leads to no VF.
    let tag = tag.filter(|tag| tag.protocol == VlanProtocol::Customer);
    Some(divert::Frame {
        tag: tag.map(|tag| Tag(tag.control)),
        dst: Mac([d0, d1, d2, d3, d4, d5]),
        src: Mac([s0, s1, s2, s3, s4, s5]),
        ethertype: u16::from_be_bytes([t0, t1]),
    })
}
