// SPDX-License-Identifier: GPL-2.0

//! How a slot goes from one state to the next; `state.rs` draws the figure.
//!
//! [`Slot::on`] decides about an event and says what to do. If that leads to [`State::Pausing`] or
//! [`State::Resuming`], [`Slot::finish`] hears how it went; until then, no event is decided.
//!
//! A new user never finds a device as another one left it, and a user who keeps the device open finds
//! it after a soft pause as it was before.

mod back;
mod transaction;
mod user;

use self::user::Residue;
use super::{
    policy::Auto,
    spec::{
        Command,
        Mode, //
    },
    state::{
        Arrival,
        Cause,
        Decision,
        Device,
        Event,
        Fault,
        Outcome,
        Phase,
        Refusal,
        Reset,
        Rest,
        State, //
    },
};

/// A slot. Every function returns what it becomes.
///
/// # Invariants
///
/// A slot that is [`Phase::Running`] or [`Phase::Resuming`] has a back; one that is
/// [`Phase::Empty`] or [`Phase::Removed`] has none and is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    phase: Phase,
    back: Option<Residue>,
    is_open: bool,
}

impl Slot {
    /// A slot without a device.
    // INVARIANT: An empty slot has no back and is not open.
    pub(crate) const EMPTY: Self = Self {
        phase: Phase::Empty,
        back: None,
        is_open: false,
    };

    /// What a user sees.
    pub(crate) const fn state(self) -> State {
        match self.phase {
            Phase::Empty | Phase::Removed => State::Empty,
            Phase::Running => State::Running,
            Phase::Pausing(_) => State::Pausing,
            Phase::Paused(_) => State::Paused,
            Phase::Resuming(_) => State::Resuming,
            Phase::Error(_) => State::Error,
        }
    }

    /// Where it stands, and why.
    pub(crate) const fn phase(self) -> Phase {
        self.phase
    }

    /// Whether a back is bound.
    pub(crate) const fn has_back(self) -> bool {
        self.back.is_some()
    }

    /// Whether the back may hold what a user left in it, so that nobody else should get it as it is.
    pub(crate) const fn is_soiled(self) -> bool {
        matches!(self.back, Some(Residue::User | Residue::Stale))
    }

    /// Whether a user has the device open.
    #[cfg(test)]
    pub(crate) const fn is_open(self) -> bool {
        self.is_open
    }

    /// Whether another target may be written: only without a back, empty or paused.
    pub(crate) const fn may_retarget(self) -> Result<(), Refusal> {
        match (self.phase, self.back) {
            (Phase::Empty | Phase::Paused(_), None) => Ok(()),
            _ => Err(Refusal::Busy),
        }
    }

    /// Decides about `event`.
    #[must_use]
    pub(crate) const fn on(self, event: Event, auto: Auto) -> (Self, Decision) {
        match self.phase {
            Phase::Removed => return self.after_removal(event),
            Phase::Pausing(_) | Phase::Resuming(_) => {
                return match event {
                    Event::Command(_) => self.refuse(Refusal::Busy),
                    _ => (self, Decision::Wait),
                };
            }
            _ => {}
        }
        match event {
            Event::BackAppeared(arrival) => self.back_appeared(arrival, auto),
            Event::BackGone => self.back_gone(auto),
            Event::Command(Command::Pause(mode)) => match self.phase {
                Phase::Running => self.pause(Cause::Manual(mode), mode),
                _ => self.refuse(Refusal::Busy),
            },
            Event::Command(Command::Resume) => match self.phase {
                Phase::Paused(_) => self.resume(),
                Phase::Empty => self.refuse(Refusal::NoDevice),
                _ => self.refuse(Refusal::Busy),
            },
            Event::Command(Command::ResetError) => match self.phase {
                Phase::Error(_) => (self.at(Phase::Paused(Cause::AfterError)), Decision::Nothing),
                _ => self.refuse(Refusal::Busy),
            },
            Event::Open => self.open(),
            Event::Close => self.close(),
            Event::UserReset => self.user_reset(),
            Event::Hold => self.hold(),
            Event::Release => self.release(),
            Event::Abandon => self.abandon(),
            Event::Remove if self.is_open => self.refuse(Refusal::Busy),
            // INVARIANT: It is not open, and a removed slot has no back.
            Event::Remove => (self.without_back().at(Phase::Removed), Decision::Remove),
        }
    }

