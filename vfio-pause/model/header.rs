// SPDX-License-Identifier: GPL-2.0

//! The first 64 bytes of a configuration space, made from an identity: a virtual function does not
//! tell its ids and has no base address registers of its own.

use super::{
    identity::{
        BarInfo,
        BarKind,
        Identity, //
    },
    space::Space,
};

const VENDOR_ID: u16 = 0x00;
const DEVICE_ID: u16 = 0x02;
/// The command register.
pub(crate) const COMMAND: u16 = 0x04;
/// Where the status register is; whether it tells of capabilities is for [`super::caps`] to say.
pub(crate) const STATUS: u16 = 0x06;
const REVISION_ID: u16 = 0x08;
const CLASS_PROG: u16 = 0x09;
const HEADER_TYPE: u16 = 0x0e;
const BIST: u16 = 0x0f;
const BASE_ADDRESS_0: u16 = 0x10;
const SUBSYSTEM_VENDOR_ID: u16 = 0x2c;
const SUBSYSTEM_ID: u16 = 0x2e;
const ROM_ADDRESS: u16 = 0x30;
const INTERRUPT_LINE: u16 = 0x3c;
const INTERRUPT_PIN: u16 = 0x3d;

/// The device answers at its BARs of ports.
const COMMAND_IO: u16 = 1 << 0;
/// The device answers at its BARs of memory.
pub(crate) const COMMAND_MEMORY: u16 = 1 << 1;
/// The device may do DMA.
pub(crate) const COMMAND_MASTER: u16 = 1 << 2;
/// The device answers parity errors.
const COMMAND_PARITY: u16 = 1 << 6;
/// The device reports system errors.
const COMMAND_SERR: u16 = 1 << 8;
/// The device must not use its interrupt line.
pub(crate) const COMMAND_INTX_DISABLE: u16 = 1 << 10;

/// What a user may write into the command register.
const COMMAND_WRITABLE: u16 = COMMAND_IO
    | COMMAND_MEMORY
    | COMMAND_MASTER
    | COMMAND_PARITY
    | COMMAND_SERR
    | COMMAND_INTX_DISABLE;

/// Status bits that never change: capabilities, 66 MHz, fast back-to-back, speed of selection.
const STATUS_FIXED: u16 = 0x06b0;

/// Puts the header into a space that holds the one the device shows.
pub(crate) fn build(space: &mut Space, identity: &Identity) {
    space.set_word(VENDOR_ID, identity.vendor);
    space.set_word(DEVICE_ID, identity.device);
    space.set_word(SUBSYSTEM_VENDOR_ID, identity.subsystem_vendor);
    space.set_word(SUBSYSTEM_ID, identity.subsystem);
    let [prog, subclass, class, _] = identity.class.to_le_bytes();
    space.set_byte(REVISION_ID, identity.revision);
    for (at, byte) in (CLASS_PROG..=u16::MAX).zip([prog, subclass, class]) {
        space.set_byte(at, byte);
    }
    space.set_word(COMMAND, 0);
    space.allow_word(COMMAND, COMMAND_WRITABLE);
    space.set_word(STATUS, space.word(STATUS) & STATUS_FIXED);
    // A function that is alone, with the layout of an endpoint.
    space.set_byte(HEADER_TYPE, 0);
    space.set_byte(BIST, 0);
    space.set_dword(ROM_ADDRESS, 0);
    let pin = match (identity.has_intx, space.byte(INTERRUPT_PIN)) {
        (false, _) => 0,
        (true, pin @ 1..=4) => pin,
        (true, _) => 1,
    };
    space.set_byte(INTERRUPT_PIN, pin);
    space.set_byte(INTERRUPT_LINE, 0);
    space.allow_byte(INTERRUPT_LINE, 0xff);
    build_bars(space, identity);
}

