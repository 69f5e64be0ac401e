// SPDX-License-Identifier: GPL-2.0

//! Seeing, and keeping, what passes a device of somebody else.
//!
//! C header: [`include/linux/netfilter_netdev.h`](srctree/include/linux/netfilter_netdev.h)

use super::{
    anchor::{
        Anchor,
        Cargo,
        Here, //
    },
    device::Device,
    edit::Edit,
    frame::{
        self,
        DropReason,
        Frame, //
    },
    packet::Packet, //
};
use crate::{
    bindings,
    sync::Reader, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_uint,
        c_void, //
    },
    prelude::*,
    types::Opaque, //
};

/// What is done with the frames of a hooked device.
///
/// Called on all CPUs at once, with bottom halves off: no sleeping.
pub trait Handler: Send + Sync + 'static {
    /// Where among the others that see the device's frames: lower ones come first when a frame is received
    /// and when it is sent. `nft` calls 0 `filter`.
    const PRIORITY: i32;

    /// The device has received a frame. Bridges, bonds, VLANs and the host come after this.
    fn ingress<'a>(&self, visit: Visit<'a>) -> Outcome<'a>;

    /// Somebody sends a frame on the device: the host, a bridge, or [`Here::transmit`].
    fn egress<'a>(&self, visit: Visit<'a>) -> Outcome<'a>;
}

/// What has become of a frame. Only the one that a handler was given can pass.
pub enum Outcome<'a> {
    /// It goes where it was going.
    Pass(Visit<'a>),
    /// It was taken or dropped.
    Taken,
}

/// A frame that passes a hook, which may take it. Dropping this drops it.
///
/// # Invariants
///
/// This owns a reference to `skb`, which is valid. There is only one for each `'a`.
pub struct Visit<'a> {
    skb: NonNull<bindings::sk_buff>,
    here: Here<'a>,
    // Neither longer nor shorter: it says which call it is of.
    _call: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> Visit<'a> {
    /// The device.
    #[inline]
    pub fn here(&self) -> Here<'a> {
        self.here
    }

    /// Takes it. [`None`] if that fails for lack of memory, and the frame is lost.
    #[inline]
    pub fn take(self) -> Option<Frame> {
        // SAFETY: This gives its reference away. A hook is an RCU reader.
        unsafe { Frame::from_raw(ManuallyDrop::new(self).skb) }
    }

    /// Lets it be changed, for those who come after.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if somebody else has a reference, as generators of test traffic do; [`EINVAL`] if it has no
    /// Ethernet header.
    pub fn edit(&mut self) -> Result<Edit<'_>> {
        // SAFETY: By the type invariant; it is borrowed.
        unsafe { Edit::new(self.skb) }
    }

    /// Drops it and tells why.
    #[inline]
    pub fn drop_with(self, reason: DropReason) {
        // SAFETY: This gives its reference away.
        unsafe { frame::free(ManuallyDrop::new(self).skb, reason) };
    }
}

impl Deref for Visit<'_> {
    type Target = Packet;

    #[inline]
    fn deref(&self) -> &Packet {
        // SAFETY: By the type invariant. Who else has a reference must not change it.
        unsafe { Packet::from_raw(self.skb) }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { frame::free(self.skb, DropReason::Policy) };
    }
}

/// The two hooks of a device, and what they call.
///
/// # Invariants
///
/// Hooks that are registered lead to `handler`.
#[pin_data]
struct Hooks<H> {
    ingress: Opaque<bindings::nf_hook_ops>,
    egress: Opaque<bindings::nf_hook_ops>,
    #[pin]
    handler: H,
}

// SAFETY: The hooks are written in `attach`, with the lock of all devices held, and then belong to the kernel.
unsafe impl<H: Send> Send for Hooks<H> {}
// SAFETY: As above.
unsafe impl<H: Sync> Sync for Hooks<H> {}

type Function = unsafe extern "C" fn(
    *mut c_void,
    *mut bindings::sk_buff,
    *const bindings::nf_hook_state,
) -> c_uint;

impl<H: Handler> Hooks<H> {
    fn prepare(
        &self,
        ops: &Opaque<bindings::nf_hook_ops>,
        hooknum: c_uint,
        function: Function,
        netdev: NonNull<bindings::net_device>,
    ) {
        let ops = ops.get();
        // SAFETY: It is zeroed. Nobody uses it before it is registered, which is done once.
        unsafe {
            (*ops).hook = Some(function);
            (*ops).dev = netdev.as_ptr();
            (*ops).priv_ = (&raw const self.handler).cast_mut().cast();
            (*ops).pf = NETDEV_FAMILY;
            (*ops).hooknum = hooknum;
            (*ops).priority = H::PRIORITY;
        }
    }
}

const NETDEV_FAMILY: u8 = {
    assert!(bindings::NFPROTO_NETDEV == 5);
    5
};

