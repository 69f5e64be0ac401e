// SPDX-License-Identifier: GPL-2.0

//! Reads a packet's headers into a key.
//!
//! No length is trusted and nothing is guessed: where a header ends too early or is not as it should be,
//! reading stops with a reason, and what was not read has no flag in the key. Rules that name it do not
//! match.
//!
//! Overlapping fragments are not looked at: a part that could overwrite what was read of the first one is
//! refused ([`Reason::TinyFragment`]), and putting parts together is the receiver's. What is inside of a
//! tunnel, in a third network header or behind ESP is not looked at either.

mod network;
mod quick;
mod tests;
mod transport;

pub(crate) use quick::Front;

use super::key::{
    Direction,
    Field,
    Flags,
    Key, //
};

/// What a packet's bytes are taken from: a slice, or a buffer of the kernel in several pieces.
pub(crate) trait Bytes {
    /// The `N` bytes from `offset` on, counted from the Ethernet header; [`None`] if it ends before.
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Where a checksum will be written when the packet leaves, counted from the Ethernet header: it has been left
    /// to others. Whoever made the packet may have said any place.
    fn pending(&self) -> Option<usize> {
        None
    }

    /// The first of them as big-endian numbers; [`None`] also if that takes more than a glance.
    fn front(&self) -> Option<Front>;
}

impl Bytes for [u8] {
    #[inline]
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }

    #[inline]
    fn front(&self) -> Option<Front> {
        let mut words = self.chunks_exact(8);
        let mut front = Front::default();
        for word in &mut front {
            *word = u64::from_be_bytes(*words.next()?.first_chunk()?);
        }
        Some(front)
    }
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The packet ends within a header.
    Cut,
    /// A third tag within the packet.
    Tags,
    /// An ethertype within a frame that has a length instead (RFC 1042).
    Snap,
    /// The version is not that of the ethertype.
    Version,
    /// A length that contradicts another or is less than a header.
    Length,
    /// ARP for something else than IPv4 over Ethernet.
    Arp,
    /// More extension headers, or longer ones, than are followed.
    Extensions,
    /// An extension header where it must not be.
    Order,
    /// A routing header of the type that RFC 5095 forbids.
    SourceRoute,
    /// A part that ends or begins within the transport header (RFC 1858, RFC 3128, RFC 7112).
    TinyFragment,
    /// A checksum is still to be written, but not where the transport header has one: it would change what was read.
    Checksum,
}

impl Reason {
    /// All, in the order of their counters.
    pub(crate) const ALL: [Self; 11] = [
        Self::Cut,
        Self::Tags,
        Self::Snap,
        Self::Version,
        Self::Length,
        Self::Arp,
        Self::Extensions,
        Self::Order,
        Self::SourceRoute,
        Self::TinyFragment,
        Self::Checksum,
    ];

    /// What its counter is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Tags => "tags",
            Self::Snap => "snap",
            Self::Version => "version",
            Self::Length => "length",
            Self::Arp => "arp",
            Self::Extensions => "extensions",
            Self::Order => "order",
            Self::SourceRoute => "source_route",
            Self::TinyFragment => "tiny_fragment",
            Self::Checksum => "checksum",
        }
    }
}

/// The tag control information that the kernel took out of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(pub(crate) u16);

impl Tag {
    /// As in [`Field::TAG`].
    #[inline]
    fn bits(self) -> u64 {
        Field::TAGGED | u64::from(self.0 & 0x0fff)
    }
}

/// What was read of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    key: Key,
    reason: Option<Reason>,
}

impl Header {
    /// The key to look up.
    #[inline]
    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    /// Why it could not be read to the end, if so.
    pub(crate) const fn unparsed(&self) -> Option<Reason> {
        self.reason
    }
}

/// Tags that are followed within a packet.
const MAX_TAGS: usize = 2;
const VLAN_C: u16 = 0x8100;
const VLAN_S: u16 = 0x88a8;
/// Below, it is a length.
const MIN_ETHERTYPE: u16 = 0x0600;

