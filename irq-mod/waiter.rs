// SPDX-License-Identifier: GPL-2.0

//! What of a vector its guest must reach.

use crate::model::budget::Limit;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};
use kernel_ext::{
    irq::Alarm,
    sched,
    sync::peek, //
};

/// Where a guest that starts to run finds what is held for it.
///
/// The vector and the guest do not share a lock, since a guest's activity changes with the scheduler's
/// locks held. Each first writes its own variable and then reads the other's, with a full barrier in
/// between, so that at least one of them sees the other: a vector that has set its alarm reads the
/// activity again, and a guest that has become active looks at `is_pending`.
pub(crate) struct Waiter {
    alarm: Arc<Alarm>,
    is_pending: Atomic<u32>,
    /// When what is held is due if the guest runs and has no limit.
    prompt_ns: Atomic<u64>,
    /// When the guest's budget allows it.
    booked_ns: Atomic<u64>,
    /// When the guest last let the alarm ring earlier, or 0.
    hurried_ns: Atomic<u64>,
}

impl Waiter {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(alarm: Arc<Alarm>) -> Result<Arc<Self>> {
        let waiter = Self {
            alarm,
            is_pending: Atomic::new(0),
            prompt_ns: Atomic::new(0),
            booked_ns: Atomic::new(0),
            hurried_ns: Atomic::new(0),
        };
        Ok(Arc::new(waiter, GFP_KERNEL)?)
    }

    /// Sets the alarm.
    pub(crate) fn set_alarm(&self, at_ns: u64) {
        self.alarm.set(at_ns);
    }

    /// Lets the guest know that something is held, and when that is due if it runs. There is a full barrier
    /// between this and what the caller does next.
    pub(crate) fn announce(&self, prompt_ns: u64, booked_ns: u64) {
        self.prompt_ns.store(prompt_ns, Relaxed);
        self.booked_ns.store(booked_ns, Relaxed);
        self.is_pending.xchg(1, Full);
    }

    /// Nothing is held any more. Returns when the guest last let the alarm ring earlier, if it did.
    pub(crate) fn settle(&self) -> Option<u64> {
        self.is_pending.store(0, Relaxed);
        match self.hurried_ns.xchg(0, Relaxed) {
            0 => None,
            hurried_ns => Some(hurried_ns),
        }
    }

    /// The guest may be served earlier than was thought, within its limit. Callable with the scheduler's
    /// locks held.
    pub(crate) fn hurry(&self, limit: Limit) {
        // Relaxed: the caller has put a full barrier before it. The settings, or what the guest does, may be
        // others by now: then the alarm may ring up to a latency interval too late, and the vector decides
        // by what holds when it rings.
        if peek(&self.is_pending) != 0 {
            let prompt_ns = match limit {
                Limit::NONE => peek(&self.prompt_ns),
                _ => Ord::max(peek(&self.prompt_ns), peek(&self.booked_ns)),
            };
            let at_ns = prompt_ns.max(sched::now_ns());
            self.hurried_ns.store(at_ns, Relaxed);
            self.alarm.set(at_ns);
        }
    }

    /// The guest has no limit any more, so that what is held may be due.
    pub(crate) fn look_again(&self) {
        // Relaxed: as above; the vector reads the limit again when it has set its alarm.
        if self.is_pending.load(Relaxed) != 0 {
            self.alarm.set(0);
        }
    }
}
