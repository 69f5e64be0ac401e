// SPDX-License-Identifier: GPL-2.0

//! Being told about functions that come and go, and driving those one wants.

use super::Function;
use crate::bindings;
use core::ptr::NonNull;
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

/// Who wants to drive functions, whatever they are.
pub trait Keeper: Send + Sync + 'static {
    /// Whether a function that was just found is to be bound to nobody else. Called before any
    /// driver sees it, perhaps under the lock of its physical function and the lock of the PCI tree.
    fn wants(&self, function: &Function) -> bool;

    /// The function is bound; called with its device lock, and perhaps the locks `wants` names.
    ///
    /// # Errors
    ///
    /// Why it is not to be bound.
    fn bound(&self, function: &Function) -> Result;

    /// The function is about to go, or to be given to another driver: use it no more after this.
    /// Called as `bound` is.
    fn unbound(&self, function: &Function);
}

/// The registration of a [`Keeper`] as a driver that only ever binds functions reserved for it, see
/// [`Function::reserve_for`]. Must be the last to go of what leads the kernel to the keeper.
pub struct Keeping<K: Keeper> {
    driver: KBox<Driver<K>>,
}

/// What the C side refers to.
#[repr(C)]
struct Driver<K> {
    pci: bindings::pci_driver,
    notifier: bindings::notifier_block,
    name: &'static CStr,
    keeper: Arc<K>,
}

// SAFETY: The C objects are only touched by the core after registration, which locks.
unsafe impl<K: Send + Sync> Send for Driver<K> {}
// SAFETY: As above.
unsafe impl<K: Send + Sync> Sync for Driver<K> {}

/// Nothing happens around a reset; with callbacks, the core does not log each.
static QUIET: bindings::pci_error_handlers = bindings::pci_error_handlers {
    reset_prepare: Some(nothing),
    reset_done: Some(nothing),
    // SAFETY: All other fields are optional callbacks.
    ..unsafe { core::mem::zeroed() }
};

/// # Safety
///
/// None.
unsafe extern "C" fn nothing(_pdev: *mut bindings::pci_dev) {}

impl<K: Keeper> Keeping<K> {
    /// Registers `keeper` as the driver `name`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`EBUSY`] if there is a driver of that name.
    pub fn new(module: &'static ThisModule, name: &'static CStr, keeper: Arc<K>) -> Result<Self> {
        // SAFETY: All-zero bytes are a valid `pci_driver`: pointers, optional callbacks, and what
        // registration initialises.
        let mut pci: bindings::pci_driver = unsafe { core::mem::zeroed() };
        pci.name = name.as_char_ptr();
        pci.probe = Some(Self::probe);
        pci.remove = Some(Self::remove);
        pci.err_handler = &QUIET;
        // Who drives a function for somebody else claims its DMA for that.
        pci.driver_managed_dma = true;
        let notifier = bindings::notifier_block {
            notifier_call: Some(Self::notify),
            next: core::ptr::null_mut(),
            priority: 0,
        };
        let mut driver = KBox::new(
            Driver {
                pci,
                notifier,
                name,
                keeper,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The driver stays in its box, which lives until `drop` has unregistered it; the
        // name is static.
        to_result(unsafe {
            bindings::__pci_register_driver(&mut driver.pci, module.as_ptr(), name.as_char_ptr())
        })?;
        // SAFETY: As above.
        let ret = unsafe {
            bindings::bus_register_notifier(&raw const bindings::pci_bus_type, &mut driver.notifier)
        };
        to_result(ret).inspect_err(|_| {
            // SAFETY: Registered above.
            unsafe { bindings::pci_unregister_driver(&mut driver.pci) };
        })?;
        Ok(Self { driver })
    }

    /// The driver that a function is bound to.
    ///
    /// # Safety
    ///
    /// `pdev` is bound, or being bound, to a driver with the callbacks of this type.
    unsafe fn of<'a>(pdev: *mut bindings::pci_dev) -> &'a Driver<K> {
        // SAFETY: By the safety requirement its driver is the first field of a `Driver<K>`, which
        // lives until it is unregistered, which waits.
        unsafe {
            let driver = (*pdev).dev.driver;
            let driver = kernel::container_of!(driver, bindings::pci_driver, driver);
            &*driver.cast::<Driver<K>>()
        }
    }

    /// # Safety
    ///
    /// Called by the PCI core with the device's lock.
    unsafe extern "C" fn probe(
        pdev: *mut bindings::pci_dev,
        _id: *const bindings::pci_device_id,
    ) -> c_int {
        let Some(ptr) = NonNull::new(pdev) else {
            return EINVAL.to_errno();
        };
        // SAFETY: The core calls this for a device that it is binding to the driver.
        let (driver, function) = unsafe { (Self::of(pdev), Function::from_raw(ptr)) };
        match driver.keeper.bound(&function) {
            Ok(()) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// As [`Self::probe`], for a device whose probe succeeded.
    unsafe extern "C" fn remove(pdev: *mut bindings::pci_dev) {
        if let Some(ptr) = NonNull::new(pdev) {
            // SAFETY: The core calls this for a device that is bound to the driver.
            let (driver, function) = unsafe { (Self::of(pdev), Function::from_raw(ptr)) };
            driver.keeper.unbound(&function);
        }
    }

    /// # Safety
    ///
    /// Called by the device core with the notifier of a `Driver<K>` and a device of the PCI bus.
    unsafe extern "C" fn notify(
        notifier: *mut bindings::notifier_block,
        event: c_ulong,
        dev: *mut c_void,
    ) -> c_int {
        const DONE: c_int = 0;
        if event != bindings::bus_notifier_event_BUS_NOTIFY_ADD_DEVICE as c_ulong {
            return DONE;
        }
        // SAFETY: By the requirement above; unregistering waits for calls.
        let driver = unsafe { &*kernel::container_of!(notifier, Driver<K>, notifier) };
        let dev = dev.cast::<bindings::device>();
        // SAFETY: All devices of the PCI bus are `pci_dev`s.
        let pdev = unsafe { kernel::container_of!(dev, bindings::pci_dev, dev) };
        if let Some(pdev) = NonNull::new(pdev) {
            // SAFETY: The device is alive during the call.
            let function = unsafe { Function::from_raw(pdev) };
            // Without memory it is left to its usual driver.
            if driver.keeper.wants(&function) && function.reserve_for(Some(driver.name)).is_err() {
                return DONE;
            }
        }
        DONE
    }
}

impl<K: Keeper> Drop for Keeping<K> {
    fn drop(&mut self) {
        // SAFETY: `new` registered both; unregistering waits for callbacks and unbinds.
        unsafe {
            bindings::bus_unregister_notifier(
                &raw const bindings::pci_bus_type,
                &mut self.driver.notifier,
            );
            bindings::pci_unregister_driver(&mut self.driver.pci);
        }
    }
}
