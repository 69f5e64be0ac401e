// SPDX-License-Identifier: GPL-2.0

//! What others see of a slot: its front and its state.

use super::{
    Control,
    Slot,
    STATES, //
};
use crate::{
    ffi,
    model::{
        identity::Identity,
        spec::FrontKind,
        state::{
            Phase,
            State, //
        }, //
    }, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::{
        atomic::Relaxed,
        Arc, //
    },
    workqueue::WorkItem, //
};
use kernel_ext::front::{
    self,
    Front, //
};

impl Slot {
    /// Shows the state the machine is in, and tells everybody who wants to know.
    pub(super) fn show(&self, control: &Control) {
        let state = control.machine.state();
        for (number, each) in (0u32..).zip(STATES) {
            if each == state {
                self.shown.store(number, Relaxed);
                ffi::trace_state(&self.knobs.name, number);
            }
        }
        {
            let mut announced = self.announced.lock();
            // Without memory, or with nobody to take it, one announcement less.
            if announced.len() < 64 && announced.push(state, GFP_KERNEL).is_err() {}
        }
        self.notifier.notify();
    }

    /// Has the queue tell what [`Self::show`] noted, and make the front if it is due.
    pub(super) fn settle_soon(self: &Arc<Self>) {
        // It may be queued already.
        drop(self.host.queue.enqueue(self.clone()));
    }

    /// Makes the front if it is due, and sends announcements.
    ///
    /// # Errors
    ///
    /// Why there is no front although there should be.
    pub(crate) fn settle(self: &Arc<Self>) -> Result {
        let mut front = self.front.lock();
        let mut made = Ok(());
        if front.is_none() {
            if let Some(identity) = self.identity.as_ref() {
                made = match self.make_front(identity) {
                    Ok(new) => {
                        *front = new;
                        Ok(())
                    }
                    Err(error) => {
                        self.note(format_args!("no front ({error:?})"));
                        Err(error)
                    }
                };
            }
        }
        let states = core::mem::replace(&mut *self.announced.lock(), KVec::new());
        if let Some(front) = &*front {
            for state in states {
                self.announce(front, state).ok();
            }
        }
        made
    }

    fn make_front(self: &Arc<Self>, identity: &Identity) -> Result<Option<Front<Slot>>> {
        if self.control.lock().machine.phase() == Phase::Removed {
            return Ok(None);
        }
        let kind = match self.kind {
            FrontKind::PciFunction => front::Kind::PciFunction {
                domain_min: self.host.domain_min,
            },
            FrontKind::Platform => front::Kind::Platform,
        };
        let ids = front::Identity {
            vendor: identity.vendor,
            device: identity.device,
            subsystem_vendor: identity.subsystem_vendor,
            subsystem: identity.subsystem,
            class: identity.class,
            revision: identity.revision,
        };
        let name = &self.knobs.name;
        Front::new(&self.host.drivers, name, kind, &ids, self.clone()).map(Some)
    }

    fn announce(&self, front: &Front<Slot>, state: State) -> Result {
        let name = self.knobs.name.to_str().map_err(|_| EINVAL)?;
        let slot = CString::try_from_fmt(format_args!("SLOT={name}"))?;
        let state = CString::try_from_fmt(format_args!("SLOT_STATE={state}"))?;
        front.announce(&[&slot, &state])
    }

    /// Notes what went wrong.
    pub(crate) fn note(&self, what: core::fmt::Arguments<'_>) {
        self.control.lock().note(what);
    }
}

impl Control {
    /// Notes what went wrong.
    pub(super) fn note(&mut self, what: core::fmt::Arguments<'_>) {
        self.error = CString::try_from_fmt(what).ok();
    }
}

impl WorkItem for Slot {
    type Pointer = Arc<Slot>;

    fn run(this: Arc<Slot>) {
        // What went wrong is noted.
        this.settle().ok();
        this.kick_late();
    }
}
