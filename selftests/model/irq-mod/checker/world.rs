// SPDX-License-Identifier: GPL-2.0

//! A line, its device, its driver and its guest, in steps as small as the hardware's.
//!
//! What holds a lock does its work in one step, apart from what others can see without the lock:
//! `pending` and the guest's activity, which each lie in a store buffer first, as on x86. A CPU that
//! takes a lock, or passes a full fence, has emptied its store buffer.
//!
//! Time goes by in ticks, and only when nothing that must happen by now is left to do. A timer may be
//! late by [`LATE`] ticks, an interrupt message and the work that an activation asks for take up to
//! [`TRAVEL`].

mod irq_mod;
mod kernel;
mod promises;

use super::{
    explore::System,
    mutant::Mutant, //
};
use crate::model::{
    activity::Activity,
    policy::Intervals,
    window::Window, //
};
use std::rc::Rc;

pub(crate) const TICK_NS: u64 = 10_000;
/// Greatest lateness of a timer, in ticks.
const LATE: u8 = 1;
/// Longest way of a message, in ticks.
const TRAVEL: u8 = 1;

/// What may happen in a world, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The intervals at the beginning, and what a user changes them to, one after the other.
    pub(crate) intervals: Vec<Intervals>,
    pub(crate) burst_events: u16,
    /// Number of the device's events.
    pub(crate) events: u8,
    /// The last tick in which the device has an event.
    pub(crate) last_event: u8,
    /// Number of changes of the guest's activity.
    pub(crate) moves: u8,
    /// What the guest does at the beginning.
    pub(crate) activity: Activity,
    /// Number of times the driver disables the line.
    pub(crate) disables: u8,
    /// Whether moderation may end.
    pub(crate) detaches: bool,
    /// The most ticks by which the budget puts a delivery off, as other lines of the guest have it; 0
    /// without a limit.
    pub(crate) puts_off: u8,
    /// Whether the limit may be lifted.
    pub(crate) lifts: bool,
    pub(crate) mutant: Option<Mutant>,
}

/// Who holds the lock and has not released it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Critical {
    /// An arrival that published `pending`, having seen this activity.
    Published(Activity),
}

/// What a mutant does after it released the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Loose {
    Arm(u8),
    Mask,
    ClearPending,
}

/// Whether the line is moderated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hooked {
    Yes,
    Draining,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Tick,
    /// The device has an event.
    Raise,
    /// A message, the one with this index, arrives; if it books a delivery, it is for so many ticks later.
    Arrive(usize, u8),
    /// The arrival reads the activity and the limit again and releases the lock.
    Reread,
    /// What an arrival or expiry wrote to `pending` leaves its store buffer.
    FlushPending,
    /// What the guest's CPU wrote as its activity leaves its store buffer.
    FlushActivity,
    /// The driver's handler runs.
    Handle,
    /// The timer expires and its callback waits for the lock.
    Fire,
    /// The callback gets it. A replay is by the way given.
    Expire(Way),
    /// The guest does something else.
    Move(Activity),
    /// The activation looks for held interrupts.
    Look,
    /// What it asked for runs.
    Kick,
    Loose,
    ChangeIntervals,
    /// The user lifts the limit.
    Lift,
    /// What was written leaves the store buffer of the user's CPU.
    FlushLimit,
    /// The user's CPU looks for held interrupts.
    LookAgain,
    Disable,
    Enable,
    Drain,
    Unhook,
}

/// How a held interrupt occurs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Inline,
    /// The line moves or has moved to another CPU.
    Injected,
}

#[derive(Clone)]
pub(crate) struct World {
    scenario: Rc<Scenario>,
    at: At,
}

