// SPDX-License-Identifier: GPL-2.0

//! The PCI function behind a network device.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use super::{
    device::Device,
    rtnl::{
        Awake,
        Netdev,
        Rtnl,
        Sleeper, //
    },
};
use crate::{
    bindings,
    pci::{
        RegisterMap,
        Registers, //
    }, //
};
use kernel::prelude::*;

impl Device {
    /// The device of the physical function whose virtual function this one belongs to, and which of them that is.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, or if the physical function has no device in the first network namespace;
    /// [`EOPNOTSUPP`] if it belongs to no virtual function.
    pub fn physical(self) -> Result<(Self, u16)> {
        let rtnl = Rtnl::lock();
        let netdev = rtnl.device(self.id).ok_or(ENODEV)?;
        // It is bound, since its device is registered, which ends with the lock held.
        let function = netdev.function().ok_or(EOPNOTSUPP)?;
        let (pf, vf) = function.virtual_of().ok_or(EOPNOTSUPP)?;
        let is_of_pf = |netdev: &Netdev<'_>| netdev.function().is_some_and(|found| found == pf);
        let physical = rtnl.devices().find(is_of_pf).ok_or(ENODEV)?;
        Ok((physical.device(), vf))
    }

    /// Calls `act` with the device and those registers of its PCI function that `map` allows. With the lock of all
    /// network devices held, so that most drivers do not change them meanwhile: nothing of [`net`](super) but
    /// methods of the [`Netdev`] may be called by `act`. A device that sleeps for lack of work is left asleep.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone or does not answer, [`EOPNOTSUPP`] if it is none that the map is of, [`EAGAIN`] if
    /// it sleeps or is being repaired, [`ENXIO`] if it does not have that much memory, [`ENOMEM`], or what `act`
    /// fails with.
    pub fn registers<R>(
        self,
        map: &'static RegisterMap,
        act: impl FnOnce(&Netdev<'_>, &Registers<'_>) -> Result<R>,
    ) -> Result<R> {
        let rtnl = Rtnl::lock();
        let netdev = rtnl.device(self.id).ok_or(ENODEV)?;
        let function = netdev
            .function()
            .filter(|function| map.is_of(function))
            .ok_or(EOPNOTSUPP)?;
        let locked = netdev.lock();
        let _awake = Awake::new(&locked, Sleeper::Sleeps)?;
        if !netdev.is_present() {
            return Err(EAGAIN);
        }
        // SAFETY: The device is registered, which the driver of its function ends, with the lock held, before it
        // gives the function back; the lock is held longer than the registers live.
        let registers = unsafe { Registers::new(&function, map) }?;
        act(&netdev, &registers)
    }
}

impl Netdev<'_> {
    /// How many VFs its PCI function has at the moment; none if it is no physical function. The count may change
    /// with the lock held.
    pub fn vfs(&self) -> u16 {
        // SAFETY: By the type invariant it is alive, and so is its parent.
        let vfs = unsafe { bindings::kernel_ext_netdev_num_vfs(self.as_ptr()) };
        u16::try_from(vfs).unwrap_or(0)
    }

    /// Whether it belongs to a VF.
    pub fn is_of_vf(&self) -> bool {
        self.function()
            .is_some_and(|function| function.virtual_of().is_some())
    }
}
