// SPDX-License-Identifier: GPL-2.0

//! What a user was promised about a device, and whether another one keeps the promise.

use core::fmt;

/// What a base address register leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarKind {
    /// Nothing that is passed on, or it is the upper half of the one before.
    None,
    /// Memory.
    Memory {
        /// Its address has 64 bits and takes the next register too.
        wide: bool,
        /// Reads have no side effects.
        prefetchable: bool,
    },
}

/// A base address register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BarInfo {
    /// How much there is.
    pub(crate) size_bytes: u64,
    /// What it is.
    pub(crate) kind: BarKind,
}

impl BarInfo {
    /// No register.
    pub(crate) const NONE: Self = Self {
        size_bytes: 0,
        kind: BarKind::None,
    };

    /// Whether a register can say so: a power of two, not too small and not too large for its kind.
    const fn is_sane(&self) -> bool {
        let (min_bytes, max_bytes) = match self.kind {
            BarKind::None => return false,
            BarKind::Memory { wide: false, .. } => (1 << 4, 1 << 31),
            BarKind::Memory { wide: true, .. } => (1 << 4, 1 << 63),
        };
        self.size_bytes.is_power_of_two()
            && self.size_bytes >= min_bytes
            && self.size_bytes <= max_bytes
    }

    const fn is_wide(&self) -> bool {
        matches!(self.kind, BarKind::Memory { wide: true, .. })
    }
}

/// Where the MSI-X table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MsixTable {
    /// The number of the BAR.
    pub(crate) bar: u8,
    /// Where in the BAR it begins.
    pub(crate) offset: u32,
    /// How long it is.
    pub(crate) len_bytes: u32,
}

/// What tells a device from others, and what a user has built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Who made it.
    pub(crate) vendor: u16,
    /// What it is.
    pub(crate) device: u16,
    /// Who sold it.
    pub(crate) subsystem_vendor: u16,
    /// As what.
    pub(crate) subsystem: u16,
    /// What it does: 24 bits of class, subclass and interface.
    pub(crate) class: u32,
    /// Which edition it is.
    pub(crate) revision: u8,
    /// Its base address registers, as the host found them; ask [`Self::bar`].
    pub(crate) bars: [BarInfo; Self::BARS],
    /// MSI-X vectors; 0 for none.
    pub(crate) msix_vectors: u16,
    /// Where their table is.
    pub(crate) msix_table: Option<MsixTable>,
    /// MSI vectors; 0 for none.
    pub(crate) msi_vectors: u8,
    /// Whether it has an interrupt line.
    pub(crate) has_intx: bool,
    /// Whether it can be reset by itself.
    pub(crate) can_reset: bool,
    /// Bytes of configuration space: 256 or 4096.
    pub(crate) config_len: u16,
}

impl Identity {
    /// Base address registers of a function.
    pub(crate) const BARS: usize = 6;
    /// Most MSI-X vectors of a function.
    pub(crate) const MAX_MSIX_VECTORS: u16 = 2048;
    /// Most MSI vectors of a function.
    pub(crate) const MAX_MSI_VECTORS: u8 = 32;

    /// The BAR with this number, unless there is none, it is one that no register can describe, or the
    /// register is the upper half of the one before.
    pub(crate) fn bar(&self, index: usize) -> Option<BarInfo> {
        let bar = self.bars.get(index).copied().filter(BarInfo::is_sane)?;
        let is_upper_half = index
            .checked_sub(1)
            .is_some_and(|below| self.is_wide(below));
        let has_room = !bar.is_wide() || index.saturating_add(1) < Self::BARS;
        (!is_upper_half && has_room).then_some(bar)
    }

    /// Whether the BAR takes two registers. Of two neighbours that both claim to, the first does.
    fn is_wide(&self, index: usize) -> bool {
        let claims = |index: usize| {
            self.bars
                .get(index)
                .is_some_and(|bar| bar.is_sane() && bar.is_wide())
        };
        let mut run = 0_usize;
        for below in (0..=index).rev() {
            if !claims(below) {
                break;
            }
            run = run.saturating_add(1);
        }
        run % 2 == 1
    }

    /// MSI vectors a capability can tell: a power of two, as many as there are at most.
    pub(crate) fn msi_count(&self) -> u8 {
        let vectors = self.msi_vectors.min(Self::MAX_MSI_VECTORS);
        let log2 = vectors.checked_ilog2();
        log2.and_then(|log2| 1_u8.checked_shl(log2)).unwrap_or(0)
    }

    /// MSI-X vectors a capability can tell.
    pub(crate) fn msix_count(&self) -> u16 {
        self.msix_vectors.min(Self::MAX_MSIX_VECTORS)
    }

