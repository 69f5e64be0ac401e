// SPDX-License-Identifier: GPL-2.0

//! A PCI domain with one bus that has one function, which has nothing but an identity.

use super::super::{
    marks::Marks,
    station::Station,
    Identity,
    Persistent, //
};
use crate::{
    bindings,
    raw, //
};
use core::ptr::NonNull;
use kernel::{
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Completion, //
    }, //
};

/// What is longer than four hexadecimal digits is not taken for an address by some programs.
const DOMAIN_MAX: u32 = 0xffff;

/// Answers of the operations.
const SUCCESSFUL: c_int = 0;
const NO_DEVICE: c_int = 0x86;

/// The number of a PCI domain, nobody else's until this is dropped.
///
/// # Invariants
///
/// The number was allocated.
struct Domain(u32);

impl Domain {
    /// Allocates a number that is at least `min` and of which there is no bus.
    fn new(mut min: u32) -> Result<Self> {
        loop {
            if min > DOMAIN_MAX {
                return Err(ENOSPC);
            }
            // SAFETY: Takes any numbers.
            let found = unsafe { bindings::pci_bus_find_emul_domain_nr(0, min, DOMAIN_MAX) };
            let number = u32::try_from(found).map_err(|_| Error::from_errno(found))?;
            // INVARIANT: Just allocated.
            let domain = Self(number);
            // Firmware numbers its domains by itself.
            // SAFETY: Takes any numbers.
            if unsafe { bindings::pci_find_bus(found, 0) }.is_null() {
                return Ok(domain);
            }
            min = number.saturating_add(1);
        }
    }

    fn number(&self) -> c_int {
        c_int::try_from(self.0).unwrap_or(c_int::MAX)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::pci_bus_release_emul_domain_nr(self.number()) };
    }
}

/// What the bus refers to.
///
/// # Invariants
///
/// `data` is the first field.
#[repr(C)]
#[pin_data]
struct Tree<F: Persistent> {
    data: bindings::pci_sysdata,
    numbers: bindings::resource,
    config: [u8; CONFIG_BYTES],
    station: Arc<Station<F>>,
    // Nobody refers to the bus any more.
    #[pin]
    is_released: Completion,
    domain: Domain,
}

/// The part of the configuration space that does not read as zeros.
const CONFIG_BYTES: usize = 0x30;

/// Returns the beginning of the configuration space: a function without registers, interrupts and
/// capabilities.
fn config(identity: &Identity) -> [u8; CONFIG_BYTES] {
    let mut config = [0; CONFIG_BYTES];
    let [class @ .., _] = identity.class.to_le_bytes();
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in config.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    put(0x00, &identity.vendor.to_le_bytes());
    put(0x02, &identity.device.to_le_bytes());
    put(0x08, &[identity.revision]);
    put(0x09, &class);
    put(0x2c, &identity.subsystem_vendor.to_le_bytes());
    put(0x2e, &identity.subsystem.to_le_bytes());
    config
}

/// A PCI function that is a front, with all that leads to it; removed when this is dropped.
///
/// # Invariants
///
/// `bus` is a root bus that this has made, with `tree` as its data.
pub(in super::super) struct Root<F: Persistent> {
    bus: NonNull<bindings::pci_bus>,
    tree: Pin<KBox<Tree<F>>>,
}

// SAFETY: Buses belong to no thread.
unsafe impl<F: Persistent> Send for Root<F> {}
// SAFETY: A shared reference gives access to what does not change.
unsafe impl<F: Persistent> Sync for Root<F> {}

/// Holds the lock of the tree of PCI devices.
struct Rescan;

impl Rescan {
    fn lock() -> Self {
        // SAFETY: Process context.
        unsafe { bindings::pci_lock_rescan_remove() };
        Self
    }
}

impl Drop for Rescan {
    fn drop(&mut self) {
        // SAFETY: `lock` took it.
        unsafe { bindings::pci_unlock_rescan_remove() };
    }
}

impl<F: Persistent> Tree<F> {
    fn new(
        station: &Arc<Station<F>>,
        identity: &Identity,
        domain: Domain,
    ) -> Result<Pin<KBox<Self>>> {
        let mut data: bindings::pci_sysdata = pin_init::zeroed();
        data.domain = domain.number();
        let template = station.front().template();
        // SAFETY: The reference keeps the template alive.
        data.node = unsafe { bindings::kernel_ext_dev_to_node(raw::device(&template)) };
        let mut numbers: bindings::resource = pin_init::zeroed();
        numbers.name = c"PCI front".as_char_ptr();
        // Bus 0, nothing else.
        numbers.flags = (bindings::IORESOURCE_BUS | bindings::IORESOURCE_PCI_FIXED).try_into()?;
        KBox::pin_init(
            pin_init!(Self {
                data,
                numbers,
                config: config(identity),
                station: station.clone(),
                is_released <- Completion::new(),
                domain,
            }),
            GFP_KERNEL,
        )
    }
}

