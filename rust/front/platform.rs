// SPDX-License-Identifier: GPL-2.0

//! Fronts that are platform devices.

use super::{
    marks::Marks,
    station::Station,
    Persistent, //
};
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    sync::Arc, //
};

/// A driver and what it needs.
#[repr(C)]
struct Inner<F: Persistent> {
    driver: bindings::platform_driver,
    marks: Arc<Marks<F>>,
}

/// The driver of all fronts that are platform devices.
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
        let mut driver: bindings::platform_driver = pin_init::zeroed();
        driver.probe = Some(probe::<F>);
        driver.remove = Some(remove::<F>);
        driver.driver.name = marks.name.as_char_ptr();
        driver.driver.suppress_bind_attrs = true;
        driver.driver.probe_type = bindings::probe_type_PROBE_FORCE_SYNCHRONOUS;
        driver.prevent_deferred_probe = true;
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
            bindings::__platform_driver_register(
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
        unsafe { bindings::platform_driver_unregister(&mut self.0.driver) };
    }
}

/// Returns what `pdev` refers to if it is a front: users can make any device be offered to us.
///
/// # Safety
///
/// `pdev` is bound, or being bound, to the driver of a [`Driver`] of `F`, during `'a`.
unsafe fn station_of<'a, F: Persistent>(
    pdev: *mut bindings::platform_device,
) -> Option<&'a Station<F>> {
    // SAFETY: By the safety requirement its driver is that of an `Inner`, which lives until it is
    // unregistered.
    unsafe {
        let dev = &raw mut (*pdev).dev;
        let driver = kernel::container_of!((*dev).driver, bindings::platform_driver, driver);
        (*driver.cast::<Inner<F>>()).marks.station_of(dev)
    }
}

/// # Safety
///
/// Called by the driver core with a device that it is binding to the driver of a [`Driver`] of `F`.
unsafe extern "C" fn probe<F: Persistent>(pdev: *mut bindings::platform_device) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement; `remove` unbinds.
        unsafe {
            let station = station_of::<F>(pdev).ok_or(ENODEV)?;
            // Of other errors the core would complain; the station knows which it was.
            station.bind(&raw mut (*pdev).dev).map_err(|_| ENODEV)?;
        }
        Ok(0)
    })
}

/// # Safety
///
/// Called by the driver core with a device whose probe succeeded.
unsafe extern "C" fn remove<F: Persistent>(pdev: *mut bindings::platform_device) {
    // SAFETY: By the safety requirement.
    if let Some(station) = unsafe { station_of::<F>(pdev) } {
        station.unbind();
    }
}

/// Whether there is a platform device `name`. The core would find out, too, and complain.
fn is_taken(name: &CStr) -> bool {
    // SAFETY: The function expects a name.
    let found = unsafe {
        bindings::bus_find_device(
            &raw const bindings::platform_bus_type,
            core::ptr::null_mut(),
            name.as_char_ptr().cast(),
            Some(bindings::device_match_name),
        )
    };
    if found.is_null() {
        return false;
    }
    // SAFETY: What is found is referenced for the caller.
    unsafe { bindings::put_device(found) };
    true
}

/// A platform device that is a front; removed when this is dropped.
///
/// # Invariants
///
/// The pointer is that of a platform device that this has added.
pub(super) struct Device(NonNull<bindings::platform_device>);

// SAFETY: Devices belong to no thread.
unsafe impl Send for Device {}
// SAFETY: A shared reference gives access to nothing.
unsafe impl Sync for Device {}

impl Device {
    /// Adds a device `name` for `station`, which the caller keeps.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] if there is a device of that name, [`ENOMEM`].
    pub(super) fn new<F: Persistent>(
        marks: &Marks<F>,
        station: &Arc<Station<F>>,
        name: &CStr,
    ) -> Result<Self> {
        if is_taken(name) {
            return Err(EEXIST);
        }
        // SAFETY: The name is copied.
        let pdev = unsafe {
            bindings::platform_device_alloc(name.as_char_ptr(), bindings::PLATFORM_DEVID_NONE)
        };
        let pdev = NonNull::new(pdev).ok_or(ENOMEM)?;
        // SAFETY: Nobody else knows the device yet. The marks and the station stay until after it is
        // removed. If it cannot be added, the reference of the allocation is the last.
        unsafe {
            let dev = &raw mut (*pdev.as_ptr()).dev;
            (*dev).type_ = &raw const marks.kind;
            let data = Arc::as_ptr(station).cast_mut().cast::<c_void>();
            bindings::dev_set_drvdata(dev, data);
            to_result(bindings::platform_device_add(pdev.as_ptr()))
                .inspect_err(|_| bindings::platform_device_put(pdev.as_ptr()))?;
        }
        // INVARIANT: Just added.
        Ok(Self(pdev))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::platform_device_unregister(self.0.as_ptr()) };
    }
}
