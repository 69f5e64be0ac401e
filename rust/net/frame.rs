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
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    cpu::nr_cpu_ids,
    error::to_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*,
    types::NotThreadSafe, //
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
    pub(super) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Option<Self> {
        // SAFETY: By the safety requirement it is valid; not used after its reference is given up.
        let packet = unsafe { Packet::from_raw(skb) };
        let skb = if packet.is_shared() {
            // SAFETY: As above.
            let clone = unsafe { bindings::skb_clone(skb.as_ptr(), bindings::GFP_ATOMIC) };
            let Some(clone) = NonNull::new(clone) else {
                // SAFETY: The reference is the caller's.
                unsafe { free(skb, DropReason::NoMemory) };
                return None;
            };
            // SAFETY: As above; this is no loss, as the clone has it all.
            unsafe { bindings::consume_skb(skb.as_ptr()) };
            clone
        } else {
            skb
        };
        // SAFETY: Its only reference is ours. The header is in front of the data, by that many bytes.
        unsafe {
            match Packet::from_raw(skb).mac_len().map(u32::try_from) {
                Some(Ok(0)) => {}
                Some(Ok(len)) => bindings::kernel_ext_skb_push_rcsum(skb.as_ptr(), len),
                Some(Err(_)) | None => bindings::kernel_ext_skb_reset_mac_header(skb.as_ptr()),
            }
        }
        // INVARIANT: As of here, but for what it refers to.
        let frame = Self { skb };
        // Pages of programs, who wait until nobody uses them.
        // SAFETY: It is ours.
        if !unsafe { bindings::kernel_ext_skb_orphan_frags_rx(skb.as_ptr()) } {
            frame.drop_with(DropReason::NoMemory);
            return None;
        }
        frame.scrub();
        Some(frame)
    }

    /// Gives the reference away, which begins at the Ethernet header.
    pub(super) fn into_raw(self) -> NonNull<bindings::sk_buff> {
        ManuallyDrop::new(self).skb
    }

    /// Lets it be changed.
    ///
    /// # Errors
    ///
    /// None that can be met: a frame is nobody else's.
    pub fn edit(&mut self) -> Result<Edit<'_>> {
        // SAFETY: By the type invariant, and as this is borrowed.
        unsafe { Edit::new(self.skb) }
    }

    /// Lets it be sent by the queue that all frames of the same `lane` are sent by, whatever CPU they are sent on, if
    /// the device assigns queues by CPUs: then they do not overtake each other.
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

    fn set_device(&self, netdev: *mut bindings::net_device) {
        // SAFETY: By the type invariant it is ours; frames that are in no queue have a device there.
        unsafe {
            (*self.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev = netdev;
        }
    }

    fn has_header(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_skb_may_pull(self.as_ptr(), ETHERNET_BYTES) }
    }

    /// Forgets where it has been, but for its mark, its kind and the number of its device.
    fn scrub(&self) {
        let headers = self.headers();
        // SAFETY: By the type invariant it is ours.
        unsafe {
            let (kind, index) = (Headers::pkt_type_raw(headers), (*headers).skb_iif);
            bindings::kernel_ext_skb_orphan(self.as_ptr());
            bindings::skb_scrub_packet(self.as_ptr(), false);
            bindings::kernel_ext_skb_clear_tstamp(self.as_ptr());
            Headers::set_pkt_type_raw(headers, kind);
            (*headers).skb_iif = index;
        }
        self.set_device(null_mut());
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
    pub(super) unsafe fn transmit_on(
        self,
        netdev: NonNull<bindings::net_device>,
        hooks: Hooks,
    ) -> Result {
        let skb = self.as_ptr();
        // SAFETY: The device is alive, by the safety requirement. The frame is ours.
        let (is_up, is_fit, is_lro) = unsafe {
            (
                bindings::kernel_ext_netdev_is_running(netdev.as_ptr()),
                bindings::kernel_ext_skb_fits(skb, netdev.as_ptr()),
                bindings::kernel_ext_skb_is_lro(skb),
            )
        };
        if !is_up {
            return self.fail(DropReason::Down, ENETDOWN);
        }
        if !self.has_header() || is_lro {
            return self.fail(DropReason::Truncated, EINVAL);
        }
        if !is_fit {
            return self.fail(DropReason::TooBig, EMSGSIZE);
        }
        let Some(_nesting) = Nesting::enter() else {
            return self.fail(DropReason::Loop, ELOOP);
        };
        self.set_device(netdev.as_ptr());
        // SAFETY: The frame is complete and given away; for the device see above.
        let status = unsafe {
            bindings::kernel_ext_skb_forward_csum(skb);
            if hooks == Hooks::Skipped {
                bindings::kernel_ext_skb_skip_egress(skb);
            }
            bindings::__dev_queue_xmit(self.into_raw().as_ptr(), null_mut())
        };
        from_status(status)
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

/// One more call to send on this CPU, which has bottom halves off.
struct Nesting(NotThreadSafe);

impl Nesting {
    /// Returns [`None`] if there are too many.
    fn enter() -> Option<Self> {
        // SAFETY: By the contract of `transmit_on` interrupts are on, or it is a bottom half. What is counted
        // belongs to the CPU, which does not change with bottom halves off.
        unsafe {
            bindings::kernel_ext_local_bh_disable();
            if bindings::kernel_ext_xmit_recursion() {
                bindings::kernel_ext_local_bh_enable();
                return None;
            }
            bindings::kernel_ext_xmit_recursion_inc();
        }
        Some(Self(NotThreadSafe))
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        // SAFETY: `enter` has counted this, on this CPU.
        unsafe {
            bindings::kernel_ext_xmit_recursion_dec();
            bindings::kernel_ext_local_bh_enable();
        }
    }
}
