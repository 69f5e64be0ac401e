// SPDX-License-Identifier: GPL-2.0

//! Which capabilities a user sees, and which of their bits can be written.
//!
//! A list comes from the device, which may lie: it may loop, lead outside, and its entries may overlap.
//! An entry is visited once, and kept only if no other one that is kept has a part in its bytes. An
//! entry that is not kept is left out of the list, and its header is erased.

use super::{
    header::STATUS,
    identity::Identity,
    registers::Caps,
    space::Space, //
};

const STATUS_CAP_LIST: u16 = 1 << 4;
const CAPABILITY_LIST: u16 = 0x34;
/// Where entries may lie.
const FIRST: u16 = 0x40;
const END: u16 = 0x100;
/// Where extended entries may lie; the list begins with the first of them.
const EXTENDED_FIRST: u16 = 0x100;
const EXTENDED_END: u16 = 0x1000;

const ERROR_REPORTING: u32 = 0x0001;
const SERIAL_NUMBER: u32 = 0x0003;

/// Leaves in a space only what a user may see.
pub(crate) fn build(space: &mut Space, identity: &Identity) -> Caps {
    let mut taken = Taken([0; Taken::WORDS]);
    let caps = build_list(space, identity, &mut taken);
    build_extended_list(space, &mut taken);
    caps
}

fn build_list(space: &mut Space, identity: &Identity, taken: &mut Taken) -> Caps {
    let mut caps = Caps::default();
    let (mut visited, mut link) = (Taken([0; Taken::WORDS]), CAPABILITY_LIST);
    let mut next = match space.word(STATUS) & STATUS_CAP_LIST {
        0 => 0,
        _ => space.byte(CAPABILITY_LIST),
    };
    space.set_byte(CAPABILITY_LIST, 0);
    // Every step visits another double word, and there are few.
    loop {
        let pointer = next & !0x3;
        let at = u16::from(pointer);
        if at < FIRST || !visited.take(at, 4) {
            break;
        }
        next = space.byte(at.saturating_add(1));
        let len = caps
            .len(space, identity, at)
            .filter(|len| fits(at, *len, END));
        if len.is_some_and(|len| taken.take(at, len)) {
            caps.keep(space, identity, at);
            space.set_byte(link, pointer);
            link = at.saturating_add(1);
            space.set_byte(link, 0);
        } else if taken.is_free(at) {
            space.set_word(at, 0);
        }
    }
    let status = space.word(STATUS) & !STATUS_CAP_LIST;
    space.set_word(
        STATUS,
        match space.byte(CAPABILITY_LIST) {
            0 => status,
            _ => status | STATUS_CAP_LIST,
        },
    );
    caps
}

fn build_extended_list(space: &mut Space, taken: &mut Taken) {
    const NEXT: u32 = 0xfff << 20;
    let (mut visited, mut link) = (Taken([0; Taken::WORDS]), EXTENDED_FIRST);
    let (mut has_errors, mut has_serial) = (false, false);
    let mut at = EXTENDED_FIRST;
    while at >= EXTENDED_FIRST && visited.take(at, 4) {
        let header = space.dword(at);
        let (place, len) = match header & 0xffff {
            ERROR_REPORTING => (&mut has_errors, 0x2c),
            SERIAL_NUMBER => (&mut has_serial, 0x0c),
            _ => (&mut false, 0),
        };
        let is_kept = len > 0 && !*place && fits(at, len, EXTENDED_END) && taken.take(at, len);
        if is_kept {
            *place = true;
            let before = space.dword(link) & !NEXT;
            space.set_dword(link, before | (u32::from(at) << 20));
            link = at;
        }
        // The list ends here unless another one follows. An empty one is all zeros.
        if is_kept {
            space.set_dword(at, header & !NEXT);
        } else if at == EXTENDED_FIRST || taken.is_free(at) {
            space.set_dword(at, 0);
        }
        at = u16::try_from(header >> 20).map_or(0, |next| next & !0x3);
    }
}

/// Whether `len` bytes from `at` on end before `end`.
const fn fits(at: u16, len: u16, end: u16) -> bool {
    at.saturating_add(len) <= end
}

