// SPDX-License-Identifier: GPL-2.0

//! Waiting for a condition, with a limit and a say in what may interrupt it.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)

use crate::bindings;
use kernel::{
    ffi::{
        c_long,
        c_void, //
    },
    prelude::*,
    sync::LockClassKey,
    task::MAX_SCHEDULE_TIMEOUT,
    time::{
        msecs_to_jiffies,
        Delta,
        Msecs, //
    },
    types::Opaque, //
};

/// Creates a [`WaitQueue`] with a lock class of its own: `new_wait_queue!("name")`.
#[macro_export]
macro_rules! new_wait_queue {
    ($name:literal $(,)?) => {
        $crate::sync::WaitQueue::new(
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}
pub use new_wait_queue;

/// Which signals end a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// All that are not blocked.
    Interruptible,
    /// Those that kill.
    Killable,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The condition holds.
    Met,
    /// It did not within the limit.
    TimedOut,
    /// A signal is pending.
    Interrupted,
}

/// Tasks that wait for a condition.
///
/// Whoever makes the condition true calls [`wake_all`](Self::wake_all) afterwards.
#[pin_data]
pub struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue belongs to no thread.
unsafe impl Send for WaitQueue {}
// SAFETY: The queue has a lock of its own.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// Creates an empty queue; use [`new_wait_queue!`](crate::new_wait_queue).
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and stays in place, since the queue is pinned; name
            // and key are static.
            head <- Opaque::ffi_init(move |slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
        })
    }

    /// Sleeps until `condition` holds, at most for `limit`. Hold no spinlock.
    ///
    /// The condition is evaluated before the task sleeps, in a state in which it must not sleep
    /// itself, and after each wake-up: look at atomics, or take a spinlock.
    pub fn wait<F: Fn() -> bool>(
        &self,
        limit: Option<Delta>,
        signals: Signals,
        condition: F,
    ) -> Waited {
        let wait = match signals {
            Signals::Interruptible => bindings::kernel_ext_wait_event_interruptible_timeout,
            Signals::Killable => bindings::kernel_ext_wait_event_killable_timeout,
        };
        let data = (&raw const condition).cast_mut().cast::<c_void>();
        // SAFETY: `new` initialised the queue; `holds` gets the closure it was instantiated for, which
        // outlives the call.
        let left = unsafe { wait(self.head.get(), Some(holds::<F>), data, timeout(limit)) };
        match left {
            0 => Waited::TimedOut,
            1.. => Waited::Met,
            _ => Waited::Interrupted,
        }
    }

    /// Makes all waiting tasks look at their condition. Callable from any context but NMI.
    pub fn wake_all(&self) {
        // SAFETY: `new` initialised the queue; no key and no limit of exclusive waiters is given.
        unsafe {
            bindings::__wake_up(
                self.head.get(),
                bindings::TASK_NORMAL,
                0,
                core::ptr::null_mut(),
            )
        };
    }
}

/// Returns `limit` in ticks, rounded up.
fn timeout(limit: Option<Delta>) -> c_long {
    let Some(limit) = limit else {
        return MAX_SCHEDULE_TIMEOUT;
    };
    let millis = Msecs::try_from(limit.as_millis_ceil().max(0)).unwrap_or(Msecs::MAX);
    c_long::try_from(msecs_to_jiffies(millis)).unwrap_or(MAX_SCHEDULE_TIMEOUT)
}

/// # Safety
///
/// `condition` points to an `F` that lives throughout the call.
unsafe extern "C" fn holds<F: Fn() -> bool>(condition: *mut c_void) -> bool {
    // SAFETY: By the safety requirement.
    unsafe { (*condition.cast_const().cast::<F>())() }
}
