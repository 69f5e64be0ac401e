// SPDX-License-Identifier: GPL-2.0

//! A PCI function, whoever drives it.

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    device,
    error::to_result,
    prelude::*,
    str::CString,
    sync::aref::ARef, //
};

/// The number of the SR-IOV capability.
const SRIOV: i32 = 0x10;

/// Where a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its PCI domain.
    pub domain: u32,
    /// Its bus.
    pub bus: u8,
    /// Its device number, 0 to 31.
    pub device: u8,
    /// Its function number, 0 to 7.
    pub function: u8,
}

impl core::fmt::Display for Address {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            out,
            "{:04x}:{:02x}:{:02x}.{}",
            self.domain, self.bus, self.device, self.function
        )
    }
}

/// A memory resource of a function, as the kernel has placed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Physical address.
    pub start: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Whether the register is 64 bits wide.
    pub is_wide: bool,
    /// Whether reading it has no side effects.
    pub is_prefetchable: bool,
}

/// A reference to a PCI function. The function itself may be gone already: its configuration space
/// then reads as all ones.
///
/// # Invariants
///
/// `0` is a device of which this owns a reference.
pub struct Function(NonNull<bindings::pci_dev>);

// SAFETY: References to devices may be given up anywhere.
unsafe impl Send for Function {}
// SAFETY: What the methods call takes the locks it needs.
unsafe impl Sync for Function {}

