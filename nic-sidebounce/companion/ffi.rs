// SPDX-License-Identifier: GPL-2.0

//! What of a network card may be changed besides its driver.

use crate::model::{
    joined,
    pool, //
};
use kernel_ext::pci::{
    Register,
    RegisterMap, //
};

const INTEL: u16 = 0x8086;
/// All kinds of 82576, `E1000_DEV_ID_82576*` of drivers/net/ethernet/intel/igb/e1000_hw.h.
const DEVICES: &[u16] = &[
    0x10c9, 0x10e6, 0x10e7, 0x10e8, 0x150a, 0x150d, 0x1518, 0x1526,
];
const REGISTERS: &[Register] = &[
    Register {
        offset_bytes: pool::VT_CTL,
        count: 1,
        changeable: pool::DEFAULT,
    },
    Register {
        offset_bytes: joined::VLVF,
        count: joined::ENTRIES,
        changeable: joined::POOLS,
    },
];

/// The registers of an 82576.
// SAFETY: None of the registers has an effect when read. All of those bits say which queues get a frame, and each
// queue has only memory that whoever drives its function has given it.
pub(crate) static MAP: RegisterMap = unsafe { RegisterMap::new(INTEL, DEVICES, 0, REGISTERS) };
