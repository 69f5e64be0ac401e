// SPDX-License-Identifier: GPL-2.0

//! Moving a slot from one stage to another: the model decides, what it says is done here.

use super::{
    Control,
    Slot, //
};
use crate::{
    back::Back,
    dma::Mapping,
    knobs::Knobs,
    model::{
        policy::FaultPolicy,
        spec::Command,
        state::{
            self,
            Decision,
            Device,
            Event,
            Fault,
            Outcome,
            Phase,
            State, //
        }, //
    },
    stage::Stage,
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};
use kernel_ext::pci::Reset;

/// Nanoseconds since `begun`.
fn ns_since(begun: Instant<Monotonic>) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(0)
}

impl Slot {
    /// Does what was written to `control`.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] in the wrong state, [`ENODEV`] without a back, [`ETIMEDOUT`] if the back does not
    /// fall silent, [`EOPNOTSUPP`] if it cannot be reset, or why a resume failed.
    pub(crate) fn command(self: &Arc<Self>, command: Command) -> Result {
        self.event(Event::Command(command))
    }

    /// Does what `event` leads to.
    ///
    /// # Errors
    ///
    /// As [`Self::command`].
    pub(crate) fn event(self: &Arc<Self>, event: Event) -> Result {
        let done = {
            let mut control = self.control.lock();
            self.act(&mut control, event)
        };
        self.settle_soon();
        done
    }

