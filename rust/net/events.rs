// SPDX-License-Identifier: GPL-2.0

//! Being told what happens to network devices.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::rtnl::Netdev;
use crate::bindings;
use core::{
    marker::PhantomPinned,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    types::Opaque, //
};

/// Why a device is not to be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It is being unregistered. What holds a reference to it must let go before the callback returns.
    Removed,
    /// It is being moved to another network namespace, where it is registered next.
    Moved,
    /// Nothing happens to it: the [`Events`] are being dropped.
    Unobserved,
}

/// What happens to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has come, or was there when the [`Events`] came.
    Register,
    /// It is up.
    Up,
    /// It is about to go down, and still transmits.
    GoingDown,
    /// It is down.
    Down,
    /// It has another MAC address.
    ChangeAddress,
    /// It has another MTU.
    ChangeMtu,
    /// It has another name.
    ChangeName,
    /// It is up and has, or may have, got or lost its carrier.
    ChangeState,
    /// It goes.
    Unregister(Departure),
}

impl Event {
    /// Reads what a notifier is told of `netdev`.
    fn of(event: c_ulong, netdev: &Netdev<'_>) -> Option<Self> {
        Some(match u32::try_from(event).ok()? {
            bindings::netdev_cmd_NETDEV_REGISTER => Self::Register,
            bindings::netdev_cmd_NETDEV_UP => Self::Up,
            bindings::netdev_cmd_NETDEV_GOING_DOWN => Self::GoingDown,
            bindings::netdev_cmd_NETDEV_DOWN => Self::Down,
            bindings::netdev_cmd_NETDEV_CHANGEADDR => Self::ChangeAddress,
            bindings::netdev_cmd_NETDEV_CHANGEMTU => Self::ChangeMtu,
            bindings::netdev_cmd_NETDEV_CHANGENAME => Self::ChangeName,
            bindings::netdev_cmd_NETDEV_CHANGE => Self::ChangeState,
            bindings::netdev_cmd_NETDEV_UNREGISTER => Self::Unregister(netdev.departure()),
            _ => return None,
        })
    }
}

/// What is done when something happens to network devices.
pub trait Observer: Send + Sync + 'static {
    /// `event` has happened to `netdev`. Called for the devices of all network namespaces, in process
    /// context with the kernel's lock of all network devices held: never twice at once, and it may sleep.
    ///
    /// That lock must not be taken again: nothing of [`net`](super) may be called but the methods of
    /// `netdev`, and no value of it be dropped; a device's guards undo by themselves what they did when it
    /// goes. Nor may a lock be taken under which somebody calls such a function.
    fn event(&self, event: Event, netdev: &Netdev<'_>);
}

/// An observer at work.
///
/// It is first told of each device that exists, by [`Event::Register`] and, of one that is up,
/// [`Event::Up`]. Dropping it tells it that each device goes ([`Departure::Unobserved`]), after
/// [`Event::GoingDown`] and [`Event::Down`] of one that is up, and then drops it.
pub struct Events<O: Observer> {
    inner: Pin<KBox<Inner<O>>>,
}

/// # Invariants
///
/// `block` calls [`notify`] of the same `O`, and is registered from the end of [`Events::new`] until drop.
#[pin_data]
struct Inner<O> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    #[pin]
    observer: O,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: After registration only the notifier chain touches the block, under its lock.
unsafe impl<O: Send> Send for Inner<O> {}
// SAFETY: As above.
unsafe impl<O: Sync> Sync for Inner<O> {}

impl<O: Observer> Events<O> {
    /// Starts to observe. Process context; takes the lock of all network devices.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or what `observer` fails with.
    pub fn new(observer: impl PinInit<O, Error>) -> Result<Self> {
        let block = bindings::notifier_block {
            notifier_call: Some(notify::<O>),
            next: core::ptr::null_mut(),
            priority: 0,
        };
        let inner = KBox::pin_init(
            try_pin_init!(Inner {
                block: Opaque::new(block),
                observer <- observer,
                _pin: PhantomPinned,
            }? Error),
            GFP_KERNEL,
        )?;
        // INVARIANT: The block is pinned, its callback is that of `O`, and `drop` takes it back.
        // SAFETY: Process context, and the lock of all network devices is not held, as asked for.
        to_result(unsafe { bindings::register_netdevice_notifier(inner.block.get()) })?;
        Ok(Self { inner })
    }
}

impl<O: Observer> Deref for Events<O> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.inner.observer
    }
}

impl<O: Observer> Drop for Events<O> {
    fn drop(&mut self) {
        // The only failure there is would be that it is not registered.
        // SAFETY: By the type invariant of `Inner` it is. All calls are made with a lock held that this
        // takes, so none is running afterwards.
        unsafe { bindings::unregister_netdevice_notifier(self.inner.block.get()) };
    }
}

/// # Safety
///
/// Called by the chain of network devices' notifiers with the block of an `Inner<O>` and the `info` of an
/// event.
unsafe extern "C" fn notify<O: Observer>(
    block: *mut bindings::notifier_block,
    event: c_ulong,
    info: *mut c_void,
) -> c_int {
    const DONE: c_int = 0;
    // SAFETY: By the safety requirement.
    let netdev = unsafe { bindings::kernel_ext_notifier_netdev(info) };
    // What is unregistered and still referred to is told of again and again, after its end.
    // SAFETY: The kernel tells of devices that are alive.
    let is_listable = unsafe { bindings::kernel_ext_netdev_is_listable(netdev) };
    let Some(netdev) = NonNull::new(netdev).filter(|_| is_listable) else {
        return DONE;
    };
    // SAFETY: The chain is called with the lock of all devices held. This one is registered, or is being
    // unregistered by whoever calls the chain.
    let netdev = unsafe { Netdev::from_raw(netdev) };
    if let Some(event) = Event::of(event, &netdev) {
        let block = block.cast::<Opaque<bindings::notifier_block>>();
        // SAFETY: By the safety requirement; `Opaque` is transparent. `Events::drop` waits for this before
        // the observer is dropped.
        let observer = unsafe { &(*kernel::container_of!(block, Inner<O>, block)).observer };
        observer.event(event, &netdev);
    }
    DONE
}
