// SPDX-License-Identifier: GPL-2.0

//! Frames of one's own, and the ends of their lives.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::{
    edit::{
        Edit,
        ETHERNET_BYTES, //
    },
    packet::{
        Headers,
        Packet, //
    }, //
};
use crate::bindings;
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    cpu::nr_cpu_ids,
    error::to_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*, //
};

/// Why a frame is dropped, as `dropwatch` and the tracepoint `skb:kfree_skb` tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// None of those below.
    Unspecified,
    /// A filter does not let it pass: `NETFILTER_DROP`.
    Policy,
    /// There are too many: `FULL_RING`.
    Limit,
    /// It was kept and is not wanted any more: `QUEUE_PURGE`.
    Purged,
    /// `NOMEM`.
    NoMemory,
    /// The device is not up: `DEV_READY`.
    Down,
    /// It is longer than the device takes: `PKT_TOO_BIG`.
    TooBig,
    /// It is shorter than a header: `HDR_TRUNC`.
    Truncated,
    /// It has been sent in circles: `RECURSION_LIMIT`.
    Loop,
}

impl DropReason {
    const fn code(self) -> c_uint {
        match self {
            Self::Unspecified => bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED,
            Self::Policy => bindings::skb_drop_reason_SKB_DROP_REASON_NETFILTER_DROP,
            Self::Limit => bindings::skb_drop_reason_SKB_DROP_REASON_FULL_RING,
            Self::Purged => bindings::skb_drop_reason_SKB_DROP_REASON_QUEUE_PURGE,
            Self::NoMemory => bindings::skb_drop_reason_SKB_DROP_REASON_NOMEM,
            Self::Down => bindings::skb_drop_reason_SKB_DROP_REASON_DEV_READY,
            Self::TooBig => bindings::skb_drop_reason_SKB_DROP_REASON_PKT_TOO_BIG,
            Self::Truncated => bindings::skb_drop_reason_SKB_DROP_REASON_HDR_TRUNC,
            Self::Loop => bindings::skb_drop_reason_SKB_DROP_REASON_RECURSION_LIMIT,
        }
    }
}

/// Drops one reference to `skb`.
///
/// # Safety
///
/// The caller owns it.
pub(super) unsafe fn free(skb: NonNull<bindings::sk_buff>, reason: DropReason) {
    // SAFETY: By the safety requirement.
    unsafe { bindings::sk_skb_reason_drop(core::ptr::null(), skb.as_ptr(), reason.code()) };
}

/// Makes a copy, which shares the bytes; [`None`] if memory has run out. The reference to `skb` is gone in any case.
///
/// # Safety
///
/// The caller owns it.
#[cold]
unsafe fn unshare(skb: NonNull<bindings::sk_buff>) -> Option<NonNull<bindings::sk_buff>> {
    // SAFETY: By the safety requirement it is valid.
    let clone = NonNull::new(unsafe { bindings::skb_clone(skb.as_ptr(), bindings::GFP_ATOMIC) });
    match clone {
        // SAFETY: The reference is the caller's; this is no loss, as the clone has it all.
        Some(_) => unsafe { bindings::consume_skb(skb.as_ptr()) },
        // SAFETY: As above.
        None => unsafe { free(skb, DropReason::NoMemory) },
    }
    clone
}

/// An Ethernet frame that belongs to whoever has this value, may be kept as long as one likes, and is sent,
/// received or dropped once. Dropping the value drops the frame.
///
/// # Invariants
///
/// `skb` is valid, and this owns the only reference to it. Its data begin at its Ethernet header, and it refers
/// to nothing that lives shorter than it: no device, no socket, no route.
pub struct Frame {
    skb: NonNull<bindings::sk_buff>,
}

// SAFETY: By the type invariant a frame belongs to no thread.
unsafe impl Send for Frame {}

impl Deref for Frame {
    type Target = Packet;

    #[inline]
    fn deref(&self) -> &Packet {
        // SAFETY: By the type invariant nobody changes it but by `&mut self`.
        unsafe { Packet::from_raw(self.skb) }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns it.
        unsafe { free(self.skb, DropReason::Unspecified) };
    }
}

impl Frame {
    /// Makes a frame of `skb`; [`None`], and it is dropped, if others have references and memory for a copy of
    /// its head has run out.
    ///
    /// # Safety
    ///
    /// The caller gives one reference away. What `skb` refers to, such as a route, lives until this returns.
    #[inline]
    pub(super) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Option<Self> {
        // SAFETY: By the safety requirement it is valid; not used after its reference is given up.
        let packet = unsafe { Packet::from_raw(skb) };
        let skb = match packet.is_shared() {
            // SAFETY: By the safety requirement.
            true => unsafe { unshare(skb) }?,
            false => skb,
        };
        // SAFETY: Its only reference is ours.
        if !unsafe { bindings::kernel_ext_skb_part(skb.as_ptr()) } {
            // SAFETY: As above.
            unsafe { free(skb, DropReason::NoMemory) };
            return None;
        }
        // INVARIANT: As of here.
        Some(Self { skb })
    }

    /// Gives the reference away, which begins at the Ethernet header.
    pub(super) fn into_raw(self) -> NonNull<bindings::sk_buff> {
        ManuallyDrop::new(self).skb
    }