fn build_bars(space: &mut Space, identity: &Identity) {
    let mut upper_half = None;
    for (at, index) in (BASE_ADDRESS_0..=u16::MAX)
        .step_by(4)
        .zip(0..Identity::BARS)
    {
        let (fixed, writable) = match (upper_half.take(), identity.bar(index)) {
            (Some(writable), _) => (0, writable),
            (None, Some(bar)) => {
                let (fixed, low, high) = register(bar);
                upper_half = high;
                (fixed, low)
            }
            (None, None) => (0, 0),
        };
        space.set_dword(at, fixed);
        space.allow_dword(at, writable);
    }
}

/// The bits of a base address register that are fixed, those that are writable, and those that are in
/// the next register if there is an upper half. Address bits below the size are neither: that is how
/// software finds the size.
fn register(bar: BarInfo) -> (u32, u32, Option<u32>) {
    const BITS_64: u32 = 1 << 2;
    const PREFETCHABLE: u32 = 1 << 3;
    let address = bar.size_bytes.saturating_sub(1) ^ u64::MAX;
    let [a, b, c, d, e, f, g, h] = address.to_le_bytes();
    let (low, high) = (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    );
    match bar.kind {
        BarKind::None => (0, 0, None),
        BarKind::Memory { wide, prefetchable } => {
            let width = if wide { BITS_64 } else { 0 };
            let fetch = if prefetchable { PREFETCHABLE } else { 0 };
            (width | fetch, low & !0xf, wide.then_some(high))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::identity::tests::IGBVF,
        *, //
    };

    fn built(identity: &Identity, raw: u8) -> Space {
        let mut space = Space::empty();
        space.fill(4096, |_| raw);
        build(&mut space, identity);
        space
    }

    fn sized(space: &mut Space, index: u16) -> u32 {
        let at = 0x10 + 4 * index;
        space.user_write(u64::from(at), &[0xff; 4]).expect("inside");
        space.dword(at)
    }

    #[test]
    fn a_virtual_function_tells_the_ids_of_its_identity() {
        for raw in [0xff, 0] {
            let space = built(&IGBVF, raw);
            assert_eq!(space.dword(0), 0x10ca_8086);
            assert_eq!(space.dword(0x2c), 0xa03c_8086);
            assert_eq!(space.dword(8), 0x0200_0001);
            assert_eq!(space.byte(0x0e), 0);
            assert_eq!(space.byte(0x3d), 0);
        }
    }

    #[test]
    fn an_address_register_tells_its_size_like_a_real_one() {
        let mut space = built(&IGBVF, 0);
        assert_eq!(space.dword(0x10), 0xc);
        assert_eq!(sized(&mut space, 0), 0xffff_c00c);
        assert_eq!(sized(&mut space, 1), u32::MAX);
        assert_eq!(sized(&mut space, 2), 0);
        space
            .user_write(0x10, &[0x78, 0x56, 0x34, 0x12])
            .expect("inside");
        assert_eq!(space.dword(0x10), 0x1234_400c);
    }

    #[test]
    fn each_kind_of_register_has_its_own_form() {
        let mut identity = IGBVF;
        let memory = |wide| BarKind::Memory {
            wide,
            prefetchable: false,
        };
        let kinds = [
            (0x20, memory(false)),
            (1 << 40, memory(true)),
            (0, BarKind::None),
            (1 << 31, memory(false)),
            (16, memory(false)),
            (0x1000, memory(true)),
        ];
        identity.bars = kinds.map(|(size_bytes, kind)| BarInfo { size_bytes, kind });
        let mut space = built(&identity, 0xff);
        let expected = [0xffff_ffe0, 4, 0xffff_ff00, 0x8000_0000, 0xffff_fff0, 0];
        for (index, expected) in (0..).zip(expected) {
            assert_eq!(sized(&mut space, index), expected, "{index}");
        }
    }

    #[test]
    fn only_a_device_with_an_interrupt_line_has_a_pin() {
        let mut identity = IGBVF;
        identity.has_intx = true;
        assert_eq!(built(&identity, 2).byte(0x3d), 2);
        assert_eq!(built(&identity, 0xff).byte(0x3d), 1);
    }
}
