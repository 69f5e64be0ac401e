// SPDX-License-Identifier: GPL-2.0

//! Virtual functions of a physical one.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use super::{
    function::Lock,
    Function, //
};
use crate::bindings;
use kernel::prelude::*;

impl Function {
    /// How many virtual functions it may have; 0 if it has no SR-IOV.
    pub fn max_vfs(&self) -> u16 {
        // SAFETY: The device is alive.
        u16::try_from(unsafe { bindings::pci_sriov_get_totalvfs(self.as_ptr()) }).unwrap_or(0)
    }

    /// How many virtual functions it has.
    pub fn vfs(&self) -> u16 {
        // SAFETY: The device is alive.
        u16::try_from(unsafe { bindings::pci_num_vf(self.as_ptr()) }).unwrap_or(0)
    }

    /// Makes its driver give it `count` virtual functions; from a count other than 0 only to 0. What
    /// writing to `sriov_numvfs` does. Process context, with no lock that a probe or removal takes.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] beyond [`Self::max_vfs`], [`ENOENT`] without a driver that can do it, [`EBUSY`] if
    /// it has another count than 0 already, [`EIO`] if there are fewer than asked for, or why the
    /// driver failed.
    pub fn set_vfs(&self, count: u16) -> Result {
        if count > self.max_vfs() {
            return Err(ERANGE);
        }
        let _lock = Lock::new(self);
        match (self.vfs(), count) {
            (now, wanted) if now == wanted => return Ok(()),
            (0, _) | (_, 0) => {}
            _ => return Err(EBUSY),
        }
        // SAFETY: Under the device's lock a driver stays bound. One that is bound is a PCI driver.
        let configure = unsafe {
            let driver = (*self.as_ptr()).driver;
            if driver.is_null() {
                return Err(ENOENT);
            }
            (*driver).sriov_configure.ok_or(ENOENT)?
        };
        // SAFETY: Taken in the order of the kernel's own attribute: device, then the tree.
        unsafe { bindings::pci_lock_rescan_remove() };
        // SAFETY: Called as that attribute does, with both locks.
        let made = unsafe { configure(self.as_ptr(), i32::from(count)) };
        // SAFETY: Taken above.
        unsafe { bindings::pci_unlock_rescan_remove() };
        match u16::try_from(made) {
            Err(_) => Err(Error::from_errno(made)),
            Ok(made) if count != 0 && made != count => Err(EIO),
            Ok(_) => Ok(()),
        }
    }
}
