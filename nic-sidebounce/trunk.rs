// SPDX-License-Identifier: GPL-2.0

//! Which addresses a PF listens to, for its filtered VFs.
//!
//! A card sends what a VF sends to the wire, to another VF or to the PF; never to two of them by itself. The PF sees
//! what goes to an address that it listens to, too, and everything if it listens to more addresses than the card can
//! tell apart.

use crate::{
    claims::Claim,
    model::mode::TxMode,
    uplink::Uplink, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use kernel_ext::net::Addresses;

/// More addresses than a card can tell apart; those that filter with a large table are asked to be promiscuous.
const FILLERS: usize = 24;

/// A PF with filtered VFs.
pub(crate) struct Trunk {
    pub(crate) uplink: Arc<Uplink>,
    /// The VFs without filters, so that those with one reach them.
    neighbours: Option<(KVec<[u8; 6]>, Addresses)>,
    capture: Option<Capture>,
    _claim: Claim,
}

/// What lets the PF see what VFs send to the wire.
struct Capture {
    addresses: Addresses,
    /// Those of the one before are others.
    parity: u8,
    /// After which change of the addresses of VFs: theirs must come before, or the card does not know them.
    after: u32,
}

impl Trunk {
    pub(crate) fn new(uplink: Arc<Uplink>, claim: Claim) -> Self {
        Self {
            uplink,
            neighbours: None,
            capture: None,
            _claim: claim,
        }
    }

    /// Lets the PF have what its filters want.
    ///
    /// # Errors
    ///
    /// [`ENODEV`], [`ENOMEM`]: to be tried again.
    pub(crate) fn settle(&mut self) -> Result {
        self.uplink.publish()?;
        self.meet_neighbours()?;
        self.settle_capture()
    }

    fn meet_neighbours(&mut self) -> Result {
        let device = self.uplink.device();
        let mut macs = KVec::new();
        for vf in 0..device.vfs()? {
            if !self.uplink.has_vf(vf) {
                let mac = device.vf(vf)?.mac;
                // An address that the host does not know cannot be listened to.
                if mac != [0; 6] {
                    macs.push(mac, GFP_KERNEL)?;
                }
            }
        }
        let is_met =
            |(met, held): &(KVec<[u8; 6]>, Addresses)| **met == *macs && held.is_in_force();
        if !self.neighbours.as_ref().is_some_and(is_met) {
            let addresses = Addresses::new(device, &macs)?;
            self.neighbours = Some((macs, addresses));
            self.uplink.note_change();
        }
        Ok(())
    }

    fn settle_capture(&mut self) -> Result {
        let is_wanted = self
            .uplink
            .has(|filter| filter.settings().tx_mode != TxMode::Jail);
        if !is_wanted {
            self.capture = None;
            return Ok(());
        }
        let after = self.uplink.changes();
        let is_good = |capture: &Capture| capture.after == after && capture.addresses.is_in_force();
        if self.capture.as_ref().is_some_and(is_good) {
            return Ok(());
        }
        let parity = self
            .capture
            .as_ref()
            .map_or(0, |capture| capture.parity ^ 1);
        let mut macs = [[0x02, 0x5b, 0, 0, parity, 0]; FILLERS];
        for (number, mac) in (0..).zip(macs.iter_mut()) {
            let [.., last] = mac;
            *last = number;
        }
        // The former ones stay until these are there.
        self.capture = Some(Capture {
            addresses: Addresses::new(self.uplink.device(), &macs)?,
            parity,
            after,
        });
        Ok(())
    }
}
