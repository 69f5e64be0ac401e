// SPDX-License-Identifier: GPL-2.0

//! What the driver of a physical function tells of its virtual functions, and lets be set.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/linux/if_link.h`](srctree/include/linux/if_link.h)

use super::{
    device::Device,
    events::Departure,
    loan::{
        Change,
        Loan, //
    },
    packet::VlanProtocol,
    rtnl::{
        Awake,
        Locked,
        Netdev,
        Rtnl,
        Sleeper, //
    },
};
use crate::bindings;
use kernel::{
    error::to_result,
    ffi::c_int,
    prelude::*, //
};

/// The tag that a port puts on all that its VF sends, and takes off what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortVlan {
    /// Which kind of tag.
    pub protocol: VlanProtocol,
    /// The VLAN, 1..=4094; 0 for a tag with a priority only.
    pub vid: u16,
    /// The priority, 0..=7.
    pub priority: u8,
}

/// What a driver tells of a VF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VfConfig {
    /// Its MAC address as the host knows it; zero if the VF may choose.
    pub mac: [u8; 6],
    /// The tag of its port, if it has one.
    pub vlan: Option<PortVlan>,
}

impl VfConfig {
    fn new(info: &bindings::ifla_vf_info) -> Self {
        let [a, b, c, d, e, f, ..] = info.mac;
        let protocol = if info.vlan_proto == VlanProtocol::Service.to_be() {
            VlanProtocol::Service
        } else {
            VlanProtocol::Customer
        };
        Self {
            mac: [a, b, c, d, e, f],
            // VID 0 with a priority is a tag, too.
            vlan: match (u16::try_from(info.vlan), u8::try_from(info.qos)) {
                (Ok(0), Ok(0)) => None,
                (Ok(vid), Ok(priority)) => Some(PortVlan {
                    protocol,
                    vid,
                    priority,
                }),
                _ => None,
            },
        }
    }
}

impl Device {
    /// How many VFs its PCI function has at the moment; none if it is no physical function.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone.
    pub fn vfs(self) -> Result<u16> {
        let rtnl = Rtnl::lock();
        let netdev = rtnl.device(self.id).ok_or(ENODEV)?;
        Ok(netdev.vfs())
    }

    /// What its driver tells of the VF with the number `vf`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EAGAIN`] if it is not present, [`EOPNOTSUPP`] if its driver tells nothing,
    /// or what it fails with: usually [`EINVAL`] if there is no such VF.
    pub fn vf(self, vf: u16) -> Result<VfConfig> {
        let rtnl = Rtnl::lock();
        let locked = rtnl.device(self.id).ok_or(ENODEV)?.lock();
        let driver = Driver::of(&locked)?;
        driver.config(vf)
    }

    /// The VFs whose address is `mac` by what its driver tells, at one moment.
    ///
    /// # Errors
    ///
    /// As [`Self::vf`], and [`ENOMEM`].
    pub fn vfs_with_mac(self, mac: [u8; 6]) -> Result<KVec<u16>> {
        let rtnl = Rtnl::lock();
        let locked = rtnl.device(self.id).ok_or(ENODEV)?.lock();
        let driver = Driver::of(&locked)?;
        let mut vfs = KVec::new();
        for vf in 0..locked.netdev().vfs() {
            if driver.config(vf)?.mac == mac {
                vfs.push(vf, GFP_KERNEL)?;
            }
        }
        Ok(vfs)
    }
}

/// What the driver of a device does with VFs, while nobody else asks it.
struct Driver<'a> {
    netdev: &'a Netdev<'a>,
    // Held for its `Drop`.
    _awake: Option<Awake<'a>>,
}

impl<'a> Driver<'a> {
    /// # Errors
    ///
    /// [`EAGAIN`] if the device is not present.
    fn of(locked: &'a Locked<'a>) -> Result<Self> {
        let awake = Awake::new(locked, Sleeper::Wakes)?;
        // Not `is_usable`: what is lent is taken back during a move.
        if !locked.netdev().is_present() {
            return Err(EAGAIN);
        }
        Ok(Self {
            netdev: locked.netdev(),
            _awake: awake,
        })
    }

