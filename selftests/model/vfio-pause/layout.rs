// SPDX-License-Identifier: GPL-2.0

//! Offsets of a device's file, whatever BARs it has.

use crate::{
    config::identities,
    model::{
        identity::Identity,
        layout::{self, Place},
    },
};
use proptest::prelude::*;

/// Offsets near the ends of regions, and any other.
fn offsets() -> impl Strategy<Value = u64> {
    let near = (0..10u64, 0..40u32, -2..=2i64).prop_map(|(index, log2, delta)| {
        (index << 40)
            .wrapping_add(1 << log2)
            .wrapping_add_signed(delta)
    });
    prop_oneof![near, any::<u64>()]
}

fn size_bytes(identity: &Identity, index: u32) -> u64 {
    layout::region(identity, index).map_or(0, |region| region.size_bytes)
}

proptest! {
    #[test]
    fn a_place_lies_inside_its_region(
        identity in identities(), offset in offsets(), len_bytes in prop_oneof![0..9000u64, any::<u64>()],
    ) {
        let place = layout::place(&identity, offset, len_bytes);
        let (index, within) = match place {
            Place::Bar { index, offset } => (u32::try_from(index).expect("a BAR"), offset),
            Place::Config { offset } => (layout::VFIO_PCI_CONFIG_REGION_INDEX, offset),
            Place::Absent => {
                // Nothing that lies inside a region is absent.
                let index = u32::try_from(offset >> 40).expect("24 bits");
                let end = (offset & ((1 << 40) - 1)).checked_add(len_bytes);
                prop_assert!(len_bytes == 0 || end.is_none_or(|end| end > size_bytes(&identity, index)));
                return Ok(());
            }
        };
        prop_assert_eq!(layout::file_offset(index) + within, offset);
        prop_assert!(within + len_bytes <= size_bytes(&identity, index));
        if let Some((bar, at)) = layout::mapping(&identity, offset, len_bytes) {
            prop_assert_eq!(place, Place::Bar { index: bar, offset: at });
            let info = identity.bar(bar).expect("a BAR");
            prop_assert!(at + len_bytes <= info.size_bytes && at % 4096 == 0);
        }
    }

    #[test]
    fn any_index_is_answered(identity in identities(), index in prop_oneof![0..16u32, any::<u32>()]) {
        let region = layout::region(&identity, index);
        prop_assert_eq!(region.is_some(), index < layout::VFIO_PCI_NUM_REGIONS - 1);
        let irqs = layout::irqs(&identity, index);
        prop_assert_eq!(irqs.is_some(), index < layout::VFIO_PCI_NUM_IRQS);
        prop_assert!(irqs.is_none_or(|irqs| irqs.count <= 2048));
    }
}
