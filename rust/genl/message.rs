// SPDX-License-Identifier: GPL-2.0

//! Messages to programs.

use super::attr::{
    Attr,
    Plain,
    Text, //
};
use crate::bindings;
use core::{
    fmt::{
        self,
        Write, //
    },
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*, //
};

/// A message that is being written.
///
/// # Invariants
///
/// `skb` ends with a message whose header is written, and is nobody else's throughout `'a`.
pub struct Message<'a> {
    skb: NonNull<bindings::sk_buff>,
    _skb: PhantomData<&'a mut bindings::sk_buff>,
}

impl Message<'_> {
    /// Lets `write` add attributes behind a header; nothing is left of the message if it fails.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`] if there is no room for the header, or what `write` fails with.
    ///
    /// # Safety
    ///
    /// `skb` is a buffer for messages that is nobody else's, and `family` has been registered.
    pub(super) unsafe fn add(
        skb: NonNull<bindings::sk_buff>,
        family: *const bindings::genl_family,
        to: Recipient,
        command: u8,
        write: impl FnOnce(&mut Message<'_>) -> Result,
    ) -> Result {
        let Recipient { port, seq, flags } = to;
        // SAFETY: By the safety requirements.
        let header =
            unsafe { bindings::genlmsg_put(skb.as_ptr(), port, seq, family, flags, command) };
        let header = NonNull::new(header.cast::<c_void>()).ok_or(EMSGSIZE)?;
        // INVARIANT: The header was just written.
        let mut message = Message {
            skb,
            _skb: PhantomData,
        };
        match write(&mut message) {
            // SAFETY: The header is that of the last message in the buffer.
            Ok(()) => unsafe { bindings::genlmsg_end(skb.as_ptr(), header.as_ptr()) },
            Err(error) => {
                // SAFETY: As above.
                unsafe { bindings::genlmsg_cancel(skb.as_ptr(), header.as_ptr()) };
                return Err(error);
            }
        }
        Ok(())
    }

    /// Adds an attribute.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`] if there is no room for it.
    pub fn put<T: Plain>(&mut self, attr: Attr<T>, value: T::As<'_>) -> Result {
        T::write(value, |bytes| {
            let len = payload_len(bytes.len())?;
            let bytes = bytes.as_ptr().cast();
            let number = c_int::from(attr.number());
            // SAFETY: By the type invariant, and so many bytes are there.
            to_result(unsafe { bindings::nla_put(self.skb.as_ptr(), number, len, bytes) })
        })
    }

    /// Adds a text, which is written where it will stand. It is formatted twice: if it becomes longer meanwhile it
    /// is cut.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`] if there is no room for it.
    pub fn put_text<const MAX: u16>(
        &mut self,
        attr: Attr<Text<MAX>>,
        text: impl fmt::Display,
    ) -> Result {
        let mut length = Length(0);
        write!(length, "{text}").map_err(|_| EMSGSIZE)?;
        // With the zero that ends it.
        let len_bytes = length.0.checked_add(1).ok_or(EMSGSIZE)?;
        let (len, number) = (payload_len(len_bytes)?, c_int::from(attr.number()));
        // SAFETY: By the type invariant.
        let attr = unsafe { bindings::nla_reserve(self.skb.as_ptr(), number, len) };
        let attr = NonNull::new(attr).ok_or(EMSGSIZE)?;
        // SAFETY: So many bytes were just reserved behind the header.
        let payload = unsafe {
            let payload = attr.add(1).as_ptr().cast::<u8>();
            payload.write_bytes(0, len_bytes);
            core::slice::from_raw_parts_mut(payload, len_bytes)
        };
        let room = payload.split_last_mut().map(|(_zero, room)| room);
        let mut room = Room(room.unwrap_or_default());
        // It was measured; what does not fit now is left out.
        let _ = write!(room, "{text}");
        Ok(())
    }
}

/// The length as the kernel takes it, if an attribute can have it.
fn payload_len(len_bytes: usize) -> Result<c_int> {
    let header = size_of::<bindings::nlattr>();
    let total = len_bytes.checked_add(header).ok_or(EMSGSIZE)?;
    u16::try_from(total).map_err(|_| EMSGSIZE)?;
    c_int::try_from(len_bytes).map_err(|_| EMSGSIZE)
}

/// Counts the bytes of a text.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_add(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Where a text is written.
struct Room<'a>(&'a mut [u8]);

impl fmt::Write for Room<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = core::mem::take(&mut self.0);
        let (to, rest) = room.split_at_mut_checked(text.len()).ok_or(fmt::Error)?;
        to.copy_from_slice(text.as_bytes());
        self.0 = rest;
        Ok(())
    }
}

/// Whose message it is.
pub(super) struct Recipient {
    pub(super) port: u32,
    pub(super) seq: u32,
    pub(super) flags: c_int,
}

/// A buffer for several messages of a dump.
///
/// # Invariants
///
/// `skb` is a buffer for messages to who sent `info`, `info` what the kernel calls a dump with; both stay
/// throughout `'a`, and nobody else uses `skb` meanwhile.
pub struct Page<'a> {
    skb: NonNull<bindings::sk_buff>,
    info: &'a bindings::genl_info,
}

impl<'a> Page<'a> {
    /// # Safety
    ///
    /// As the type invariant.
    pub(super) unsafe fn new(
        skb: NonNull<bindings::sk_buff>,
        info: &'a bindings::genl_info,
    ) -> Self {
        // INVARIANT: By the safety requirement.
        Self { skb, info }
    }

    /// Adds a message to which `write` adds attributes; nothing is left of it if that fails.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`] if there is no room, or what `write` fails with.
    pub fn message(
        &mut self,
        command: u8,
        write: impl FnOnce(&mut Message<'_>) -> Result,
    ) -> Result {
        const MULTI: c_int = bindings::NLM_F_MULTI as c_int;
        let to = Recipient {
            port: self.info.snd_portid,
            seq: self.info.snd_seq,
            flags: MULTI,
        };
        // SAFETY: By the type invariant. A family that is dumped has been registered.
        unsafe { Message::add(self.skb, self.info.family, to, command, write) }
    }
}