    /// Whether what is at `offset` of a BAR belongs to the MSI-X table.
    pub(crate) fn is_msix_table(&self, bar: u8, offset: u64) -> bool {
        self.msix_table.is_some_and(|table| {
            let start = u64::from(table.offset);
            let end = start.saturating_add(u64::from(table.len_bytes));
            table.bar == bar && (start..end).contains(&offset)
        })
    }

    /// Whether a user who was promised `self` can go on with `back`.
    pub(crate) fn accepts(&self, back: &Self) -> Result<(), Mismatch> {
        let ids = |id: &Self| (id.vendor, id.device);
        let subsystems = |id: &Self| (id.subsystem_vendor, id.subsystem);
        same(ids(back), ids(self)).map_err(Mismatch::Device)?;
        same(subsystems(back), subsystems(self)).map_err(Mismatch::Subsystem)?;
        same(back.class, self.class).map_err(Mismatch::Class)?;
        same(back.revision, self.revision).map_err(Mismatch::Revision)?;
        for (index, (found, wanted)) in back.bars.iter().zip(&self.bars).enumerate() {
            same(found.size_bytes, wanted.size_bytes)
                .map_err(|differ| Mismatch::BarSize(index, differ))?;
            same(found.kind, wanted.kind).map_err(|_| Mismatch::BarKind(index))?;
        }
        enough(back.msix_vectors, self.msix_vectors).map_err(Mismatch::MsixVectors)?;
        if self.msix_table.is_some() && back.msix_table != self.msix_table {
            // A table of more vectors is longer, but it begins where the user expects it.
            let begin = |table: Option<MsixTable>| table.map(|table| (table.bar, table.offset));
            same(begin(back.msix_table), begin(self.msix_table))
                .map_err(|_| Mismatch::MsixTable)?;
        }
        enough(back.msi_vectors, self.msi_vectors).map_err(Mismatch::MsiVectors)?;
        match (
            self.has_intx && !back.has_intx,
            self.can_reset && !back.can_reset,
        ) {
            (true, _) => Err(Mismatch::Intx),
            (_, true) => Err(Mismatch::Reset),
            _ => Ok(()),
        }
    }
}

/// What was found in the place of what was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Differ<T> {
    /// What there is.
    pub(crate) found: T,
    /// What was promised.
    pub(crate) wanted: T,
}

/// Why a device cannot stand in for another. Its text is meant for `last_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Vendor or device.
    Device(Differ<(u16, u16)>),
    /// Vendor or device of the subsystem.
    Subsystem(Differ<(u16, u16)>),
    /// The class.
    Class(Differ<u32>),
    /// The revision.
    Revision(Differ<u8>),
    /// The size of the BAR with this number.
    BarSize(usize, Differ<u64>),
    /// The kind of the BAR with this number.
    BarKind(usize),
    /// Too few MSI-X vectors.
    MsixVectors(Differ<u16>),
    /// The MSI-X table is somewhere else.
    MsixTable,
    /// Too few MSI vectors.
    MsiVectors(Differ<u8>),
    /// No interrupt line.
    Intx,
    /// No way to reset it.
    Reset,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids = |what: &str, differ: &Differ<(u16, u16)>| {
            let ((found, part), (wanted, other)) = (differ.found, differ.wanted);
            write!(
                f,
                "{what} is {found:04x}:{part:04x}, {wanted:04x}:{other:04x} wanted"
            )
        };
        match self {
            Self::Device(differ) => ids("device", differ),
            Self::Subsystem(differ) => ids("subsystem", differ),
            Self::Class(Differ { found, wanted }) => {
                write!(f, "class is {found:06x}, {wanted:06x} wanted")
            }
            Self::Revision(Differ { found, wanted }) => {
                write!(f, "revision is {found:02x}, {wanted:02x} wanted")
            }
            Self::BarSize(index, Differ { found, wanted }) => {
                write!(f, "bar {index} is {found} bytes, {wanted} wanted")
            }
            Self::BarKind(index) => write!(f, "bar {index} is of another kind"),
            Self::MsixVectors(Differ { found, wanted }) => {
                write!(f, "{found} msi-x vectors, {wanted} wanted")
            }
            Self::MsixTable => f.write_str("msi-x table is at another place"),
            Self::MsiVectors(Differ { found, wanted }) => {
                write!(f, "{found} msi vectors, {wanted} wanted")
            }
            Self::Intx => f.write_str("no interrupt line"),
            Self::Reset => f.write_str("no reset"),
        }
    }
}

fn same<T: PartialEq>(found: T, wanted: T) -> Result<(), Differ<T>> {
    if found == wanted {
        return Ok(());
    }
    Err(Differ { found, wanted })
}

