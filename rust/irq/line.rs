// SPDX-License-Identifier: GPL-2.0

//! What a [`Flow`](super::Flow) can do with its line, which depends on why it was called.

use super::desc::Desc;
use crate::bindings;
use kernel::interrupt::LocalInterruptDisabled;

/// Whether a held interrupt also stops the device from raising more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Masking {
    /// Leave the line as it is.
    Leave,
    /// Mask it until [`Expired::unmask`].
    Mask,
}

/// A hooked line while an interrupt of it is being handled.
///
/// # Invariants
///
/// Local interrupts are off throughout `'a`.
pub struct Arrived<'a> {
    desc: Desc<'a>,
}

impl<'a> Arrived<'a> {
    /// # Safety
    ///
    /// Local interrupts are off throughout `'a`.
    #[inline]
    pub(super) unsafe fn new(desc: Desc<'a>) -> Self {
        // INVARIANT: By the safety requirement.
        Self { desc }
    }

    /// Evidence that local interrupts are off.
    #[inline]
    pub fn irqs_off(&self) -> &'a LocalInterruptDisabled {
        // SAFETY: By the type invariant.
        unsafe { LocalInterruptDisabled::assume_disabled() }
    }

    /// The number of the interrupt.
    #[inline]
    pub fn irq(&self) -> u32 {
        self.desc.irq()
    }

    /// Passes the interrupt on to the kernel's edge flow handler, which runs that of the line's
    /// driver.
    #[inline]
    pub fn deliver(&self) {
        // SAFETY: The hook accepts only lines whose flow handler is this one, and it stands in for
        // that: in hard interrupt context, with the line's descriptor unlocked.
        unsafe { bindings::handle_edge_irq(self.desc.as_ptr()) };
    }

    /// Acknowledges the interrupt without delivering it.
    #[inline]
    pub fn hold(&self, masking: Masking) {
        let mut locked = self.desc.lock_with_irqs_off(self.irqs_off());
        locked.acknowledge();
        if masking == Masking::Mask {
            locked.mask();
        }
    }
}

/// A hooked line whose alarm rang, in hard interrupt context.
///
/// # Invariants
///
/// Local interrupts are off throughout `'a`.
pub struct Expired<'a> {
    desc: Desc<'a>,
}

impl<'a> Expired<'a> {
    /// # Safety
    ///
    /// Local interrupts are off throughout `'a`.
    #[inline]
    pub(super) unsafe fn new(desc: Desc<'a>) -> Self {
        // INVARIANT: By the safety requirement.
        Self { desc }
    }

    /// Evidence that local interrupts are off.
    #[inline]
    pub fn irqs_off(&self) -> &'a LocalInterruptDisabled {
        // SAFETY: By the type invariant.
        unsafe { LocalInterruptDisabled::assume_disabled() }
    }

    /// The number of the interrupt.
    #[inline]
    pub fn irq(&self) -> u32 {
        self.desc.irq()
    }

    /// Undoes [`Masking::Mask`], unless the kernel itself wants the line masked by now.
    pub fn unmask(&self) {
        self.desc.lock_with_irqs_off(self.irqs_off()).unmask();
    }

    /// Makes a held interrupt occur again. Call it with whatever lock `arrived` takes held, after
    /// having made sure that the next arrival will be delivered.
    pub fn replay(&self) -> Replay<'a> {
        let mut locked = self.desc.lock_with_irqs_off(self.irqs_off());
        if locked.action().is_null() {
            return Replay::Dropped;
        }
        // Re-entering acknowledges the interrupt. While the line is moving that would complete the
        // move, which only the old target CPU can do.
        if locked.is_on_target() && !locked.is_moving() {
            return Replay::Inline(Reentry { desc: self.desc });
        }
        match locked.retrigger() {
            true => Replay::Injected,
            false => Replay::Dropped,
        }
    }
}

/// How a held interrupt occurs again.
pub enum Replay<'a> {
    /// On this CPU, by [`Reentry::run`].
    Inline(Reentry<'a>),
    /// The chip raises it on the line's target CPU, soon.
    Injected,
    /// Not at all: the line's driver has given it up.
    Dropped,
}

/// An interrupt that is about to occur again on this CPU.
#[must_use = "the interrupt is lost unless this is run"]
pub struct Reentry<'a> {
    desc: Desc<'a>,
}

impl Reentry<'_> {
    /// Lets it arrive like any other, before this returns. Release the lock that `arrived` takes
    /// first.
    pub fn run(self) {
        let flow = self.desc.lock().flow();
        if let Some(flow) = flow {
            // SAFETY: A descriptor's flow handler may be called in hard interrupt context with the
            // registers of the interrupt that is being handled, as here: it exists only in `expired`.
            unsafe { flow(self.desc.as_ptr()) };
        }
    }
}
