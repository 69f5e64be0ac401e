// SPDX-License-Identifier: GPL-2.0

//! The configuration space that a user sees, which outlives the devices behind it.
//!
//! It is made once, of what the first device shows. After that, no device is read or written for it:
//! a write changes bits that are known to be writable, and says what that means.

use super::{
    caps,
    header::{
        self,
        COMMAND,
        COMMAND_INTX_DISABLE,
        COMMAND_MASTER,
        COMMAND_MEMORY, //
    },
    identity::Identity,
    registers::Caps,
    space::Space,
    text::Switch,
};

/// A configuration space without a device. It takes more than a page: make it where it is to stay.
pub(crate) struct Shadow {
    space: Space,
    caps: Caps,
}

/// What a write has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// The device may do DMA from now on, or must not.
    pub(crate) master: Option<Switch>,
    /// The interrupt line is disabled, or not.
    pub(crate) intx_disable: Option<Switch>,
    /// The user wants the device to be reset. What it shows then stays, as with vfio-pci: whoever resets
    /// a device writes its registers anew.
    pub(crate) reset: bool,
}

impl Shadow {
    /// A space of zeros.
    pub(crate) const fn empty() -> Self {
        Self {
            space: Space::empty(),
            caps: Caps {
                power: None,
                msi: None,
                msix: None,
                express: None,
            },
        }
    }

    /// Makes the space of a device, whose bytes `read` returns.
    pub(crate) fn init(&mut self, read: impl FnMut(u16) -> u8, identity: &Identity) {
        self.space.fill(identity.config_len, read);
        header::build(&mut self.space, identity);
        self.caps = caps::build(&mut self.space, identity);
        self.caps.reset(&mut self.space);
        // Its memory is there without further ado, as with vfio-pci.
        self.space.set_word(COMMAND, COMMAND_MEMORY);
        self.space.keep();
    }

    /// Makes the space what it was for its first user: the next one learns nothing of the last.
    pub(crate) fn renew(&mut self) {
        self.space.renew();
    }

    /// What a user reads from `offset` on, or [`None`] if that is not wholly inside.
    pub(crate) fn read(&self, offset: u64, to: &mut [u8]) -> Option<()> {
        self.space.user_read(offset, to)
    }

    /// A user writes from `offset` on. [`None`] if that is not wholly inside; nothing changes then.
    pub(crate) fn write(&mut self, offset: u64, from: &[u8]) -> Option<Effects> {
        let before = self.command();
        self.space.user_write(offset, from)?;
        let express = self.caps.express;
        Some(Effects {
            reset: express.is_some_and(|express| express.is_flr(offset, from)),
            ..self.effects_since(before)
        })
    }

    /// Whether the device may do DMA.
    pub(crate) fn master(&self) -> Switch {
        Switch::from(self.command() & COMMAND_MASTER != 0)
    }

    /// Whether the interrupt line is disabled.
    pub(crate) fn intx_disable(&self) -> Switch {
        Switch::from(self.command() & COMMAND_INTX_DISABLE != 0)
    }

    fn command(&self) -> u16 {
        self.space.word(COMMAND)
    }

    fn effects_since(&self, before: u16) -> Effects {
        let now = self.command();
        let change = |bit: u16| ((before ^ now) & bit != 0).then_some(Switch::from(now & bit != 0));
        Effects {
            master: change(COMMAND_MASTER),
            intx_disable: change(COMMAND_INTX_DISABLE),
            reset: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::identity::tests::IGBVF,
        *, //
    };

    /// A function with a PCI Express capability at 0x40 that can be reset, and MSI-X at 0x80.
    fn shadow() -> Shadow {
        let mut shadow = Shadow::empty();
        let read = |at| match at {
            0x06 => 0x10,
            0x34 => 0x40,
            0x40 => 0x10,
            0x41 => 0x80,
            0x42 => 0x02,
            0x47 => 0x10,
            0x48 => 0x10,
            0x49 => 0x28,
            0x80 => 0x11,
            0x82 => 0x02,
            0x83 => 0xc0,
            _ => 0,
        };
        shadow.init(read, &IGBVF);
        shadow
    }

    fn byte(shadow: &Shadow, at: u64) -> u8 {
        let mut byte = [0];
        shadow.read(at, &mut byte).expect("inside");
        byte[0]
    }

    #[test]
    fn a_write_to_the_command_register_says_what_it_changes() {
        let mut shadow = shadow();
        assert_eq!(shadow.master(), Switch::Off);
        let on = Effects {
            master: Some(Switch::On),
            ..Effects::default()
        };
        assert_eq!(shadow.write(4, &[0x06, 0]), Some(on));
        assert_eq!(shadow.write(4, &[0x06, 0]), Some(Effects::default()));
        assert_eq!(shadow.master(), Switch::On);
        let disabled = Effects {
            intx_disable: Some(Switch::On),
            ..Effects::default()
        };
        assert_eq!(shadow.write(5, &[0x04]), Some(disabled));
        let off = Effects {
            master: Some(Switch::Off),
            ..Effects::default()
        };
        assert_eq!(shadow.write(3, &[0xff, 0x02]), Some(off));
    }

    #[test]
    fn the_next_user_finds_nothing_of_the_last() {
        let (fresh, mut used) = (shadow(), shadow());
        let mut before = [0; 4096];
        fresh.read(0, &mut before).expect("inside");
        used.write(0, &[0xa5; 4096]).expect("inside");
        used.renew();
        let mut after = [0; 4096];
        used.read(0, &mut after).expect("inside");
        assert_eq!(before, after);
    }

    #[test]
    fn a_write_across_many_registers_changes_each() {
        let mut shadow = shadow();
        let effects = shadow.write(0, &[0xff; 4096]).expect("inside");
        assert_eq!(effects.master, Some(Switch::On));
        assert!(effects.reset);
        assert_eq!((byte(&shadow, 0), byte(&shadow, 4)), (0x86, 0x47));
        assert_eq!(byte(&shadow, 0x11), 0xc0);
    }

    #[test]
    fn a_reset_is_asked_for_and_never_read_back() {
        let mut shadow = shadow();
        for (offset, from) in [
            (0x49, &[0x80][..]),
            (0x48, &[0, 0x80]),
            (0x46, &[0, 0, 0, 0x80]),
        ] {
            assert_eq!(
                shadow.write(offset, from).map(|effects| effects.reset),
                Some(true)
            );
            assert_eq!(byte(&shadow, 0x49), 0);
        }
        for (offset, from) in [(0x48, &[0x80][..]), (0x4a, &[0x80; 8]), (0x49, &[0x7f])] {
            assert_eq!(
                shadow.write(offset, from).map(|effects| effects.reset),
                Some(false)
            );
        }
    }

    #[test]
    fn its_memory_is_there_and_its_messages_are_off_at_first() {
        let shadow = shadow();
        assert_eq!(byte(&shadow, 4), 0x02);
        assert_eq!(
            byte(&shadow, 0x83),
            0,
            "the host's MSI-X is none of the user's"
        );
        assert_eq!((byte(&shadow, 0x48), byte(&shadow, 0x49)), (0x10, 0x28));
    }

    #[test]
    fn what_lies_beyond_is_not_there() {
        let mut shadow = shadow();
        assert_eq!(shadow.read(4094, &mut [0; 3]), None);
        assert_eq!(shadow.write(4094, &[0; 3]), None);
        assert_eq!(shadow.write(u64::MAX, &[0; 3]), None);
    }
}
