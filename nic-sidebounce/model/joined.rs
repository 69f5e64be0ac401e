// SPDX-License-Identifier: GPL-2.0

//! Which pools of an 82576 are members of a VLAN, and get its tagged frames: the entries of its VLAN filter for
//! virtual machines (VLVF in the datasheet), of which each VLAN has one at most. A function without a port VLAN joins
//! VLANs as it likes, and its driver (igb) lets it stay in them when it gets a port VLAN.

use super::pool::Pool;

/// Where the first entry is behind the first base address register, in bytes; 4 bytes each.
pub(crate) const VLVF: u32 = 0x5d00;
/// How many there are.
pub(crate) const ENTRIES: u32 = 32;
/// Its bits that say which pools are members.
pub(crate) const POOLS: u32 = 0xff << POOLS_SHIFT;

const POOLS_SHIFT: u32 = 12;
const VID: u32 = 0xfff;
const ENABLED: u32 = 1 << 31;

/// An entry, as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u32);

impl Entry {
    /// Where all of them are.
    pub(crate) fn offsets_bytes() -> impl Iterator<Item = u32> {
        (0..ENTRIES).map(|number| VLVF.saturating_add(number.saturating_mul(4)))
    }

    /// Its VLAN, if it has one.
    fn vid(self) -> Option<u16> {
        let vid = u16::try_from(self.0 & VID).ok()?;
        (self.0 & ENABLED != 0).then_some(vid)
    }

    /// The VLAN that `pool` is a member of by this, though it is to be one of `service` only.
    pub(crate) fn stray(self, pool: Pool, service: u16) -> Option<u16> {
        self.vid()
            .filter(|vid| *vid != service && self.0 & bit(pool) != 0)
    }

    /// Whether `pool` is to be a member by this again, having been one of the VLANs `left`.
    pub(crate) fn is_left(self, left: &[u16]) -> bool {
        self.vid().is_some_and(|vid| left.contains(&vid))
    }
}

/// That of [`POOLS`] that stands for `pool`.
pub(crate) fn bit(pool: Pool) -> u32 {
    POOLS & 1_u32.wrapping_shl(POOLS_SHIFT.wrapping_add(pool.number().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(vf: u16) -> Pool {
        Pool::of_vf(vf).unwrap()
    }

    fn entry(vid: u32, pools: &[u32]) -> Entry {
        let members: u32 = pools.iter().map(|pool| 1 << (12 + pool)).sum();
        Entry(ENABLED | members | vid)
    }

    #[test]
    fn each_pool_has_a_bit_of_its_own() {
        let mut seen = 0;
        for vf in 0..7 {
            let bit = bit(pool(vf));
            assert_eq!(bit.count_ones(), 1);
            assert_eq!(bit & POOLS & !seen, bit);
            assert_eq!(bit, 1 << (12 + u32::from(vf)));
            seen |= bit;
        }
    }

    #[test]
    fn the_entries_are_one_behind_the_other() {
        let offsets: Vec<_> = Entry::offsets_bytes().collect();
        assert_eq!(offsets.len(), 32);
        assert_eq!((offsets[0], offsets[31]), (0x5d00, 0x5d7c));
    }

    #[test]
    fn all_but_the_service_vlan_is_left() {
        assert_eq!(entry(100, &[0, 7]).stray(pool(0), 3900), Some(100));
        assert_eq!(entry(0, &[0]).stray(pool(0), 3900), Some(0));
        assert_eq!(entry(3901, &[1, 2]).stray(pool(2), 3900), Some(3901));
        assert_eq!(entry(3900, &[0, 7]).stray(pool(0), 3900), None);
    }

    #[test]
    fn what_others_have_joined_is_theirs() {
        assert_eq!(entry(100, &[1, 7]).stray(pool(0), 3900), None);
        assert_eq!(Entry(0).stray(pool(0), 3900), None);
        // Off, as the driver leaves entries while the physical function is promiscuous.
        assert_eq!(Entry(100 | 1 << 12).stray(pool(0), 3900), None);
    }

    #[test]
    fn what_was_left_is_joined_again_while_it_is_there() {
        assert!(entry(100, &[1]).is_left(&[7, 100]));
        assert!(!entry(101, &[1]).is_left(&[7, 100]));
        assert!(!Entry(100).is_left(&[7, 100]));
        assert!(!entry(0, &[]).is_left(&[]));
    }
}
