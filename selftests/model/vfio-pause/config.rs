// SPDX-License-Identifier: GPL-2.0

//! The configuration space, whatever a device shows and a user writes.

use crate::model::{
    config::{Effects, Shadow},
    identity::{BarInfo, BarKind, Identity, MsixTable},
    text::Switch,
};
use proptest::prelude::*;

const LEN_BYTES: usize = 4096;

fn bars() -> impl Strategy<Value = BarInfo> {
    let kind = prop_oneof![
        Just(BarKind::None),
        any::<(bool, bool)>()
            .prop_map(|(wide, prefetchable)| BarKind::Memory { wide, prefetchable }),
    ];
    let size_bytes = prop_oneof![(0..64u32).prop_map(|log2| 1 << log2), any::<u64>(), Just(0)];
    (kind, size_bytes).prop_map(|(kind, size_bytes)| BarInfo { size_bytes, kind })
}

/// Any identity, also such as no device has.
pub(crate) fn identities() -> impl Strategy<Value = Identity> {
    let ids = any::<(u16, u16, u16, u16, u32, u8)>();
    let table = prop::option::of(any::<(u8, u32, u32)>());
    let vectors = any::<(u16, u8, bool)>();
    let config_len = prop_oneof![Just(256), Just(4096), any::<u16>()];
    (
        ids,
        prop::array::uniform6(bars()),
        table,
        vectors,
        config_len,
    )
        .prop_map(|(ids, bars, table, vectors, config_len)| Identity {
            vendor: ids.0,
            device: ids.1,
            subsystem_vendor: ids.2,
            subsystem: ids.3,
            class: ids.4,
            revision: ids.5,
            bars,
            msix_vectors: vectors.0,
            msix_table: table.map(|(bar, offset, len_bytes)| MsixTable {
                bar,
                offset,
                len_bytes,
            }),
            msi_vectors: vectors.1,
            has_intx: vectors.2,
            can_reset: true,
            config_len,
        })
}

/// Noise, and lists of capabilities of known kinds that lead anywhere.
fn images() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), LEN_BYTES);
    let ids = prop::sample::select(vec![0x01u8, 0x05, 0x09, 0x10, 0x11, 0x13, 0xff]);
    let entries = prop::collection::vec((0x10..0x40usize, ids, any::<u8>(), any::<u16>()), 0..40);
    let extended_ids = prop::sample::select(vec![1u16, 3, 0xe, 0xf, 0x10, 0x15, 0xffff]);
    let extended = prop::collection::vec((0x40..0x400usize, extended_ids, any::<u16>()), 0..40);
    (noise, entries, extended, any::<u8>()).prop_map(|(mut image, entries, extended, first)| {
        image[6] |= 0x10;
        image[0x34] = first;
        for (dword, id, next, flags) in entries {
            let flags = if id == 0x10 {
                flags & 0xff00 | 2
            } else {
                flags
            };
            let [low, high] = flags.to_le_bytes();
            image[dword * 4..dword * 4 + 4].copy_from_slice(&[id, next, low, high]);
        }
        for (dword, id, next) in extended {
            let header = (u32::from(next) << 20) | (1 << 16) | u32::from(id);
            image[dword * 4..dword * 4 + 4].copy_from_slice(&header.to_le_bytes());
        }
        image
    })
}

/// Built on the heap of the host.
fn shadow(image: &[u8], identity: &Identity) -> Box<Shadow> {
    let mut shadow = Box::new(Shadow::empty());
    shadow.init(|at| image[usize::from(at)], identity);
    shadow
}

fn contents(shadow: &Shadow) -> Vec<u8> {
    let mut bytes = vec![0; LEN_BYTES];
    shadow.read(0, &mut bytes).expect("inside");
    bytes
}

/// Which bits a user can change.
fn writable(image: &[u8], identity: &Identity) -> Vec<u8> {
    let mut shadow = shadow(image, identity);
    let mut written = |byte| {
        shadow.write(0, &[byte; LEN_BYTES]).expect("inside");
        contents(&shadow)
    };
    let (ones, zeros) = (written(0xff), written(0));
    ones.iter()
        .zip(zeros)
        .map(|(one, zero)| one ^ zero)
        .collect()
}

