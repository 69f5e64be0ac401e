// SPDX-License-Identifier: GPL-2.0

//! Telling fronts from all other devices, before anybody else sees them.

use super::{
    pci,
    station::Station,
    Persistent, //
};
use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    sync::Arc, //
};

/// What only fronts refer to: the addresses of these are the marks.
pub(super) struct Marks<F: Persistent> {
    /// The operations of buses with a front.
    pub(super) bus: bindings::pci_ops,
    /// The type of platform devices that are fronts.
    pub(super) kind: bindings::device_type,
    /// The name of the drivers.
    pub(super) name: &'static CStr,
    _front: PhantomData<fn() -> F>,
}

// SAFETY: Nothing is changed after creation.
unsafe impl<F: Persistent> Send for Marks<F> {}
// SAFETY: As above.
unsafe impl<F: Persistent> Sync for Marks<F> {}

impl<F: Persistent> Marks<F> {
    pub(super) fn new(name: &'static CStr) -> Self {
        Self {
            bus: pci::operations::<F>(),
            kind: pin_init::zeroed(),
            name,
            _front: PhantomData,
        }
    }

    /// Returns what `dev` refers to if it is a front.
    ///
    /// # Safety
    ///
    /// `dev` is alive during `'a`, and not removed yet.
    pub(super) unsafe fn station_of<'a>(
        &self,
        dev: *mut bindings::device,
    ) -> Option<&'a Station<F>> {
        // SAFETY: By the safety requirement. A function of a bus with our operations has a root as
        // its data, and a platform device of our type has a station, which both outlive it.
        unsafe {
            if core::ptr::eq((*dev).bus, &raw const bindings::pci_bus_type) {
                let pdev = kernel::container_of!(dev, bindings::pci_dev, dev);
                let bus = (*pdev).bus;
                core::ptr::eq((*bus).ops, &raw const self.bus).then(|| pci::station_of::<F>(bus))
            } else if core::ptr::eq((*dev).type_, &raw const self.kind) {
                bindings::dev_get_drvdata(dev).cast::<Station<F>>().as_ref()
            } else {
                None
            }
        }
    }

    /// Prepares a device that is being added, if it is a front.
    ///
    /// # Safety
    ///
    /// As [`Self::station_of`]; `dev` is being added, and its IOMMU is not known yet.
    unsafe fn adopt(&self, dev: *mut bindings::device) {
        // SAFETY: By the safety requirement.
        let Some(station) = (unsafe { self.station_of(dev) }) else {
            return;
        };
        // SAFETY: As above; the name ends in NUL. Without memory, some other driver may bind it; then
        // there is no device that programs can open.
        unsafe {
            bindings::__device_set_driver_override(
                dev,
                self.name.as_char_ptr(),
                self.name.count_bytes(),
            );
            station.adopt(dev);
        }
    }
}

/// A notifier and what it needs.
#[repr(C)]
struct Block<F: Persistent> {
    block: bindings::notifier_block,
    marks: Arc<Marks<F>>,
}

/// Sees devices of a bus before the IOMMU core does, until dropped.
///
/// # Invariants
///
/// `inner.block` is registered for `bus`.
pub(super) struct Notifier<F: Persistent> {
    inner: KBox<Block<F>>,
    bus: *const bindings::bus_type,
}

// SAFETY: After registration only the notifier chain touches the block, under its lock.
unsafe impl<F: Persistent> Send for Notifier<F> {}
// SAFETY: As above.
unsafe impl<F: Persistent> Sync for Notifier<F> {}

impl<F: Persistent> Notifier<F> {
    /// Registers for `bus`, which is static.
    pub(super) fn new(bus: *const bindings::bus_type, marks: &Arc<Marks<F>>) -> Result<Self> {
        let mut inner = KBox::new(
            Block {
                block: bindings::notifier_block {
                    notifier_call: Some(notify::<F>),
                    next: core::ptr::null_mut(),
                    // Before the IOMMU core, whose priority is 0, and after what chooses the kind of
                    // message interrupts, which is there since boot.
                    priority: 1,
                },
                marks: marks.clone(),
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The block stays in its box until `drop` has unregistered it.
        to_result(unsafe { bindings::bus_register_notifier(bus, &mut inner.block) })?;
        // INVARIANT: Just registered.
        Ok(Self { inner, bus })
    }
}

impl<F: Persistent> Drop for Notifier<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is registered; this waits for calls.
        unsafe { bindings::bus_unregister_notifier(self.bus, &mut self.inner.block) };
    }
}

/// # Safety
///
/// Called by the device core with the block of a [`Notifier`] of `F`.
unsafe extern "C" fn notify<F: Persistent>(
    block: *mut bindings::notifier_block,
    event: c_ulong,
    dev: *mut c_void,
) -> c_int {
    const DONE: c_int = 0;
    if u32::try_from(event) == Ok(bindings::bus_notifier_event_BUS_NOTIFY_ADD_DEVICE) {
        // SAFETY: By the safety requirement it is the first field of a block, which lives until it is
        // unregistered. The device is being added, and the IOMMU core comes later.
        unsafe { (*block.cast::<Block<F>>()).marks.adopt(dev.cast()) };
    }
    DONE
}