impl Clone for Function {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant the device is alive.
        unsafe { Self::from_raw(self.0) }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns the reference.
        unsafe { bindings::pci_dev_put(self.0.as_ptr()) };
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Function {
    /// Takes a further reference.
    ///
    /// # Safety
    ///
    /// `pdev` is alive.
    pub(crate) unsafe fn from_raw(pdev: NonNull<bindings::pci_dev>) -> Self {
        // SAFETY: By the safety requirement.
        unsafe { bindings::pci_dev_get(pdev.as_ptr()) };
        // INVARIANT: The reference was just taken.
        Self(pdev)
    }

    /// Finds the function at an address.
    pub fn find(address: Address) -> Option<Self> {
        let domain = i32::try_from(address.domain).ok()?;
        let devfn = u32::from(address.device & 0x1f) << 3 | u32::from(address.function & 0x7);
        // SAFETY: Any numbers may be looked up.
        let pdev =
            unsafe { bindings::pci_get_domain_bus_and_slot(domain, u32::from(address.bus), devfn) };
        // INVARIANT: What is found is referenced for the caller.
        NonNull::new(pdev).map(Self)
    }

    /// The C object, alive as long as `self`.
    pub(crate) fn as_ptr(&self) -> *mut bindings::pci_dev {
        self.0.as_ptr()
    }

    /// The C device, alive as long as `self`.
    pub(crate) fn dev(&self) -> *mut bindings::device {
        // SAFETY: By the type invariant the device is alive.
        unsafe { &raw mut (*self.as_ptr()).dev }
    }

    /// The device in general.
    pub fn as_dev(&self) -> &device::Device {
        // SAFETY: By the type invariant the device is alive as long as `self`.
        unsafe { device::Device::from_raw(self.dev()) }
    }

    /// The device in general, with a reference of its own.
    pub fn to_dev(&self) -> ARef<device::Device> {
        ARef::from(self.as_dev())
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        // SAFETY: By the type invariant the device is alive; number and bus of a device never
        // change.
        let (domain, bus, devfn) = unsafe {
            let pdev = self.as_ptr();
            (
                bindings::kernel_ext_pci_domain_nr(pdev),
                (*(*pdev).bus).number,
                (*pdev).devfn,
            )
        };
        Address {
            domain: u32::try_from(domain).unwrap_or(0),
            bus,
            device: (devfn >> 3 & 0x1f) as u8,
            function: (devfn & 0x7) as u8,
        }
    }

    /// If it is a virtual function, its physical function and which one of it this is. Only for one that
    /// the host is adding, that is bound, or being unbound: later it may have lost the former.
    pub fn virtual_of(&self) -> Option<(Self, u16)> {
        // SAFETY: By the type invariant the device is alive; a virtual function keeps a reference to
        // its physical function.
        let (pf, index) = unsafe {
            (
                bindings::kernel_ext_pci_physfn(self.as_ptr()),
                bindings::pci_iov_vf_id(self.as_ptr()),
            )
        };
        let pf = NonNull::new(pf).filter(|pf| *pf != self.0)?;
        // SAFETY: As above.
        let pf = unsafe { Self::from_raw(pf) };
        Some((pf, u16::try_from(index).ok()?))
    }

    /// Finds a virtual function of this one.
    pub fn virtual_function(&self, index: u16) -> Option<Self> {
        // SAFETY: By the type invariant the device is alive.
        let capability = unsafe { bindings::pci_find_ext_capability(self.as_ptr(), SRIOV) };
        if capability == 0 {
            return None;
        }
        // First VF Offset and VF Stride (PCI Express Base Specification, 9.3.3.9 and 9.3.3.10), which
        // count routing identifiers.
        let number = |at: u16| {
            u16::from_le_bytes([0, 1].map(|byte| self.config(capability.saturating_add(at + byte))))
        };
        let own = self.address();
        let own = u16::from(own.bus) << 8 | u16::from(own.device << 3 | own.function);
        let distance = number(0x16).checked_mul(index)?.checked_add(number(0x14))?;
        let [devfn, bus] = own.checked_add(distance)?.to_le_bytes();
        let found = Self::find(Address {
            domain: self.address().domain,
            bus,
            device: devfn >> 3,
            function: devfn & 0x7,
        })?;
        // Something else may be where a virtual function would be, and one that is being removed may
        // have lost its physical function: that is not looked at.
        // SAFETY: By the type invariant the device is alive.
        let of = unsafe { bindings::kernel_ext_pci_physfn(found.as_ptr()) };
        (found != *self && of == self.as_ptr()).then_some(found)
    }

    /// Reads a byte of the configuration space; all ones if the device is gone.
    pub fn config(&self, offset: u16) -> u8 {
        let mut byte = 0xff;
        // SAFETY: By the type invariant the device is alive; offsets beyond the space fail.
        let ret =
            unsafe { bindings::pci_read_config_byte(self.as_ptr(), i32::from(offset), &mut byte) };
        if ret == 0 {
            byte
        } else {
            0xff
        }
    }

    /// Length of the configuration space in bytes.
    pub fn config_len_bytes(&self) -> u16 {
        // SAFETY: By the type invariant the device is alive; set when it was found.
        u16::try_from(unsafe { (*self.as_ptr()).cfg_size }).unwrap_or(256)
    }

    /// Vendor, device, subsystem vendor and subsystem numbers, class (24 bits) and revision, as the
    /// kernel knows them: a virtual function's own registers read as all ones.
    pub fn ids(&self) -> (u16, u16, u16, u16, u32, u8) {
        // SAFETY: By the type invariant the device is alive; the numbers never change.
        let pdev = unsafe { &*self.as_ptr() };
        (
            pdev.vendor,
            pdev.device,
            pdev.subsystem_vendor,
            pdev.subsystem_device,
            pdev.class,
            pdev.revision,
        )
    }

    /// The memory resource behind base address register `bar`, [`None`] for other kinds, for the
    /// upper half of a wide one and for one that is not placed.
    pub fn resource(&self, bar: u8) -> Option<Resource> {
        if bar > 5 {
            return None;
        }
        // SAFETY: By the type invariant the device is alive; `bar` is in bounds.
        let resource = unsafe { (*self.as_ptr()).resource[usize::from(bar)] };
        let flags = resource.flags;
        let is = |bits: u32| flags & bits as usize != 0;
        if !is(bindings::IORESOURCE_MEM) || is(bindings::IORESOURCE_UNSET) || resource.start == 0 {
            return None;
        }
        Some(Resource {
            start: resource.start,
            size_bytes: resource.end.checked_sub(resource.start)?.checked_add(1)?,
            is_wide: is(bindings::IORESOURCE_MEM_64),
            is_prefetchable: is(bindings::IORESOURCE_PREFETCH),
        })
    }

    /// Whether it stays when its driver's removal ends, as opposed to one that the host is removing.
    /// Only for who holds its device lock.
    pub fn is_staying(&self) -> bool {
        // `PCI_DEV_ADDED` of drivers/pci/pci.h, which is cleared before drivers are unbound for good.
        const ADDED: usize = 1 << 0;
        // SAFETY: By the type invariant the device is alive; the bits change atomically.
        unsafe { (&raw const (*self.as_ptr()).priv_flags).read_volatile() & ADDED != 0 }
    }

    /// Whether it is a device, and not a bridge.
    pub fn is_endpoint(&self) -> bool {
        // SAFETY: By the type invariant the device is alive; set when it was found.
        u32::from(unsafe { (*self.as_ptr()).hdr_type }) == bindings::PCI_HEADER_TYPE_NORMAL
    }

    /// Number of MSI-X vectors it has.
    pub fn msix_vectors(&self) -> u16 {
        // SAFETY: By the type invariant the device is alive.
        u16::try_from(unsafe { bindings::pci_msix_vec_count(self.as_ptr()) }).unwrap_or(0)
    }

    /// Where the MSI-X table is: the base address register, and offset and length in bytes.
    pub fn msix_table(&self) -> Option<(u8, u32, u32)> {
        let (bar, offset) = self.msix_place(4)?;
        Some((bar, offset, u32::from(self.msix_vectors()) * 16))
    }

    /// Where the function notes which MSI-X messages it has still to send, a bit for each: the base
    /// address register and the offset in bytes.
    pub fn msix_pending(&self) -> Option<(u8, u32)> {
        self.msix_place(8)
    }

    /// A place that the MSI-X capability names at `at` (PCI Express Base Specification, 7.7.2).
    fn msix_place(&self, at: u16) -> Option<(u8, u32)> {
        // SAFETY: By the type invariant the device is alive; set when it was found.
        let capability = u16::from(unsafe { (*self.as_ptr()).msix_cap });
        if capability == 0 {
            return None;
        }
        let word = [0, 1, 2, 3].map(|byte| self.config(capability + at + byte));
        let word = u32::from_le_bytes(word);
        // Register and offset in one word.
        Some(((word & 0x7) as u8, word & !0x7))
    }

    /// Number of MSI vectors it has.
    pub fn msi_vectors(&self) -> u8 {
        // SAFETY: By the type invariant the device is alive.
        u8::try_from(unsafe { bindings::pci_msi_vec_count(self.as_ptr()) }).unwrap_or(0)
    }

    /// Whether it has an interrupt pin that is connected.
    pub fn has_pin(&self) -> bool {
        // SAFETY: By the type invariant the device is alive.
        let (pin, irq) = unsafe { ((*self.as_ptr()).pin, (*self.as_ptr()).irq) };
        pin != 0 && irq != 0
    }

    /// Whether there is a way to reset it alone.
    pub fn can_reset(&self) -> bool {
        // SAFETY: By the type invariant the device is alive. The list ends with 0; changing it is the
        // business of who administrates the system.
        unsafe { (*self.as_ptr()).reset_methods[0] != 0 }
    }

    /// The name of the driver it is bound to.
    pub fn driver(&self) -> Option<CString> {
        let _lock = Lock::new(self);
        // SAFETY: Under the device's lock a driver stays bound, and it has a name.
        unsafe {
            let driver = (*self.dev()).driver;
            if driver.is_null() {
                return None;
            }
            CString::try_from(CStr::from_char_ptr((*driver).name)).ok()
        }
    }

    /// Waits until whoever is binding, unbinding or configuring it now is done. Process context, with
    /// no lock that a probe or removal takes.
    pub fn wait_for_lock(&self) {
        drop(Lock::new(self));
    }

    /// Leaves only the driver `name` the right to bind it, or with [`None`] any driver that fits.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn reserve_for(&self, name: Option<&CStr>) -> Result {
        let (text, len) = name.map_or((c"".as_char_ptr(), 0), |name| {
            (name.as_char_ptr(), name.to_bytes().len())
        });
        // SAFETY: By the type invariant the device is alive; the text is copied.
        to_result(unsafe { bindings::__device_set_driver_override(self.dev(), text, len) })
    }