/// Double words of a space that something lies in.
struct Taken([u64; Self::WORDS]);

impl Taken {
    const WORDS: usize = Space::LEN_BYTES / 4 / 64;

    /// Takes `len` bytes from `at` on, if all of them are free.
    fn take(&mut self, at: u16, len: u16) -> bool {
        let dwords = || (at..at.saturating_add(len)).step_by(4);
        let all_free = dwords().all(|at| self.is_free(at));
        if all_free {
            for at in dwords() {
                let (index, bit) = Self::place(at);
                if let Some(word) = self.0.get_mut(index) {
                    *word |= bit;
                }
            }
        }
        all_free
    }

    fn is_free(&self, at: u16) -> bool {
        let (index, bit) = Self::place(at);
        self.0.get(index).is_some_and(|word| word & bit == 0)
    }

    fn place(at: u16) -> (usize, u64) {
        let dword = usize::from(at / 4);
        (dword / 64, 1 << (dword % 64))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        super::identity::tests::IGBVF,
        *, //
    };

    /// A device with both kinds of interrupt messages.
    pub(in super::super) const DEVICE: Identity = Identity {
        msi_vectors: 4,
        ..IGBVF
    };

    /// What a device shows: dwords at their offsets.
    pub(in super::super) fn built(identity: &Identity, dwords: &[(u16, u32)]) -> (Space, Caps) {
        let mut space = Space::empty();
        for (at, dword) in dwords {
            space.set_dword(*at, *dword);
        }
        let caps = build(&mut space, identity);
        (space, caps)
    }

    /// The ids of the list, in its order.
    fn list(space: &Space) -> Vec<u8> {
        let (mut ids, mut at) = (Vec::new(), u16::from(space.byte(0x34)));
        while at != 0 {
            assert!((0x40..0x100).contains(&at) && ids.len() < 48);
            ids.push(space.byte(at));
            at = u16::from(space.byte(at + 1));
        }
        let status = space.word(6) & 0x10 != 0;
        assert_eq!(status, !ids.is_empty());
        ids
    }

    fn extended_list(space: &Space) -> Vec<u32> {
        let (mut ids, mut at) = (Vec::new(), 0x100);
        while at != 0 {
            assert!((0x100..0x1000).contains(&at) && ids.len() < 960);
            ids.push(space.dword(at) & 0xffff);
            at = u16::try_from(space.dword(at) >> 20).expect("12 bits");
        }
        ids
    }

    pub(in super::super) const HAS_LIST: (u16, u32) = (4, 0x10 << 16);

    #[test]
    fn a_user_sees_the_capabilities_that_are_served_and_no_others() {
        let (space, caps) = built(
            &DEVICE,
            &[
                HAS_LIST,
                (0x34, 0x40),
                (0x40, 0x0000_5003), // Vital product data.
                (0x50, 0x0003_6001),
                (0x60, 0x0080_7005),
                (0x70, 0x0002_8011),
                (0x80, 0x0010_a009),
                (0xa0, 0x0002_e010),
                (0xe0, 0x0006_0013), // Advanced features.
            ],
        );
        assert_eq!(list(&space), [0x01, 0x05, 0x11, 0x09, 0x10]);
        assert_eq!(
            (caps.power, caps.msi, caps.msix),
            (Some(0x50), Some(0x60), Some(0x70))
        );
        assert_eq!(caps.express.map(|express| express.at), Some(0xa0));
        assert_eq!((space.word(0x40), space.word(0xe0)), (0, 0));
    }

    #[test]
    fn a_device_without_a_list_has_none() {
        assert_eq!(list(&built(&DEVICE, &[(0x34, 0x40), (0x40, 0x11)]).0), []);
        assert_eq!(list(&built(&DEVICE, &[HAS_LIST]).0), []);
        assert_eq!(
            list(&built(&DEVICE, &[HAS_LIST, (0x34, 0x40), (0x40, 3)]).0),
            []
        );
    }

