// SPDX-License-Identifier: GPL-2.0

//! The back of a slot appears and goes away.

use super::{
    Arrival,
    Auto,
    Cause,
    Decision,
    Device,
    Fault,
    Phase,
    Refusal,
    Reset,
    Residue,
    Rest,
    Slot, //
};

impl Slot {
    /// A back was bound.
    pub(super) const fn back_appeared(self, arrival: Arrival, auto: Auto) -> (Self, Decision) {
        if self.has_back() {
            return self.refuse(Refusal::Busy);
        }
        let residue = match arrival {
            Arrival::Fresh => Residue::Clean,
            Arrival::Used => Residue::Stale,
        };
        let reset = residue.reset();
        let slot = self.with_back(residue);
        match self.phase {
            // INVARIANT: The back is there.
            Phase::Empty => (slot.at(Phase::Resuming(None)), Decision::Attach { reset }),
            Phase::Paused(Cause::BackGone) if auto.resume.is_on() => (
                slot.at(Phase::Resuming(Some(Cause::BackGone))),
                Decision::Resume { reset },
            ),
            // Somebody has to prepare the new back first; the end of the transaction is too early.
            Phase::Paused(Cause::Transaction) if !auto.resume.is_on() => (
                slot.having(Residue::Clean)
                    .at(Phase::Paused(Cause::BackGone)),
                Decision::Keep { reset },
            ),
            _ => (slot.having(Residue::Clean), Decision::Keep { reset }),
        }
    }

    /// The back is being unbound.
    pub(super) const fn back_gone(self, auto: Auto) -> (Self, Decision) {
        // INVARIANT: A slot that runs does so no more, and an empty one has no back to lose.
        let slot = self.without_back();
        let rest = match self.phase {
            Phase::Running if auto.pause.is_on() => Rest::Paused(Cause::BackGone),
            Phase::Running => Rest::Error(Fault::Gone),
            _ => return (slot, Decision::Nothing),
        };
        let pause = Decision::Pause {
            device: Device::Going,
            reset: Reset::None,
        };
        (slot.at(Phase::Pausing(rest)), pause)
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
                decision,
                state,
                FLR,
                FRESH,
                PAUSE,
                RESET_ERROR,
                RESUME,
                USED, //
            },
            Event,
            State, //
        },
        *, //
    };

    #[test]
    fn a_manual_pause_outlives_the_device() {
        let events = [FRESH, PAUSE, Event::BackGone, FRESH];
        assert_eq!(state(&events), State::Paused);
        assert_eq!(decision(&events), Decision::Keep { reset: Reset::None });
        assert_eq!(
            state(&[FRESH, PAUSE, Event::BackGone, FRESH, RESUME]),
            State::Running
        );
    }

    #[test]
    fn a_device_that_goes_and_comes_pauses_and_resumes_its_slot() {
        let gone = Decision::Pause {
            device: Device::Going,
            reset: Reset::None,
        };
        assert_eq!(decision(&[FRESH, Event::BackGone]), gone);
        assert_eq!(state(&[FRESH, Event::BackGone]), State::Paused);
        let back = [FRESH, Event::BackGone, FRESH];
        assert_eq!(decision(&back), Decision::Resume { reset: Reset::None });
        assert_eq!(state(&back), State::Running);
        let (slot, _) = after(&back, auto(Switch::On, Switch::Off));
        assert_eq!(slot.state(), State::Paused);
    }

    #[test]
    fn a_slot_that_may_not_pause_by_itself_fails_when_its_device_goes() {
        let auto = auto(Switch::Off, Switch::On);
        let (slot, _) = after(&[FRESH, Event::BackGone], auto);
        assert_eq!(slot.phase(), Phase::Error(Fault::Gone));
        let (slot, _) = after(&[FRESH, Event::BackGone, FRESH], auto);
        assert_eq!(slot.state(), State::Error);
        let (slot, _) = after(&[FRESH, Event::BackGone, FRESH, RESET_ERROR], auto);
        assert_eq!(slot.state(), State::Paused);
        let (slot, _) = after(&[FRESH, Event::BackGone, FRESH, RESET_ERROR, RESUME], auto);
        assert_eq!(slot.state(), State::Running);
    }

    #[test]
    fn a_device_that_somebody_else_used_is_reset_when_it_comes() {
        let bound = [FRESH, PAUSE, Event::BackGone, USED];
        assert_eq!(decision(&bound), Decision::Keep { reset: FLR });
        assert_eq!(
            decision(&[FRESH, Event::BackGone, USED]),
            Decision::Resume { reset: FLR }
        );
    }

    #[test]
    fn the_first_back_makes_a_slot_run() {
        assert_eq!(state(&[]), State::Empty);
        assert_eq!(decision(&[FRESH]), Decision::Attach { reset: Reset::None });
        assert_eq!(decision(&[USED]), Decision::Attach { reset: FLR });
        assert_eq!(state(&[FRESH]), State::Running);
    }
}
