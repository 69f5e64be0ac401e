// SPDX-License-Identifier: GPL-2.0

//! The back end `veb`: the switch within a network card keeps a VF apart by a service VLAN.

use crate::{
    filter::{
        Filter,
        Route,
        Status, //
    },
    model::{
        divert::Port,
        ethernet::{
            Mac,
            Vid, //
        }, //
    },
    uplink::{
        Seat,
        Uplink, //
    }, //
};
use core::ops::Range;
use kernel::{
    prelude::*,
    sync::Arc, //
};
use kernel_ext::net::{
    Addresses,
    Device,
    Membership,
    PortVlan,
    VfLoan,
    VfSetting,
    VlanProtocol, //
};

/// The VLANs that VFs may be kept apart by.
#[derive(Clone)]
pub(crate) struct Vids(Range<u16>);

impl Vids {
    /// `count` of them from `base` on; [`None`] if there are none, or not so many VLANs.
    pub(crate) fn new(base: u32, count: u32) -> Option<Self> {
        let base = u16::try_from(base).ok()?;
        let end = base.checked_add(u16::try_from(count).ok()?)?;
        let last = end.checked_sub(1)?;
        (base >= 1 && count >= 1 && last <= Vid::MAX).then_some(Self(base..end))
    }

    /// The first one that none of `device`'s VFs has.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if they all are in use, or what asking for them fails with.
    fn choose(&self, device: Device) -> Result<Vid> {
        let mut used = KVec::new();
        for vf in 0..device.vfs()? {
            if let Some(vlan) = device.vf(vf)?.vlan {
                used.push(vlan.vid, GFP_KERNEL)?;
            }
        }
        let mut free = self.0.clone().filter(|vid| !used.contains(vid));
        loop {
            let vid = free.next().ok_or(ENOSPC)?;
            if !device.has_vlan(vid)? {
                return Vid::new(vid).ok_or(ENOSPC);
            }
        }
    }
}

/// A VF that is kept apart. Dropping this gives it back what it had.
pub(crate) struct Attachment {
    // Fields drop in declaration order: the VF is as it was before its packets can no longer pass the PF.
    vlan: VfLoan,
    seat: Seat,
    port: Port,
    /// [`None`] while the card gives what is for the VF to another VF.
    address: Option<Addresses>,
    member: Membership,
}

/// What has become of a VF that was kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is as it was.
    Good,
    /// It has another address.
    Moved(Mac),
    /// It is gone, or the PF is.
    Gone,
    /// Somebody has given it another VLAN.
    Overridden,
}

impl Attachment {
    /// Keeps the VF `vf` apart, for `filter`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is no such VF, [`EADDRNOTAVAIL`] if it has no address that the host knows,
    /// [`ENOSPC`] if no VLAN is free, [`EOPNOTSUPP`] if the driver of the PF cannot do that, [`ENOMEM`], or what it
    /// fails with.
    pub(crate) fn new(
        uplink: &Arc<Uplink>,
        vf: u16,
        vids: &Vids,
        filter: &Arc<Filter>,
    ) -> Result<Self> {
        let device = uplink.device();
        if vf >= device.vfs()? {
            return Err(ENODEV);
        }
        let mac = Mac(device.vf(vf)?.mac);
        if mac.is_group() || mac == Mac([0; 6]) {
            return Err(EADDRNOTAVAIL);
        }
        let service = vids.choose(device)?;
        let port = Port {
            vf,
            service,
            mac,
            bum: filter.settings().bum,
        };
        let member = Membership::new(device, VlanProtocol::Customer, service.get())?;
        let address = Addresses::new(device, &[mac.0])?;
        // Its packets find their way before they come.
        let seat = uplink.join(port, filter.clone())?;
        filter.route.replace(Route::Veb(uplink.clone(), port))?;
        let vlan = VfSetting::Vlan(Some(PortVlan {
            protocol: VlanProtocol::Customer,
            vid: service.get(),
            priority: 0,
        }));
        Ok(Self {
            vlan: VfLoan::new(device, vf, vlan)?,
            seat,
            port,
            address: Some(address),
            member,
        })
    }

    /// What has become of it.
    pub(crate) fn condition(&self) -> Condition {
        let is_in_force = self.vlan.is_in_force()
            && self.address.as_ref().is_none_or(Addresses::is_in_force)
            && self.member.is_in_force()
            && self.seat.uplink().is_there();
        let device = self.seat.uplink().device();
        let has_vf = device.vfs().is_ok_and(|vfs| self.port.vf < vfs);
        if !is_in_force || !has_vf {
            return Condition::Gone;
        }
        let Ok(config) = device.vf(self.port.vf) else {
            // The card is being reset; if it does not come back, the device goes.
            return Condition::Good;
        };
        match config.vlan {
            Some(vlan) if vlan.vid == self.port.service.get() => {}
            // The driver has made its VFs anew.
            None => return Condition::Gone,
            Some(_) => return Condition::Overridden,
        }
        match Mac(config.mac) {
            mac if mac == self.port.mac || mac == Mac([0; 6]) || mac.is_group() => Condition::Good,
            mac => Condition::Moved(mac),
        }
    }

    /// The VF has another address.
    ///
    /// # Errors
    ///
    /// [`ENODEV`], [`ENOMEM`]: to be tried again.
    pub(crate) fn move_to(&mut self, mac: Mac, filter: &Filter) -> Result {
        let uplink = self.seat.uplink();
        let address = match self.address {
            Some(_) => Some(Addresses::new(uplink.device(), &[mac.0])?),
            None => None,
        };
        let port = Port { mac, ..self.port };
        filter.route.replace(Route::Veb(uplink.clone(), port))?;
        self.seat.readdress(mac)?;
        self.address = address;
        self.port = port;
        Ok(())
    }

    /// Lets the PF listen to the VF's address, or not.
    ///
    /// # Errors
    ///
    /// [`ENODEV`], [`ENOMEM`]: to be tried again.
    pub(crate) fn listen(&mut self, is_wanted: bool) -> Result {
        match (is_wanted, &self.address) {
            (false, _) => self.address = None,
            (true, Some(_)) => {}
            (true, None) => {
                let uplink = self.seat.uplink();
                self.address = Some(Addresses::new(uplink.device(), &[self.port.mac.0])?);
                uplink.note_change();
            }
        }
        Ok(())
    }

    /// What `filter` is told about.
    pub(crate) fn status(&self) -> Status {
        Status::Filtering {
            vid: self.port.service.get(),
            mac: Some(self.port.mac),
        }
    }
}