/// What frames with a length have in the place of the ethertype, as in Linux (`ETH_P_802_2`).
pub(crate) const ETHERTYPE_802_2: u16 = 0x0004;
/// IPv4.
pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
/// Address resolution.
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
/// IPv6.
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Reads `bytes`, which begin at the Ethernet header; `tag` is what the kernel took out before.
///
/// The tag that rules see is the outermost one, the ethertype the innermost.
// Else all that was read goes through memory twice.
#[inline(always)]
pub(crate) fn parse<B: Bytes + ?Sized>(
    bytes: &B,
    tag: Option<Tag>,
    direction: Direction,
) -> Header {
    let mut fresh = Key::new(direction);
    if let Some(tag) = tag {
        fresh.set(Field::TAG, tag.bits());
    }
    let quick = bytes
        .front()
        .and_then(|front| quick::read(&front, &fresh, bytes.pending()));
    match quick {
        Some(key) => Header { key, reason: None },
        None => parse_slowly(bytes, tag, direction),
    }
}

#[inline(never)]
fn parse_slowly<B: Bytes + ?Sized>(bytes: &B, tag: Option<Tag>, direction: Direction) -> Header {
    let mut reader = Reader {
        bytes,
        key: Key::new(direction),
        pending: bytes.pending(),
    };
    let read = reader.ethernet(tag);
    let reason = read.and_then(|()| reader.settled()).err();
    if reason.is_some() {
        reader.key.mark(Flags::UNPARSED);
    }
    Header {
        key: reader.key,
        reason,
    }
}

/// A packet and what was read of it so far.
struct Reader<'a, B: ?Sized> {
    bytes: &'a B,
    key: Key,
    /// As [`Bytes::pending`], until it was found to be where it should be.
    pending: Option<usize>,
}

impl<B: Bytes + ?Sized> Reader<'_, B> {
    /// Whether what was read stays as it is.
    fn settled(&self) -> Result<(), Reason> {
        match self.pending {
            Some(_) => Err(Reason::Checksum),
            None => Ok(()),
        }
    }

    #[inline]
    fn read<const N: usize>(&self, offset: usize) -> Result<[u8; N], Reason> {
        self.bytes.at(offset).ok_or(Reason::Cut)
    }

    fn ethernet(&mut self, tag: Option<Tag>) -> Result<(), Reason> {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = self.read(0)?;
        let dst = u64::from_be_bytes([0, 0, d0, d1, d2, d3, d4, d5]);
        let src = u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]);
        self.key.set(Field::DST_MAC, dst);
        self.key.set(Field::SRC_MAC, src);
        self.key.mark(Flags::MAC);

        let mut ethertype = u16::from_be_bytes([t0, t1]);
        let mut at = 14_usize;
        let mut outermost = tag;
        let mut tags = 0_usize;
        while matches!(ethertype, VLAN_C | VLAN_S) {
            if tags == MAX_TAGS {
                return Err(Reason::Tags);
            }
            let [c0, c1, t0, t1] = self.read(at)?;
            outermost = outermost.or(Some(Tag(u16::from_be_bytes([c0, c1]))));
            ethertype = u16::from_be_bytes([t0, t1]);
            at = at.saturating_add(4);
            tags = tags.saturating_add(1);
        }
        if let Some(tag) = outermost {
            self.key.set(Field::TAG, tag.bits());
        }
        if ethertype < MIN_ETHERTYPE {
            return self.length_frame(at);
        }
        self.key.set(Field::ETHERTYPE, u64::from(ethertype));
        self.key.mark(Flags::TYPE);
        match ethertype {
            ETHERTYPE_IPV4 => self.ipv4(at),
            ETHERTYPE_IPV6 => self.ipv6(at),
            ETHERTYPE_ARP => self.arp(at),
            _ => Ok(()),
        }
    }

    /// A frame with a length. SNAP can carry IP past rules that name the ethertype.
    fn length_frame(&mut self, at: usize) -> Result<(), Reason> {
        if let [0xaa, 0xaa, _, 0, 0, 0 | 0xf8] = self.read(at)? {
            return Err(Reason::Snap);
        }
        self.key.set(Field::ETHERTYPE, u64::from(ETHERTYPE_802_2));
        self.key.mark(Flags::TYPE);
        Ok(())
    }
}
