// SPDX-License-Identifier: GPL-2.0

//! Every way a slot can go, whatever happens to it in which order.

use crate::model::{
    policy::Auto,
    slot::Slot,
    spec::{Command, Mode},
    state::{Arrival, Decision, Event, Outcome, Phase, Reset, State},
    text::Switch,
};
use std::collections::{HashSet, VecDeque};

/// What is in a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    /// Nothing: it is as after a reset.
    Clean,
    /// What the present user put there.
    User,
    /// What somebody else left.
    Stale,
}

const PAUSE: Event = Event::Command(Command::Pause(Mode::Soft));
const PAUSE_HARD: Event = Event::Command(Command::Pause(Mode::Hard));
const RESUME: Event = Event::Command(Command::Resume);
const RESET_ERROR: Event = Event::Command(Command::ResetError);

const EVENTS: [Event; 14] = [
    Event::BackAppeared(Arrival::Fresh),
    Event::BackAppeared(Arrival::Used),
    Event::BackGone,
    PAUSE,
    PAUSE_HARD,
    RESUME,
    RESET_ERROR,
    Event::Open,
    Event::Close,
    Event::UserReset,
    Event::Hold,
    Event::Release,
    Event::Abandon,
    Event::Remove,
];

/// What a slot knows, and what really is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    slot: Slot,
    /// The state of the device, if there is one.
    device: Option<Content>,
    /// Somebody paused the slot, or saw its error, and nobody has resumed it.
    must_be_told: bool,
    /// The user's state may be dropped at a soft resume: lost already, or asked for.
    may_reset: bool,
}

impl World {
    /// Every world that `event` can lead to: a transition may be undone and may fail.
    fn next(self, event: Event, auto: Auto) -> Vec<Self> {
        let (slot, decision) = self.slot.on(event, auto);
        let mut next = Self { slot, ..self };
        match decision {
            Decision::Refuse(_) | Decision::Wait => {
                assert_eq!(slot, self.slot, "{event:?} was refused");
                return vec![];
            }
            _ => {}
        }
        match event {
            Event::BackAppeared(Arrival::Fresh) => next.device = Some(Content::Clean),
            Event::BackAppeared(Arrival::Used) => next.device = Some(Content::Stale),
            Event::BackGone => next.device = None,
            Event::Close if self.device == Some(Content::User) => {
                next.device = Some(Content::Stale);
            }
            Event::UserReset => next.may_reset = true,
            Event::Remove => {
                assert!(!self.slot.is_open());
                next.device = None;
            }
            RESET_ERROR => next.must_be_told = true,
            _ => {}
        }
        assert_eq!(slot.has_back(), next.device.is_some());
        if let Decision::Open { reset } = decision {
            if self.slot.state() == State::Running {
                next.reset(reset);
                next.device = next.device.map(|_| Content::User);
            }
        }
        if let Decision::Keep { reset } | Decision::Attach { reset } = decision {
            next.reset(reset);
        }
        match slot.phase() {
            Phase::Pausing(_) | Phase::Resuming(_) => {
                assert_ne!(slot.state(), self.slot.state());
                [Outcome::Done, Outcome::Undone, Outcome::Failed]
                    .map(|outcome| next.finish(event, decision, outcome))
                    .into()
            }
            _ => {
                assert_eq!(slot.finish(Outcome::Failed), slot);
                vec![next]
            }
        }
    }

    fn reset(&mut self, reset: Reset) {
        if reset == Reset::Flr && self.device.is_some() {
            assert!(
                self.device != Some(Content::User) || self.may_reset,
                "the user's state is lost"
            );
            self.device = Some(Content::Clean);
            self.may_reset = false;
        }
    }

    fn finish(mut self, event: Event, decision: Decision, outcome: Outcome) -> Self {
        for event in EVENTS {
            assert_eq!(
                self.slot.on(event, Auto::DEFAULT).0,
                self.slot,
                "a transition is under way"
            );
        }
        self.slot = self.slot.finish(outcome);
        let ran = self.slot.state() == State::Running;
        if outcome == Outcome::Done {
            match decision {
                Decision::Resume { reset } => self.reset(reset),
                Decision::Pause { reset, .. } => {
                    self.may_reset |= reset == Reset::Flr;
                    self.reset(reset);
                }
                _ => {}
            }
        }
        self.may_reset |= outcome == Outcome::Failed;
        self.must_be_told |= matches!(event, PAUSE | PAUSE_HARD) && !ran;
        if event == RESUME {
            match outcome {
                Outcome::Done => self.must_be_told = false,
                Outcome::Undone => {}
                Outcome::Failed => self.must_be_told = true,
            }
        }
        if !self.slot.has_back() {
            self.device = None;
        }
        if ran && self.slot.is_open() {
            assert_ne!(self.device, Some(Content::Stale), "another one's state");
            self.device = Some(Content::User);
        }
        self
    }

    fn check(&self) {
        let Self { slot, device, .. } = self;
        assert_eq!(slot.has_back(), device.is_some(), "{self:?}");
        match slot.phase() {
            Phase::Running => {
                assert!(slot.has_back(), "{self:?}");
                assert!(!self.must_be_told, "{self:?}");
                if slot.is_open() {
                    assert_eq!(*device, Some(Content::User), "{self:?}");
                }
            }
            Phase::Empty | Phase::Removed => {
                assert!(!slot.has_back() && !slot.is_open(), "{self:?}");
            }
            Phase::Pausing(_) | Phase::Resuming(_) => panic!("{self:?} is unfinished"),
            Phase::Paused(_) | Phase::Error(_) => {}
        }
    }
}

/// Every sequence of events, of any length, under every policy, which may change at any time: all
/// worlds that can be reached are visited.
#[test]
fn no_sequence_of_events_runs_a_slot_that_must_not_run() {
    let start = World {
        slot: Slot::EMPTY,
        device: None,
        must_be_told: false,
        may_reset: false,
    };
    let switches = [Switch::Off, Switch::On];
    let (mut seen, mut queue) = (HashSet::from([start]), VecDeque::from([start]));
    while let Some(world) = queue.pop_front() {
        world.check();
        for event in EVENTS {
            for pause in switches {
                for resume in switches {
                    for next in world.next(event, Auto { pause, resume }) {
                        if seen.insert(next) {
                            queue.push_back(next);
                        }
                    }
                }
            }
        }
    }
    for state in [State::Empty, State::Running, State::Paused, State::Error] {
        assert!(seen.iter().any(|world| world.slot.state() == state));
    }
    assert!(seen.len() > 50, "{} worlds", seen.len());
}
