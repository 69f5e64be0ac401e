// SPDX-License-Identifier: GPL-2.0

//! Fronts that are PCI functions, each on a bus of its own.

mod root;

pub(super) use root::{
    operations,
    station_of,
    Root, //
};

use super::{
    marks::Marks,
    station::Station,
    Persistent, //
};
use crate::bindings;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::c_int,
    prelude::*,
    sync::Arc, //
};

/// A driver and what it needs.
#[repr(C)]
struct Inner<F: Persistent> {
    driver: bindings::pci_driver,
    marks: Arc<Marks<F>>,
}

/// The driver of all fronts that are PCI functions. It knows no ids: fronts are told to be bound to
/// it.
///
/// # Invariants
///
/// The driver is registered.
pub(super) struct Driver<F: Persistent>(KBox<Inner<F>>);

// SAFETY: After registration only the driver core touches the driver.
unsafe impl<F: Persistent> Send for Driver<F> {}
// SAFETY: As above.
unsafe impl<F: Persistent> Sync for Driver<F> {}

impl<F: Persistent> Driver<F> {
    pub(super) fn new(module: &'static ThisModule, marks: &Arc<Marks<F>>) -> Result<Self> {
        let mut driver: bindings::pci_driver = pin_init::zeroed();
        driver.name = marks.name.as_char_ptr();
        driver.probe = Some(probe::<F>);
        driver.remove = Some(remove::<F>);
        driver.driver.suppress_bind_attrs = true;
        driver.driver.probe_type = bindings::probe_type_PROBE_FORCE_SYNCHRONOUS;
        driver.driver_managed_dma = true;
        let mut inner = KBox::new(
            Inner {
                driver,
                marks: marks.clone(),
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The driver stays in its box until `drop` has unregistered it; the name is static.
        to_result(unsafe {
            bindings::__pci_register_driver(
                &mut inner.driver,
                module.as_ptr(),
                marks.name.as_char_ptr(),
            )
        })?;
        // INVARIANT: Just registered.
        Ok(Self(inner))
    }
}

impl<F: Persistent> Drop for Driver<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::pci_unregister_driver(&mut self.0.driver) };
    }
}

/// Returns what `pdev` refers to if it is a front: users can make any function be offered to us.
///
/// # Safety
///
/// `pdev` is bound, or being bound, to the driver of a [`Driver`] of `F`, during `'a`.
unsafe fn bound_station<'a, F: Persistent>(pdev: *mut bindings::pci_dev) -> Option<&'a Station<F>> {
    // SAFETY: By the safety requirement its driver is that of an `Inner`, which lives until it is
    // unregistered.
    unsafe {
        let dev = &raw mut (*pdev).dev;
        let driver = kernel::container_of!((*dev).driver, bindings::pci_driver, driver);
        (*driver.cast::<Inner<F>>()).marks.station_of(dev)
    }
}

/// # Safety
///
/// Called by the PCI core with a function that it is binding to the driver of a [`Driver`] of `F`.
unsafe extern "C" fn probe<F: Persistent>(
    pdev: *mut bindings::pci_dev,
    _id: *const bindings::pci_device_id,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement; `remove` unbinds.
        unsafe {
            let station = bound_station::<F>(pdev).ok_or(ENODEV)?;
            // Of other errors the core would complain; the station knows which it was.
            station.bind(&raw mut (*pdev).dev).map_err(|_| ENODEV)?;
        }
        Ok(0)
    })
}

/// # Safety
///
/// Called by the PCI core with a function whose probe succeeded.
unsafe extern "C" fn remove<F: Persistent>(pdev: *mut bindings::pci_dev) {
    // SAFETY: By the safety requirement.
    if let Some(station) = unsafe { bound_station::<F>(pdev) } {
        station.unbind();
    }
}
