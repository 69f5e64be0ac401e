// SPDX-License-Identifier: GPL-2.0

//! The back end `veb`: the switch within a network card keeps a VF apart by a service VLAN.

use crate::{
    filter::{
        Filter,
        Route,
        Status, //
    },
    joined::Joined,
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
    Membership,
    PortVlan,
    VfLoan,
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

    /// The first one that neither the PF nor any of its VFs has.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if they all are in use, or what asking for them fails with.
    fn choose(&self, uplink: &Uplink) -> Result<Vid> {
        let device = uplink.device();
        let mut used = KVec::new();
        for vf in 0..device.vfs()? {
            if let Some(vlan) = device.vf(vf)?.vlan {
                used.push(vlan.vid, GFP_KERNEL)?;
            }
        }
        let mut free = self.0.clone().filter(|vid| !used.contains(vid));
        loop {
            let vid = free.next().ok_or(ENOSPC)?;
            if !uplink.has_vid(vid) && !device.has_vlan(vid)? {
                return Vid::new(vid).ok_or(ENOSPC);
            }
        }
    }
}

/// A VF that is kept apart. Dropping this gives it back what it had.
pub(crate) struct Attachment {
    // Fields drop in declaration order: the VF is as it was before its packets can no longer pass the PF.
    vlan: VfLoan,
    joined: Joined,
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
    /// [`ENODEV`] if there is no such VF, [`EBUSY`] if it has a filter, [`ENOSPC`] if no VLAN is free,
    /// [`EOPNOTSUPP`] if the driver of the PF cannot do that, [`ENOMEM`], or what it fails with.
    pub(crate) fn new(
        uplink: &Arc<Uplink>,
        vf: u16,
        vids: &Vids,
        filter: &Arc<Filter>,
    ) -> Result<Self> {
        let device = uplink.device();
        if uplink.has_vf(vf) {
            return Err(EBUSY);
        }
        // The driver knows before others how many there are.
        let config = device.vf(vf).map_err(|error| match error {
            EINVAL => ENODEV,
            error => error,
        })?;
        // Without one it is kept apart all the same, until it has one.
        let mac = usable(Mac(config.mac), uplink, vf).unwrap_or(Mac::UNKNOWN);
        let service = vids.choose(uplink)?;
        let port = Port { vf, service, mac };
        let member = Membership::new(device, VlanProtocol::Customer, service.get())?;
        let address = listen(uplink, mac)?;
        // Its packets find their way before they come.
        let seat = uplink.join(port, filter.clone())?;
        filter.route.replace(Route::Veb(uplink.clone(), port))?;
        let vlan = PortVlan {
            protocol: VlanProtocol::Customer,
            vid: service.get(),
            priority: 0,
        };
        let mut attachment = Self {
            vlan: VfLoan::new(device, vf, vlan)?,
            joined: Joined::new(device, vf, service.get()),
            seat,
            port,
            address,
            member,
        };
        attachment.leave_vlans();
        Ok(attachment)
    }

    /// What has become of it.
    pub(crate) fn condition(&self) -> Condition {
        let is_in_force = self.vlan.is_in_force()
            && self.address.as_ref().is_none_or(Addresses::is_in_force)
            && self.member.is_in_force()
            && self.seat.uplink().is_there();
        let device = self.seat.uplink().device();
        if !is_in_force {
            return Condition::Gone;
        }
        let config = match device.vf(self.port.vf) {
            Ok(config) => config,
            // It is gone; or the card is being reset, and if it does not come back, the device goes.
            Err(_) => match device.vfs().is_ok_and(|vfs| self.port.vf < vfs) {
                true => return Condition::Good,
                false => return Condition::Gone,
            },
        };
        match config.vlan {
            Some(vlan) if vlan.vid == self.port.service.get() => {}
            // The driver has made its VFs anew.
            None => return Condition::Gone,
            Some(_) => return Condition::Overridden,
        }
        let told = Mac(config.mac);
        // One that is reset has none for a moment, and then mostly the same again; the card knows that as before.
        if told == Mac::UNKNOWN {
            return Condition::Good;
        }
        match usable(told, self.seat.uplink(), self.port.vf) {
            Ok(mac) if mac != self.port.mac => Condition::Moved(mac),
            Ok(_) | Err(_) => Condition::Good,
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
            None if self.port.mac != Mac::UNKNOWN => None,
            _ => listen(uplink, mac)?,
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
                self.address = listen(uplink, self.port.mac)?;
                if self.address.is_some() {
                    uplink.note_change();
                }
            }
        }
        Ok(())
    }

    /// Takes the VF out of VLANs that it was in before, on cards of which it is known how to do that.
    pub(crate) fn leave_vlans(&mut self) {
        // Other cards let it stay there. What fails else is tried again.
        let _ = self.joined.leave();
    }

    /// What `filter` is told about.
    pub(crate) fn status(&self) -> Status {
        Status::Filtering {
            vid: self.port.service.get(),
            mac: (self.port.mac != Mac::UNKNOWN).then_some(self.port.mac),
        }
    }
}

/// The address that a VF may have of those that its driver tells: a guest must not take that of the PF or of
/// another VF by giving itself the same. Of two filtered VFs it is that of the first one, and that of one without a
/// filter in any case.
///
/// # Errors
///
/// What the driver fails with when it is asked about VFs.
fn usable(mac: Mac, uplink: &Uplink, vf: u16) -> Result<Mac> {
    if mac == Mac::UNKNOWN || mac.is_group() || uplink.has_mac(mac, vf) {
        return Ok(Mac::UNKNOWN);
    }
    let owners = uplink.device().vfs_with_mac(mac.0)?;
    let is_neighbour = |owner: &u16| *owner != vf && !uplink.has_vf(*owner);
    Ok(match owners.iter().any(is_neighbour) {
        true => Mac::UNKNOWN,
        false => mac,
    })
}

/// Lets the PF listen to an address, if it is known, and if there is another VF that could send to it: a card may give
/// the PF its own frames for that address back.
fn listen(uplink: &Uplink, mac: Mac) -> Result<Option<Addresses>> {
    let device = uplink.device();
    if mac == Mac::UNKNOWN || device.vfs()? < 2 {
        return Ok(None);
    }
    Addresses::new(device, &[mac.0]).map(Some)
}
