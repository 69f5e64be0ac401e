// SPDX-License-Identifier: GPL-2.0

//! The registers of capabilities that are served without a device.

use super::{
    identity::Identity,
    space::Space, //
};

const POWER_MANAGEMENT: u8 = 0x01;
const MSI: u8 = 0x05;
const VENDOR_SPECIFIC: u8 = 0x09;
const EXPRESS: u8 = 0x10;
const MSIX: u8 = 0x11;

/// Where the capabilities are whose registers do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caps {
    /// Power management.
    pub(crate) power: Option<u16>,
    /// Message signalled interrupts.
    pub(crate) msi: Option<u16>,
    /// The same with a table.
    pub(crate) msix: Option<u16>,
    /// PCI Express.
    pub(crate) express: Option<Express>,
}

/// The PCI Express capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Express {
    /// Where it is.
    pub(crate) at: u16,
    /// The device control register as the device had it.
    pub(crate) control: u16,
    /// Whether the device can be reset through it.
    pub(crate) has_flr: bool,
}

impl Express {
    /// Where the device control register is in the capability.
    const CONTROL: u16 = 8;
    /// Starts a reset; reads as 0.
    const INITIATE_FLR: u8 = 1 << 7;

    /// Where its device control register is.
    pub(crate) const fn control_at(&self) -> u16 {
        self.at.saturating_add(Self::CONTROL)
    }

    /// Whether writing `from` at `offset` starts a reset.
    pub(crate) fn is_flr(&self, offset: u64, from: &[u8]) -> bool {
        let upper_byte = u64::from(self.control_at()).saturating_add(1);
        let written = upper_byte
            .checked_sub(offset)
            .and_then(|index| from.get(usize::try_from(index).ok()?));
        self.has_flr && written.is_some_and(|byte| byte & Self::INITIATE_FLR != 0)
    }
}

impl Caps {
    /// How long the capability at `at` is, if a user may see it. Of those that do something, a device
    /// has one each.
    pub(super) fn len(&self, space: &Space, identity: &Identity, at: u16) -> Option<u16> {
        let flags = space.word(at.saturating_add(2));
        match space.byte(at) {
            POWER_MANAGEMENT if self.power.is_none() => Some(8),
            MSI if self.msi.is_none() && identity.msi_vectors > 0 => match flags & MSI_64BIT {
                0 => Some(10),
                _ => Some(14),
            },
            MSIX if self.msix.is_none() && identity.msix_vectors > 0 => Some(12),
            EXPRESS if self.express.is_none() => match (flags & 0xf, (flags >> 4) & 0xf) {
                // Version and type: endpoint, legacy endpoint, endpoint of the root complex.
                (1, 0 | 1 | 9) => Some(20),
                (2, 0 | 1 | 9) => Some(60),
                _ => None,
            },
            VENDOR_SPECIFIC => {
                let [len, _] = flags.to_le_bytes();
                Some(u16::from(len)).filter(|len| *len >= 3)
            }
            _ => None,
        }
    }

    /// Prepares the registers of the capability at `at`.
    pub(super) fn keep(&mut self, space: &mut Space, identity: &Identity, at: u16) {
        match space.byte(at) {
            POWER_MANAGEMENT => {
                self.power = Some(at);
                keep_power_management(space, at);
            }
            MSI => {
                self.msi = Some(at);
                keep_msi(space, identity, at);
            }
            MSIX => {
                self.msix = Some(at);
                keep_msix(space, identity, at);
            }
            EXPRESS => self.express = Some(keep_express(space, at)),
            _ => {}
        }
    }

    /// Puts their registers back to what they are after a reset.
    pub(crate) fn reset(&self, space: &mut Space) {
        if let Some(at) = self.power {
            let control = at.saturating_add(POWER_CONTROL);
            space.set_word(control, space.word(control) & !POWER_STATE);
        }
        if let Some(at) = self.msi {
            let control = at.saturating_add(2);
            space.set_word(
                control,
                space.word(control) & !(MSI_ENABLE | MSI_QUEUE_SIZE),
            );
        }
        if let Some(at) = self.msix {
            let control = at.saturating_add(2);
            space.set_word(
                control,
                space.word(control) & !(MSIX_ENABLE | MSIX_MASK_ALL),
            );
        }
        if let Some(express) = self.express {
            space.set_word(express.control_at(), express.control);
        }
    }
}

