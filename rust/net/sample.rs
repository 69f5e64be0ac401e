// SPDX-License-Identifier: GPL-2.0

//! Showing frames to programs that listen, by the kernel's channel for samples.
//!
//! C header: [`include/net/psample.h`](srctree/include/net/psample.h)

use super::{
    device::Device,
    packet::Packet, //
};
use crate::{
    bindings,
    symbol::Symbol, //
};
use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::prelude::*;

type Get = unsafe extern "C" fn(*mut bindings::net, u32) -> *mut bindings::psample_group;
type Put = unsafe extern "C" fn(*mut bindings::psample_group);
type Give = unsafe extern "C" fn(
    *mut bindings::psample_group,
    *const bindings::sk_buff,
    u32,
    *const bindings::psample_metadata,
);

// The functions are not linked to, but looked up by name: their types are those of the header.
const _: (Get, Put, Give) = (
    bindings::psample_group_get,
    bindings::psample_group_put,
    bindings::psample_sample_packet,
);

/// What is told about a frame.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Where it came in. Listeners are told the lower 16 bits of the number that the device had when it was found.
    pub ingress: Option<Device>,
    /// Where it is to go out.
    pub egress: Option<Device>,
    /// One of how many frames this is: 1 if each is shown.
    pub rate: u32,
    /// How much of it is shown from its Ethernet header on, in bytes. Less if it does not fit in a message of
    /// 64 KiB.
    pub max_len_bytes: u32,
    /// Whatever else is to be told, up to [`Sampler::MAX_COOKIE_BYTES`]. What is beyond is cut off.
    pub cookie: &'a [u8],
}

/// A group of samples, in the first network namespace. Others who use the same number share it.
///
/// Programs listen to the multicast group `packets` of the generic netlink family `psample`. Its module stays
/// loaded as long as this lives.
///
/// # Invariants
///
/// This owns a reference to `group`, which belongs to the module that `put` and `give` are of.
pub struct Sampler {
    group: NonNull<bindings::psample_group>,
    number: u32,
    put: Symbol<Put>,
    give: Symbol<Give>,
}

// SAFETY: A group belongs to no thread.
unsafe impl Send for Sampler {}
// SAFETY: What a shared reference is used for may be done on several CPUs at once.
unsafe impl Sync for Sampler {}

impl Sampler {
    /// Longest cookie.
    pub const MAX_COOKIE_BYTES: usize = 64;

    /// Begins to use the group with that number. Callable from any context but hard interrupts.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if the module `psample` is not loaded, [`ENOMEM`].
    pub fn new(number: u32) -> Result<Self> {
        // SAFETY: The types were compared with those of the header, above.
        let (get, put, give) = unsafe {
            (
                Symbol::<Get>::get(c"psample_group_get")?,
                Symbol::<Put>::get(c"psample_group_put")?,
                Symbol::<Give>::get(c"psample_sample_packet")?,
            )
        };
        // SAFETY: The first namespace is never gone.
        let group = unsafe { get(&raw mut bindings::init_net, number) };
        // INVARIANT: `get` has made the reference.
        Ok(Self {
            group: NonNull::new(group).ok_or(ENOMEM)?,
            number,
            put,
            give,
        })
    }

    /// The number of the group.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Shows `packet` to those who listen, if anybody does and there is memory for it. A tag that is kept beside
    /// the packet is not shown. Callable from any context but hard interrupts.
    pub fn sample(&self, packet: &Packet, sample: &Sample<'_>) {
        if packet.is_shared() {
            if let Ok(own) = packet.clone_frame() {
                self.give(&own, sample);
            }
        } else {
            self.give(packet, sample);
        }
    }

    /// `packet` is not shared.
    fn give(&self, packet: &Packet, sample: &Sample<'_>) {
        let Some(Ok(before)) = packet.mac_len().map(u32::try_from) else {
            return;
        };
        let index = |device: Option<Device>| device.map_or(0, |device| device.index);
        let cookie = sample
            .cookie
            .get(..Self::MAX_COOKIE_BYTES)
            .unwrap_or(sample.cookie);
        // SAFETY: All of it is numbers and a pointer, which may be null.
        let mut metadata: bindings::psample_metadata =
            unsafe { MaybeUninit::zeroed().assume_init() };
        metadata.trunc_size = sample.max_len_bytes;
        metadata.in_ifindex = index(sample.ingress);
        metadata.out_ifindex = index(sample.egress);
        if !cookie.is_empty() {
            metadata.user_cookie = cookie.as_ptr();
            // At most the longest one.
            metadata.user_cookie_len = u32::try_from(cookie.len()).unwrap_or(0);
        }
        let skb = packet.as_ptr();
        // SAFETY: Nobody else looks at it meanwhile, and afterwards its data begin where they did; so many bytes
        // before is its Ethernet header. The group is alive, by the type invariant. The cookie is copied.
        unsafe {
            bindings::skb_push(skb, before);
            (self.give)(self.group.as_ptr(), skb, sample.rate, &metadata);
            bindings::skb_pull(skb, before);
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { (self.put)(self.group.as_ptr()) };
    }
}