/// What tells one state from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct At {
    now: u8,
    events_left: u8,
    moves_left: u8,
    disables_left: u8,
    intervals: usize,
    hooked: Hooked,
    // The line as the module sees it.
    window: Window,
    timer: Option<u8>,
    /// The timer's callback waits for the lock.
    fired: bool,
    critical: Option<Critical>,
    loose: Option<Loose>,
    pending: bool,
    pending_buffer: Option<bool>,
    // The guest.
    activity: Activity,
    activity_buffer: Option<Activity>,
    /// It was activated and has not looked for held interrupts yet.
    must_look: bool,
    /// By when the work that it asked for runs.
    kick: Option<u8>,
    is_limited: bool,
    is_limited_buffer: Option<bool>,
    must_look_again: bool,
    /// Before when the budget allows no delivery of what is held.
    booked: Option<u8>,
    // The chip and the kernel.
    masked: bool,
    /// A masked device remembers one interrupt.
    latched: bool,
    /// By when each message arrives, the first to come first.
    messages: [Option<u8>; 2],
    disabled: bool,
    kernel_masked: bool,
    kernel_pending: bool,
    handlers: u8,
    // What was promised.
    /// When the first event came that no handler has followed, or the line was enabled since.
    unserved_since: Option<u8>,
    /// Longest interval that was in force since then, in ticks.
    longest: u8,
    last_delivery: Option<u8>,
    /// Interrupts are held that no delivery has followed.
    owed: bool,
    /// What was held is about to occur again.
    replaying: bool,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let at = At {
            now: 0,
            events_left: scenario.events,
            moves_left: scenario.moves,
            disables_left: scenario.disables,
            intervals: 0,
            hooked: Hooked::Yes,
            window: Window::new(),
            timer: None,
            fired: false,
            critical: None,
            loose: None,
            pending: false,
            pending_buffer: None,
            activity: scenario.activity,
            activity_buffer: None,
            must_look: false,
            kick: None,
            is_limited: scenario.puts_off > 0,
            is_limited_buffer: None,
            must_look_again: false,
            booked: None,
            masked: false,
            latched: false,
            messages: [None; 2],
            disabled: false,
            kernel_masked: false,
            kernel_pending: false,
            handlers: 0,
            unserved_since: None,
            longest: 0,
            last_delivery: None,
            owed: false,
            replaying: false,
        };
        Self {
            scenario: Rc::new(scenario),
            at,
        }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.scenario.mutant == Some(mutant)
    }

    fn intervals(&self) -> Intervals {
        self.scenario.intervals[self.at.intervals]
    }

    fn now_ns(&self) -> u64 {
        u64::from(self.at.now) * TICK_NS
    }

    fn interval(&self, activity: Activity) -> u8 {
        u8::try_from(self.intervals().interval_ns(activity) / TICK_NS).expect("few ticks")
    }

    fn longest_interval(&self) -> u8 {
        let activities = [Activity::Running, Activity::Ready, Activity::Halted];
        activities
            .map(|activity| self.interval(activity))
            .into_iter()
            .max()
            .expect("three")
    }

    /// What the guest does, as its own CPU knows it.
    fn truth(&self) -> Activity {
        self.at.activity_buffer.unwrap_or(self.at.activity)
    }

    /// Whether anybody can take the lock now: the last holder's stores are visible by then.
    fn is_unlocked(&self) -> bool {
        self.at.critical.is_none() && self.at.pending_buffer.is_none()
    }

    /// Whether no more is to come before time goes by.
    fn is_at_rest(&self) -> bool {
        let at = &self.at;
        self.is_unlocked()
            && at.loose.is_none()
            && at.activity_buffer.is_none()
            && !at.must_look
            && at.is_limited_buffer.is_none()
            && !at.must_look_again
            && !at.fired
            && at.handlers == 0
    }

    fn may_tick(&self) -> bool {
        let at = &self.at;
        let waits = |by: Option<u8>| by.is_none_or(|by| at.now < by);
        self.is_at_rest()
            && at.messages.iter().all(|&by| waits(by))
            && waits(at.kick)
            && waits(at.timer.map(|timer| timer.saturating_add(LATE)))
            && (at.hooked != Hooked::Draining)
    }

    /// Whether anything can still happen after the device's last event.
    fn is_over(&self) -> bool {
        let at = &self.at;
        at.now >= self.scenario.last_event
            && at.timer.is_none()
            && at.kick.is_none()
            && at.messages == [None; 2]
            && (at.unserved_since.is_none() || at.disabled)
    }

    fn deliver(&mut self) {
        self.at.handlers += 1;
        self.at.last_delivery = Some(self.at.now);
        self.at.owed = false;
    }
}

impl std::hash::Hash for World {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        self.at.hash(hasher);
    }
}

