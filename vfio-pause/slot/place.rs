// SPDX-License-Identifier: GPL-2.0

//! The function behind a slot: how it comes and goes.

use super::{
    transition::reset_if,
    Control,
    Former,
    Slot, //
};
use crate::{
    back::{
        self,
        Back, //
    },
    driver::{
        self,
        FRONT_DRIVER, //
    },
    model::{
        identity::Identity,
        spec::Target,
        state::{
            self,
            Arrival,
            Decision,
            Device,
            Event,
            Outcome, //
        }, //
    },
    stage::{
        Running,
        Stage, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc, //
    }, //
};
use kernel_ext::pci::{
    Function,
    Reset, //
};

impl Slot {
    /// Notes that the next back was just found by the host.
    pub(crate) fn expect_fresh(&self) {
        self.is_fresh.store(true, Relaxed);
    }

    /// The function that belongs behind the slot, if it is there.
    pub(crate) fn find(&self) -> Option<Function> {
        driver::find(self.target())
    }

    /// Takes over a function that is being bound; called with its device lock.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is not what the user was promised, [`EBUSY`] if there is a back, or why it
    /// cannot be used.
    pub(crate) fn bound(self: &Arc<Self>, function: &Function) -> Result {
        self.take_over(function).inspect_err(|error| {
            self.control.lock().refused = Some(*error);
        })
    }

    fn take_over(self: &Arc<Self>, function: &Function) -> Result {
        let arrival = match self.is_fresh.xchg(false, Relaxed) {
            true => Arrival::Fresh,
            false => Arrival::Used,
        };
        let back = Back::take(function)
            .inspect_err(|error| self.note(format_args!("{}: {error:?}", function.address())))?;
        let found = back::identity(function);
        if let Some(wanted) = self.identity.as_ref() {
            wanted.accepts(&found).map_err(|mismatch| {
                self.note(format_args!("{}: {mismatch}", function.address()));
                EINVAL
            })?;
        }
        let received = {
            let mut control = self.control.lock();
            self.receive(&mut control, back, arrival, found)
        };
        if let Err(error) = received {
            self.note(format_args!("{}: {error:?}", function.address()));
        }
        self.settle_soon();
        received
    }

    fn receive(
        &self,
        control: &mut Control,
        back: Back,
        arrival: Arrival,
        found: Identity,
    ) -> Result {
        let decision = self.decide(control, Event::BackAppeared(arrival));
        match decision {
            Decision::Attach { reset } => {
                let function = back.function().clone();
                let started = reset_if(&back, reset, Reset::Probing).and_then(|()| {
                    Running::start(back, &control.user).map_err(|refused| refused.error)
                });
                let outcome = match started {
                    Ok(running) => {
                        self.config.lock().init(|at| function.config(at), &found);
                        self.identity.populate(found);
                        control.stage = Stage::Running(running);
                        Ok(Outcome::Done)
                    }
                    Err(error) => Err(error),
                };
                self.finish(control, *outcome.as_ref().unwrap_or(&Outcome::Undone));
                outcome.map(drop)
            }
            Decision::Keep { reset } => {
                reset_if(&back, reset, Reset::Probing).inspect_err(|_| {
                    self.decide(control, Event::BackGone);
                })?;
                control.stage = match control.stage.take() {
                    Stage::Paused(paused) => Stage::Paused(paused.receive(back)),
                    Stage::Error(failed) => Stage::Error(failed.receive(back)),
                    other => other,
                };
                Ok(())
            }
            Decision::Resume { reset } => {
                if let Stage::Paused(paused) = control.stage.take() {
                    control.stage = Stage::Paused(paused.receive(back));
                }
                // The back stays bound whether or not the user can have it.
                self.resume(control, reset, Reset::Probing).ok();
                Ok(())
            }
            Decision::Refuse(refusal) => Err(refusal.into()),
            _ => Err(EBUSY),
        }
    }

    /// Gives up a function that is being unbound; called with its device lock.
    pub(crate) fn unbound(self: &Arc<Self>, function: &Function) {
        {
            let mut control = self.control.lock();
            let control = &mut *control;
            let is_ours = |back: &Back| back.function() == function;
            if !control.stage.back().is_some_and(is_ours) {
                return;
            }
            // Whoever has it next shall not find what a user left in it. One that goes away need not
            // be reset, which would take its time for each.
            let is_left = control.machine.is_soiled() && function.is_staying();
            let claim = control.stage.back().map(|back| back.claim().clone());
            match self.decide(control, Event::BackGone) {
                Decision::Pause { .. } => {
                    self.pause(control, Device::Going, state::Reset::None).ok();
                }
                _ => {
                    control.stage = match control.stage.take() {
                        Stage::Paused(paused) => Stage::Paused(paused.lose()),
                        Stage::Error(failed) => Stage::Error(failed.lose()),
                        other => other,
                    };
                }
            }
            if let (true, Some(claim)) = (is_left, claim) {
                if let Err(error) = claim.reset(Reset::Probing) {
                    control.note(format_args!("{}: no reset ({error:?})", function.address()));
                }
            }
        }
        self.settle_soon();
    }