    fn act(&self, control: &mut Control, event: Event) -> Result {
        let before = control.machine;
        match self.decide(control, event) {
            Decision::Pause { device, reset } => self.pause(control, device, reset),
            Decision::Resume { reset } => self.resume(control, reset, Reset::Unlocked),
            Decision::Refuse(refusal) => Err(refusal.into()),
            Decision::Nothing => {
                if control.machine.state() != before.state() {
                    control.stage = match (control.stage.take(), control.machine.state()) {
                        (Stage::Error(failed), State::Paused) => Stage::Paused(failed.clear()),
                        (Stage::Paused(paused), State::Error) => {
                            control.note(format_args!("the number of functions was lost"));
                            Stage::Error(paused.fail())
                        }
                        (other, _) => other,
                    };
                    self.show(control);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Moves the machine; what it decides is then up to the caller.
    pub(crate) fn decide(&self, control: &mut Control, event: Event) -> Decision {
        let (machine, decision) = control.machine.on(event, self.knobs.policy.auto());
        control.machine = machine;
        decision
    }

    /// Ends a transition of the machine.
    pub(super) fn finish(&self, control: &mut Control, outcome: Outcome) {
        control.machine = control.machine.finish(outcome);
        if let Phase::Error(fault) = control.machine.phase() {
            if fault == Fault::Gone {
                control.note(format_args!("{fault}"));
            }
            control.stage = match control.stage.take() {
                Stage::Paused(paused) => Stage::Error(paused.fail()),
                other => other,
            };
        }
        self.show(control);
        self.returned.wake_all();
    }

    pub(super) fn pause(
        &self,
        control: &mut Control,
        device: Device,
        reset: state::Reset,
    ) -> Result {
        let begun = Instant::<Monotonic>::now();
        self.show(control);
        let Stage::Running(running) = control.stage.take() else {
            self.finish(control, Outcome::Undone);
            return Err(EBUSY);
        };
        let paused = match device {
            Device::Going => running.lose(&control.user),
            Device::Surviving => {
                let is_possible =
                    reset == state::Reset::None || running.back().function().can_reset();
                let paused = match is_possible {
                    true => running.pause(&control.user),
                    false => Err(running.refuse(EOPNOTSUPP)),
                };
                match paused {
                    Ok(paused) => paused,
                    Err(refused) => {
                        control.stage = Stage::Running(refused.stage);
                        self.finish(control, Outcome::Undone);
                        return Err(refused.error);
                    }
                }
            }
        };
        let mut paused = paused;
        let done = match reset {
            state::Reset::Flr => paused.reset(Reset::Unlocked),
            state::Reset::None => Ok(()),
        };
        control.stage = Stage::Paused(paused);
        self.knobs.stats.pauses.count();
        self.knobs.stats.pause_ns.set(ns_since(begun));
        match done {
            Ok(()) => self.finish(control, Outcome::Done),
            Err(error) => {
                control.note(format_args!("no reset ({error:?})"));
                self.finish(control, Outcome::Failed);
            }
        }
        done
    }

    pub(super) fn resume(&self, control: &mut Control, reset: state::Reset, how: Reset) -> Result {
        let begun = Instant::<Monotonic>::now();
        self.show(control);
        let Stage::Paused(mut paused) = control.stage.take() else {
            self.finish(control, Outcome::Undone);
            return Err(EBUSY);
        };
        let since = paused.since();
        control.user.master = self.config.lock().master();
        let ready = match reset {
            state::Reset::Flr => paused.reset(how),
            state::Reset::None => Ok(()),
        };
        let resumed = match ready {
            Ok(()) => paused.resume(&control.user),
            Err(error) => Err(paused.refuse(error)),
        };
        match resumed {
            Ok(running) => {
                control.stage = Stage::Running(running);
                self.finish(control, Outcome::Done);
                let stats = &self.knobs.stats;
                stats.resumes.count();
                stats.resume_ns.set(ns_since(begun));
                stats.outage_ns.set(ns_since(since));
                if self.knobs.policy.kick.get().is_on() {
                    control.user.wiring.kick();
                    // Who makes virtual functions has more to do before one can be used.
                    self.kick_due.store(how == Reset::Probing, Relaxed);
                }
                Ok(())
            }
            Err(refused) => {
                let error = refused.error;
                control.stage = Stage::Paused(refused.stage);
                control.note(format_args!("no resume ({error:?})"));
                // Somebody else is at the device, most likely to remove it.
                let outcome = match error == EAGAIN || error == EBUSY {
                    true => Outcome::Undone,
                    false => Outcome::Failed,
                };
                self.finish(control, outcome);
                Err(error)
            }
        }
    }

    /// Directs the DMA of whatever is or will be behind the slot.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for mappings of a slot with another policy, or why the back cannot be attached; nothing
    /// has changed then.
    pub(crate) fn attach(&self, mapping: Option<Arc<Mapping>>) -> Result {
        // In a container of several devices, the mapping is one that another slot has made. Each must be
        // able to trust its own policy.
        let p2p = |knobs: &Knobs| knobs.policy.allow_p2p.get();
        if mapping
            .as_ref()
            .is_some_and(|it| p2p(it.knobs()) != p2p(&self.knobs))
        {
            return Err(EINVAL);
        }
        let mut control = self.control.lock();
        let control = &mut *control;
        if let Stage::Running(running) = &mut control.stage {
            running.attach(mapping.as_ref(), control.user.mapping.as_ref())?;
        }
        control.user.mapping = mapping;
        Ok(())
    }

    /// Signals all interrupts once more when the driver of the physical function has done its part.
    pub(super) fn kick_late(&self) {
        if !self.kick_due.xchg(false, Relaxed) {
            return;
        }
        let pf = {
            let control = self.control.lock();
            let back = control.stage.back();
            back.and_then(|back| back.function().virtual_of())
        };
        if let Some((pf, _)) = pf {
            pf.wait_for_lock();
        }
        let control = self.control.lock();
        if let Stage::Running(_) = control.stage {
            control.user.wiring.kick();
        }
    }

    /// Changes what accesses to registers get while the slot is paused; also for those that wait, and for
    /// pages that lead to the sink.
    pub(crate) fn set_fault(&self, policy: FaultPolicy) {
        let control = self.control.lock();
        self.knobs.policy.set_fault(policy);
        match control.stage {
            Stage::Running(_) => {}
            _ => control.user.zap(),
        }
        self.returned.wake_all();
    }

    /// Milliseconds since the slot was paused, or [`None`] if it is not.
    pub(crate) fn paused_ms(control: &Control) -> Option<u64> {
        let since = match &control.stage {
            Stage::Paused(paused) => paused.since(),
            _ => return None,
        };
        let elapsed: Delta = since.elapsed();
        u64::try_from(elapsed.as_millis()).ok()
    }
}

/// Resets a back if that was decided.
pub(super) fn reset_if(back: &Back, reset: state::Reset, how: Reset) -> Result {
    match reset {
        state::Reset::Flr => back.reset(how),
        state::Reset::None => Ok(()),
    }
}