impl System for World {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let at = &self.at;
        let mut steps = Vec::new();
        let mut may = |step, is_possible: bool| {
            if is_possible {
                steps.push(step);
            }
        };
        let unlocked = self.is_unlocked();
        let hooked = at.hooked != Hooked::No;
        let is_early = at.now <= self.scenario.last_event;
        may(Step::Tick, self.may_tick() && !self.is_over());
        may(Step::Raise, at.events_left > 0 && is_early);
        let most = if at.is_limited {
            self.scenario.puts_off
        } else {
            0
        };
        for puts_off in 0..=most {
            for index in 0..2 {
                let is_there = at.messages[index].is_some();
                may(Step::Arrive(index, puts_off), is_there && unlocked);
            }
        }
        let fenced = at.pending_buffer.is_none() || self.is(Mutant::HoldWithoutFence);
        may(Step::Reread, at.critical.is_some() && fenced);
        may(Step::FlushPending, at.pending_buffer.is_some());
        may(Step::FlushActivity, at.activity_buffer.is_some());
        may(Step::Handle, at.handlers > 0);
        let due = at.timer.is_some_and(|timer| at.now >= timer);
        may(Step::Fire, due && !at.fired);
        may(Step::Expire(Way::Inline), at.fired && unlocked);
        may(Step::Expire(Way::Injected), at.fired && unlocked && hooked);
        let still = at.activity_buffer.is_none() && !at.must_look;
        if at.moves_left > 0 && still && is_early {
            for activity in [Activity::Running, Activity::Ready, Activity::Halted] {
                may(Step::Move(activity), self.truth() != activity);
            }
        }
        let fenced = at.activity_buffer.is_none() || self.is(Mutant::ActivationWithoutFence);
        may(Step::Look, at.must_look && fenced);
        may(Step::Kick, at.kick.is_some() && unlocked);
        may(Step::Loose, at.loose.is_some());
        let more = at.intervals + 1 < self.scenario.intervals.len();
        may(Step::ChangeIntervals, more && unlocked && is_early);
        let may_lift = self.scenario.lifts && at.is_limited && at.is_limited_buffer.is_none();
        may(Step::Lift, may_lift && is_early);
        may(Step::FlushLimit, at.is_limited_buffer.is_some());
        let fenced = at.is_limited_buffer.is_none() || self.is(Mutant::LiftWithoutFence);
        may(Step::LookAgain, at.must_look_again && fenced);
        may(
            Step::Disable,
            at.disables_left > 0 && !at.disabled && is_early,
        );
        may(Step::Enable, at.disabled);
        let attached = at.hooked == Hooked::Yes;
        may(Step::Drain, self.scenario.detaches && attached && unlocked);
        let drained = at.window.is_empty() || self.is(Mutant::UnhookedEarly);
        let draining = at.hooked == Hooked::Draining;
        may(
            Step::Unhook,
            draining && drained && unlocked && at.loose.is_none(),
        );
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), &'static str> {
        match step {
            Step::Tick => self.at.now += 1,
            Step::Raise => {
                self.at.events_left -= 1;
                if self.at.unserved_since.is_none() {
                    self.at.unserved_since = Some(self.at.now);
                    self.at.longest = self.longest_interval();
                }
                if self.at.masked {
                    self.at.latched = true;
                } else {
                    self.send(self.at.now + TRAVEL);
                }
            }
            Step::Arrive(index, puts_off) => {
                self.at.messages[index] = None;
                if index == 0 {
                    self.at.messages.swap(0, 1);
                }
                self.arrive(puts_off)?;
            }
            Step::Reread => {
                let Some(Critical::Published(seen)) = self.at.critical.take() else {
                    return Err("the lock is held");
                };
                let is_unbooked = !self.is(Mutant::LimitRereadForgotten) && self.unbook();
                let has_moved = seen != self.at.activity && !self.is(Mutant::RereadForgotten);
                if has_moved || is_unbooked {
                    self.move_timer();
                }
            }
            Step::FlushPending => self.at.pending = self.at.pending_buffer.take().unwrap_or(false),
            Step::FlushActivity => {
                self.at.activity = self.truth();
                self.at.activity_buffer = None;
            }
            Step::Handle => self.handle(),
            Step::Fire => {
                self.at.timer = None;
                self.at.fired = self.at.hooked != Hooked::No;
            }
            Step::Expire(way) => self.expire(way)?,
            Step::Move(activity) => {
                self.at.moves_left -= 1;
                self.at.activity_buffer = Some(activity);
                self.at.must_look =
                    activity == Activity::Running && !self.is(Mutant::LookForgotten);
            }
            Step::Look => {
                self.at.must_look = false;
                if self.at.pending {
                    self.at.kick = Some(self.at.now + TRAVEL);
                }
            }
            Step::Kick => {
                self.at.kick = None;
                self.move_timer();
            }
            Step::Loose => match self.at.loose.take() {
                Some(Loose::Arm(at)) => self.at.timer = Some(at),
                Some(Loose::Mask) => self.at.masked = true,
                Some(Loose::ClearPending) => self.at.pending = false,
                None => {}
            },
            Step::ChangeIntervals => {
                self.at.intervals += 1;
                self.at.longest = self.at.longest.max(self.longest_interval());
                if !self.is(Mutant::ChangeForgotten) {
                    self.move_timer();
                }
            }
            Step::Lift => {
                self.at.is_limited_buffer = Some(false);
                self.at.must_look_again = !self.is(Mutant::LiftForgotten);
            }
            Step::FlushLimit => {
                self.at.is_limited = self.at.is_limited_buffer.take().unwrap_or(false);
            }
            Step::LookAgain => {
                self.at.must_look_again = false;
                if self.at.pending {
                    self.at.timer = Some(self.at.now);
                }
            }
            Step::Disable => {
                self.at.disables_left -= 1;
                self.at.disabled = true;
            }
            Step::Enable => self.enable(),
            Step::Drain => self.drain(),
            Step::Unhook => self.unhook()?,
        }
        self.check()
    }

    fn end(&self) -> Result<(), &'static str> {
        let at = &self.at;
        if at.unserved_since.is_some() && !at.disabled {
            return Err("no event is lost");
        }
        if at.masked && !at.kernel_masked {
            return Err("no line stays masked");
        }
        Ok(())
    }
}