    /// Which driver alone may bind it.
    pub fn reserved_for(&self) -> Option<CString> {
        let mut name = [0u8; 64];
        // SAFETY: By the type invariant the device is alive; at most the given length is written,
        // with the final zero.
        unsafe {
            bindings::kernel_ext_driver_override(self.dev(), name.as_mut_ptr().cast(), name.len())
        };
        let name = CStr::from_bytes_until_nul(&name).ok()?;
        (!name.to_bytes().is_empty())
            .then(|| CString::try_from(name).ok())
            .flatten()
    }

    /// Unbinds whatever driver it is bound to and lets one that fits bind it. Process context, with
    /// no lock that a probe or removal takes.
    pub fn rebind(&self) {
        // SAFETY: By the type invariant the device is alive. That no driver fits is no error here.
        unsafe {
            bindings::device_release_driver(self.dev());
            if bindings::device_attach(self.dev()) < 0 {}
        }
    }

    /// Unbinds its driver. Process context, with no lock that a removal takes.
    pub fn unbind(&self) {
        // SAFETY: By the type invariant the device is alive.
        unsafe { bindings::device_release_driver(self.dev()) };
    }
}

/// The lock under which a device is bound and unbound.
pub(super) struct Lock<'a>(&'a Function);

impl<'a> Lock<'a> {
    pub(super) fn new(function: &'a Function) -> Self {
        // SAFETY: The device is alive.
        unsafe { bindings::kernel_ext_device_lock(function.dev()) };
        Self(function)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // SAFETY: `new` took the lock.
        unsafe { bindings::kernel_ext_device_unlock(self.0.dev()) };
    }
}