// SAFETY: `detach` unregisters both hooks; one that has found them before is within the grace period.
unsafe impl<H: Handler> Cargo for Hooks<H> {
    unsafe fn attach(&self, netdev: NonNull<bindings::net_device>) -> Result {
        let (ingress, egress) = (
            bindings::nf_dev_hooks_NF_NETDEV_INGRESS,
            bindings::nf_dev_hooks_NF_NETDEV_EGRESS,
        );
        // INVARIANT: Both lead to the handler.
        self.prepare(&self.ingress, ingress, ingress_callback::<H>, netdev);
        self.prepare(&self.egress, egress, egress_callback::<H>, netdev);
        // SAFETY: The device is registered and, with the lock held, stays in its namespace. `self` lives until
        // a grace period after the hooks have been unregistered.
        unsafe {
            let net = bindings::kernel_ext_dev_net(netdev.as_ptr());
            to_result(bindings::nf_register_net_hook(net, self.ingress.get()))?;
            to_result(bindings::nf_register_net_hook(net, self.egress.get())).inspect_err(|_| {
                bindings::nf_unregister_net_hook(net, self.ingress.get());
            })
        }
    }

    unsafe fn detach(&self, netdev: NonNull<bindings::net_device>) {
        // SAFETY: Both are registered, in the namespace where the device is.
        unsafe {
            let net = bindings::kernel_ext_dev_net(netdev.as_ptr());
            bindings::nf_unregister_net_hook(net, self.egress.get());
            bindings::nf_unregister_net_hook(net, self.ingress.get());
        }
    }
}

/// # Safety
///
/// `skb` is a frame that netfilter has given to a hook, on the device `netdev`; the result is returned to it.
#[inline]
unsafe fn visit<'a>(
    skb: *mut bindings::sk_buff,
    netdev: *mut bindings::net_device,
    handle: impl FnOnce(Visit<'a>) -> Outcome<'a>,
) -> c_uint {
    // INVARIANT: The frame is the hook's, unless it returns `NF_ACCEPT`. Each call has a lifetime of its own.
    let visit = Visit {
        // SAFETY: Neither is null, by the safety requirement.
        skb: unsafe { NonNull::new_unchecked(skb) },
        // SAFETY: As above; hooks are called by RCU readers, for a device that an `Anchor` found to be Ethernet.
        here: unsafe { Here::new(NonNull::new_unchecked(netdev)) },
        _call: PhantomData,
    };
    match handle(visit) {
        Outcome::Pass(visit) => {
            let _ = ManuallyDrop::new(visit);
            bindings::NF_ACCEPT
        }
        Outcome::Taken => bindings::NF_STOLEN,
    }
}

/// # Safety
///
/// Called by netfilter for a frame that a device has received; `handler` points to an `H`.
unsafe extern "C" fn ingress_callback<H: Handler>(
    handler: *mut c_void,
    skb: *mut bindings::sk_buff,
    state: *const bindings::nf_hook_state,
) -> c_uint {
    // SAFETY: By the safety requirement.
    let (handler, netdev) = unsafe { (&*handler.cast_const().cast::<H>(), (*state).in_) };
    // SAFETY: As above.
    unsafe { visit(skb, netdev, |visit| handler.ingress(visit)) }
}

/// # Safety
///
/// Called by netfilter for a frame that is sent on a device; `handler` points to an `H`.
unsafe extern "C" fn egress_callback<H: Handler>(
    handler: *mut c_void,
    skb: *mut bindings::sk_buff,
    state: *const bindings::nf_hook_state,
) -> c_uint {
    // SAFETY: By the safety requirement.
    let (handler, netdev) = unsafe { (&*handler.cast_const().cast::<H>(), (*state).out) };
    // SAFETY: As above.
    unsafe { visit(skb, netdev, |visit| handler.egress(visit)) }
}

/// A handler at work. It sees the device's frames until this is dropped, or the device is unregistered or goes
/// to another namespace. Dropping it waits for calls that are running, and drops the handler.
///
/// Creating and dropping one sleeps and takes the lock of all devices: never in what is called with that lock
/// held, such as an event of a device, nor below an attribute of the device itself, whose removal waits.
pub struct Hook<H: Handler>(Pin<KBox<Anchor<Hooks<H>>>>);

impl<H: Handler> Hook<H> {
    /// Hooks `device`. Frames may come before this returns.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if it is no Ethernet device or the kernel has no such hooks,
    /// [`E2BIG`] if too many have hooked it, [`ENOMEM`], or what `handler` fails with.
    pub fn new(device: Device, handler: impl PinInit<H, Error>) -> Result<Self> {
        let hooks = try_pin_init!(Hooks {
            ingress: Opaque::zeroed(),
            egress: Opaque::zeroed(),
            handler <- handler,
        });
        Ok(Self(Anchor::new(device, hooks)?))
    }

    /// Which device it is or was.
    pub fn device(&self) -> Device {
        self.0.device()
    }

    /// Calls `act` with the device; [`None`] if it is gone. `act` must not sleep.
    pub fn with<R>(&self, act: impl FnOnce(Here<'_>) -> R) -> Option<R> {
        self.0.with(act)
    }

    /// The device; [`None`] if it is gone. For who is a reader anyway.
    #[inline]
    pub fn here<'a>(&'a self, reader: Reader<'a>) -> Option<Here<'a>> {
        self.0.here(reader)
    }
}

impl<H: Handler> Deref for Hook<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.0.cargo().handler
    }
}
