// SPDX-License-Identifier: GPL-2.0

//! Where in its file a device keeps what, and which interrupts it has. The numbers are those of
//! `include/uapi/linux/vfio.h`.

use super::identity::{
    BarKind,
    Identity, //
};

/// `VFIO_PCI_ROM_REGION_INDEX`.
pub(crate) const VFIO_PCI_ROM_REGION_INDEX: u32 = 6;
/// `VFIO_PCI_CONFIG_REGION_INDEX`.
pub(crate) const VFIO_PCI_CONFIG_REGION_INDEX: u32 = 7;
/// `VFIO_PCI_NUM_REGIONS`.
pub(crate) const VFIO_PCI_NUM_REGIONS: u32 = 9;

/// `VFIO_PCI_INTX_IRQ_INDEX`.
pub(crate) const VFIO_PCI_INTX_IRQ_INDEX: u32 = 0;
/// `VFIO_PCI_MSI_IRQ_INDEX`.
pub(crate) const VFIO_PCI_MSI_IRQ_INDEX: u32 = 1;
/// `VFIO_PCI_MSIX_IRQ_INDEX`.
pub(crate) const VFIO_PCI_MSIX_IRQ_INDEX: u32 = 2;
/// `VFIO_PCI_ERR_IRQ_INDEX`.
pub(crate) const VFIO_PCI_ERR_IRQ_INDEX: u32 = 3;
/// `VFIO_PCI_REQ_IRQ_INDEX`.
pub(crate) const VFIO_PCI_REQ_IRQ_INDEX: u32 = 4;
/// `VFIO_PCI_NUM_IRQS`.
pub(crate) const VFIO_PCI_NUM_IRQS: u32 = 5;

/// `VFIO_REGION_INFO_FLAG_READ`.
pub(crate) const VFIO_REGION_INFO_FLAG_READ: u32 = 1 << 0;
/// `VFIO_REGION_INFO_FLAG_WRITE`.
pub(crate) const VFIO_REGION_INFO_FLAG_WRITE: u32 = 1 << 1;
/// `VFIO_REGION_INFO_FLAG_MMAP`.
pub(crate) const VFIO_REGION_INFO_FLAG_MMAP: u32 = 1 << 2;

/// `VFIO_IRQ_INFO_EVENTFD`.
pub(crate) const VFIO_IRQ_INFO_EVENTFD: u32 = 1 << 0;
/// `VFIO_IRQ_INFO_MASKABLE`.
pub(crate) const VFIO_IRQ_INFO_MASKABLE: u32 = 1 << 1;
/// `VFIO_IRQ_INFO_AUTOMASKED`.
pub(crate) const VFIO_IRQ_INFO_AUTOMASKED: u32 = 1 << 2;
/// `VFIO_IRQ_INFO_NORESIZE`.
pub(crate) const VFIO_IRQ_INFO_NORESIZE: u32 = 1 << 3;

/// Each region has 2^40 bytes of the file to itself, as with vfio-pci.
const REGION_SHIFT: u32 = 40;
/// Most bytes of the configuration region.
pub(crate) const CONFIG_LEN_BYTES: u64 = 4096;
/// Only a BAR of whole pages can be mapped.
const PAGE_BYTES: u64 = 4096;

/// Where a region begins in the file.
pub(crate) const fn file_offset(index: u32) -> u64 {
    // Widened without `as`: an index has 32 bits.
    let [a, b, c, d] = index.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]) << REGION_SHIFT
}

/// What a part of the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A part of a BAR.
    Bar {
        /// Its number.
        index: usize,
        /// Where in the BAR the part begins.
        offset: u64,
    },
    /// A part of the configuration space.
    Config {
        /// Where the part begins.
        offset: u64,
    },
    /// Not wholly inside any region.
    Absent,
}

