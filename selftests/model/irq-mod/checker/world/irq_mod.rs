// SPDX-License-Identifier: GPL-2.0

//! What the module does in a world: each function is one critical section, with the mistakes of the
//! mutants in it.

use super::{Critical, Hooked, Loose, Mutant, Way, World, TICK_NS, TRAVEL};
use crate::model::{
    activity::Activity,
    window::{Arrival, Expiry, Masking}, //
};

impl World {
    /// What an activation asks for, and a change of the intervals does.
    pub(super) fn move_timer(&mut self) {
        let activity = self.at.activity;
        let (window, intervals) = (&self.at.window, self.intervals());
        let due_ns = if self.at.is_limited || self.is(Mutant::LiftUnknown) {
            window.due_ns(&intervals, activity)
        } else {
            window.interval_ns(&intervals, activity)
        };
        if let Some(due_ns) = due_ns {
            let due = u8::try_from(due_ns / TICK_NS).expect("few ticks");
            self.at.timer = Some(due.max(self.at.now));
        }
    }

    /// Lets what is held wait for its interval only, if there is no limit any more.
    pub(super) fn unbook(&mut self) -> bool {
        if self.at.is_limited {
            return false;
        }
        self.at.booked = None;
        self.at.window.unbook()
    }

    /// The flow handler, up to where it releases the lock or publishes what it holds. A delivery that it
    /// books is `puts_off` ticks later.
    pub(super) fn arrive(&mut self, puts_off: u8) -> Result<(), &'static str> {
        if self.at.hooked == Hooked::No {
            self.deliver();
            return Ok(());
        }
        let replaying = std::mem::take(&mut self.at.replaying);
        let (intervals, activity) = (self.intervals(), self.at.activity);
        if self.is(Mutant::BurstUnbudgeted) {
            self.at.window.unbook();
        }
        let overlong = if self.is(Mutant::WaitUnbounded) { 5 } else { 0 };
        let mut booked = None;
        let is_unasked = self.is(Mutant::BudgetUnasked);
        let now = self.at.now;
        let arrival = self.at.window.arrive(
            self.now_ns(),
            &intervals,
            activity,
            self.scenario.burst_events,
            |_| {
                if puts_off == 0 {
                    return 0;
                }
                let at = now + puts_off + overlong;
                booked = Some(at);
                if is_unasked {
                    0
                } else {
                    u64::from(at) * TICK_NS
                }
            },
        );
        self.at.booked = booked.or(self.at.booked);
        match arrival {
            Arrival::Deliver => {
                if !replaying {
                    self.check_distance()?;
                    if booked.is_some() {
                        return Err("no delivery is made before the budget allows it");
                    }
                }
                self.deliver();
            }
            Arrival::DeliverEarly { .. } => {
                self.check_budget()?;
                self.at.booked = None;
                self.at.pending_buffer = Some(false);
                self.deliver();
            }
            Arrival::Hold { masking, arm_at_ns } => {
                if replaying {
                    return Err("what was replayed is not held again");
                }
                if self.at.hooked == Hooked::Draining {
                    return Err("a draining line holds nothing more");
                }
                let again = std::mem::replace(&mut self.at.owed, true);
                if masking == Masking::Mask || (again && self.is(Mutant::BurstMasks)) {
                    if self.is(Mutant::MaskUnlocked) {
                        self.at.loose = Some(Loose::Mask);
                    } else {
                        self.at.masked = true;
                    }
                }
                if let Some(arm_at_ns) = arm_at_ns {
                    self.hold_first(arm_at_ns);
                }
            }
        }
        Ok(())
    }

    fn hold_first(&mut self, arm_at_ns: u64) {
        let arm_at = u8::try_from(arm_at_ns / TICK_NS).expect("few ticks");
        if self.is(Mutant::ArmUnlocked) {
            self.at.loose = Some(Loose::Arm(arm_at));
        } else {
            self.at.timer = Some(arm_at);
        }
        let is_prompt = self.at.activity == Activity::Running;
        if is_prompt && self.is(Mutant::PublishedUnlessRunning) {
            return;
        }
        self.at.pending_buffer = Some(true);
        // Nothing could be due earlier than for a running guest, unless a limit is lifted. The fence is
        // that of whoever takes the lock next.
        if !is_prompt || self.scenario.lifts {
            self.at.critical = Some(Critical::Published(self.at.activity));
        }
    }

    /// The timer's callback, with the lock.
    pub(super) fn expire(&mut self, way: Way) -> Result<(), &'static str> {
        self.at.fired = false;
        let (intervals, activity) = (self.intervals(), self.at.activity);
        self.unbook();
        let before = self.at.window.clone();
        let now_ns = if self.is(Mutant::ExpiryUnasked) {
            u64::MAX
        } else {
            self.now_ns()
        };
        match self.at.window.expire(now_ns, &intervals, activity) {
            Expiry::Nothing => {}
            Expiry::Rearm(at_ns) => {
                if !self.is(Mutant::RearmForgotten) {
                    self.at.timer = Some(u8::try_from(at_ns / TICK_NS).expect("few ticks"));
                }
            }
            Expiry::Replay { masking, .. } => {
                let is_owed = self.at.owed || self.at.hooked == Hooked::Draining;
                if !is_owed || self.at.replaying {
                    return Err("nothing is replayed twice");
                }
                self.check_distance()?;
                self.check_budget()?;
                self.at.booked = None;
                if masking == Masking::Mask && !self.is(Mutant::UnmaskForgotten) {
                    self.unmask();
                }
                if self.is(Mutant::ClearedUnlocked) {
                    self.at.loose = Some(Loose::ClearPending);
                } else {
                    self.at.pending_buffer = Some(false);
                }
                if self.is(Mutant::HeldAfterReplay) {
                    self.at.window = before;
                }
                self.at.replaying = true;
                match way {
                    Way::Inline => self.send(self.at.now),
                    Way::Injected if self.is(Mutant::InjectionForgotten) => {}
                    Way::Injected => self.send(self.at.now + TRAVEL),
                }
            }
        }
        Ok(())
    }

    /// The beginning of the end: the timer delivers what is held.
    pub(super) fn drain(&mut self) {
        self.at.hooked = Hooked::Draining;
        if !self.is(Mutant::DrainForgotten) {
            self.at.window.drain();
        }
        if !self.at.window.is_empty() {
            self.at.timer = Some(self.at.now);
        }
    }

    /// The end: the kernel's own flow handler is back.
    pub(super) fn unhook(&mut self) -> Result<(), &'static str> {
        self.at.hooked = Hooked::No;
        self.at.timer = None;
        self.at.replaying = false;
        if self.at.masked && !self.at.kernel_masked {
            return Err("a line that is given back is not masked");
        }
        Ok(())
    }
}
