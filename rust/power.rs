// SPDX-License-Identifier: GPL-2.0

//! Being told when the system is about to sleep.
//!
//! C header: [`include/linux/suspend.h`](srctree/include/linux/suspend.h)

use crate::bindings;
use core::marker::PhantomPinned;
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    types::Opaque, //
};

/// Whether the system is about to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It runs, again or still: a sleep is over, or has failed to begin.
    Running,
    /// It is about to be suspended or hibernated, or to become what was hibernated. Programs still run.
    Suspending,
}

impl Phase {
    /// Reads what a notifier is told.
    fn of(event: c_ulong) -> Option<Self> {
        match u32::try_from(event).ok()? {
            bindings::PM_SUSPEND_PREPARE
            | bindings::PM_HIBERNATION_PREPARE
            | bindings::PM_RESTORE_PREPARE => Some(Self::Suspending),
            bindings::PM_POST_SUSPEND
            | bindings::PM_POST_HIBERNATION
            | bindings::PM_POST_RESTORE => Some(Self::Running),
            _ => None,
        }
    }
}

/// What is done when the system is about to sleep, and when that is over.
pub trait Watcher: Send + Sync + 'static {
    /// The system gets into `phase`; it may have been in it already. The sleep does not go on before this
    /// returns. Runs in process context and may sleep; never runs twice at once.
    fn entered(&self, phase: Phase);
}

/// A watcher at work. Dropping it stops it, and waits for a callback that is running; whoever drops it
/// must not hold a lock that the callback takes.
pub struct Watch<W: Watcher> {
    inner: Pin<KBox<Inner<W>>>,
}

/// # Invariants
///
/// `block` calls [`notify`] of the same `W`, and is registered from the end of [`Watch::new`] until drop.
#[pin_data]
struct Inner<W> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    watcher: W,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: After registration only the notifier chain touches the block, under its lock.
unsafe impl<W: Send> Send for Inner<W> {}
// SAFETY: As above.
unsafe impl<W: Sync> Sync for Inner<W> {}

impl<W: Watcher> Watch<W> {
    /// Starts to watch, and tells that the system is running. Sleeps; if the system is about to do so, too,
    /// then until that is over, since its beginning was not told.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(watcher: W) -> Result<Self> {
        let block = bindings::notifier_block {
            notifier_call: Some(notify::<W>),
            next: core::ptr::null_mut(),
            priority: 0,
        };
        let inner = KBox::pin_init(
            pin_init!(Inner {
                block: Opaque::new(block),
                watcher,
                _pin: PhantomPinned,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: Process context, and the flags go back below.
        let flags = unsafe { bindings::lock_system_sleep() };
        // INVARIANT: The block is pinned, its callback is that of `W`, and `drop` takes it back.
        // SAFETY: As above.
        let result = to_result(unsafe { bindings::register_pm_notifier(inner.block.get()) });
        if result.is_ok() {
            inner.watcher.entered(Phase::Running);
        }
        // SAFETY: These are the flags of the call above.
        unsafe { bindings::unlock_system_sleep(flags) };
        result.map(|()| Self { inner })
    }
}

impl<W: Watcher> Drop for Watch<W> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant of `Inner` it is registered; this waits for calls.
        unsafe { bindings::unregister_pm_notifier(self.inner.block.get()) };
    }
}

/// # Safety
///
/// Called by the notifier chain in process context with the block of an `Inner<W>`.
unsafe extern "C" fn notify<W: Watcher>(
    block: *mut bindings::notifier_block,
    event: c_ulong,
    _data: *mut c_void,
) -> c_int {
    const DONE: c_int = 0;
    if let Some(phase) = Phase::of(event) {
        let block = block.cast::<Opaque<bindings::notifier_block>>();
        // SAFETY: By the safety requirement; `Opaque` is transparent. `Watch::drop` waits for this before
        // the watcher is dropped.
        let watcher = unsafe { &(*kernel::container_of!(block, Inner<W>, block)).watcher };
        watcher.entered(phase);
    }
    DONE
}
