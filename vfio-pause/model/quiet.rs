// SPDX-License-Identifier: GPL-2.0

//! Which switches keep a function from acting by itself, where more than that it may not access memory
//! is needed.
//!
//! A network card goes on receiving while it is paused. One that then fetches where to put a frame, is
//! refused, and goes past what it could not fetch would never get back in step with its driver; if its
//! receive queues are off, it drops the frame instead.

/// A bit of a register of 32 bits that is on while the function acts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    /// The number of the BAR.
    pub(crate) bar: u8,
    /// Where in it the register is.
    pub(crate) offset: u64,
    /// The bit.
    pub(crate) mask: u32,
}

/// Most switches of a function.
pub(crate) const MAX_SWITCHES: usize = 2;

/// `RXDCTL.ENABLE` of both receive queues of a virtual function (Intel 82576 datasheet, 8.10.8; I350
/// datasheet, 8.10.8).
const INTEL_82576_VF: [Switch; MAX_SWITCHES] = [
    Switch {
        bar: 0,
        offset: 0x2828,
        mask: 1 << 25,
    },
    Switch {
        bar: 0,
        offset: 0x2928,
        mask: 1 << 25,
    },
];

/// The switches of a kind of function; none for most.
pub(crate) const fn switches(vendor: u16, device: u16) -> &'static [Switch] {
    match (vendor, device) {
        (0x8086, 0x10ca) => &INTEL_82576_VF,
        _ => &[],
    }
}

/// Class and subclass of NVM controllers.
const CLASS_NVM: u32 = 0x0108;

/// How long a function is given to end what it was told to do, in milliseconds, once it is told no
/// more; by its class, 24 bits.
///
/// An NVMe controller that cannot fetch a command or write its completion fails, and there is no way to
/// ask whether it has any left. Others only lose time.
pub(crate) const fn settle_ms(class: u32) -> u32 {
    match class >> 8 {
        CLASS_NVM => 20,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_82576_vf_has_a_switch_for_each_receive_queue() {
        let offsets: Vec<_> = switches(0x8086, 0x10ca)
            .iter()
            .map(|it| it.offset)
            .collect();
        assert_eq!(offsets, [0x2828, 0x2928]);
    }

    #[test]
    fn only_nvm_controllers_get_time() {
        assert_eq!(settle_ms(0x010802), 20);
        assert_eq!(settle_ms(0x020000), 0);
        assert_eq!(settle_ms(u32::MAX), 0);
    }

    #[test]
    fn what_is_not_known_is_left_alone() {
        assert!(switches(0x8086, 0x10c9).is_empty());
        assert!(switches(0x10ca, 0x8086).is_empty());
    }

    #[test]
    fn no_function_has_more_switches_than_are_remembered() {
        for device in 0..=u16::MAX {
            assert!(switches(0x8086, device).len() <= MAX_SWITCHES);
        }
    }
}
