// SPDX-License-Identifier: GPL-2.0

//! Using the IOMMU of a device that may be removed at any time.
//!
//! The IOMMU core takes a device from its IOMMU when it is told that the device was removed. Others
//! are told in the order of their priority, so that a lock can be held for just that time.

use crate::{
    bindings,
    raw, //
};
use kernel::{
    device,
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// The task that holds `kernel_ext_removals` for writing, if it is one of [`before`].
static REMOVER: Atomic<usize> = Atomic::new(0);

/// The address of the operations that only buses of fronts have, while there is a [`Watch`], else 0.
/// It becomes 0 under the lock.
static WATCHED: Atomic<usize> = Atomic::new(0);

/// What a callback that has nothing to say returns.
const NOTIFY_DONE: c_int = 0;

fn current() -> usize {
    // SAFETY: There always is a current task.
    unsafe { bindings::get_current() }.addr()
}

/// Whether the current task is removing a device, and has the lock for that.
fn is_remover() -> bool {
    // Only this task could have stored, and can change, its own address.
    REMOVER.load(Relaxed) == current()
}

/// Whether a device was removed, as bus notifiers are told.
fn is_removal(event: c_ulong) -> bool {
    u32::try_from(event) == Ok(bindings::bus_notifier_event_BUS_NOTIFY_REMOVED_DEVICE)
}

/// Whether `dev` is on a bus with these operations.
///
/// # Safety
///
/// `dev` is a function that is alive.
unsafe fn has_operations(dev: *mut bindings::device, operations: usize) -> bool {
    // SAFETY: By the safety requirement; a function keeps its bus alive.
    unsafe {
        let pdev = kernel::container_of!(dev, bindings::pci_dev, dev);
        (*(*pdev).bus).ops.addr() == operations
    }
}

/// The lock, held for reading.
struct Reading;

impl Reading {
    fn begin() -> Self {
        // SAFETY: The lock is static. Process context, as all that uses IOMMUs here.
        unsafe { bindings::down_read(&raw mut bindings::kernel_ext_removals) };
        Self
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // SAFETY: `begin` took it.
        unsafe { bindings::up_read(&raw mut bindings::kernel_ext_removals) };
    }
}

/// Calls `act` with `dev`, which has an IOMMU until `act` returns.
///
/// Takes a lock for reading that only bus notifiers take for writing.
///
/// # Errors
///
/// [`ENODEV`] if the device has none any more, is none of the PCI bus or a front itself, or there is
/// no [`Watch`].
pub(super) fn with_iommu<C: device::DeviceContext, R>(
    dev: &device::Device<C>,
    act: impl FnOnce(*mut bindings::device) -> R,
) -> Result<R> {
    let dev = raw::device(dev);
    let _reading = Reading::begin();
    let operations = WATCHED.load(Relaxed);
    // SAFETY: The reference keeps the device alive. With the lock, the IOMMU core does not touch what
    // is read of a device that is no front, which it did before anybody could know the device.
    let has_iommu = unsafe {
        core::ptr::eq((*dev).bus, &raw const bindings::pci_bus_type)
            && !has_operations(dev, operations)
            && !(*dev).iommu_group.is_null()
            && (*dev)
                .iommu
                .as_ref()
                .is_some_and(|iommu| !iommu.iommu_dev.is_null())
    };
    if operations != 0 && has_iommu {
        Ok(act(dev))
    } else {
        Err(ENODEV)
    }
}

/// A notifier that is registered until this is dropped.
///
/// # Invariants
///
/// `block` is registered for the PCI bus.
struct Registered {
    block: KBox<bindings::notifier_block>,
}

// SAFETY: After registration only the notifier chain touches the block, under its lock.
unsafe impl Send for Registered {}
// SAFETY: As above.
unsafe impl Sync for Registered {}

impl Registered {
    fn new(call: bindings::notifier_fn_t, priority: c_int) -> Result<Self> {
        let mut block = KBox::new(
            bindings::notifier_block {
                notifier_call: call,
                next: core::ptr::null_mut(),
                priority,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The block stays in its box until `drop` has unregistered it.
        to_result(unsafe {
            bindings::bus_register_notifier(&raw const bindings::pci_bus_type, &mut *block)
        })?;
        // INVARIANT: Just registered.
        Ok(Self { block })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is registered; this waits for calls.
        unsafe {
            bindings::bus_unregister_notifier(&raw const bindings::pci_bus_type, &mut *self.block)
        };
    }
}

/// Makes [`with_iommu`] possible as long as it lives. There can be one in a module.
pub(crate) struct Watch {
    // `before` goes first and comes last, so that it is always followed by `after`.
    _before: Registered,
    _after: Registered,
}

impl Watch {
    /// Begins to watch all functions but fronts, which are those on buses with `operations`. Removing
    /// one of these takes no lock: it calls who may be about to take it.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if there is one already, [`ENOMEM`].
    pub(crate) fn new(operations: *const bindings::pci_ops) -> Result<Self> {
        if WATCHED.load(Relaxed) != 0 {
            return Err(EBUSY);
        }
        // On either side of the IOMMU core, whose priority is 0.
        let after = Registered::new(Some(after), -1)?;
        let before = Registered::new(Some(before), 1)?;
        WATCHED.store(operations.addr(), Relaxed);
        Ok(Self {
            _before: before,
            _after: after,
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: The lock is static and released right away; it waits for who uses an IOMMU now.
        unsafe {
            bindings::down_write(&raw mut bindings::kernel_ext_removals);
            WATCHED.store(0, Relaxed);
            bindings::up_write(&raw mut bindings::kernel_ext_removals);
        }
    }
}

/// Runs before the IOMMU core is told of the same event.
///
/// # Safety
///
/// Called by the notifier chain of the PCI bus, with a function.
unsafe extern "C" fn before(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    dev: *mut c_void,
) -> c_int {
    // SAFETY: The chain is that of the PCI bus, and keeps the device alive.
    if is_removal(event) && !unsafe { has_operations(dev.cast(), WATCHED.load(Relaxed)) } {
        // SAFETY: The lock is static; notifiers of buses run in process context, and none of a
        // removal within another.
        unsafe { bindings::down_write(&raw mut bindings::kernel_ext_removals) };
        REMOVER.store(current(), Relaxed);
    }
    NOTIFY_DONE
}

/// Runs after the IOMMU core was told of the same event.
///
/// # Safety
///
/// As [`before`].
unsafe extern "C" fn after(
    _block: *mut bindings::notifier_block,
    event: c_ulong,
    _dev: *mut c_void,
) -> c_int {
    // Without `before`, if that was registered meanwhile, this task is no remover.
    if is_removal(event) && is_remover() {
        REMOVER.store(0, Relaxed);
        // SAFETY: This task took it in `before`.
        unsafe { bindings::up_write(&raw mut bindings::kernel_ext_removals) };
    }
    NOTIFY_DONE
}
