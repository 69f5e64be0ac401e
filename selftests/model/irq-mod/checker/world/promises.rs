// SPDX-License-Identifier: GPL-2.0

//! What must hold.

use super::{Hooked, World, LATE, TRAVEL};
use crate::model::activity::Activity;

impl World {
    /// Checks that an interrupt may be delivered now.
    pub(super) fn check_distance(&self) -> Result<(), &'static str> {
        let interval = self.interval(self.at.activity);
        let is_due = |last| self.at.now >= last + interval;
        if self.at.hooked == Hooked::Yes && !self.at.last_delivery.is_none_or(is_due) {
            return Err("deliveries keep the interval");
        }
        Ok(())
    }

    /// Checks that what is held may be delivered now.
    pub(super) fn check_budget(&self) -> Result<(), &'static str> {
        let is_put_off = self.at.booked.is_some_and(|booked| self.at.now < booked);
        if self.at.hooked == Hooked::Yes && self.at.is_limited && is_put_off {
            return Err("no delivery is made before the budget allows it");
        }
        Ok(())
    }

    /// What holds after every step.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let at = &self.at;
        if let (Some(since), false) = (at.unserved_since, at.disabled) {
            // To the line, held, and back to it by the controller.
            let bound = at.longest.max(self.scenario.puts_off) + LATE + 2 * TRAVEL;
            if at.now.saturating_sub(since) > bound {
                return Err("an event waits for the longest interval at most");
            }
        }
        if !self.is_at_rest() || at.hooked != Hooked::Yes {
            return Ok(());
        }
        let holds = !at.window.is_empty();
        if at.masked && !at.kernel_masked && !(holds && at.timer.is_some()) {
            return Err("a masked line has a timer that unmasks it");
        }
        if holds && at.timer.is_none() {
            return Err("what is held has a timer");
        }
        let is_settled = at.kick.is_none() && at.activity == Activity::Running;
        let prompt = at
            .last_delivery
            .map_or(0, |last| last + self.interval(Activity::Running))
            .max(at.now);
        let allowed = at.booked.unwrap_or(0).max(prompt);
        if holds && is_settled && at.timer.is_some_and(|timer| timer > allowed) {
            return Err("a running guest does not wait for the overflow interval");
        }
        let is_lifted = holds && is_settled && !at.is_limited;
        if is_lifted && at.timer.is_some_and(|timer| timer > prompt) {
            return Err("what a limit put off is due when it is lifted");
        }
        Ok(())
    }
}