    /// Has the function that belongs behind the slot bound to it, if it is there and is not.
    ///
    /// # Errors
    ///
    /// Why it is not bound then.
    pub(crate) fn claim(self: &Arc<Self>) -> Result {
        let Some(function) = self.find() else {
            return Ok(());
        };
        if self.control.lock().machine.has_back() {
            return Ok(());
        }
        let driver = function.driver();
        if driver.as_ref().is_some_and(|name| **name == *back::DRIVER) {
            // It is another slot's, unless the host has just bound it to this one.
            return match self.control.lock().machine.has_back() {
                true => Ok(()),
                false => Err(EEXIST),
            };
        }
        if driver.as_ref().is_some_and(|name| **name == *FRONT_DRIVER) {
            return Err(EINVAL);
        }
        if function.vfs() != 0 {
            // They would lose their master.
            return Err(EBUSY);
        }
        let reserved = function.reserved_for();
        function.reserve_for(Some(back::DRIVER))?;
        *self.former.lock() = Some(Former {
            function: function.clone(),
            driver,
            reserved,
        });
        self.control.lock().refused = None;
        function.rebind();
        let refused = {
            let mut control = self.control.lock();
            if control.machine.has_back() {
                return Ok(());
            }
            control.refused.take()
        };
        self.release();
        match (refused, self.find()) {
            (Some(error), _) => Err(error),
            // It went away meanwhile, and may come back.
            (None, None) => Ok(()),
            (None, Some(_)) => Err(EBUSY),
        }
    }

    /// Gives the function behind the slot back to whoever had it before.
    pub(crate) fn release(&self) {
        let former = self.former.lock().take();
        let Some(function) = self.find() else {
            return;
        };
        let is_ours = function
            .reserved_for()
            .is_some_and(|name| *name == *back::DRIVER);
        if !is_ours {
            return;
        }
        // One that the host found while the slot was there had nobody before.
        let former = former.filter(|former| former.function == function);
        let driver = former.as_ref().and_then(|former| former.driver.as_ref());
        if let Some(driver) = driver {
            // By name, since the host may be told not to bind virtual functions by itself.
            function.reserve_for(Some(driver)).ok();
            function.rebind();
        }
        // It would stay reserved; there is nothing else to be done without memory.
        let reserved = former.as_ref().and_then(|former| former.reserved.as_ref());
        function.reserve_for(reserved.map(|name| &**name)).ok();
        match (&former, driver) {
            (_, Some(_)) => {}
            (Some(_), None) => function.unbind(),
            (None, None) => function.rebind(),
        }
    }

    /// Changes what belongs behind the slot, and binds it if it is there.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] unless the slot is without a back, and empty or paused; [`EEXIST`] if another slot has
    /// the target; [`ENXIO`], [`ERANGE`] if there is none such; or why the new function is refused, and
    /// then the old one belongs behind it still.
    pub(crate) fn retarget(self: &Arc<Self>, target: Target) -> Result {
        self.control.lock().machine.may_retarget()?;
        let old = self.target();
        if old == target {
            return self.claim();
        }
        driver::place(target)?;
        let _placing = self.host.table.placing();
        if self.host.table.is_taken(target) {
            return Err(EEXIST);
        }
        self.release();
        *self.target.lock() = target;
        self.is_fresh.store(false, Relaxed);
        self.claim().inspect_err(|_| *self.target.lock() = old)
    }

    /// Takes the slot apart; it is of no use afterwards. What is left is to [`Self::release`] its
    /// function once the host can give it to nobody but others.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] while it is open.
    pub(crate) fn retire(&self) -> Result {
        {
            let mut control = self.control.lock();
            match self.decide(&mut control, Event::Remove) {
                Decision::Refuse(refusal) => return Err(refusal.into()),
                // Under the lock: once the slot has no back, `unbound` does not wait for it.
                _ => drop(control.stage.take()),
            }
        }
        // Without the lock, which the front's removal takes.
        let front = self.front.lock().take();
        drop(front);
        self.returned.wake_all();
        Ok(())
    }
}