    fn as_ptr(&self) -> *mut bindings::net_device {
        self.netdev.as_ptr()
    }

    fn ops(&self) -> &bindings::net_device_ops {
        // SAFETY: The device is registered; its table is constant, and stays as long as its driver.
        unsafe { &*bindings::kernel_ext_netdev_ops(self.as_ptr()) }
    }

    fn config(&self, vf: u16) -> Result<VfConfig> {
        let get = self.ops().ndo_get_vf_config.ok_or(EOPNOTSUPP)?;
        let mut info = bindings::ifla_vf_info {
            vf: vf.into(),
            vlan_proto: VlanProtocol::Customer.to_be(),
            ..pin_init::zeroed()
        };
        // SAFETY: The device is locked; the driver fills in what it is given.
        to_result(unsafe { get(self.as_ptr(), c_int::from(vf), &mut info) })?;
        Ok(VfConfig::new(&info))
    }

    fn set_vlan(&self, vf: u16, vlan: Option<PortVlan>) -> Result {
        let set = self.ops().ndo_set_vf_vlan.ok_or(EOPNOTSUPP)?;
        let (protocol, vid, priority) = match vlan {
            None => (VlanProtocol::Customer, 0, 0),
            Some(PortVlan {
                protocol,
                vid: vid @ 0..=4094,
                priority: priority @ 0..=7,
            }) => (protocol, vid, priority),
            Some(_) => return Err(ERANGE),
        };
        // SAFETY: The device is locked.
        to_result(unsafe {
            set(
                self.as_ptr(),
                c_int::from(vf),
                vid,
                priority,
                protocol.to_be(),
            )
        })
    }
}

/// Another tag of a VF's port for a while. Dropping it, or moving the physical function to another network
/// namespace, gives the VF the former tag, or none, back, unless somebody has changed it meanwhile; nothing is done
/// when the physical function goes.
pub struct VfLoan(Loan<Lent>);

struct Lent {
    vf: u16,
    former: Option<PortVlan>,
    now: Option<PortVlan>,
}

impl VfLoan {
    /// Gives the port of the VF `vf` of `device` the tag `vlan`.
    ///
    /// # Errors
    ///
    /// [`ERANGE`], [`ENODEV`] if the device is gone, [`EAGAIN`] if it is not present, [`EOPNOTSUPP`] if its
    /// driver cannot do that or does not tell what it would be restored to, [`ENOMEM`], or what the driver
    /// fails with.
    pub fn new(device: Device, vf: u16, vlan: PortVlan) -> Result<Self> {
        Loan::new(device, |netdev| {
            let locked = netdev.lock();
            let driver = Driver::of(&locked)?;
            let former = driver.config(vf)?.vlan;
            driver.set_vlan(vf, Some(vlan))?;
            // What the driver makes of it is what is compared later.
            let now = driver.config(vf).inspect_err(|_| {
                let _ = driver.set_vlan(vf, former);
            })?;
            Ok(Lent {
                vf,
                former,
                now: now.vlan,
            })
        })
        .map(Self)
    }

    /// Whether the physical function is still there, and its VF may have the tag.
    pub fn is_in_force(&self) -> bool {
        self.0.is_in_force()
    }
}

impl Change for Lent {
    fn undo(self, netdev: &Netdev<'_>, departure: Departure) {
        // A driver that goes has taken apart, or left to nobody, what it knows of VFs.
        if departure == Departure::Removed {
            return;
        }
        let locked = netdev.lock();
        let restored = Driver::of(&locked).and_then(|driver| {
            if driver.config(self.vf)?.vlan == self.now {
                driver.set_vlan(self.vf, self.former)?;
            }
            Ok(())
        });
        // There may be no such VF any more.
        let _ = restored;
    }
}
