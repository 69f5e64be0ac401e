// SPDX-License-Identifier: GPL-2.0

//! What the driver of a function may use of it.

use super::Function;
use crate::{
    bindings,
    vfio::IoPfn, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*,
    sync::Arc, //
};

const PAGE_BYTES: u64 = 4096;
/// The bit of the MSI-X control register that masks all messages.
const MASK_ALL: u16 = 1 << 14;

/// Whether who resets a function holds its device lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// It does: a probe.
    Probing,
    /// It does not. Fails with [`EAGAIN`] while somebody else does, such as a removal.
    Unlocked,
}

/// The right to use a function: enabled, and its memory reserved. Dropping it silences the function
/// and gives both back; [`Window`]s and [`Vectors`] keep it alive. It must be gone when the driver's
/// removal ends.
pub struct Claim {
    function: Function,
}

impl Claim {
    /// Enables `function` and reserves its memory under `name`. Only for the driver it is bound to.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if some of its memory is in use, or why it cannot be enabled.
    pub fn new(function: &Function, name: &'static CStr) -> Result<Self> {
        let pdev = function.as_ptr();
        // SAFETY: The device is alive.
        to_result(unsafe { bindings::pci_enable_device(pdev) })?;
        // SAFETY: As above; the name is static.
        to_result(unsafe { bindings::pci_request_regions(pdev, name.as_char_ptr()) }).inspect_err(
            |_| {
                // SAFETY: Enabled above.
                unsafe { bindings::pci_disable_device(pdev) };
            },
        )?;
        let claim = Self {
            function: function.clone(),
        };
        claim.clear_master();
        Ok(claim)
    }

    /// The function.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// Lets the function access memory and send messages.
    pub fn set_master(&self) {
        // SAFETY: The device is alive.
        unsafe { bindings::pci_set_master(self.function.as_ptr()) };
    }

    /// Keeps the function from accessing memory and from sending messages.
    pub fn clear_master(&self) {
        // SAFETY: The device is alive.
        unsafe { bindings::pci_clear_master(self.function.as_ptr()) };
    }

    /// Makes the function keep its MSI-X messages instead of sending them, until
    /// [`Self::release_messages`], or until it is given [`Vectors`] again.
    pub fn hold_messages(&self) {
        self.change_messages(|flags| flags | MASK_ALL);
    }

    /// Undoes [`Self::hold_messages`].
    pub fn release_messages(&self) {
        self.change_messages(|flags| flags & !MASK_ALL);
    }

    fn change_messages(&self, change: impl FnOnce(u16) -> u16) {
        const FLAGS: i32 = 2;
        // SAFETY: The device is alive; its capability was found with it.
        unsafe {
            let pdev = self.function.as_ptr();
            let capability = i32::from((*pdev).msix_cap);
            let mut flags = 0;
            if capability != 0
                && bindings::pci_read_config_word(pdev, capability + FLAGS, &mut flags) == 0
            {
                bindings::pci_write_config_word(pdev, capability + FLAGS, change(flags));
            }
        }
    }

    /// Waits until what the function began is answered; `false` if that takes too long.
    pub fn is_quiet(&self) -> bool {
        // SAFETY: The device is alive.
        unsafe { bindings::pci_wait_for_pending_transaction(self.function.as_ptr()) != 0 }
    }

    /// Resets the function; its configuration space is as before afterwards.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if it cannot be reset, [`EAGAIN`] as [`Reset::Unlocked`] says, [`ETIMEDOUT`] or
    /// what else went wrong.
    pub fn reset(&self, reset: Reset) -> Result {
        // SAFETY: The device is alive; by what `reset` says its lock is held if it has to be.
        let ret = unsafe {
            match reset {
                Reset::Probing => bindings::pci_reset_function_locked(self.function.as_ptr()),
                Reset::Unlocked => bindings::pci_try_reset_function(self.function.as_ptr()),
            }
        };
        match to_result(ret) {
            Err(error) if error == ENOTTY => Err(EOPNOTSUPP),
            result => result,
        }
    }

    /// Turns the function's interrupt pin on or off.
    pub fn set_pin(&self, enabled: bool) {
        // SAFETY: The device is alive.
        unsafe { bindings::pci_intx(self.function.as_ptr(), i32::from(enabled)) };
    }

    /// The interrupt number of the function's pin.
    pub fn pin_irq(&self) -> u32 {
        // SAFETY: The device is alive.
        unsafe { (*self.function.as_ptr()).irq }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.clear_master();
        // SAFETY: `new` requested and enabled.
        unsafe {
            bindings::pci_release_regions(self.function.as_ptr());
            bindings::pci_disable_device(self.function.as_ptr());
        }
    }
}

/// The memory behind a base address register.
///
/// # Invariants
///
/// `base` is the address of `len_bytes` bytes of device memory that this has mapped.
pub struct Window {
    base: NonNull<c_void>,
    /// Physical address.
    start: u64,
    len_bytes: u64,
    _claim: Arc<Claim>,
}

// SAFETY: Device memory belongs to no thread.
unsafe impl Send for Window {}
// SAFETY: It is accessed by single loads and stores, which may race.
unsafe impl Sync for Window {}

