// SPDX-License-Identifier: GPL-2.0

//! The user of a slot, and what one leaves in a device.

use super::{
    Decision,
    Phase,
    Refusal,
    Reset,
    Slot, //
};

/// What state a back is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Residue {
    /// As after a reset.
    Clean,
    /// As the present user left it.
    User,
    /// As somebody else left it, or unknown: it must be reset before anybody uses it.
    Stale,
}

impl Residue {
    /// What the next use of it takes.
    pub(super) const fn reset(self) -> Reset {
        match self {
            Self::Clean | Self::User => Reset::None,
            Self::Stale => Reset::Flr,
        }
    }
}

impl Slot {
    /// The first user opens the device.
    pub(super) const fn open(mut self) -> (Self, Decision) {
        let reset = match (self.phase, self.back) {
            _ if self.is_open => return self.refuse(Refusal::Busy),
            (Phase::Empty, _) => return self.refuse(Refusal::NoDevice),
            (Phase::Running, Some(residue)) => {
                self = self.with_back(Residue::User);
                residue.reset()
            }
            // The resume will do it.
            _ => Reset::None,
        };
        self.is_open = true;
        (self, Decision::Open { reset })
    }

    /// The last user closed the device.
    pub(super) const fn close(mut self) -> (Self, Decision) {
        if !self.is_open {
            return (self, Decision::Nothing);
        }
        self.is_open = false;
        if let Some(Residue::User) = self.back {
            self = self.with_back(Residue::Stale);
        }
        (self, Decision::Close)
    }

    /// The user resets the device; one that is away is reset when it is given back.
    pub(super) const fn user_reset(self) -> (Self, Decision) {
        match (self.phase, self.is_open) {
            (_, false) | (Phase::Error(_), _) => self.refuse(Refusal::NoDevice),
            (Phase::Running, true) => (self, Decision::Reset),
            // The resume will do it.
            _ => match self.back {
                Some(Residue::User) => (self.with_back(Residue::Stale), Decision::Nothing),
                _ => (self, Decision::Nothing),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            tests::{
                after,
                decision,
                AUTO,
                FLR,
                FRESH,
                PAUSE,
                PAUSE_HARD,
                RESUME, //
            },
            Event, //
        },
        *, //
    };

    #[test]
    fn the_next_user_gets_a_device_that_was_reset() {
        let open = |reset| Decision::Open { reset };
        assert_eq!(decision(&[FRESH, Event::Open]), open(Reset::None));
        assert_eq!(
            decision(&[FRESH, Event::Open, Event::Close, Event::Open]),
            open(FLR)
        );
        let while_paused = [FRESH, Event::Open, PAUSE, Event::Close, Event::Open, RESUME];
        assert_eq!(decision(&while_paused), Decision::Resume { reset: FLR });
    }

    #[test]
    fn a_device_is_soiled_from_its_first_user_until_it_is_reset() {
        let is_soiled = |events: &[Event]| after(events, AUTO).0.is_soiled();
        assert!(!is_soiled(&[FRESH]));
        assert!(is_soiled(&[FRESH, Event::Open]));
        assert!(is_soiled(&[FRESH, Event::Open, PAUSE]));
        assert!(is_soiled(&[FRESH, Event::Open, PAUSE, Event::Close]));
        assert!(!is_soiled(&[FRESH, Event::Open, PAUSE_HARD]));
        assert!(!is_soiled(&[FRESH, Event::Open, Event::BackGone]));
    }

    #[test]
    fn a_reset_asked_for_while_paused_is_made_up_for() {
        let events = [FRESH, Event::Open, PAUSE, Event::UserReset];
        assert_eq!(decision(&events), Decision::Nothing);
        let (slot, _) = after(&events, AUTO);
        assert_eq!(slot.on(RESUME, AUTO).1, Decision::Resume { reset: FLR });
        assert_eq!(
            decision(&[FRESH, Event::Open, Event::UserReset]),
            Decision::Reset
        );
    }
}