    /// What a slot that is pausing or resuming becomes. Any other stays what it is.
    #[must_use]
    pub(crate) const fn finish(self, outcome: Outcome) -> Self {
        match (self.phase, outcome) {
            (Phase::Pausing(Rest::Paused(cause)), Outcome::Done) => match cause {
                Cause::Manual(Mode::Hard) => self.having(Residue::Clean),
                _ => self,
            }
            .at(Phase::Paused(cause)),
            (Phase::Pausing(Rest::Error(fault)), Outcome::Done) => self.at(Phase::Error(fault)),
            // INVARIANT: There is a back.
            (Phase::Pausing(_), Outcome::Undone) if self.has_back() => self.at(Phase::Running),
            // INVARIANT: Only a slot with a back resumes.
            (Phase::Resuming(_), Outcome::Done) => match self.is_open {
                true => self.having(Residue::User),
                false => self.having(Residue::Clean),
            }
            .at(Phase::Running),
            // INVARIANT: The back is given back, and an empty slot cannot be opened.
            (Phase::Resuming(None), _) => self.without_back().at(Phase::Empty),
            (Phase::Resuming(Some(cause)), Outcome::Undone) => self.at(Phase::Paused(cause)),
            (Phase::Pausing(_) | Phase::Resuming(_), Outcome::Undone | Outcome::Failed) => {
                self.having(Residue::Stale).at(Phase::Error(Fault::Failed))
            }
            _ => self,
        }
    }

    const fn pause(self, cause: Cause, mode: Mode) -> (Self, Decision) {
        let reset = match mode {
            Mode::Soft => Reset::None,
            Mode::Hard => Reset::Flr,
        };
        let pause = Decision::Pause {
            device: Device::Surviving,
            reset,
        };
        (self.at(Phase::Pausing(Rest::Paused(cause))), pause)
    }

    const fn resume(self) -> (Self, Decision) {
        let (Some(residue), Phase::Paused(cause)) = (self.back, self.phase) else {
            return self.refuse(Refusal::NoDevice);
        };
        // INVARIANT: There is a back.
        let slot = self.at(Phase::Resuming(Some(cause)));
        let reset = residue.reset();
        (slot, Decision::Resume { reset })
    }

    const fn after_removal(self, event: Event) -> (Self, Decision) {
        match event {
            Event::Command(_) | Event::Open | Event::UserReset | Event::BackAppeared(_) => {
                self.refuse(Refusal::NoDevice)
            }
            Event::Remove => self.refuse(Refusal::Busy),
            _ => (self, Decision::Nothing),
        }
    }

    const fn refuse(self, refusal: Refusal) -> (Self, Decision) {
        (self, Decision::Refuse(refusal))
    }

