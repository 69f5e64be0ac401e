// SPDX-License-Identifier: GPL-2.0

//! Changing a frame.
//!
//! C header: [`include/linux/if_vlan.h`](srctree/include/linux/if_vlan.h)

use super::packet::{
    Packet,
    VlanTag, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A frame that nobody else sees the changes of, until they are all made.
///
/// # Invariants
///
/// `skb` is valid and has no other reference throughout `'a`. Its data begin at the Ethernet header, from
/// which they are `pushed` bytes away otherwise.
pub struct Edit<'a> {
    skb: NonNull<bindings::sk_buff>,
    pushed: u32,
    _frame: PhantomData<&'a mut Packet>,
}

impl<'a> Edit<'a> {
    /// # Errors
    ///
    /// [`EBUSY`] if somebody else has a reference, [`EINVAL`] if it is not known where the Ethernet header is.
    ///
    /// # Safety
    ///
    /// `skb` is valid throughout `'a`, and nobody else changes or gets a reference to it in that time.
    pub(super) unsafe fn new(skb: NonNull<bindings::sk_buff>) -> Result<Self> {
        // SAFETY: By the safety requirement; not used after this function.
        let packet = unsafe { Packet::from_raw(skb) };
        if packet.is_shared() {
            return Err(EBUSY);
        }
        let pushed = packet.mac_len().and_then(|len| u32::try_from(len).ok());
        let pushed = pushed.ok_or(EINVAL)?;
        if pushed != 0 {
            // SAFETY: Not shared. So many bytes before the data is the Ethernet header.
            unsafe { bindings::kernel_ext_skb_push_rcsum(skb.as_ptr(), pushed) };
        }
        // INVARIANT: As above.
        Ok(Self {
            skb,
            pushed,
            _frame: PhantomData,
        })
    }

    /// One of a frame of one's own.
    ///
    /// # Safety
    ///
    /// `skb` is valid throughout `'a`, nobody else has or gets a reference to it in that time, and its data begin at
    /// the Ethernet header.
    #[inline]
    pub(super) unsafe fn of_own(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: By the safety requirement.
        Self {
            skb,
            pushed: 0,
            _frame: PhantomData,
        }
    }

    #[inline]
    fn packet(&self) -> &Packet {
        // SAFETY: By the type invariant.
        unsafe { Packet::from_raw(self.skb) }
    }

    /// Puts a tag beside the frame. One that is there already moves into its bytes.
    ///
    /// # Errors
    ///
    /// If one was there: [`ENOMEM`], with nothing changed; or it ends before its ethertype: [`EINVAL`].
    #[inline]
    pub fn push_tag(&mut self, tag: VlanTag) -> Result {
        if self.packet().tag().is_some() {
            return self.push_further_tag(tag);
        }
        // SAFETY: By the type invariant.
        unsafe {
            let vlan = &mut (*self.packet().headers()).__bindgen_anon_2.__bindgen_anon_1;
            vlan.vlan_proto = tag.protocol.to_be();
            vlan.vlan_tci = tag.control;
        }
        Ok(())
    }

    #[cold]
    fn push_further_tag(&mut self, tag: VlanTag) -> Result {
        self.require_header()?;
        // SAFETY: By the type invariant.
        to_result(unsafe {
            bindings::skb_vlan_push(self.skb.as_ptr(), tag.protocol.to_be(), tag.control)
        })
    }

    /// Takes the outermost tag off and returns it. If a further one is in the bytes, it comes beside the
    /// frame, where the kernel expects the outermost.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] or [`EINVAL`] if that cannot be done; the tag that was beside the frame is off.
    pub fn pop_tag(&mut self) -> Result<Option<VlanTag>> {
        let tag = self.packet().tag();
        if tag.is_some() {
            self.require_header()?;
            // SAFETY: By the type invariant.
            to_result(unsafe { bindings::skb_vlan_pop(self.skb.as_ptr()) })?;
        }
        Ok(tag)
    }

    /// Changes the address it goes to.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or [`EINVAL`] if it has none.
    pub fn set_dst_mac(&mut self, mac: [u8; 6]) -> Result {
        self.require_header()?;
        let skb = self.skb.as_ptr();
        // SAFETY: By the type invariant.
        to_result(unsafe { bindings::skb_ensure_writable(skb, ETHERNET_BYTES) })?;
        // SAFETY: By the type invariant the data begin at the Ethernet header, of which now nobody else has
        // the bytes. The card's sum, if any, was made over the former ones.
        unsafe {
            (*skb).data.cast::<[u8; 6]>().write(mac);
            bindings::kernel_ext_skb_forward_csum(skb);
        }
        Ok(())
    }

    /// Changes its mark.
    pub fn set_mark(&mut self, mark: u32) {
        // SAFETY: By the type invariant.
        unsafe { (*self.packet().headers()).__bindgen_anon_4.mark = mark };
    }

    fn require_header(&self) -> Result {
        // SAFETY: By the type invariant.
        let is_there =
            unsafe { bindings::kernel_ext_skb_may_pull(self.skb.as_ptr(), ETHERNET_BYTES) };
        is_there.then_some(()).ok_or(EINVAL)
    }
}

/// The length of an Ethernet header.
pub(super) const ETHERNET_BYTES: u32 = 14;

impl Edit<'_> {
    #[cold]
    fn pull(&mut self) {
        let skb = self.skb.as_ptr();
        // SAFETY: By the type invariant. What is between the header and the data, all edits leave as long as it was.
        unsafe {
            bindings::skb_pull_rcsum(skb, self.pushed);
            bindings::kernel_ext_skb_reset_mac_len(skb);
        }
    }
}

impl Drop for Edit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.pushed != 0 {
            self.pull();
        }
    }
}
