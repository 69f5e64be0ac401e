// SPDX-License-Identifier: GPL-2.0

//! Packets of the kernel as the model reads them.

use crate::model::{
    divert,
    ethernet::Mac,
    packet::{
        Bytes,
        Front,
        Tag, //
    }, //
};
use kernel_ext::net::{
    self,
    Packet,
    VlanProtocol, //
};

/// A packet's bytes, without the tag that the kernel took out.
pub(crate) struct Seen<'a>(net::Bytes<'a>);

impl<'a> Seen<'a> {
    /// Those of this packet.
    #[inline]
    pub(crate) fn new(packet: &'a Packet) -> Self {
        Self(packet.bytes())
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len_bytes(&self) -> u32 {
        self.0.len_bytes()
    }
}

impl Bytes for Seen<'_> {
    #[inline]
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.at(offset)
    }

    #[inline]
    fn pending(&self) -> Option<usize> {
        self.0.pending_checksum()
    }

    #[inline]
    fn front(&self) -> Option<Front> {
        self.0.front()
    }
}

/// The tag that the kernel took out.
#[inline]
pub(crate) fn tag(packet: &Packet) -> Option<Tag> {
    packet.tag().map(|tag| Tag(tag.control))
}

/// What decides where a packet goes; [`None`] if it ends before it has told.
///
/// The tag is the outermost one, wherever it is: programs send packets that have it among their bytes, and cards look
/// for it there.
// Else all of that goes through memory.
#[inline(always)]
pub(crate) fn divert_frame(packet: &Packet) -> Option<divert::Frame> {
    const CUSTOMER_TAG: u16 = 0x8100;
    let header: [u8; 14] = packet.at(0)?;
    let (dst, rest) = header.split_first_chunk()?;
    let (src, rest) = rest.split_first_chunk()?;
    let outer = u16::from_be_bytes(*rest.first_chunk()?);
    let (tag, ethertype) = match packet.tag() {
        // A tag of another kind leads to no VF.
        Some(tag) => match tag.protocol {
            VlanProtocol::Customer => (Some(Tag(tag.control)), outer),
            VlanProtocol::Service => (None, outer),
        },
        None if outer == CUSTOMER_TAG => {
            let [c0, c1, t0, t1] = packet.at(14)?;
            let control = u16::from_be_bytes([c0, c1]);
            (Some(Tag(control)), u16::from_be_bytes([t0, t1]))
        }
        None => (None, outer),
    };
    Some(divert::Frame {
        tag,
        dst: Mac(*dst),
        src: Mac(*src),
        ethertype,
    })
}