impl<F: Persistent> Root<F> {
    /// Makes the bus and its function. The caller keeps `marks` and `station`.
    pub(in super::super) fn new(
        marks: &Marks<F>,
        station: &Arc<Station<F>>,
        identity: &Identity,
        domain_min: u32,
    ) -> Result<Self> {
        // Nobody else makes a bus meanwhile.
        let rescan = Rescan::lock();
        let tree = Tree::new(station, identity, Domain::new(domain_min)?)?;
        let data = core::ptr::from_ref(&*tree).cast_mut();
        let mut resources = bindings::list_head {
            next: core::ptr::null_mut(),
            prev: core::ptr::null_mut(),
        };
        // SAFETY: The list is initialised before it is used, and empty or given away afterwards. The
        // operations are only read. Data and operations stay until nobody refers to the bus.
        let bus = unsafe {
            resources.next = &raw mut resources;
            resources.prev = &raw mut resources;
            bindings::pci_add_resource(&raw mut resources, &raw mut (*data).numbers);
            let bus = bindings::pci_create_root_bus(
                core::ptr::null_mut(),
                0,
                (&raw const marks.bus).cast_mut(),
                data.cast::<c_void>(),
                &raw mut resources,
            );
            bindings::pci_free_resource_list(&raw mut resources);
            bus
        };
        let bus = NonNull::new(bus).ok_or(ENOMEM)?;
        // INVARIANT: Just made.
        let root = Self { bus, tree };
        // SAFETY: The bus is ours; its bridge keeps what `released` needs, since `drop` waits for it.
        unsafe {
            bindings::pci_set_host_bridge_release(
                bindings::pci_find_host_bridge(bus.as_ptr()),
                Some(released::<F>),
                data.cast::<c_void>(),
            );
            bindings::pci_scan_child_bus(bus.as_ptr());
            bindings::pci_bus_add_devices(bus.as_ptr());
        }
        drop(rescan);
        Ok(root)
    }

    /// Where the function is.
    pub(in super::super) fn address(&self) -> Result<CString> {
        CString::try_from_fmt(fmt!("{:04x}:00:00.0", self.tree.domain.0))
    }
}

impl<F: Persistent> Drop for Root<F> {
    fn drop(&mut self) {
        let rescan = Rescan::lock();
        // SAFETY: By the type invariant. The first reference to the bridge stays with who had the bus
        // made.
        unsafe {
            let bridge = bindings::pci_find_host_bridge(self.bus.as_ptr());
            bindings::pci_stop_root_bus(self.bus.as_ptr());
            bindings::pci_remove_root_bus(self.bus.as_ptr());
            bindings::pci_free_host_bridge(bridge);
        }
        drop(rescan);
        // Whoever still has a reference to the function may ask for its domain, or read from it.
        self.tree.is_released.wait_for_completion();
    }
}

/// # Safety
///
/// Called by the PCI core with the bridge of a [`Root`] of `F` that is about to be freed.
unsafe extern "C" fn released<F: Persistent>(bridge: *mut bindings::pci_host_bridge) {
    // SAFETY: By the safety requirement; `drop` waits for this.
    unsafe {
        (*(*bridge).release_data.cast::<Tree<F>>())
            .is_released
            .complete_all()
    };
}

/// Returns what the function of `bus` refers to.
///
/// # Safety
///
/// `bus` is that of a [`Root`] of `F`, whose station stays during `'a`.
pub(in super::super) unsafe fn station_of<'a, F: Persistent>(
    bus: *mut bindings::pci_bus,
) -> &'a Station<F> {
    // SAFETY: By the safety requirement.
    unsafe { &(*(*bus).sysdata.cast::<Tree<F>>()).station }
}

/// Returns the operations of buses with fronts of `F`.
pub(in super::super) fn operations<F: Persistent>() -> bindings::pci_ops {
    let mut operations: bindings::pci_ops = pin_init::zeroed();
    operations.read = Some(read::<F>);
    operations.write = Some(write);
    operations
}

/// # Safety
///
/// Called by the PCI core with the bus of a [`Root`] of `F`. May run in any context.
unsafe extern "C" fn read<F: Persistent>(
    bus: *mut bindings::pci_bus,
    devfn: c_uint,
    at: c_int,
    width: c_int,
    value: *mut u32,
) -> c_int {
    if devfn != 0 {
        return NO_DEVICE;
    }
    let (Ok(at), Ok(width)) = (usize::try_from(at), usize::try_from(width)) else {
        return NO_DEVICE;
    };
    // SAFETY: By the safety requirement.
    let config = unsafe { &(*(*bus).sysdata.cast::<Tree<F>>()).config };
    let mut bytes = [0; 4];
    for (to, from) in bytes.iter_mut().take(width).zip(config.iter().skip(at)) {
        *to = *from;
    }
    // SAFETY: By the safety requirement it is valid for writes.
    unsafe { *value = u32::from_le_bytes(bytes) };
    SUCCESSFUL
}

/// Nothing can be changed.
///
/// # Safety
///
/// As [`read`].
unsafe extern "C" fn write(
    _bus: *mut bindings::pci_bus,
    _devfn: c_uint,
    _at: c_int,
    _width: c_int,
    _value: u32,
) -> c_int {
    SUCCESSFUL
}
