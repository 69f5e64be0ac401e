// SPDX-License-Identifier: GPL-2.0

//! Being told about functions that come and go, whoever drives them.
//!
//! C header: [`include/linux/device/bus.h`](srctree/include/linux/device/bus.h)

use super::Function;
use crate::bindings;
use core::{
    marker::PhantomPinned,
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

/// Who wants to be told.
pub trait Watcher: Send + Sync + 'static {
    /// The function was found, and no driver has seen it yet. Called in process context, perhaps under the lock
    /// of its physical function and the lock of the PCI tree.
    fn added(&self, function: &Function);

    /// The function is about to go; its driver may still be bound. Called as `added` is.
    fn removed(&self, function: &Function);
}

/// A watcher at work. Dropping it waits for calls that are running; that must not be done by one of them.
pub struct Watch<W: Watcher> {
    inner: Pin<KBox<Inner<W>>>,
}

/// # Invariants
///
/// `block` calls [`notify`] of the same `W`, and is registered from the end of [`Watch::new`] until drop.
#[pin_data]
struct Inner<W> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    #[pin]
    watcher: W,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: After registration only the notifier chain touches the block, under its lock.
unsafe impl<W: Send> Send for Inner<W> {}
// SAFETY: As above.
unsafe impl<W: Sync> Sync for Inner<W> {}

impl<W: Watcher> Watch<W> {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or what `watcher` fails with.
    pub fn new(watcher: impl PinInit<W, Error>) -> Result<Self> {
        let block = bindings::notifier_block {
            notifier_call: Some(notify::<W>),
            next: core::ptr::null_mut(),
            priority: 0,
        };
        let inner = KBox::pin_init(
            try_pin_init!(Inner {
                block: Opaque::new(block),
                watcher <- watcher,
                _pin: PhantomPinned,
            }? Error),
            GFP_KERNEL,
        )?;
        // INVARIANT: The block is pinned, its callback is that of `W`, and `drop` takes it back.
        // SAFETY: As above.
        to_result(unsafe {
            bindings::bus_register_notifier(&raw const bindings::pci_bus_type, inner.block.get())
        })?;
        Ok(Self { inner })
    }
}

impl<W: Watcher> Drop for Watch<W> {
    fn drop(&mut self) {
        // SAFETY: `new` registered it; unregistering waits for callbacks.
        unsafe {
            bindings::bus_unregister_notifier(
                &raw const bindings::pci_bus_type,
                self.inner.block.get(),
            )
        };
    }
}

/// # Safety
///
/// Called by the device core with the block of an `Inner<W>` and a device of the PCI bus.
unsafe extern "C" fn notify<W: Watcher>(
    block: *mut bindings::notifier_block,
    event: c_ulong,
    dev: *mut c_void,
) -> c_int {
    const DONE: c_int = 0;
    let block = block.cast::<Opaque<bindings::notifier_block>>();
    // SAFETY: By the safety requirement; `Opaque` is transparent. `Watch::drop` waits for this.
    let watcher = unsafe { &(*kernel::container_of!(block, Inner<W>, block)).watcher };
    let dev = dev.cast::<bindings::device>();
    // SAFETY: All devices of the PCI bus are `pci_dev`s.
    let pdev = unsafe { kernel::container_of!(dev, bindings::pci_dev, dev) };
    let Some(pdev) = NonNull::new(pdev) else {
        return DONE;
    };
    // SAFETY: The device is alive during the call.
    let function = unsafe { Function::from_raw(pdev) };
    match u32::try_from(event) {
        Ok(bindings::bus_notifier_event_BUS_NOTIFY_ADD_DEVICE) => watcher.added(&function),
        Ok(bindings::bus_notifier_event_BUS_NOTIFY_DEL_DEVICE) => watcher.removed(&function),
        _ => {}
    }
    DONE
}