fn writes() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    let offset = prop_oneof![0..0x140u64, 0..5000u64, any::<u64>()];
    prop::collection::vec((offset, prop::collection::vec(any::<u8>(), 0..64)), 0..40)
}

proptest! {
    /// Bits that cannot be written keep their value, through writes and resets, and those that can
    /// take what was written.
    #[test]
    fn only_writable_bits_change(image in images(), identity in identities(), writes in writes()) {
        let writable = writable(&image, &identity);
        let mut shadow = shadow(&image, &identity);
        let first = contents(&shadow);
        let mut expected = first.clone();
        for (offset, from) in writes {
            let end = usize::try_from(offset).ok().and_then(|start| start.checked_add(from.len()));
            let fits = end.is_some_and(|end| end <= LEN_BYTES);
            prop_assert_eq!(shadow.write(offset, &from).is_some(), fits);
            if fits {
                for (at, value) in (usize::try_from(offset).unwrap()..).zip(from) {
                    expected[at] = expected[at] & !writable[at] | value & writable[at];
                }
            }
            prop_assert_eq!(&contents(&shadow), &expected);
        }
        shadow.renew();
        prop_assert_eq!(contents(&shadow), first);
    }

    /// Both lists end, stay inside, and lead only to what a user may see.
    #[test]
    fn lists_of_capabilities_end(image in images(), identity in identities()) {
        let bytes = contents(&shadow(&image, &identity));
        let (mut at, mut steps) = (usize::from(bytes[0x34]), 0);
        prop_assert_eq!(at != 0, bytes[6] & 0x10 != 0);
        while at != 0 {
            prop_assert!((0x40..0x100).contains(&at) && at % 4 == 0 && steps < 48);
            prop_assert!([0x01, 0x05, 0x09, 0x10, 0x11].contains(&bytes[at]));
            (at, steps) = (usize::from(bytes[at + 1]), steps + 1);
        }
        let (mut at, mut steps) = (0x100, 0);
        while at != 0 {
            prop_assert!((0x100..0x1000).contains(&at) && at % 4 == 0 && steps < 3);
            let header = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            prop_assert!([0, 1, 3].contains(&(header & 0xffff)));
            (at, steps) = (usize::try_from(header >> 20).unwrap(), steps + 1);
        }
    }

    /// Software that asks for the size of a BAR gets it, and an address it sets stays.
    #[test]
    fn bars_are_sized_like_real_ones(
        image in images(), identity in identities(), address in any::<u64>(),
    ) {
        let mut shadow = shadow(&image, &identity);
        for index in 0..Identity::BARS {
            let Some(bar) = identity.bar(index) else {
                continue;
            };
            let (len, flags) = match bar.kind {
                BarKind::Memory { wide: true, .. } => (8, 0xf),
                BarKind::Memory { .. } => (4, 0xf),
                BarKind::None => continue,
            };
            let at = u64::try_from(0x10 + index * 4).unwrap();
            let mut ask = |value: u64| {
                shadow.write(at, &value.to_le_bytes()[..len]).expect("inside");
                let mut register = [0; 8];
                shadow.read(at, &mut register[..len]).expect("inside");
                u64::from_le_bytes(register) & !flags
            };
            let all = u64::MAX >> (64 - 8 * len);
            prop_assert_eq!((!ask(u64::MAX)).wrapping_add(1) & all, bar.size_bytes);
            prop_assert_eq!(ask(address), address & all & !(bar.size_bytes - 1));
        }
    }

    /// Whoever follows the effects knows the registers.
    #[test]
    fn effects_tell_what_changed(image in images(), identity in identities(), writes in writes()) {
        let mut shadow = shadow(&image, &identity);
        let (mut master, mut intx) = (Switch::Off, Switch::Off);
        let mut follow = |effects: Effects| {
            master = effects.master.unwrap_or(master);
            intx = effects.intx_disable.unwrap_or(intx);
            [master, intx]
        };
        for (offset, from) in writes {
            let effects = shadow.write(offset, &from).unwrap_or_default();
            let known = follow(effects);
            prop_assert_eq!(known, [shadow.master(), shadow.intx_disable()]);
        }
    }
}