impl Window {
    /// Maps the memory behind register `bar`.
    ///
    /// # Errors
    ///
    /// [`ENXIO`] if there is none, [`ENOMEM`].
    pub fn new(claim: &Arc<Claim>, bar: u8) -> Result<Self> {
        let resource = claim.function.resource(bar).ok_or(ENXIO)?;
        let len = usize::try_from(resource.size_bytes).map_err(|_| ENOMEM)?;
        // SAFETY: The memory is the claimed function's.
        let base = unsafe { bindings::ioremap(resource.start, len) };
        // INVARIANT: All of it was just mapped.
        Ok(Self {
            base: NonNull::new(base).ok_or(ENOMEM)?,
            start: resource.start,
            len_bytes: resource.size_bytes,
            _claim: claim.clone(),
        })
    }

    /// The address of `width` bytes at `offset`, if they are within the window and aligned.
    fn at(&self, offset: u64, width: usize) -> Option<*mut c_void> {
        let width = u64::try_from(width).ok()?;
        let end = offset.checked_add(width)?;
        let is_aligned = width.is_power_of_two() && offset & width.wrapping_sub(1) == 0;
        if end > self.len_bytes || !is_aligned {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        // SAFETY: By the type invariant and the check above it is within the mapping.
        Some(unsafe { self.base.as_ptr().byte_add(offset) })
    }

    /// The page at `offset`, for programs: take it from them before this window is dropped. [`None`] if
    /// it is out of bounds or `offset` is not that of a page.
    pub fn page(&self, offset: u64) -> Option<IoPfn> {
        let end = offset.checked_add(PAGE_BYTES)?;
        if end > self.len_bytes || offset % PAGE_BYTES != 0 || self.start % PAGE_BYTES != 0 {
            return None;
        }
        let page = self.start.checked_add(offset)? / PAGE_BYTES;
        // SAFETY: By the type invariant all of the page is memory of the claimed function; that it is
        // taken from programs in time is required of the caller.
        Some(unsafe { IoPfn::new(usize::try_from(page).ok()?) })
    }

    /// Loads `to`, which has 1, 2, 4 or 8 bytes, in a single access. `false` if `offset` is out of
    /// bounds or not aligned.
    pub fn load(&self, offset: u64, to: &mut [u8]) -> bool {
        let Some(at) = self.at(offset, to.len()) else {
            return false;
        };
        // SAFETY: `at` is within the mapping and aligned to what is loaded.
        let value = unsafe {
            match to.len() {
                1 => u64::from(bindings::readb(at)),
                2 => u64::from(bindings::readw(at)),
                4 => u64::from(bindings::readl(at)),
                8 => bindings::readq(at),
                _ => return false,
            }
        };
        for (byte, loaded) in to.iter_mut().zip(value.to_le_bytes()) {
            *byte = loaded;
        }
        true
    }

    /// Stores `from`, which has 1, 2, 4 or 8 bytes, in a single access. `false` as in
    /// [`Self::load`].
    pub fn store(&self, offset: u64, from: &[u8]) -> bool {
        let Some(at) = self.at(offset, from.len()) else {
            return false;
        };
        // SAFETY: `at` is within the mapping and aligned to what is stored.
        unsafe {
            match *from {
                [a] => bindings::writeb(a, at),
                [a, b] => bindings::writew(u16::from_le_bytes([a, b]), at),
                [a, b, c, d] => bindings::writel(u32::from_le_bytes([a, b, c, d]), at),
                [a, b, c, d, e, f, g, h] => {
                    bindings::writeq(u64::from_le_bytes([a, b, c, d, e, f, g, h]), at);
                }
                _ => return false,
            }
        }
        true
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it.
        unsafe { bindings::iounmap(self.base.as_ptr()) };
    }
}

/// Which kind of message interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorKind {
    /// MSI.
    Msi,
    /// MSI-X.
    Msix,
}

/// All message interrupts of one kind that a function was given.
///
/// # Invariants
///
/// The function has `count` vectors.
pub struct Vectors {
    claim: Arc<Claim>,
    count: u16,
}

impl Vectors {
    /// Allocates `count` vectors.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if there are fewer.
    pub fn new(claim: &Arc<Claim>, kind: VectorKind, count: u16) -> Result<Self> {
        let flags = match kind {
            VectorKind::Msi => bindings::PCI_IRQ_MSI,
            VectorKind::Msix => bindings::PCI_IRQ_MSIX,
        };
        let wanted = u32::from(count);
        // SAFETY: The device is alive and driven by who has the claim.
        let ret = unsafe {
            bindings::pci_alloc_irq_vectors(claim.function.as_ptr(), wanted, wanted, flags)
        };
        if ret < 0 {
            return Err(Error::from_errno(ret));
        }
        // INVARIANT: Exactly as many were asked for.
        Ok(Self {
            claim: claim.clone(),
            count,
        })
    }

    /// The interrupt number of a vector.
    pub fn irq(&self, vector: u16) -> Option<u32> {
        if vector >= self.count {
            return None;
        }
        // SAFETY: By the type invariant the device has this vector.
        let irq =
            unsafe { bindings::pci_irq_vector(self.claim.function.as_ptr(), u32::from(vector)) };
        u32::try_from(irq).ok()
    }
}

impl Drop for Vectors {
    fn drop(&mut self) {
        // SAFETY: `new` allocated them; who requested one of them keeps this.
        unsafe { bindings::pci_free_irq_vectors(self.claim.function.as_ptr()) };
    }
}