    const fn at(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    const fn with_back(mut self, residue: Residue) -> Self {
        self.back = Some(residue);
        self
    }

    const fn without_back(mut self) -> Self {
        self.back = None;
        self
    }

    /// Notes what state the back is in, if there is one.
    const fn having(self, residue: Residue) -> Self {
        match self.back {
            Some(_) => self.with_back(residue),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::text::Switch,
        *, //
    };

    pub(super) const AUTO: Auto = Auto::DEFAULT;
    pub(super) const PAUSE: Event = Event::Command(Command::Pause(Mode::Soft));
    pub(super) const PAUSE_HARD: Event = Event::Command(Command::Pause(Mode::Hard));
    pub(super) const RESUME: Event = Event::Command(Command::Resume);
    pub(super) const RESET_ERROR: Event = Event::Command(Command::ResetError);
    pub(super) const FRESH: Event = Event::BackAppeared(Arrival::Fresh);
    pub(super) const USED: Event = Event::BackAppeared(Arrival::Used);
    pub(super) const FLR: Reset = Reset::Flr;

    pub(super) fn auto(pause: Switch, resume: Switch) -> Auto {
        Auto { pause, resume }
    }

    /// A slot after events that went well, and what the last one led to.
    pub(super) fn after(events: &[Event], auto: Auto) -> (Slot, Decision) {
        let step = |(slot, _): (Slot, Decision), event: &Event| {
            let (slot, decision) = slot.on(*event, auto);
            (slot.finish(Outcome::Done), decision)
        };
        events.iter().fold((Slot::EMPTY, Decision::Nothing), step)
    }

    pub(super) fn state(events: &[Event]) -> State {
        after(events, AUTO).0.state()
    }

    pub(super) fn decision(events: &[Event]) -> Decision {
        after(events, AUTO).1
    }

    #[test]
    fn a_slot_without_a_device_can_be_neither_opened_nor_resumed() {
        let no_device = Decision::Refuse(Refusal::NoDevice);
        assert_eq!(decision(&[Event::Open]), no_device);
        assert_eq!(decision(&[RESUME]), no_device);
        assert_eq!(
            decision(&[FRESH, PAUSE, Event::BackGone, RESUME]),
            no_device
        );
    }

    #[test]
    fn a_command_in_the_wrong_state_is_refused() {
        let busy = Decision::Refuse(Refusal::Busy);
        for events in [
            &[PAUSE][..],
            &[RESET_ERROR],
            &[FRESH, RESUME],
            &[FRESH, RESET_ERROR],
            &[FRESH, PAUSE, PAUSE_HARD],
            &[FRESH, FRESH],
            &[FRESH, Event::Open, Event::Open],
            &[FRESH, Event::Open, Event::Remove],
        ] {
            assert_eq!(decision(events), busy, "{events:?}");
        }
    }

    #[test]
    fn a_soft_pause_never_resets_and_a_hard_one_resets_once() {
        let pause = |reset| Decision::Pause {
            device: Device::Surviving,
            reset,
        };
        let resume = |reset| Decision::Resume { reset };
        assert_eq!(decision(&[FRESH, Event::Open, PAUSE]), pause(Reset::None));
        assert_eq!(
            decision(&[FRESH, Event::Open, PAUSE, RESUME]),
            resume(Reset::None)
        );
        assert_eq!(decision(&[FRESH, Event::Open, PAUSE_HARD]), pause(FLR));
        assert_eq!(
            decision(&[FRESH, Event::Open, PAUSE_HARD, RESUME]),
            resume(Reset::None)
        );
    }

    #[test]
    fn a_pause_that_is_undone_leaves_the_slot_running() {
        let (slot, _) = after(&[FRESH, Event::Open], AUTO);
        let (pausing, _) = slot.on(PAUSE_HARD, AUTO);
        assert_eq!(pausing.state(), State::Pausing);
        assert_eq!(pausing.finish(Outcome::Undone), slot);
        assert_eq!(pausing.finish(Outcome::Failed).state(), State::Error);
    }

    #[test]
    fn a_first_back_that_cannot_be_attached_leaves_the_slot_empty() {
        for outcome in [Outcome::Undone, Outcome::Failed] {
            let (slot, _) = Slot::EMPTY.on(FRESH, AUTO);
            assert_eq!(slot.finish(outcome), Slot::EMPTY);
        }
    }

    #[test]
    fn a_resume_that_fails_is_an_error_and_the_next_one_resets() {
        let (slot, _) = after(&[FRESH, Event::Open, PAUSE], AUTO);
        let (slot, _) = slot.on(RESUME, AUTO);
        let slot = slot.finish(Outcome::Failed);
        assert_eq!(slot.phase(), Phase::Error(Fault::Failed));
        let (slot, _) = slot.on(RESET_ERROR, AUTO);
        assert_eq!(slot.on(RESUME, AUTO).1, Decision::Resume { reset: FLR });
    }

    #[test]
    fn only_a_slot_without_a_back_gets_another_target() {
        let may = |events: &[Event]| after(events, AUTO).0.may_retarget().is_ok();
        assert!(may(&[]));
        assert!(may(&[FRESH, PAUSE, Event::BackGone]));
        assert!(!may(&[FRESH]));
        assert!(!may(&[FRESH, PAUSE]));
    }
}
