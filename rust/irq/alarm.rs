// SPDX-License-Identifier: GPL-2.0

//! The timer of a hook, which may be set from anywhere.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use super::{
    hook,
    timer::Timer, //
};
use crate::bindings;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Makes a line's [`Flow::expired`](super::Flow::expired) run at a time that is set, in hard interrupt
/// context, on the CPU that set it last. It may outlive the line's hook; it rings for nobody then.
#[pin_data(PinnedDrop)]
pub struct Alarm {
    irq: u32,
    #[pin]
    timer: Timer,
}

impl Alarm {
    /// Creates an alarm that is not set, for the line with the number `irq`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(irq: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                irq,
                // SAFETY: `drop` cancels the timer, before the module that this crate is linked into, and
                // that owns the alarm, is gone.
                timer <- unsafe { Timer::new(rang) },
            }),
            GFP_KERNEL,
        )
    }

    /// Sets it to `at_ns` of the monotonic clock, whatever it was set to before; a time that has passed
    /// is now. Callable from any context but NMI, with a run queue's lock held, too.
    pub fn set(&self, at_ns: u64) {
        self.timer.start(i64::try_from(at_ns).unwrap_or(i64::MAX));
    }

    /// Unsets it and waits until it no longer rings. Sleeps.
    pub(super) fn cancel(&self) {
        self.timer.cancel();
    }

    pub(super) fn irq(&self) -> u32 {
        self.irq
    }
}

#[pinned_drop]
impl PinnedDrop for Alarm {
    fn drop(self: Pin<&mut Self>) {
        self.timer.cancel();
    }
}

/// # Safety
///
/// Called by the timer core in hard interrupt context with the timer of an [`Alarm`].
unsafe extern "C" fn rang(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
    // SAFETY: Only `Alarm` has timers with this callback, and `Timer` is transparent. It cancels the
    // timer before it goes away.
    let alarm =
        unsafe { &*kernel::container_of!(timer.cast::<Timer>(), Alarm, timer).cast_const() };
    // SAFETY: Hard interrupt context, as required; the core calls hard timers with interrupts off.
    unsafe { hook::expired(alarm) };
    bindings::hrtimer_restart::HRTIMER_NORESTART
}
