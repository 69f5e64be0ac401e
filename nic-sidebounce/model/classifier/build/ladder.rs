// SPDX-License-Identifier: GPL-2.0

//! The masks under which a pattern can be stored.

use super::super::super::key::{
    Field,
    Mask, //
};

/// Rungs of the ladder.
pub(super) const RUNGS: usize = 3;
/// Where those go that find no tuple on the ladder.
pub(super) const BESIDE: usize = RUNGS;
/// The mask of a rung, of a pattern with this mask.
pub(super) fn rung_mask(own: &Mask, rung: usize) -> Mask {
    match rung {
        0 => coarse(own, 8),
        1 => coarse(own, 4),
        BESIDE => widest(own),
        _ => *own,
    }
}

/// The bits of a mask that tell many packets apart. What is left out is compared in the entry.
pub(super) fn strong(mask: &Mask) -> Mask {
    let mut strong = Mask::NONE;
    for field in TELLING {
        strong.set(field, mask.get(field));
    }
    strong
}

const TELLING: [Field; 11] = [
    Field::DST_MAC,
    Field::ETHERTYPE,
    Field::SRC_MAC,
    Field::TAG,
    Field::SRC_HIGH,
    Field::SRC_LOW,
    Field::DST_HIGH,
    Field::DST_LOW,
    Field::SRC_PORT,
    Field::DST_PORT,
    Field::PROTO,
];

/// The mask with prefixes cut to a multiple of `step` bits, and everything else whole or not at all.
fn coarse(mask: &Mask, step: u32) -> Mask {
    let mut coarse = Mask::NONE;
    for field in [Field::DST_MAC, Field::SRC_MAC] {
        coarse.set(field, cut(mask.get(field) << 16, step) >> 16);
    }
    for field in [
        Field::SRC_HIGH,
        Field::SRC_LOW,
        Field::DST_HIGH,
        Field::DST_LOW,
    ] {
        coarse.set(field, cut(mask.get(field), step));
    }
    for (field, whole) in [
        (Field::ETHERTYPE, 0xffff),
        (Field::TAG, 0x1fff),
        (Field::SRC_PORT, 0xffff),
        (Field::DST_PORT, 0xffff),
        (Field::PROTO, 0xff),
    ] {
        if mask.get(field) == whole {
            coarse.set(field, whole);
        }
    }
    coarse
}

/// The ethertype, and of the fields or addresses of a mask the one with the most bits.
fn widest(own: &Mask) -> Mask {
    let whole = coarse(own, 8);
    let choices: [&[Field]; 7] = [
        &[Field::DST_HIGH, Field::DST_LOW],
        &[Field::SRC_HIGH, Field::SRC_LOW],
        &[Field::DST_PORT],
        &[Field::SRC_PORT],
        &[Field::SRC_MAC],
        &[Field::DST_MAC],
        &[Field::TAG],
    ];
    let masks = choices.map(|fields| {
        let mut mask = Mask::NONE;
        for field in fields {
            mask.set(*field, whole.get(*field));
        }
        mask
    });
    let most = masks.into_iter().max_by_key(Mask::ones);
    let mut mask = most.unwrap_or(Mask::NONE);
    mask.set(Field::ETHERTYPE, whole.get(Field::ETHERTYPE));
    mask
}

/// The leading ones of a mask, cut to a multiple of `step`, which is a power of two.
fn cut(mask: u64, step: u32) -> u64 {
    let ones = mask.leading_ones() & !step.saturating_sub(1);
    u64::MAX
        .checked_shl(64_u32.saturating_sub(ones))
        .unwrap_or(0)
}