    #[test]
    fn a_list_that_loops_or_leads_outside_ends_there() {
        let looping = [HAS_LIST, (0x34, 0x40), (0x40, 0x5001), (0x50, 0x4011)];
        assert_eq!(list(&built(&DEVICE, &looping).0), [0x01, 0x11]);
        let itself = [HAS_LIST, (0x34, 0x40), (0x40, 0x4003)];
        assert_eq!(list(&built(&DEVICE, &itself).0), []);
        let outside = [HAS_LIST, (0x34, 0x40), (0x40, 0x1001)];
        assert_eq!(list(&built(&DEVICE, &outside).0), [0x01]);
        // The two lowest bits of a pointer mean nothing.
        let odd = [HAS_LIST, (0x34, 0x43), (0x40, 0x5301), (0x50, 0x11)];
        assert_eq!(list(&built(&DEVICE, &odd).0), [0x01, 0x11]);
    }

    #[test]
    fn a_capability_that_overlaps_another_or_the_end_is_hidden() {
        let overlap = [
            HAS_LIST,
            (0x34, 0x40),
            (0x40, 0x4411),
            (0x44, 0x5001),
            (0x50, 0x01),
        ];
        assert_eq!(list(&built(&DEVICE, &overlap).0), [0x11, 0x01]);
        let end = [HAS_LIST, (0x34, 0xf8), (0xf8, 0x11)];
        assert_eq!(list(&built(&DEVICE, &end).0), []);
        let vendor = |len: u32| [HAS_LIST, (0x34, 0xf0), (0xf0, (len << 16) | 9)];
        assert_eq!(list(&built(&DEVICE, &vendor(16)).0), [9]);
        for len in [0, 2, 17, 255] {
            assert_eq!(list(&built(&DEVICE, &vendor(len)).0), []);
        }
    }

    #[test]
    fn a_device_has_one_capability_of_a_kind_and_none_for_interrupts_it_has_not() {
        let twice = [HAS_LIST, (0x34, 0x40), (0x40, 0x5011), (0x50, 0x11)];
        assert_eq!(list(&built(&DEVICE, &twice).0), [0x11]);
        let without = Identity {
            msix_vectors: 0,
            msi_vectors: 0,
            ..IGBVF
        };
        let both = [HAS_LIST, (0x34, 0x40), (0x40, 0x5011), (0x50, 0x05)];
        assert_eq!(list(&built(&without, &both).0), []);
    }

    #[test]
    fn of_the_extended_capabilities_only_errors_and_the_serial_number_are_seen() {
        let (space, _) = built(
            &DEVICE,
            &[
                (0x100, 0x1401_0001),
                (0x140, 0x1501_0003),
                (0x150, 0x1601_000e), // Alternative routing ids.
                (0x160, 0x2001_0010), // Virtual functions.
                (0x200, 0x0001_000f), // Address translation.
            ],
        );
        assert_eq!(extended_list(&space), [1, 3]);
        for at in [0x150, 0x160, 0x200] {
            assert_eq!(space.dword(at), 0);
        }
    }

    #[test]
    fn the_first_extended_capability_is_hidden_by_an_empty_one() {
        let (space, _) = built(&DEVICE, &[(0x100, 0x1401_0010), (0x140, 0x0001_0003)]);
        assert_eq!(extended_list(&space), [0, 3]);
        assert_eq!(space.dword(0x100), 0x1400_0000);
        let (space, _) = built(&DEVICE, &[(0x100, 0x1401_0010), (0x140, 0x0001_000f)]);
        assert_eq!(space.dword(0x100), 0);
    }

    #[test]
    fn an_extended_list_that_loops_or_overlaps_ends_there() {
        let (space, _) = built(&DEVICE, &[(0x100, 0x1401_0001), (0x140, 0x1001_0003)]);
        assert_eq!(extended_list(&space), [1, 3]);
        let (space, _) = built(&DEVICE, &[(0x100, 0x1041_0001), (0x104, 0x0001_0003)]);
        assert_eq!(extended_list(&space), [1]);
        assert_eq!(space.dword(0x104), 0x0001_0003);
        let (space, _) = built(&DEVICE, &[(0x100, 0x0401_0001)]);
        assert_eq!(extended_list(&space), [1]);
        let (space, _) = built(&DEVICE, &[(0x100, 0xffc1_0001), (0xffc, 0x0001_0003)]);
        assert_eq!(extended_list(&space), [1]);
    }
}
