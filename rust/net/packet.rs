// SPDX-License-Identifier: GPL-2.0

//! Reading a frame, whoever owns it.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::frame::Frame;
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// The part of an `sk_buff` that copies share by value.
pub(super) type Headers = bindings::sk_buff__bindgen_ty_4__bindgen_ty_2;

/// As in `skb_mac_header_was_set`.
const UNSET: u16 = u16::MAX;

/// Which kind of tag a VLAN tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VlanProtocol {
    /// IEEE 802.1Q.
    Customer,
    /// IEEE 802.1ad.
    Service,
}

impl VlanProtocol {
    /// The ethertype in network byte order.
    #[inline]
    pub(super) fn to_be(self) -> u16 {
        const CUSTOMER: u16 = 0x8100;
        const SERVICE: u16 = 0x88a8;
        match self {
            Self::Customer => CUSTOMER.to_be(),
            Self::Service => SERVICE.to_be(),
        }
    }
}

/// A VLAN tag that is kept beside the bytes of a frame, as network cards do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// Its kind.
    pub protocol: VlanProtocol,
    /// Priority, drop eligibility and the number of the VLAN.
    pub control: u16,
}

/// For whom a frame was when it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The device that received it.
    Host,
    /// Everyone.
    Broadcast,
    /// A group.
    Multicast,
    /// Another: the device is promiscuous, or takes addresses beside its own.
    OtherHost,
    /// It is being sent, or looped back.
    Other,
}

/// A frame that can be read, which is not the same as changed. What [`Frame`] and
/// [`Visit`](super::Visit) have in common.
///
/// # Invariants
///
/// A reference to this is one to a valid `sk_buff` whose fields nobody else changes at the time.
#[repr(transparent)]
pub struct Packet(Opaque<bindings::sk_buff>);

impl Packet {
    /// # Safety
    ///
    /// `skb` points to a valid `sk_buff` that lives throughout `'a`, and which nobody else changes in that
    /// time.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(skb: NonNull<bindings::sk_buff>) -> &'a Self {
        // SAFETY: By the safety requirement; the type is transparent.
        unsafe { skb.cast::<Self>().as_ref() }
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::sk_buff {
        self.0.get()
    }

    #[inline]
    pub(super) fn headers(&self) -> *mut Headers {
        // SAFETY: By the type invariant. The headers are the only fields of this union-like member.
        unsafe { (&raw mut (*self.as_ptr()).__bindgen_anon_4).cast() }
    }

