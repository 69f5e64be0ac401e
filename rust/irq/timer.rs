// SPDX-License-Identifier: GPL-2.0

//! A timer in hard interrupt context.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)
//!
//! The `HrTimer` of the `kernel` crate is started through a handle that must be kept; this one is
//! started again and again from hard interrupt context, by a shared reference.

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A timer that expires in hard interrupt context on the CPU that started it.
#[repr(transparent)]
#[pin_data]
pub(super) struct Timer {
    #[pin]
    hrtimer: Opaque<bindings::hrtimer>,
}

// SAFETY: A timer belongs to no thread.
unsafe impl Send for Timer {}
// SAFETY: The timer core serialises what is done to a timer.
unsafe impl Sync for Timer {}

impl Timer {
    /// # Safety
    ///
    /// `callback` may be called until [`Self::cancel`] has returned for the last time.
    pub(super) unsafe fn new(
        callback: unsafe extern "C" fn(*mut bindings::hrtimer) -> bindings::hrtimer_restart,
    ) -> impl PinInit<Self> {
        let function = Some(callback);
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and pinned.
            hrtimer <- Opaque::ffi_init(move |slot| unsafe {
                bindings::hrtimer_setup(
                    slot,
                    function,
                    bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                    bindings::hrtimer_mode_HRTIMER_MODE_ABS_PINNED_HARD,
                )
            }),
        })
    }

    /// Starts or moves the timer to expire at `when_ns` of the monotonic clock.
    pub(super) fn start(&self, when_ns: i64) {
        // SAFETY: `new` set the timer up; it may be started from any context, its own callback
        // included.
        unsafe {
            bindings::hrtimer_start_range_ns(
                self.hrtimer.get(),
                when_ns,
                0,
                bindings::hrtimer_mode_HRTIMER_MODE_ABS_PINNED_HARD,
            )
        };
    }

    /// Stops the timer and waits for its callback. Sleeps.
    pub(super) fn cancel(&self) {
        // SAFETY: `new` set the timer up, and no caller holds a lock that the callback takes.
        unsafe { bindings::hrtimer_cancel(self.hrtimer.get()) };
    }
}
