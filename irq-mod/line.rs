// SPDX-License-Identifier: GPL-2.0

//! One moderated line.

use crate::{
    model::{
        interval::Latency,
        spec::Target,
        window::Window, //
    },
    stats::Counters, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use kernel_ext::{
    irq::{
        self,
        Hook,
        Status, //
    },
    sync::{
        new_raw_spinlock,
        RawSpinLock, //
    }, //
};

/// What changes with every interrupt.
pub(crate) struct State {
    pub(crate) window: Window,
    pub(crate) counters: Counters,
}

/// The moderation of a line; its callbacks are in [`crate::ops`].
///
/// Lock order: `state` is taken before the descriptor's lock and never held while an interrupt is
/// delivered.
#[pin_data]
pub(crate) struct Moderator {
    #[pin]
    pub(crate) state: RawSpinLock<State>,
    latency_us: Atomic<u32>,
}

impl Moderator {
    fn new(latency: Latency) -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_raw_spinlock!(
                State {
                    window: Window::new(),
                    counters: Counters::default(),
                },
                "irq_mod::Moderator",
            ),
            latency_us: Atomic::new(latency.us()),
        })
    }

    /// The interval that the next window will have.
    pub(crate) fn latency(&self) -> Latency {
        // Relaxed: the number stands alone, and a window opened meanwhile may have either.
        Latency::from_us(self.latency_us.load(Relaxed)).unwrap_or(Latency::OFF)
    }

    pub(crate) fn set_latency(&self, latency: Latency) {
        self.latency_us.store(latency.us(), Relaxed);
    }
}

/// A line under moderation; dropping it gives the line back.
pub(crate) struct Line {
    hook: Hook<Moderator>,
}

impl Line {
    /// Attaches to the line that `target` names.
    ///
    /// # Errors
    ///
    /// [`ENXIO`] if there is no such line, [`EOPNOTSUPP`] if it is no edge-triggered MSI or MSI-X,
    /// [`EBUSY`] if drivers share it, [`EPERM`] if the kernel depends on it, [`EEXIST`] if it is
    /// moderated already or the name stands for several.
    pub(crate) fn attach(target: Target<'_>, latency: Latency) -> Result<Self> {
        let irq = match target {
            Target::Irq(irq) => irq,
            Target::Action(name) => irq::by_action_name(name.as_bytes())?,
        };
        let hook = Hook::attach(irq, Moderator::new(latency))?;
        Ok(Self { hook })
    }

    pub(crate) fn irq(&self) -> u32 {
        self.hook.irq()
    }

    pub(crate) fn status(&self) -> Status {
        self.hook.status()
    }

    pub(crate) fn moderator(&self) -> &Moderator {
        self.hook.flow()
    }

    /// A consistent copy of the counters.
    pub(crate) fn counters(&self) -> Counters {
        self.moderator().state.lock().counters
    }
}