    /// Whether somebody else has a reference to the same `sk_buff`, which is then not to be changed.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        // SAFETY: By the type invariant. Others may be giving theirs up.
        unsafe { (&raw const (*self.as_ptr()).users.refs.counter).read_volatile() != 1 }
    }

    /// How far behind the Ethernet header `data` is in bytes, negative if it is before; [`None`] if it is
    /// not known where the header is.
    #[inline]
    pub(super) fn mac_len(&self) -> Option<isize> {
        let skb = self.as_ptr();
        // SAFETY: By the type invariant.
        let (head, data, mac) = unsafe { ((*skb).head, (*skb).data, (*self.headers()).mac_header) };
        // SAFETY: Both are within one allocation.
        let headroom = unsafe { data.offset_from(head) };
        match mac {
            UNSET => None,
            mac => headroom.checked_sub(isize::try_from(usize::from(mac)).ok()?),
        }
    }

    /// The `N` bytes from `offset` on, counted from the Ethernet header, wherever they are; [`None`] if the
    /// frame ends before, or, for what is in fragments, if memory has run out or others have a reference to it.
    ///
    /// A read from fragments first moves what is read out of them. Programs may share the pages of fragments
    /// and change them; what was read here is what everyone behind will see.
    #[inline]
    pub fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let skb = self.as_ptr();
        // Within the frame, counted from `data`.
        let start = isize::try_from(offset).ok()?.checked_sub(self.mac_len()?)?;
        let end = start.checked_add(isize::try_from(N).ok()?)?;
        // SAFETY: By the type invariant.
        let (len, in_fragments) = unsafe { ((*skb).len, (*skb).data_len) };
        let linear = isize::try_from(len.checked_sub(in_fragments)?).ok()?;
        if end > linear {
            self.pull(end)?;
        }
        // SAFETY: Between the Ethernet header, which `start` is not before, and the end of what `data` leads
        // to, as `end` has been compared with, or `pull` has made it. Bytes need no alignment.
        Some(unsafe { (*skb).data.offset(start).cast::<[u8; N]>().read() })
    }

    /// Its bytes, for who reads many.
    #[inline]
    pub fn bytes(&self) -> Bytes<'_> {
        let skb = self.as_ptr();
        // SAFETY: By the type invariant.
        let (len, in_fragments) = unsafe { ((*skb).len, (*skb).data_len) };
        let Some(before) = self.mac_len() else {
            // INVARIANT: No bytes.
            return Bytes {
                packet: self,
                before: 0,
                linear: 0,
            };
        };
        let linear = isize::try_from(len.wrapping_sub(in_fragments)).unwrap_or(0);
        // INVARIANT: What `data` leads to, and what is before it from the header on.
        Bytes {
            packet: self,
            before,
            linear: usize::try_from(linear.wrapping_add(before)).unwrap_or(0),
        }
    }

    #[cold]
    #[inline(never)]
    fn at_slowly<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.at(offset)
    }

    /// Moves what is before `end`, counted from `data`, out of fragments.
    #[cold]
    fn pull(&self, end: isize) -> Option<()> {
        let end = u32::try_from(end).ok()?;
        // Only generators of test traffic share what passes a hook.
        if self.is_shared() {
            return None;
        }
        // SAFETY: By the type invariant, and it is not shared.
        unsafe { bindings::kernel_ext_skb_may_pull(self.as_ptr(), end) }.then_some(())
    }

    /// Its length with the Ethernet header and without a tag that is kept beside it, in bytes.
    #[inline]
    pub fn len_bytes(&self) -> u32 {
        let before = self.mac_len().and_then(|len| u32::try_from(len).ok());
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).len }.saturating_add(before.unwrap_or(0))
    }

    /// The tag that is kept beside it: its outermost one, if it has any.
    #[inline]
    pub fn tag(&self) -> Option<VlanTag> {
        // SAFETY: By the type invariant; all of the union is plain numbers.
        let (all, tag) = unsafe {
            let vlan = &(*self.headers()).__bindgen_anon_2;
            (vlan.vlan_all, vlan.__bindgen_anon_1)
        };
        let protocol = match tag.vlan_proto {
            proto if proto == VlanProtocol::Service.to_be() => VlanProtocol::Service,
            _ => VlanProtocol::Customer,
        };
        (all != 0).then_some(VlanTag {
            protocol,
            control: tag.vlan_tci,
        })
    }

    /// For whom it was.
    pub fn kind(&self) -> Kind {
        // SAFETY: By the type invariant.
        match u32::from(unsafe { Headers::pkt_type_raw(self.headers()) }) {
            bindings::PACKET_HOST => Kind::Host,
            bindings::PACKET_BROADCAST => Kind::Broadcast,
            bindings::PACKET_MULTICAST => Kind::Multicast,
            bindings::PACKET_OTHERHOST => Kind::OtherHost,
            _ => Kind::Other,
        }
    }

    /// The mark that programs and rules of the host put on it; 0 is none.
    pub fn mark(&self) -> u32 {
        // SAFETY: By the type invariant; it is a plain number.
        unsafe { (*self.headers()).__bindgen_anon_4.mark }
    }

    /// Where a checksum is to be written by the card that it leaves by, counted from the Ethernet header. Programs that
    /// make packets may have said any place.
    #[inline]
    pub fn pending_checksum(&self) -> Option<usize> {
        // CHECKSUM_PARTIAL.
        const PARTIAL: u8 = 3;
        let headers = self.headers();
        // SAFETY: By the type invariant; all of the union is plain numbers.
        let (start, offset, mac) = unsafe {
            if Headers::ip_summed_raw(headers) != PARTIAL {
                return None;
            }
            let place = (*headers).__bindgen_anon_1.__bindgen_anon_1;
            (place.csum_start, place.csum_offset, (*headers).mac_header)
        };
        let place = usize::from(start).saturating_add(offset.into());
        Some(place.saturating_sub(mac.into()))
    }

    /// A frame of its own with the same content. The bytes are shared until one of them is changed.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn clone_frame(&self) -> Result<Frame> {
        // SAFETY: By the type invariant.
        let clone = unsafe { bindings::skb_clone(self.as_ptr(), bindings::GFP_ATOMIC) };
        let clone = NonNull::new(clone).ok_or(ENOMEM)?;
        // SAFETY: It was just made, for nobody else.
        unsafe { Frame::from_raw(clone) }.ok_or(ENOMEM)
    }
}

/// The bytes of a packet, of which those are read fast that are not in fragments.
///
/// # Invariants
///
/// The Ethernet header is `before` bytes before the packet's `data`, and `linear` bytes from there on can be read.
/// Who shares a packet never makes these less: moving bytes out of fragments makes them more.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    packet: &'a Packet,
    before: isize,
    linear: usize,
}

impl Bytes<'_> {
    /// As [`Packet::at`].
    #[inline]
    pub fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        match offset.checked_add(N) {
            Some(end) if end <= self.linear => {
                // SAFETY: By the type invariants. `data` is read again each time, as it may have moved. Bytes need
                // no alignment.
                Some(unsafe {
                    let header = (*self.packet.as_ptr())
                        .data
                        .offset(self.before.wrapping_neg());
                    header.add(offset).cast::<[u8; N]>().read()
                })
            }
            _ => self.packet.at_slowly(offset),
        }
    }

    /// The first `N` times 8 bytes as big-endian numbers; [`None`] if the frame is shorter or has some of them in
    /// fragments.
    #[inline]
    pub fn front<const N: usize>(&self) -> Option<[u64; N]> {
        if N.wrapping_mul(8) > self.linear {
            return None;
        }
        // SAFETY: By the type invariants; for `data` see above.
        let header = unsafe {
            let data = (*self.packet.as_ptr()).data;
            data.offset(self.before.wrapping_neg()).cast::<[u8; 8]>()
        };
        // SAFETY: As above: `place` is below `N`. Bytes need no alignment.
        Some(core::array::from_fn(|place| unsafe {
            u64::from_be_bytes(header.add(place).read())
        }))
    }

    /// As [`Packet::pending_checksum`].
    #[inline]
    pub fn pending_checksum(&self) -> Option<usize> {
        self.packet.pending_checksum()
    }

    /// As [`Packet::len_bytes`].
    #[inline]
    pub fn len_bytes(&self) -> u32 {
        // SAFETY: By the type invariant of the packet.
        let len = unsafe { (*self.packet.as_ptr()).len };
        len.saturating_add(u32::try_from(self.before).unwrap_or(0))
    }
}
