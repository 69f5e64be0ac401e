// SPDX-License-Identifier: GPL-2.0

//! Devices that programs open through VFIO, and that stay while what is behind them comes and goes.
//!
//! A [`Front`] is a device of the kernel, with an IOMMU group of its own, that has no hardware. The
//! module's [`Drivers`] bind it, and only it.
//!
//! | layer | what the kernel sees | what is asked |
//! |---|---|---|
//! | device | a PCI function on a bus of its own, or a platform device | [`Identity`] |
//! | IOMMU | a group, page tables | [`iommu::Front`] |
//! | VFIO | regions, interrupts | [`vfio::Device`] |

mod device;
mod marks;
mod pci;
mod platform;
mod station;

use crate::{
    bindings,
    iommu::{
        self,
        presence::Watch,
        proxy, //
    },
    raw,
    vfio, //
};
use device::Device;
use kernel::{
    error::to_result,
    ffi::c_char,
    prelude::*,
    str::CString,
    sync::Arc, //
};
use marks::{
    Marks,
    Notifier, //
};
use station::Station;

/// What a front shows to programs and to the IOMMU core.
pub trait Persistent: vfio::Device + iommu::Front {}

impl<T: vfio::Device + iommu::Front> Persistent for T {}

/// What kind of device a front is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The only function, `00.0`, of a PCI domain whose number is at least `domain_min`, and below
    /// 0x10000.
    PciFunction {
        /// The smallest number of the domain.
        domain_min: u32,
    },
    /// A platform device.
    Platform,
}

/// What a PCI function says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who made it.
    pub vendor: u16,
    /// Which of its vendor's devices it is.
    pub device: u16,
    /// Who made what it is part of.
    pub subsystem_vendor: u16,
    /// Which of that vendor's products it is part of.
    pub subsystem: u16,
    /// Its class, 24 bits.
    pub class: u32,
    /// Its revision.
    pub revision: u8,
}

/// What drives fronts: their IOMMU, and a driver of either bus. Dropping it, after all fronts, takes
/// all of it back. There can be one in a module.
pub struct Drivers<F: Persistent> {
    // Nothing is added any more when drivers go; no device is left when the IOMMU does; it uses
    // other IOMMUs until then.
    _notifiers: [Notifier<F>; 2],
    _platform: platform::Driver<F>,
    _pci: pci::Driver<F>,
    proxy: proxy::Registered<F>,
    _watch: Watch,
    marks: Arc<Marks<F>>,
}

impl<F: Persistent> Drivers<F> {
    /// Registers drivers and an IOMMU `name` for `module`. Each front holds the module.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] or [`EEXIST`] if there is one of that name, [`ENOMEM`].
    pub fn register(module: &'static ThisModule, name: &'static CStr) -> Result<Arc<Self>> {
        let marks = Arc::new(Marks::new(name), GFP_KERNEL)?;
        let watch = Watch::new(&raw const marks.bus)?;
        let proxy = proxy::Registered::new(module, name)?;
        let pci = pci::Driver::new(module, &marks)?;
        let platform = platform::Driver::new(module, &marks)?;
        let notifiers = [
            Notifier::new(&raw const bindings::pci_bus_type, &marks)?,
            Notifier::new(&raw const bindings::platform_bus_type, &marks)?,
        ];
        Ok(Arc::new(
            Self {
                _notifiers: notifiers,
                _platform: platform,
                _pci: pci,
                proxy,
                _watch: watch,
                marks,
            },
            GFP_KERNEL,
        )?)
    }
}

/// A device that programs can open. Dropping it waits until nobody has it open, and removes it.
///
/// The device itself may go earlier, since whoever administrates the system can remove any device,
/// and come back, when the bus is scanned again.
pub struct Front<F: Persistent> {
    // Fields drop in declaration order: the device refers to the others.
    _device: Device<F>,
    address: CString,
    station: Arc<Station<F>>,
    _drivers: Arc<Drivers<F>>,
}

impl<F: Persistent> Drop for Front<F> {
    fn drop(&mut self) {
        // Before the locks are taken that removing a device needs.
        self.station.unbind();
    }
}

impl<F: Persistent> Front<F> {
    /// Makes a device for `data`. A platform device is called `name`, which nobody else may use.
    /// What `identity` says is only shown by a PCI function.
    ///
    /// Calls [`iommu::Front::attach`] with no domain, as dropping it does. Neither must happen with a
    /// lock that this, a probe or a removal takes.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the IOMMU core refuses it, [`ENOSPC`] if there is no domain left, [`EEXIST`] if
    /// there is a platform device `name`, [`ENOMEM`], or what [`vfio::Registration::new`] fails with.
    /// Nothing is left behind then.
    pub fn new(
        drivers: &Arc<Drivers<F>>,
        name: &CStr,
        kind: Kind,
        identity: &Identity,
        data: Arc<F>,
    ) -> Result<Self> {
        let station = Station::new(drivers.proxy.before(data))?;
        let (device, address) = match kind {
            Kind::PciFunction { domain_min } => {
                let root = pci::Root::new(&drivers.marks, &station, identity, domain_min)?;
                let address = root.address()?;
                (Device::Pci(root), address)
            }
            Kind::Platform => (
                Device::Platform(platform::Device::new(&drivers.marks, &station, name)?),
                CString::try_from(name)?,
            ),
        };
        let front = Self {
            _device: device,
            address,
            station,
            _drivers: drivers.clone(),
        };
        // What a probe fails with is not passed on by the core.
        front.station.outcome()?;
        Ok(front)
    }

    /// What programs call the device: its PCI address, or its name.
    pub fn address(&self) -> &CStr {
        &self.address
    }

    /// The number of its IOMMU group, while the device exists.
    pub fn group_id(&self) -> Option<u32> {
        self.station.group_id()
    }

    /// Tells user space that the device has changed, with the variables `env`, each `NAME=VALUE`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device was removed, [`ENOMEM`].
    pub fn announce(&self, env: &[&CStr]) -> Result {
        let device = self.station.device().ok_or(ENODEV)?;
        let mut list = KVec::<*mut c_char>::with_capacity(env.len().saturating_add(1), GFP_KERNEL)?;
        for variable in env {
            list.push(variable.as_char_ptr().cast_mut(), GFP_KERNEL)?;
        }
        list.push(core::ptr::null_mut(), GFP_KERNEL)?;
        // SAFETY: The device is alive; the list ends in NULL, and its strings are only read.
        to_result(unsafe {
            bindings::kobject_uevent_env(
                &raw mut (*raw::device(&device)).kobj,
                bindings::kobject_action_KOBJ_CHANGE,
                list.as_mut_ptr(),
            )
        })
    }
}
