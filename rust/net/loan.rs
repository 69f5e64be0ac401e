// SPDX-License-Identifier: GPL-2.0

//! What is changed of another driver's device for a while.
//!
//! A value of each public type stands for one change; see [`net`](super) for what that means.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/linux/if_vlan.h`](srctree/include/linux/if_vlan.h)

use super::{
    device::Device,
    events::{
        Departure,
        Event,
        Events,
        Observer, //
    },
    packet::VlanProtocol,
    rtnl::{
        Netdev,
        Rtnl, //
    },
};
use crate::bindings;
use kernel::{
    error::to_result,
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// The length of a MAC address.
const MAC_LEN: usize = 6;
/// The highest VLAN; 4095 is reserved.
const MAX_VID: u16 = 4094;

/// A change that was made, and what is needed to undo it.
pub(super) trait Change: Send + Unpin + 'static {
    /// Undoes it; called at most once. `netdev` is the device it was made to, and its own lock is not held.
    fn undo(self, netdev: &Netdev<'_>, departure: Departure);
}

/// A change, and the device that it was made to.
#[pin_data]
struct Debt<C> {
    device: Device,
    /// Comes after the lock of all network devices.
    #[pin]
    change: Mutex<Option<C>>,
}

impl<C: Change> Observer for Debt<C> {
    fn event(&self, event: Event, netdev: &Netdev<'_>) {
        let Event::Unregister(departure) = event else {
            return;
        };
        if netdev.device() != self.device {
            return;
        }
        let change = self.change.lock().take();
        if let Some(change) = change {
            change.undo(netdev, departure);
        }
    }
}

/// A change that is undone when this is dropped or the device goes.
pub(super) struct Loan<C: Change>(Events<Debt<C>>);

impl<C: Change> Loan<C> {
    /// Makes a change to `device` by `make`, which leaves everything as it was if it fails.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device is gone, [`ENOMEM`], or what `make` fails with.
    pub(super) fn new(device: Device, make: impl FnOnce(&Netdev<'_>) -> Result<C>) -> Result<Self> {
        let events = Events::new(try_pin_init!(Debt {
            device,
            change <- new_mutex!(None, "Debt::change"),
        }? Error))?;
        // Dropped before `events`, which takes that lock too.
        let rtnl = Rtnl::lock();
        let change = make(&rtnl.device(device.id).ok_or(ENODEV)?)?;
        *events.change.lock() = Some(change);
        drop(rtnl);
        Ok(Self(events))
    }

    /// Whether the change is still in force; it is not once the device has gone.
    pub(super) fn is_in_force(&self) -> bool {
        self.0.change.lock().is_some()
    }
}

/// Lets frames of a VLAN through a device's filter, if it has one.
pub struct Membership(Loan<Vlan>);

struct Vlan {
    protocol: VlanProtocol,
    vid: u16,
}

impl Membership {
    /// Makes `device` a member of the VLAN `vid`, once more if it is one.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] if `vid` is not in 1..=4094, [`ENODEV`] if the device is gone or not present, [`ENOMEM`],
    /// or what the driver fails with, often [`ENOSPC`].
    pub fn new(device: Device, protocol: VlanProtocol, vid: u16) -> Result<Self> {
        if !(1..=MAX_VID).contains(&vid) {
            return Err(ERANGE);
        }
        Loan::new(device, |netdev| {
            let vlan = Vlan { protocol, vid };
            // SAFETY: The device is registered, and the lock of all devices held.
            to_result(unsafe { bindings::vlan_vid_add(netdev.as_ptr(), protocol.to_be(), vid) })?;
            Ok(vlan)
        })
        .map(Self)
    }

    /// Whether the device is still there to be a member.
    pub fn is_in_force(&self) -> bool {
        self.0.is_in_force()
    }
}

impl Change for Vlan {
    fn undo(self, netdev: &Netdev<'_>, _departure: Departure) {
        // SAFETY: The device is alive, and the lock of all devices held; it was made a member before.
        unsafe { bindings::vlan_vid_del(netdev.as_ptr(), self.protocol.to_be(), self.vid) };
    }
}

/// Lets a device receive what is sent to further MAC addresses, by promiscuous mode if it must.
pub struct Addresses(Loan<List>);

struct List(KVec<[u8; MAC_LEN]>);

impl List {
    /// Takes the first `count` addresses away from `netdev`.
    fn remove(&self, netdev: &Netdev<'_>, count: usize) {
        for mac in self.0.iter().take(count) {
            // One that is gone was flushed with all others.
            // SAFETY: The device is alive, and its addresses are as long as this one.
            unsafe { bindings::dev_uc_del(netdev.as_ptr(), mac.as_ptr()) };
        }
    }
}

impl Addresses {
    /// Adds `macs` to the unicast addresses of `device`; one that it has is counted once more. The driver
    /// may learn of them a little later, and cannot refuse them.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if one is zero or a group's, or if it is no Ethernet device, [`ENODEV`] if it is gone,
    /// [`ENOMEM`]. Then none was added.
    pub fn new(device: Device, macs: &[[u8; MAC_LEN]]) -> Result<Self> {
        if !macs.iter().all(is_unicast) {
            return Err(EINVAL);
        }
        let mut list = List(KVec::with_capacity(macs.len(), GFP_KERNEL)?);
        list.0.extend_from_slice(macs, GFP_KERNEL)?;
        Loan::new(device, |netdev| {
            netdev.mac().ok_or(EINVAL)?;
            for (count, mac) in list.0.iter().enumerate() {
                // SAFETY: The device is registered, and its addresses are as long as this one.
                to_result(unsafe { bindings::dev_uc_add(netdev.as_ptr(), mac.as_ptr()) })
                    .inspect_err(|_| list.remove(netdev, count))?;
            }
            Ok(list)
        })
        .map(Self)
    }

    /// Whether the device is still there and has not lost them by moving.
    pub fn is_in_force(&self) -> bool {
        self.0.is_in_force()
    }
}

impl Change for List {
    fn undo(self, netdev: &Netdev<'_>, _departure: Departure) {
        self.remove(netdev, self.0.len());
    }
}

/// Neither zero nor that of a group.
pub(super) fn is_unicast(mac: &[u8; MAC_LEN]) -> bool {
    let [first, ..] = mac;
    first & 1 == 0 && *mac != [0; MAC_LEN]
}
