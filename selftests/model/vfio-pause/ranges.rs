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
    fn what_is_joined_translates_like_its_parts(
        range in ranges(), at in 0..24u64, other in ranges(),
    ) {
        let (below, above) = range.cut(range.iova().saturating_add(at), 0);
        prop_assert!(below.is_none() || above.is_none(), "an empty hole cuts nothing");
        let parts = (
            Range::new(range.iova(), range.phys(), at),
            range.len_bytes().checked_sub(at).and_then(|rest| {
                Range::new(range.iova().checked_add(at)?, range.phys().checked_add(at)?, rest)
            }),
        );
        if let (Some(first), Some(second)) = parts {
            prop_assert_eq!(first.join(&second), Some(range));
        }
        if let Some(joined) = range.join(&other) {
            let mut both = map(Some(range));
            both.append(&mut map(Some(other)));
            prop_assert_eq!(map(Some(joined)), both);
        }
    }

    #[test]
    fn an_address_stands_for_one_or_none(range in ranges(), iova in addresses()) {
        prop_assert_eq!(range.physical(iova), map(Some(range)).get(&iova).copied());
    }
}