const POWER_CONTROL: u16 = 4;
const POWER_STATE: u16 = 0x3;

/// The power state can be written and has no effect: in any of them the registers survive.
fn keep_power_management(space: &mut Space, at: u16) {
    const NO_SOFT_RESET: u16 = 1 << 3;
    const WAKE_UP: u16 = 0xf800;
    let features = at.saturating_add(2);
    space.set_word(features, space.word(features) & !WAKE_UP);
    let control = at.saturating_add(POWER_CONTROL);
    space.set_dword(control, u32::from(NO_SOFT_RESET));
    space.allow_word(control, POWER_STATE);
}

const MSI_ENABLE: u16 = 1 << 0;
const MSI_QUEUE_SIZE: u16 = 0x0070;
const MSI_64BIT: u16 = 1 << 7;

/// The message can be written and has no effect. The bits that mask a single vector are not shown.
fn keep_msi(space: &mut Space, identity: &Identity, at: u16) {
    let flags = at.saturating_add(2);
    let log2 = identity.msi_count().checked_ilog2().unwrap_or(0);
    let vectors = u16::try_from(log2).unwrap_or(0) << 1;
    let is_wide = space.word(flags) & MSI_64BIT;
    space.set_word(flags, is_wide | vectors);
    space.allow_word(flags, MSI_ENABLE | MSI_QUEUE_SIZE);
    space.set_dword(at.saturating_add(4), 0);
    space.allow_dword(at.saturating_add(4), !0x3);
    let data = match is_wide {
        0 => at.saturating_add(8),
        _ => {
            space.set_dword(at.saturating_add(8), 0);
            space.allow_dword(at.saturating_add(8), u32::MAX);
            at.saturating_add(12)
        }
    };
    space.set_word(data, 0);
    space.allow_word(data, u16::MAX);
}

const MSIX_ENABLE: u16 = 1 << 15;
const MSIX_MASK_ALL: u16 = 1 << 14;

fn keep_msix(space: &mut Space, identity: &Identity, at: u16) {
    let flags = at.saturating_add(2);
    space.set_word(flags, identity.msix_count().saturating_sub(1));
    space.allow_word(flags, MSIX_ENABLE | MSIX_MASK_ALL);
}

fn keep_express(space: &mut Space, at: u16) -> Express {
    const HAS_FLR: u32 = 1 << 28;
    const CONTROL_WRITABLE: u16 = 0x7fff;
    let express = Express {
        at,
        control: space.word(at.saturating_add(Express::CONTROL)) & CONTROL_WRITABLE,
        has_flr: space.dword(at.saturating_add(4)) & HAS_FLR != 0,
    };
    // The status register beside it tells no errors and no pending transactions.
    space.set_dword(express.control_at(), u32::from(express.control));
    space.allow_word(express.control_at(), CONTROL_WRITABLE);
    express
}

#[cfg(test)]
mod tests {
    use super::super::caps::tests::*;

    #[test]
    fn messages_are_as_many_as_the_identity_promises() {
        let (mut space, _) = built(
            &DEVICE,
            &[
                HAS_LIST,
                (0x34, 0x40),
                (0x40, 0x07ff_5011),
                (0x50, 0x018b_0005),
            ],
        );
        assert_eq!(space.word(0x42), 2);
        // Four vectors, 64 bits; no mask bits, and nothing enabled.
        assert_eq!(space.word(0x52), 0x84);
        space.user_write(0x40, &[0xff; 0x20]).expect("inside");
        assert_eq!(space.word(0x42), 0xc002);
        assert_eq!(space.dword(0x44), 0);
        assert_eq!(space.word(0x52), 0xf5);
        assert_eq!(space.dword(0x54), 0xffff_fffc);
        assert_eq!(space.dword(0x58), u32::MAX);
        assert_eq!(space.dword(0x5c), 0xffff);
    }

    #[test]
    fn a_power_state_can_be_written_and_wakes_nobody() {
        let (mut space, _) = built(
            &DEVICE,
            &[
                HAS_LIST,
                (0x34, 0x40),
                (0x40, 0xffff_0001),
                (0x44, 0x0000_8100),
            ],
        );
        assert_eq!(space.dword(0x40), 0x07ff_0001);
        assert_eq!(space.dword(0x44), 0x8);
        space.user_write(0x44, &[0xff; 4]).expect("inside");
        assert_eq!(space.dword(0x44), 0xb);
    }
}
