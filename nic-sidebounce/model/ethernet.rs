// SPDX-License-Identifier: GPL-2.0

//! Addresses and VLANs of Ethernet.

/// The number of a VLAN, as in an 802.1Q tag.
///
/// # Invariants
///
/// The VID is at most [`Vid::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Vid(u16);

impl Vid {
    /// The highest that may be used; 4095 is reserved.
    pub(crate) const MAX: u16 = 4094;

    /// Returns [`None`] for the reserved one and for what has more than 12 bits.
    pub(crate) const fn new(vid: u16) -> Option<Self> {
        if vid > Self::MAX {
            return None;
        }
        // INVARIANT: It was checked above.
        Some(Self(vid))
    }

    /// As a number.
    pub(crate) const fn get(self) -> u16 {
        self.0
    }
}

/// A MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mac(pub(crate) [u8; 6]);

impl Mac {
    /// That of nobody.
    pub(crate) const UNKNOWN: Self = Self([0; 6]);
    /// All ones.
    pub(crate) const BROADCAST: Self = Self([0xff; 6]);

    /// The address in the lower 48 bits.
    pub(crate) fn bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// Whether it addresses a group, as broadcast does.
    pub(crate) const fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }

    /// Whether it is a group in which stations register with switches, by MRP (IEEE 802.1Q 10.5).
    pub(crate) const fn is_registration(self) -> bool {
        matches!(self.0, [0x01, 0x80, 0xc2, 0x00, 0x00, 0x20..=0x2f])
    }

    /// Whether bridges keep it to themselves: 01:80:c2:00:00:00 to :0f (IEEE 802.1D, table 7-10).
    pub(crate) const fn is_link_local(self) -> bool {
        matches!(self.0, [0x01, 0x80, 0xc2, 0, 0, 0..=0x0f])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_keep_sixteen_groups_to_themselves() {
        assert!(Mac([1, 0x80, 0xc2, 0, 0, 0x0f]).is_link_local());
        assert!(!Mac([1, 0x80, 0xc2, 0, 0, 0x10]).is_link_local());
        assert!(Mac::BROADCAST.is_group() && !Mac([2, 0, 0, 0, 0, 1]).is_group());
    }
}