fn enough<T: PartialOrd>(found: T, wanted: T) -> Result<(), Differ<T>> {
    if found >= wanted {
        return Ok(());
    }
    Err(Differ { found, wanted })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const MEMORY: BarKind = BarKind::Memory {
        wide: true,
        prefetchable: true,
    };

    /// A virtual function of QEMU's igb.
    pub(in super::super) const IGBVF: Identity = Identity {
        vendor: 0x8086,
        device: 0x10ca,
        subsystem_vendor: 0x8086,
        subsystem: 0xa03c,
        class: 0x02_0000,
        revision: 1,
        bars: [
            BarInfo {
                size_bytes: 0x4000,
                kind: MEMORY,
            },
            BarInfo::NONE,
            BarInfo::NONE,
            BarInfo {
                size_bytes: 0x4000,
                kind: MEMORY,
            },
            BarInfo::NONE,
            BarInfo::NONE,
        ],
        msix_vectors: 3,
        msix_table: Some(MsixTable {
            bar: 3,
            offset: 0,
            len_bytes: 48,
        }),
        msi_vectors: 0,
        has_intx: false,
        can_reset: true,
        config_len: 4096,
    };

    fn refusal(change: impl FnOnce(&mut Identity)) -> String {
        let mut back = IGBVF;
        change(&mut back);
        IGBVF
            .accepts(&back)
            .err()
            .map_or("accepted".into(), |mismatch| mismatch.to_string())
    }

    #[test]
    fn a_device_stands_in_for_its_like_and_for_one_with_fewer_vectors() {
        assert_eq!(refusal(|_| {}), "accepted");
        assert_eq!(refusal(|back| back.msix_vectors = 10), "accepted");
        assert_eq!(refusal(|back| back.msi_vectors = 1), "accepted");
        assert_eq!(refusal(|back| back.has_intx = true), "accepted");
        assert_eq!(refusal(|back| back.can_reset = false), "no reset");
    }

    #[test]
    fn a_device_that_is_not_what_was_promised_is_refused_with_the_reason() {
        assert_eq!(
            refusal(|back| back.device = 0x1520),
            "device is 8086:1520, 8086:10ca wanted"
        );
        assert_eq!(
            refusal(|back| back.subsystem = 0),
            "subsystem is 8086:0000, 8086:a03c wanted"
        );
        assert_eq!(
            refusal(|back| back.class = 0x01_0802),
            "class is 010802, 020000 wanted"
        );
        assert_eq!(
            refusal(|back| back.revision = 2),
            "revision is 02, 01 wanted"
        );
        assert_eq!(
            refusal(|back| back.bars[0].size_bytes = 0x8000),
            "bar 0 is 32768 bytes, 16384 wanted"
        );
        assert_eq!(
            refusal(|back| back.bars[3].kind = BarKind::None),
            "bar 3 is of another kind"
        );
        assert_eq!(
            refusal(|back| back.msix_vectors = 2),
            "2 msi-x vectors, 3 wanted"
        );
        assert_eq!(
            refusal(|back| back.msix_table = None),
            "msi-x table is at another place"
        );
        let with_intx = Identity {
            has_intx: true,
            can_reset: true,
            msi_vectors: 1,
            ..IGBVF
        };
        let refusal = |back| with_intx.accepts(&back).map_err(|why| why.to_string());
        assert_eq!(refusal(IGBVF), Err("0 msi vectors, 1 wanted".into()));
        let back = Identity {
            msi_vectors: 1,
            ..IGBVF
        };
        assert_eq!(refusal(back), Err("no interrupt line".into()));
    }

    #[test]
    fn a_bar_that_no_register_can_describe_is_absent() {
        let bar = |index: usize, size_bytes, kind| {
            let mut identity = IGBVF;
            identity.bars[index] = BarInfo { size_bytes, kind };
            identity.bar(index).map(|bar| bar.size_bytes)
        };
        let narrow = BarKind::Memory {
            wide: false,
            prefetchable: false,
        };
        assert_eq!(bar(0, 0x4000, MEMORY), Some(0x4000));
        assert_eq!(bar(0, 1 << 63, MEMORY), Some(1 << 63));
        assert_eq!(bar(0, 0x4001, MEMORY), None);
        assert_eq!(bar(0, 0, MEMORY), None);
        assert_eq!(bar(0, 8, narrow), None);
        assert_eq!(bar(0, 1 << 32, narrow), None);
        assert_eq!(bar(1, 0x4000, narrow), None, "the upper half of bar 0");
        assert_eq!(
            bar(5, 0x4000, MEMORY),
            None,
            "no register for its upper half"
        );
        assert_eq!(bar(5, 0x4000, narrow), Some(0x4000));
        assert_eq!(IGBVF.bar(6), None);
    }
}
