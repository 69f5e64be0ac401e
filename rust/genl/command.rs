// SPDX-License-Identifier: GPL-2.0

//! What programs can ask for, and the callbacks that hear it.

use super::{
    attr::Accepted,
    family::{
        Family,
        Protocol, //
    },
    message::Page,
    request::Request, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::from_result,
    ffi::c_int,
    prelude::*, //
};

/// Something that is done, or refused, at once. Process context; may sleep; several may run at the same time.
pub trait Action<P>: 'static {
    /// The command's number.
    const NUMBER: u8;
    /// What a request may have, made by [`accept`](super::accept).
    const ACCEPTS: &'static [Accepted];

    /// Does it.
    ///
    /// # Errors
    ///
    /// What the program gets.
    fn run(protocol: &P, request: &Request<'_>) -> Result;
}

/// How far a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more.
    More,
    /// That was all.
    Done,
}

/// A list that a program reads bit by bit, each bit in process context; may sleep. Dropped when it was read to the
/// end, or failed, or nobody can read it any more.
pub trait Dump<P>: Sized + Send + 'static {
    /// The command's number.
    const NUMBER: u8;
    /// What a request may have, made by [`accept`](super::accept).
    const ACCEPTS: &'static [Accepted];

    /// Begins to read.
    ///
    /// # Errors
    ///
    /// What the program gets.
    fn start(protocol: &P, request: &Request<'_>) -> Result<Self>;

    /// Adds the next message, and goes on to the one after it. If there is no room, as [`Page::message`] says, it is
    /// called again for the same one with another page.
    ///
    /// # Errors
    ///
    /// [`EMSGSIZE`] if there is no room; all else ends the list, and the program gets it.
    fn next(&mut self, page: &mut Page<'_>) -> Result<Progress>;
}

/// A command of `P`.
#[repr(transparent)]
pub struct Command<P>(bindings::genl_ops, PhantomData<fn(&P)>);

impl<P: Protocol> Command<P> {
    /// One that does something.
    pub const fn action<A: Action<P>>() -> Self {
        let mut ops = Self::ops(A::NUMBER, A::ACCEPTS);
        ops.doit = Some(run::<P, A>);
        Self(ops, PhantomData)
    }

    /// One that is answered with a list.
    pub const fn dump<D: Dump<P>>() -> Self {
        let mut ops = Self::ops(D::NUMBER, D::ACCEPTS);
        ops.start = Some(start::<P, D>);
        ops.dumpit = Some(next::<P, D>);
        ops.done = Some(done::<P, D>);
        Self(ops, PhantomData)
    }

    const fn ops(number: u8, accepts: &'static [Accepted]) -> bindings::genl_ops {
        assert!(!accepts.is_empty() && accepts.len() <= 0x1_0000);
        let mut ops: bindings::genl_ops = pin_init::zeroed();
        ops.cmd = number;
        // CAST: It is 1.
        ops.flags = bindings::GENL_ADMIN_PERM as u8;
        // CAST: `Accepted` is transparent, and the length was checked.
        ops.policy = accepts.as_ptr().cast();
        ops.maxattr = (accepts.len() - 1) as u32;
        ops
    }
}

/// # Safety
///
/// Called by a family of `P` with a request to the command `A`.
unsafe extern "C" fn run<P: Protocol, A: Action<P>>(
    _skb: *mut bindings::sk_buff,
    info: *mut bindings::genl_info,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement; both until this returns.
        let (protocol, request) =
            unsafe { (Family::<P>::protocol(info)?, Request::new(info, A::ACCEPTS)) };
        A::run(protocol, &request)?;
        Ok(0)
    })
}

/// What a dump was asked for with.
///
/// # Safety
///
/// `cb` is that of a dump of a family, while one of the callbacks runs.
unsafe fn info<'a>(cb: *mut bindings::netlink_callback) -> &'a bindings::genl_info {
    // SAFETY: By the safety requirement; see `genl_start` in net/netlink/genetlink.c.
    unsafe { &(*(*cb).data.cast::<bindings::genl_dumpit_info>()).info }
}

/// Where a dump has a pointer to itself.
///
/// # Safety
///
/// As [`info`].
unsafe fn slot<D>(cb: *mut bindings::netlink_callback) -> *mut *mut D {
    // The room is that of six numbers, aligned for them.
    // SAFETY: By the safety requirement.
    unsafe { (&raw mut (*cb).__bindgen_anon_1).cast() }
}

/// # Safety
///
/// Called by a family of `P` with a request to the command `D`.
unsafe extern "C" fn start<P: Protocol, D: Dump<P>>(cb: *mut bindings::netlink_callback) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement; both until this returns.
        let (protocol, request) = unsafe {
            let info = info(cb);
            (Family::<P>::protocol(info)?, Request::new(info, D::ACCEPTS))
        };
        let dump = KBox::new(D::start(protocol, &request)?, GFP_KERNEL)?;
        // SAFETY: By the safety requirement; the room is the command's own.
        unsafe { slot::<D>(cb).write(KBox::into_raw(dump)) };
        Ok(0)
    })
}

/// # Safety
///
/// Called by the kernel after [`start`] for the same types has succeeded, with an empty buffer, never twice at once.
unsafe extern "C" fn next<P: Protocol, D: Dump<P>>(
    skb: *mut bindings::sk_buff,
    cb: *mut bindings::netlink_callback,
) -> c_int {
    from_result(|| {
        let skb = NonNull::new(skb).ok_or(EINVAL)?;
        // SAFETY: By the safety requirement; `start` has stored it, and `done` comes later.
        let dump = unsafe { &mut **slot::<D>(cb) };
        // SAFETY: By the safety requirement.
        let mut page = unsafe { Page::new(skb, info(cb)) };
        // A page that is full ends this; the kernel comes with another one if something is in it.
        while dump.next(&mut page)? == Progress::More {}
        Ok(0)
    })
}

/// # Safety
///
/// Called by the kernel once after [`start`] for the same types has succeeded, when [`next`] will not be called again.
unsafe extern "C" fn done<P: Protocol, D: Dump<P>>(cb: *mut bindings::netlink_callback) -> c_int {
    // SAFETY: By the safety requirement; `start` has stored what it took out of a box.
    drop(unsafe { KBox::from_raw(slot::<D>(cb).read()) });
    0
}
