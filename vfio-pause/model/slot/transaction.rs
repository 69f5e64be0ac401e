// SPDX-License-Identifier: GPL-2.0

//! A slot during a reconfiguration of its physical function.

use super::{
    Cause,
    Decision,
    Fault,
    Mode,
    Phase,
    Slot, //
};

impl Slot {
    /// Pauses what runs.
    pub(super) const fn hold(self) -> (Self, Decision) {
        match self.phase {
            Phase::Running => self.pause(Cause::Transaction, Mode::Soft),
            _ => (self, Decision::Nothing),
        }
    }

    /// Resumes what [`Self::hold`] paused, if its device is there; otherwise it waits for one.
    pub(super) const fn release(self) -> (Self, Decision) {
        match (self.phase, self.back) {
            (Phase::Paused(Cause::Transaction), Some(_)) => self.resume(),
            (Phase::Paused(Cause::Transaction), None) => {
                (self.at(Phase::Paused(Cause::BackGone)), Decision::Nothing)
            }
            _ => (self, Decision::Nothing),
        }
    }

    /// Gives up what [`Self::hold`] paused.
    pub(super) const fn abandon(self) -> (Self, Decision) {
        match self.phase {
            Phase::Paused(Cause::Transaction) => {
                (self.at(Phase::Error(Fault::Failed)), Decision::Nothing)
            }
            _ => (self, Decision::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::text::Switch,
            tests::{
                after,
                auto,
                state,
                AUTO,
                FRESH,
                PAUSE, //
            },
            Event,
            Reset,
            State, //
        },
        *, //
    };

    #[test]
    fn a_transaction_gives_back_what_it_took_and_nothing_else() {
        let held = [FRESH, Event::Hold, Event::BackGone, FRESH];
        assert_eq!(state(&held), State::Paused);
        let (slot, _) = after(&held, AUTO);
        assert_eq!(
            slot.on(Event::Release, AUTO).1,
            Decision::Resume { reset: Reset::None }
        );
        assert_eq!(
            state(&[FRESH, PAUSE, Event::Hold, Event::Release]),
            State::Paused
        );
        // A slot whose device is gone for good waits for it like any other.
        assert_eq!(
            state(&[FRESH, Event::Hold, Event::BackGone, Event::Release, FRESH]),
            State::Running
        );
        assert_eq!(state(&[FRESH, Event::Hold, Event::Abandon]), State::Error);
    }

    #[test]
    fn a_new_device_that_must_be_prepared_is_not_resumed_by_a_transaction() {
        let auto = auto(Switch::On, Switch::Off);
        let (slot, _) = after(
            &[FRESH, Event::Hold, Event::BackGone, FRESH, Event::Release],
            auto,
        );
        assert_eq!(slot.state(), State::Paused);
        let (slot, _) = after(&[FRESH, Event::Hold, Event::Release], auto);
        assert_eq!(slot.state(), State::Running);
    }
}
