// SPDX-License-Identifier: GPL-2.0

//! Being tied to a device that somebody else has registered, until it goes.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    device::Device,
    frame::{
        Frame,
        Hooks, //
    },
    rtnl::Rtnl, //
};
use crate::{
    bindings,
    sync::{
        peek,
        Reader, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed,
            Release, //
        },
        rcu, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// Before any [`Events`](super::Events): who is told that a device goes finds the tie cut.
const PRIORITY: c_int = 1;

/// What is done with a device while an [`Anchor`] is tied to it.
///
/// # Safety
///
/// After `detach` and a grace period nothing leads from the device to `self`.
pub(super) unsafe trait Cargo: Send + Sync {
    /// Begins, with the lock of all devices held.
    ///
    /// # Errors
    ///
    /// Whatever the anchor shall fail with. Then nothing leads to `self` after a grace period, either.
    ///
    /// # Safety
    ///
    /// `netdev` is registered, and `self` lives until a grace period after `detach`.
    unsafe fn attach(&self, netdev: NonNull<bindings::net_device>) -> Result;

    /// Ends, with the lock of all devices held.
    ///
    /// # Safety
    ///
    /// `netdev` is what `attach` has succeeded with, still in the same namespace.
    unsafe fn detach(&self, netdev: NonNull<bindings::net_device>);
}

/// A tie to a device. It holds no reference: when the device is unregistered, or goes to another namespace,
/// the tie is cut before anybody waits for it.
///
/// # Invariants
///
/// `netdev` is null or a device that `cargo` is attached to. It is registered, or has not been for less than
/// a grace period.
#[pin_data(PinnedDrop)]
pub(super) struct Anchor<C: Cargo> {
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
    netdev: Atomic<*mut bindings::net_device>,
    device: Device,
    #[pin]
    cargo: C,
}

// SAFETY: The notifier is only the kernel's; the pointer belongs to no thread.
unsafe impl<C: Cargo> Send for Anchor<C> {}
// SAFETY: As above; the pointer is atomic.
unsafe impl<C: Cargo> Sync for Anchor<C> {}

impl<C: Cargo> Anchor<C> {
    /// Ties `cargo` to `device`. Sleeps; takes the lock of all devices.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if it is no Ethernet device, [`ENOMEM`], or what the cargo
    /// fails with.
    pub(super) fn new(device: Device, cargo: impl PinInit<C, Error>) -> Result<Pin<KBox<Self>>> {
        let anchor = KBox::pin_init(
            try_pin_init!(Self {
                // SAFETY: The slot is valid for writes.
                notifier <- Opaque::ffi_init(|slot: *mut bindings::notifier_block| unsafe {
                    slot.write(bindings::notifier_block {
                        notifier_call: Some(notified::<C>),
                        priority: PRIORITY,
                        ..pin_init::zeroed()
                    });
                }),
                // INVARIANT: Null.
                netdev: Atomic::new(null_mut()),
                device,
                cargo <- cargo,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The notifier is part of an `Anchor<C>`, which is pinned and, when dropped, takes it back.
        to_result(unsafe { bindings::register_netdevice_notifier(anchor.notifier.get()) })?;
        let rtnl = Rtnl::lock();
        let netdev = rtnl
            .devices()
            .find(|netdev| netdev.device() == device)
            .and_then(|netdev| NonNull::new(netdev.as_ptr()))
            .ok_or(ENODEV)?;
        // SAFETY: It is registered, since the lock is held.
        if !unsafe { bindings::kernel_ext_netdev_is_ethernet(netdev.as_ptr()) } {
            return Err(EOPNOTSUPP);
        }
        // SAFETY: As above. The cargo is pinned; dropping the anchor detaches it and waits for a grace period.
        unsafe { anchor.cargo.attach(netdev) }?;
        // INVARIANT: Just attached; the notifier, which needs the lock, is not told of anything before this.
        anchor.netdev.store(netdev.as_ptr(), Release);
        drop(rtnl);
        Ok(anchor)
    }

    /// Which device it is or was tied to.
    pub(super) fn device(&self) -> Device {
        self.device
    }

    pub(super) fn cargo(&self) -> &C {
        &self.cargo
    }

    /// Calls `act` with the device, unless it is gone. `act` must not sleep.
    #[inline]
    pub(super) fn with<R>(&self, act: impl FnOnce(Here<'_>) -> R) -> Option<R> {
        let rcu = rcu::read_lock();
        self.here(Reader::from(&rcu)).map(act)
    }

    /// The device, unless it is gone, for who is a reader anyway.
    #[inline]
    pub(super) fn here<'a>(&'a self, _reader: Reader<'a>) -> Option<Here<'a>> {
        NonNull::new(peek(&self.netdev)).map(|netdev| Here {
            // INVARIANT: By that of `Anchor`, for an RCU reader.
            netdev,
            _rcu: PhantomData,
        })
    }
}

#[pinned_drop]
impl<C: Cargo> PinnedDrop for Anchor<C> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `new` has registered it; nothing happens if that has failed. This tells the notifier that
        // each device goes, whereby ours is detached if it is still there. The grace period is for the cargo,
        // and for code that is leaving `notified`'s device.
        unsafe {
            bindings::unregister_netdevice_notifier(self.notifier.get());
            bindings::synchronize_net();
        }
    }
}

/// # Safety
///
/// Called by the kernel with the lock of all devices held, for the notifier of an `Anchor<C>`.
unsafe extern "C" fn notified<C: Cargo>(
    notifier: *mut bindings::notifier_block,
    event: c_ulong,
    info: *mut c_void,
) -> c_int {
    const DONE: c_int = 0;
    if u32::try_from(event) != Ok(bindings::netdev_cmd_NETDEV_UNREGISTER) {
        return DONE;
    }
    // SAFETY: By the safety requirement; `Opaque` is transparent, and it lives until it is unregistered.
    let anchor = unsafe {
        &*kernel::container_of!(
            notifier.cast::<Opaque<bindings::notifier_block>>(),
            Anchor<C>,
            notifier
        )
        .cast_const()
    };
    // SAFETY: All events of this chain come with such an `info`.
    let netdev = unsafe { (*info.cast::<bindings::netdev_notifier_info>()).dev };
    let ours = NonNull::new(peek(&anchor.netdev)).filter(|ours| ours.as_ptr() == netdev);
    if let Some(netdev) = ours {
        // INVARIANT: Null. Relaxed: nothing is to be seen by it.
        anchor.netdev.store(null_mut(), Relaxed);
        // SAFETY: By the type invariant it was attached. The event comes before the namespace changes.
        unsafe { anchor.cargo.detach(netdev) };
    }
    DONE
}

/// A device that is there as long as this is.
///
/// # Invariants
///
/// `netdev` is an Ethernet device that is not freed throughout `'a`, and the current CPU an RCU reader.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    netdev: NonNull<bindings::net_device>,
    _rcu: PhantomData<(&'a (), NotThreadSafe)>,
}

impl<'a> Here<'a> {
    /// # Safety
    ///
    /// `netdev` is an Ethernet device that is not freed throughout the lifetime, in which the current CPU is an
    /// RCU reader.
    #[inline]
    pub(super) unsafe fn new(netdev: NonNull<bindings::net_device>) -> Self {
        // INVARIANT: By the safety requirement.
        Self {
            netdev,
            _rcu: PhantomData,
        }
    }

    /// Evidence that this is an RCU reader.
    #[inline]
    pub fn reader(self) -> Reader<'a> {
        // SAFETY: By the type invariant.
        unsafe { Reader::new() }
    }

    /// Its address. While that is being changed it may be parts of both.
    #[inline]
    pub fn mac(self) -> [u8; 6] {
        let mut mac = [0; 6];
        // SAFETY: By the type invariant; Ethernet addresses have six bytes.
        unsafe { bindings::kernel_ext_netdev_address(self.netdev.as_ptr(), mac.as_mut_ptr()) };
        mac
    }

    /// Whether a bridge, a bond, macvlans or the like take what it receives.
    #[inline]
    pub fn has_upper(self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_netdev_has_rx_handler(self.netdev.as_ptr()) }
    }

    /// Whether it is up.
    pub fn is_up(self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_netdev_is_running(self.netdev.as_ptr()) }
    }

    /// Sends `frame` on it, through the hooks and the queue that others' frames pass, too. The frame is gone in
    /// any case. Not with interrupts off.
    ///
    /// Calls may nest, since what is sent may come by a hook or a port of this module again; too many calls
    /// within each other fail.
    ///
    /// # Errors
    ///
    /// [`ENETDOWN`] if the device is not up, [`EMSGSIZE`] if the frame is too long for it, [`ELOOP`] if calls
    /// nest too deep, [`ENOBUFS`] if the queue is full, [`EINVAL`] if it is shorter than its header or merged
    /// by a card that cannot undo it.
    pub fn transmit(self, frame: Frame) -> Result {
        // SAFETY: By the type invariant. Nobody has a frame in a hard interrupt.
        unsafe { frame.transmit_on(self.netdev, Hooks::Passed) }
    }

    /// Lets the host have `frame` as if the device had received it, a moment later. The frame is gone in any
    /// case. Hooks of the device see it.
    ///
    /// # Errors
    ///
    /// [`ENETDOWN`] if the device is not up, [`ENOBUFS`] if too many wait already, [`EINVAL`] if it is shorter
    /// than its header.
    pub fn receive(self, frame: Frame) -> Result {
        // SAFETY: As above.
        unsafe { frame.receive_as(self.netdev, Hooks::Passed) }
    }

    /// As [`Self::transmit`], for a frame that the device's hooks have seen.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn go_on_transmitting(self, frame: Frame) -> Result {
        // SAFETY: As above.
        unsafe { frame.transmit_on(self.netdev, Hooks::Skipped) }
    }

    /// As [`Self::receive`], for a frame that the device's hooks have seen.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn go_on_receiving(self, frame: Frame) -> Result {
        // SAFETY: As above.
        unsafe { frame.receive_as(self.netdev, Hooks::Skipped) }
    }
}
