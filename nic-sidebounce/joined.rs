// SPDX-License-Identifier: GPL-2.0

//! The VLANs that a VF was in before it got its service VLAN: as long as it has that, it is in no other one.

use crate::{
    companion::ffi,
    model::{
        joined::{
            self,
            Entry, //
        },
        pool::Pool, //
    }, //
};
use kernel::prelude::*;
use kernel_ext::{
    net::Device,
    pci::Registers,
    sched::now_ns, //
};

/// Not more often than this, in nanoseconds.
const LOOK_NS: u64 = 1_000_000_000;

/// The VLANs that a VF has left. Dropping this lets it join them again, as far as the card still knows them.
///
/// The driver refuses what the guest asks for as long as the VF has a port VLAN. It changes the card's entries with
/// the lock of all network devices held, as this does; but also in the interrupt by which guests ask, maybe on another
/// CPU. If that is for the same VLAN within the few hundred nanoseconds between reading and writing an entry, what
/// the other VF has asked for may be lost, or what is done here. The latter is made good by looking again.
pub(crate) struct Joined {
    pf: Device,
    /// [`None`] if the card cannot have so many VFs.
    pool: Option<Pool>,
    service: u16,
    left: KVec<u16>,
    looked_ns: Option<u64>,
}

impl Joined {
    /// None yet, of the VF `vf` of `pf`, which has the service VLAN `service`.
    pub(crate) fn new(pf: Device, vf: u16, service: u16) -> Self {
        Self {
            pf,
            pool: Pool::of_vf(vf),
            service,
            left: KVec::new(),
            looked_ns: None,
        }
    }

    /// Takes the VF out of all VLANs but the service VLAN, unless this has been done just before. Takes the lock of all
    /// network devices.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if it is no card of which it is known how to do that, [`EAGAIN`] if it is asleep, [`ENODEV`] if
    /// it is gone, [`EIO`], [`ENOMEM`].
    pub(crate) fn leave(&mut self) -> Result {
        let now_ns = now_ns();
        let is_due = |looked_ns| now_ns.saturating_sub(looked_ns) >= LOOK_NS;
        let pool = match self.pool {
            Some(pool) if self.looked_ns.is_none_or(is_due) => pool,
            _ => return Ok(()),
        };
        let (service, left) = (self.service, &mut self.left);
        self.pf.registers(&ffi::MAP, |_, registers| {
            each(registers, |offset_bytes, entry| {
                let Some(vid) = entry.stray(pool, service) else {
                    return Ok(());
                };
                if !left.contains(&vid) {
                    left.push(vid, GFP_KERNEL)?;
                }
                registers.update(offset_bytes, joined::bit(pool), 0)
            })
        })?;
        self.looked_ns = Some(now_ns);
        Ok(())
    }

    fn join_again(&self) -> Result {
        let pool = match self.pool {
            Some(pool) if !self.left.is_empty() => pool,
            _ => return Ok(()),
        };
        self.pf.registers(&ffi::MAP, |_, registers| {
            each(registers, |offset_bytes, entry| {
                if !entry.is_left(&self.left) {
                    return Ok(());
                }
                let bit = joined::bit(pool);
                registers.update(offset_bytes, bit, bit)
            })
        })
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // A card that is gone or asleep is set up anew by its driver, and forgets such VLANs.
        let _ = self.join_again();
    }
}

/// Calls `act` with each entry and where it is, also after a failure, which is what this ends with.
fn each(registers: &Registers<'_>, mut act: impl FnMut(u32, Entry) -> Result) -> Result {
    let mut all = Ok(());
    for offset_bytes in Entry::offsets_bytes() {
        let entry = Entry(registers.read(offset_bytes)?);
        all = act(offset_bytes, entry).and(all);
    }
    all
}