    /// Lets it be changed.
    #[inline]
    pub fn edit(&mut self) -> Edit<'_> {
        // SAFETY: By the type invariant, and as this is borrowed.
        unsafe { Edit::of_own(self.skb) }
    }

    /// As [`Packet::len_bytes`].
    #[inline]
    pub fn len_bytes(&self) -> u32 {
        // SAFETY: By the type invariant, by which nothing else is in front of its data.
        unsafe { (*self.as_ptr()).len }
    }

    /// Lets it be sent by the queue that all frames of the same `lane` are sent by, whatever CPU they are sent on, if
    /// the device assigns queues by CPUs: then they do not overtake each other.
    #[inline]
    pub fn keep_lane(&mut self, lane: u32) {
        let cpu = lane.checked_rem(nr_cpu_ids()).unwrap_or(0);
        // SAFETY: By the type invariant it is ours.
        unsafe { bindings::kernel_ext_skb_set_sender_cpu(self.as_ptr(), cpu) };
    }

    /// Drops it and tells why.
    pub fn drop_with(self, reason: DropReason) {
        // SAFETY: The reference is given away by `into_raw`.
        unsafe { free(self.into_raw(), reason) };
    }

    /// Drops it and says why to the caller.
    fn fail(self, reason: DropReason, error: Error) -> Result {
        self.drop_with(reason);
        Err(error)
    }

    fn has_header(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_skb_may_pull(self.as_ptr(), ETHERNET_BYTES) }
    }

    /// Sends it on `netdev`, through the hooks and the queue that others' frames pass, too. It is gone in any
    /// case.
    ///
    /// Calls for one packet may nest: what is sent may come by here again, in a hook or on a device of this
    /// module. How deep is bounded per CPU, together with netfilter's own `dup` and `fwd`.
    ///
    /// # Errors
    ///
    /// [`ENETDOWN`] if the device is not up, [`EMSGSIZE`] if the frame is too long for it, [`ELOOP`] if calls
    /// nest too deep, [`ENOBUFS`] if the queue is full, [`EINVAL`] if it is no frame that can be sent: shorter
    /// than its header or merged by a card that cannot undo it.
    ///
    /// # Safety
    ///
    /// `netdev` is an Ethernet device whose driver is not gone while the current CPU is an RCU reader, which it
    /// is. Not in a hard interrupt, nor with interrupts off.
    #[inline]
    pub(super) unsafe fn transmit_on(
        self,
        netdev: NonNull<bindings::net_device>,
        hooks: Hooks,
    ) -> Result {
        let is_skipping = hooks == Hooks::Skipped;
        // SAFETY: The frame is complete and given away. The device is alive, by the safety requirement.
        from_status(unsafe {
            bindings::kernel_ext_skb_transmit(
                self.into_raw().as_ptr(),
                netdev.as_ptr(),
                is_skipping,
            )
        })
    }

    /// Lets the host have it as if `netdev` had received it, a moment later. It is gone in any case.
    ///
    /// # Errors
    ///
    /// [`ENETDOWN`] if the device is not up, [`ENOBUFS`] if too many wait already, [`EINVAL`] if it is shorter
    /// than its header.
    ///
    /// # Safety
    ///
    /// As [`Self::transmit_on`].
    pub(super) unsafe fn receive_as(
        self,
        netdev: NonNull<bindings::net_device>,
        hooks: Hooks,
    ) -> Result {
        let skb = self.as_ptr();
        // SAFETY: The device is alive, by the safety requirement.
        if !unsafe { bindings::kernel_ext_netdev_is_running(netdev.as_ptr()) } {
            return self.fail(DropReason::Down, ENETDOWN);
        }
        if !self.has_header() {
            return self.fail(DropReason::Truncated, EINVAL);
        }
        // SAFETY: The frame is ours, and has an Ethernet header, which is where its data begin before it is
        // pulled. The queue is one of another device. It is given away at the end.
        let status = unsafe {
            (*skb).queue_mapping = 0;
            Headers::set_pkt_type_raw(self.headers(), FOR_HOST);
            let header = (*skb).data.cast();
            (*self.headers()).protocol = bindings::eth_type_trans(skb, netdev.as_ptr());
            bindings::kernel_ext_skb_postpull_rcsum(skb, header, ETHERNET_BYTES);
            if hooks == Hooks::Skipped {
                bindings::kernel_ext_skb_skip_ingress(skb);
            }
            bindings::netif_rx(self.into_raw().as_ptr())
        };
        match status {
            0 => Ok(()),
            _ => Err(ENOBUFS),
        }
    }
}

/// Whether a device's hooks, such as a [`Hook`](super::Hook) or nft's chains, see a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hooks {
    /// They do.
    Passed,
    /// They do not: they have seen it before. On its way in, nor do taps such as `tcpdump` and the filters of
    /// `tc`, which come before the hooks.
    Skipped,
}

/// What `eth_type_trans` leaves a frame as unless it is for another.
const FOR_HOST: u8 = {
    assert!(bindings::PACKET_HOST == 0);
    0
};

/// What the status of a queue means: congestion that has cost others their frames is none of ours.
#[inline]
fn from_status(status: c_int) -> Result {
    const DROPPED: c_int = 1;
    const CONGESTED: c_int = 2;
    const {
        assert!(bindings::NET_XMIT_DROP == 1 && bindings::NET_XMIT_CN == 2);
    }
    match status {
        CONGESTED => Ok(()),
        DROPPED => Err(ENOBUFS),
        status => to_result(status),
    }
}
