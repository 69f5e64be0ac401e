// SPDX-License-Identifier: GPL-2.0

//! Ranges against a map of single addresses.

use crate::model::ranges::Range;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What each address stands for.
fn map(range: Option<Range>) -> BTreeMap<u64, u64> {
    let Some(range) = range else {
        return BTreeMap::new();
    };
    let offsets = 0..range.len_bytes();
    offsets
        .map(|offset| (range.iova() + offset, range.phys() + offset))
        .collect()
}

/// Small addresses, and those at the end of all.
fn addresses() -> impl Strategy<Value = u64> {
    prop_oneof![0..40u64, u64::MAX - 40..=u64::MAX]
}

fn ranges() -> impl Strategy<Value = Range> {
    let bounds = (addresses(), addresses(), 1..24u64);
    bounds.prop_filter_map("wraps", |(iova, phys, len_bytes)| {
        Range::new(iova, phys, len_bytes)
    })
}

proptest! {
    #[test]
    fn a_hole_takes_out_exactly_its_addresses(
        range in ranges(), hole in addresses(), len_bytes in prop_oneof![0..30u64, Just(u64::MAX)],
    ) {
        let is_hole = |iova: u64| iova.checked_sub(hole).is_some_and(|offset| offset < len_bytes);
        let (below, above) = range.cut(hole, len_bytes);
        let mut left = map(below);
        prop_assert!(below.is_none_or(|below| below.last() < hole));
        left.append(&mut map(above));
        let mut expected = map(Some(range));
        let whole = expected.len();
        expected.retain(|iova, _| !is_hole(*iova));
        prop_assert_eq!(range.overlaps(hole, len_bytes), expected.len() < whole);
        prop_assert_eq!(left, expected);
    }

    #[test]
    fn an_address_stands_for_one_or_none(range in ranges(), iova in addresses()) {
        prop_assert_eq!(range.physical(iova), map(Some(range)).get(&iova).copied());
    }
}