/// What the `len_bytes` at `offset` of the file are.
pub(crate) fn place(identity: &Identity, offset: u64, len_bytes: u64) -> Place {
    let Ok(index) = u32::try_from(offset >> REGION_SHIFT) else {
        return Place::Absent;
    };
    let within = offset.saturating_sub(file_offset(index));
    let size_bytes = region(identity, index).map_or(0, |region| region.size_bytes);
    let fits = within
        .checked_add(len_bytes)
        .is_some_and(|end| end <= size_bytes);
    if len_bytes == 0 || !fits {
        return Place::Absent;
    }
    match (index, bar_index(index)) {
        (VFIO_PCI_CONFIG_REGION_INDEX, _) => Place::Config { offset: within },
        (_, Some(index)) => Place::Bar {
            index,
            offset: within,
        },
        _ => Place::Absent,
    }
}

/// What the `len_bytes` at `offset` of the file are, if they can be mapped: the BAR and where in it
/// they begin.
pub(crate) fn mapping(identity: &Identity, offset: u64, len_bytes: u64) -> Option<(usize, u64)> {
    let aligned = offset % PAGE_BYTES == 0 && len_bytes % PAGE_BYTES == 0;
    match place(identity, offset, len_bytes) {
        Place::Bar { index, offset } if aligned && is_mappable(identity, index) => {
            Some((index, offset))
        }
        _ => None,
    }
}

/// A region, as `VFIO_DEVICE_GET_REGION_INFO` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// How long it is; 0 if the device has none.
    pub(crate) size_bytes: u64,
    /// Of `VFIO_REGION_INFO_FLAG_*`.
    pub(crate) flags: u32,
    /// Whether the MSI-X table lies in it, so that its mapping deserves a word.
    pub(crate) has_msix_table: bool,
}

/// The region with this index, or [`None`] if there can be none.
pub(crate) fn region(identity: &Identity, index: u32) -> Option<Region> {
    const READ_WRITE: u32 = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
    let empty = Region {
        offset: file_offset(index),
        size_bytes: 0,
        flags: 0,
        has_msix_table: false,
    };
    match (index, bar_index(index)) {
        (VFIO_PCI_ROM_REGION_INDEX, _) => Some(empty),
        (VFIO_PCI_CONFIG_REGION_INDEX, _) => Some(Region {
            size_bytes: u64::from(identity.config_len).min(CONFIG_LEN_BYTES),
            flags: READ_WRITE,
            ..empty
        }),
        (_, Some(bar)) => Some(identity.bar(bar).map_or(empty, |info| {
            let is_mappable = is_mappable(identity, bar);
            let table_bar = identity.msix_table.map(|table| usize::from(table.bar));
            Region {
                // A region ends where the next begins, whatever a device says.
                size_bytes: info.size_bytes.min(1 << REGION_SHIFT),
                flags: match is_mappable {
                    true => READ_WRITE | VFIO_REGION_INFO_FLAG_MMAP,
                    false => READ_WRITE,
                },
                has_msix_table: is_mappable && table_bar == Some(bar),
                ..empty
            }
        })),
        _ => None,
    }
}

/// A kind of interrupt, as `VFIO_DEVICE_GET_IRQ_INFO` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Irqs {
    /// How many there are.
    pub(crate) count: u32,
    /// Of `VFIO_IRQ_INFO_*`.
    pub(crate) flags: u32,
}

/// The interrupts with this index, or [`None`] if there can be none.
pub(crate) fn irqs(identity: &Identity, index: u32) -> Option<Irqs> {
    const FIXED: u32 = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
    const LEVEL: u32 = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
    let fixed = |count| Irqs {
        count,
        flags: FIXED,
    };
    Some(match index {
        VFIO_PCI_INTX_IRQ_INDEX => Irqs {
            count: u32::from(identity.has_intx),
            flags: LEVEL,
        },
        VFIO_PCI_MSI_IRQ_INDEX => fixed(u32::from(identity.msi_count())),
        VFIO_PCI_MSIX_IRQ_INDEX => Irqs {
            count: u32::from(identity.msix_count()),
            flags: VFIO_IRQ_INFO_EVENTFD,
        },
        VFIO_PCI_ERR_IRQ_INDEX | VFIO_PCI_REQ_IRQ_INDEX => fixed(1),
        _ => return None,
    })
}

fn bar_index(region: u32) -> Option<usize> {
    usize::try_from(region)
        .ok()
        .filter(|&index| index < Identity::BARS)
}

