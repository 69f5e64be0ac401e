// SPDX-License-Identifier: GPL-2.0

//! Which pool of an 82576 gets what comes from the wire for nobody: unicast frames whose address no pool receives,
//! or only ones that are no members of the frame's VLAN.
//!
//! VF n has pool n, and the physical function the one after the last VF's. Its driver makes its own the default
//! whenever it sets up the card (`igb_setup_mrqc`; VT_CTL in the datasheet).

/// Where the VT control register is behind the first base address register, in bytes.
pub(crate) const VT_CTL: u32 = 0x581c;
/// Its bits that say which pool is the default, and that there is none.
pub(crate) const DEFAULT: u32 = NUMBER << SHIFT | NONE;

const SHIFT: u32 = 7;
const NUMBER: u32 = 0x7;
const NONE: u32 = 1 << 29;

/// A VF's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool(u16);

/// What the card is found like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The VT control register.
    pub(crate) vt_ctl: u32,
    /// Whether the driver has set it up.
    pub(crate) is_up: bool,
    /// How many VFs it has.
    pub(crate) vfs: u16,
}

impl Seen {
    fn default(self) -> u32 {
        self.vt_ctl & DEFAULT
    }
}

/// What the driver had set, and with how many VFs. Another count makes it set up the card anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Former {
    bits: u32,
    vfs: u16,
}

/// What is to be done with the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the pool is the default.
    Keep,
    /// Give the bits [`DEFAULT`] this value.
    Set {
        /// The value.
        bits: u32,
        /// To be remembered first.
        former: Former,
    },
    /// Nothing: the card is down, or has no such VF.
    Wait,
    /// Nothing: somebody else has set another default than the driver does.
    Yield,
}

impl Pool {
    /// That of the VF `vf`, if the card can have so many.
    pub(crate) fn of_vf(vf: u16) -> Option<Self> {
        (u32::from(vf) < NUMBER).then_some(Self(vf))
    }

    /// Its number.
    pub(crate) fn number(self) -> u16 {
        self.0
    }

    fn bits(self) -> u32 {
        u32::from(self.0) << SHIFT
    }

    /// What makes it the default. `former` is what was to be remembered the last time.
    pub(crate) fn next(self, seen: Seen, former: Option<Former>) -> Next {
        let drivers = u32::from(seen.vfs) << SHIFT;
        if !seen.is_up || self.0 >= seen.vfs || u32::from(seen.vfs) > NUMBER {
            Next::Wait
        } else if seen.default() == drivers {
            let former = Former {
                bits: drivers,
                vfs: seen.vfs,
            };
            Next::Set {
                bits: self.bits(),
                former,
            }
        } else if self.is_ours(seen, former) {
            Next::Keep
        } else {
            Next::Yield
        }
    }

    /// The value that gives the bits [`DEFAULT`] back what they were before this was the default; [`None`] if
    /// it is the default no more.
    pub(crate) fn undo(self, seen: Seen, former: Option<Former>) -> Option<u32> {
        former
            .filter(|_| seen.is_up && self.is_ours(seen, former))
            .map(|former| former.bits)
    }

    fn is_ours(self, seen: Seen, former: Option<Former>) -> bool {
        seen.default() == self.bits() && former.is_some_and(|former| former.vfs == seen.vfs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits that are no business of ours, as igb sets one of them.
    const OTHER: u32 = 1 << 30 | 0x7f;

    fn seen(pool: u32, vfs: u16) -> Seen {
        Seen {
            vt_ctl: OTHER | pool << 7,
            is_up: true,
            vfs,
        }
    }

    fn pool(vf: u16) -> Pool {
        Pool::of_vf(vf).unwrap()
    }

    fn set(vf: u16, vfs: u16) -> Former {
        match pool(vf).next(seen(vfs.into(), vfs), None) {
            Next::Set { bits, former } => {
                assert_eq!(bits, u32::from(vf) << 7);
                former
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_last_pool_is_never_a_vfs() {
        assert!(Pool::of_vf(6).is_some());
        assert!(Pool::of_vf(7).is_none());
        assert!(Pool::of_vf(u16::MAX).is_none());
    }

    #[test]
    fn the_default_is_set_kept_and_given_back() {
        for vfs in 1..=7 {
            for vf in 0..vfs {
                let former = Some(set(vf, vfs));
                let ours = seen(vf.into(), vfs);
                assert_eq!(pool(vf).next(ours, former), Next::Keep);
                assert_eq!(pool(vf).undo(ours, former), Some(u32::from(vfs) << 7));
            }
        }
    }

    #[test]
    fn what_the_driver_sets_anew_is_set_again_and_not_given_back() {
        let former = Some(set(0, 2));
        let anew = seen(2, 2);
        assert!(matches!(pool(0).next(anew, former), Next::Set { .. }));
        assert_eq!(pool(0).undo(anew, former), None);
    }

    #[test]
    fn nothing_is_done_to_a_card_that_is_down_or_has_no_such_vf() {
        let down = Seen {
            is_up: false,
            ..seen(2, 2)
        };
        let former = Some(set(0, 2));
        assert_eq!(pool(0).next(down, None), Next::Wait);
        assert_eq!(pool(0).next(seen(0, 0), None), Next::Wait);
        assert_eq!(pool(2).next(seen(2, 2), None), Next::Wait);
        assert_eq!(pool(0).next(seen(0, 8), None), Next::Wait);
        let down = Seen {
            is_up: false,
            ..seen(0, 2)
        };
        assert_eq!(pool(0).undo(down, former), None);
    }

    #[test]
    fn the_drivers_default_is_not_taken_for_a_vfs_after_the_count_has_changed() {
        // VF 2 of 3 was the default. With 2 VFs that pool is the physical function's.
        let former = Some(set(2, 3));
        let fewer = seen(2, 2);
        assert_eq!(pool(2).next(fewer, former), Next::Wait);
        assert_eq!(pool(2).undo(fewer, former), None);
    }

    #[test]
    fn what_somebody_else_has_set_is_left_alone() {
        let other = seen(1, 3);
        let none = Seen {
            vt_ctl: 1 << 29 | 3 << 7,
            ..seen(3, 3)
        };
        for former in [None, Some(set(0, 3))] {
            assert_eq!(pool(0).next(other, former), Next::Yield);
            assert_eq!(pool(0).next(none, former), Next::Yield);
            assert_eq!(pool(0).undo(other, former), None);
        }
        // Its own pool, but not by it.
        assert_eq!(pool(1).next(other, None), Next::Yield);
    }
}
