// SPDX-License-Identifier: GPL-2.0

//! Ranges of DMA addresses that are answered for, but never handed to the IOMMU: the peer-to-peer
//! mappings of a user.

/// Bytes at consecutive DMA addresses that stand for consecutive physical ones.
///
/// # Invariants
///
/// There is at least one byte, and neither the last DMA address nor the last physical one exceeds
/// [`u64::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    iova: u64,
    phys: u64,
    len_bytes: u64,
}

impl Range {
    /// Returns [`None`] for no bytes and for a range that wraps.
    pub(crate) const fn new(iova: u64, phys: u64, len_bytes: u64) -> Option<Self> {
        let (Some(_), Some(_)) = (last(iova, len_bytes), last(phys, len_bytes)) else {
            return None;
        };
        // INVARIANT: Both last addresses exist, as was checked above.
        Some(Self {
            iova,
            phys,
            len_bytes,
        })
    }

    /// The first DMA address.
    pub(crate) const fn iova(&self) -> u64 {
        self.iova
    }

    /// What it stands for.
    #[cfg(test)]
    pub(crate) const fn phys(&self) -> u64 {
        self.phys
    }

    /// How many bytes there are.
    #[cfg(test)]
    pub(crate) const fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The last DMA address.
    pub(crate) const fn last(&self) -> u64 {
        self.iova.saturating_add(self.len_bytes.saturating_sub(1))
    }

    /// Whether one of the `len_bytes` from `iova` on is in the range. A span that wraps ends at
    /// [`u64::MAX`].
    pub(crate) const fn overlaps(&self, iova: u64, len_bytes: u64) -> bool {
        len_bytes > 0 && iova <= self.last() && end_of(iova, len_bytes) >= self.iova
    }

    /// What `iova` stands for.
    pub(crate) const fn physical(&self, iova: u64) -> Option<u64> {
        if iova < self.iova || iova > self.last() {
            return None;
        }
        self.phys.checked_add(iova.saturating_sub(self.iova))
    }

    /// What is left below and above once the `len_bytes` from `iova` on are taken out.
    pub(crate) fn cut(&self, iova: u64, len_bytes: u64) -> (Option<Self>, Option<Self>) {
        if !self.overlaps(iova, len_bytes) {
            return if iova > self.last() {
                (Some(*self), None)
            } else {
                (None, Some(*self))
            };
        }
        let below_bytes = iova.saturating_sub(self.iova);
        let above_bytes = self.last().saturating_sub(end_of(iova, len_bytes));
        let offset = self.len_bytes.saturating_sub(above_bytes);
        let above = self
            .iova
            .checked_add(offset)
            .zip(self.phys.checked_add(offset));
        (
            Self::new(self.iova, self.phys, below_bytes),
            above.and_then(|(iova, phys)| Self::new(iova, phys, above_bytes)),
        )
    }
}

/// The last of `len_bytes` addresses from `first` on, if there is one.
const fn last(first: u64, len_bytes: u64) -> Option<u64> {
    match len_bytes.checked_sub(1) {
        Some(offset) => first.checked_add(offset),
        None => None,
    }
}

/// As [`last`]; what wraps ends at the last address there is.
const fn end_of(first: u64, len_bytes: u64) -> u64 {
    first.saturating_add(len_bytes.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(iova: u64, phys: u64, len_bytes: u64) -> Range {
        Range::new(iova, phys, len_bytes).expect("a range")
    }

    #[test]
    fn a_range_has_bytes_and_does_not_wrap() {
        assert_eq!(Range::new(0, 0, 0), None);
        assert_eq!(Range::new(u64::MAX, 0, 2), None);
        assert_eq!(Range::new(0, u64::MAX, 2), None);
        assert_eq!(range(u64::MAX, u64::MAX, 1).last(), u64::MAX);
        assert_eq!(range(0, 0, u64::MAX).last(), u64::MAX - 1);
    }

    #[test]
    fn an_address_is_translated_only_inside() {
        let range = range(0x1000, 0x8000, 0x2000);
        assert_eq!(range.physical(0xfff), None);
        assert_eq!(range.physical(0x1000), Some(0x8000));
        assert_eq!(range.physical(0x2fff), Some(0x9fff));
        assert_eq!(range.physical(0x3000), None);
    }

    #[test]
    fn neighbours_do_not_overlap() {
        let range = range(0x1000, 0x8000, 0x1000);
        assert!(!range.overlaps(0, 0x1000));
        assert!(!range.overlaps(0x2000, u64::MAX));
        assert!(!range.overlaps(0x1800, 0));
        assert!(range.overlaps(0, 0x1001));
        assert!(range.overlaps(0x1fff, u64::MAX));
        assert!(range.overlaps(0, u64::MAX));
    }

    #[test]
    fn a_hole_leaves_what_lies_below_and_above() {
        let whole = range(0x1000, 0x8000, 0x4000);
        let (below, above) = whole.cut(0x2000, 0x1000);
        assert_eq!(below, Some(range(0x1000, 0x8000, 0x1000)));
        assert_eq!(above, Some(range(0x3000, 0xa000, 0x2000)));
        assert_eq!(whole.cut(0x1000, 0x4000), (None, None));
        assert_eq!(whole.cut(0, u64::MAX), (None, None));
        assert_eq!(whole.cut(0, 0x1000), (None, Some(whole)));
        assert_eq!(whole.cut(0x5000, 1), (Some(whole), None));
        let end = range(u64::MAX - 1, 0, 2);
        assert_eq!(
            end.cut(u64::MAX, u64::MAX),
            (Some(range(u64::MAX - 1, 0, 1)), None)
        );
    }
}