fn is_mappable(identity: &Identity, bar: usize) -> bool {
    identity.bar(bar).is_some_and(|info| {
        matches!(info.kind, BarKind::Memory { .. }) && info.size_bytes >= PAGE_BYTES
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::identity::{
            tests::IGBVF,
            BarInfo, //
        },
        *,
    };

    #[test]
    fn each_region_begins_where_vfio_pci_puts_it() {
        assert_eq!(file_offset(0), 0);
        assert_eq!(file_offset(VFIO_PCI_CONFIG_REGION_INDEX), 7 << 40);
        // What is left is that of VGA.
        const VGA: u32 = VFIO_PCI_NUM_REGIONS - 1;
        for index in 0..VGA {
            let region = region(&IGBVF, index).expect("a region");
            assert_eq!(region.offset, file_offset(index));
        }
        assert_eq!(region(&IGBVF, VGA), None);
        assert_eq!(region(&IGBVF, VFIO_PCI_NUM_REGIONS), None);
        assert_eq!(region(&IGBVF, u32::MAX), None);
    }

    #[test]
    fn a_bar_of_pages_is_mapped_and_others_are_read_and_written() {
        let flags = |bar: BarInfo| {
            let mut identity = IGBVF;
            identity.bars[0] = bar;
            region(&identity, 0).map(|region| (region.size_bytes, region.flags))
        };
        let memory = |size_bytes| BarInfo {
            size_bytes,
            kind: BarKind::Memory {
                wide: false,
                prefetchable: false,
            },
        };
        assert_eq!(flags(memory(0x1000)), Some((0x1000, 7)));
        assert_eq!(flags(memory(0x800)), Some((0x800, 3)));
        assert_eq!(flags(BarInfo::NONE), Some((0, 0)));
        let table = |index| region(&IGBVF, index).map(|region| region.has_msix_table);
        assert_eq!((table(0), table(3)), (Some(false), Some(true)));
    }

    #[test]
    fn an_access_lies_wholly_inside_one_region() {
        let bar0 = |offset| Place::Bar { index: 0, offset };
        assert_eq!(place(&IGBVF, 0, 0x4000), bar0(0));
        assert_eq!(place(&IGBVF, 0x3ffc, 4), bar0(0x3ffc));
        assert_eq!(place(&IGBVF, 0x3ffd, 4), Place::Absent);
        assert_eq!(place(&IGBVF, 0x4000, 1), Place::Absent);
        assert_eq!(place(&IGBVF, 0, 0), Place::Absent);
        assert_eq!(place(&IGBVF, 0, u64::MAX), Place::Absent);
        assert_eq!(place(&IGBVF, u64::MAX, 1), Place::Absent);
        let config = file_offset(VFIO_PCI_CONFIG_REGION_INDEX);
        assert_eq!(
            place(&IGBVF, config + 4092, 4),
            Place::Config { offset: 4092 }
        );
        assert_eq!(place(&IGBVF, config + 4093, 4), Place::Absent);
        for index in [1, 2, 4, 5, 6, 8, 9] {
            assert_eq!(place(&IGBVF, file_offset(index), 1), Place::Absent);
        }
    }

    #[test]
    fn only_whole_pages_of_memory_are_mapped() {
        assert_eq!(mapping(&IGBVF, 0x1000, 0x3000), Some((0, 0x1000)));
        assert_eq!(mapping(&IGBVF, 0x1000, 0x4000), None);
        assert_eq!(mapping(&IGBVF, 0x800, 0x1000), None);
        assert_eq!(mapping(&IGBVF, 0, 0x800), None);
        assert_eq!(mapping(&IGBVF, file_offset(7), 0x1000), None);
    }

    #[test]
    fn a_device_has_the_interrupts_of_its_identity() {
        let count = |index| irqs(&IGBVF, index).map(|irqs| irqs.count);
        assert_eq!(count(VFIO_PCI_INTX_IRQ_INDEX), Some(0));
        assert_eq!(count(VFIO_PCI_MSI_IRQ_INDEX), Some(0));
        assert_eq!(count(VFIO_PCI_MSIX_IRQ_INDEX), Some(3));
        assert_eq!(count(VFIO_PCI_REQ_IRQ_INDEX), Some(1));
        assert_eq!(count(VFIO_PCI_NUM_IRQS), None);
    }
}
