// SPDX-License-Identifier: GPL-2.0

//! Locks, wait queues and tables that the `kernel` crate does not have.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use crate::bindings;
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::{
    interrupt::LocalInterruptDisabled,
    prelude::*,
    sync::LockClassKey,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

mod peek;
mod percpu;
mod published;
mod reader;
mod table;
mod wait;

pub use peek::peek;
pub use percpu::{
    with_bottom_halves_off,
    Cpu,
    PerCpu,
    Taken,
    Tally, //
};
pub use published::{
    Published,
    Slot, //
};
pub use reader::Reader;
pub use table::Table;
pub use wait::{
    new_wait_queue,
    Signals,
    WaitQueue,
    Waited, //
};

/// Creates a [`RawSpinLock`] with a lock class of its own: `new_raw_spinlock!(data, "name")`.
#[macro_export]
macro_rules! new_raw_spinlock {
    ($data:expr, $name:literal $(,)?) => {
        $crate::sync::RawSpinLock::new(
            $data,
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}
pub use new_raw_spinlock;

/// A spinlock that spins on every configuration, with local interrupts off while it is held.
///
/// For data that is shared with hard interrupt handlers, flow handlers and hard timers, where the
/// `SpinLock` of the `kernel` crate would sleep on `PREEMPT_RT`. Keep what happens under it short.
///
/// # Examples
///
/// ```ignore
/// #[pin_data]
/// struct Line {
///     #[pin]
///     window: RawSpinLock<Window>,
/// }
///
/// line.window.lock().close();
/// ```
#[pin_data]
pub struct RawSpinLock<T> {
    #[pin]
    lock: Opaque<bindings::raw_spinlock_t>,
    data: UnsafeCell<T>,
}

// SAFETY: The lock may be moved to another thread together with its data.
unsafe impl<T: Send> Send for RawSpinLock<T> {}
// SAFETY: The lock serialises all access to its data.
unsafe impl<T: Send> Sync for RawSpinLock<T> {}

impl<T> RawSpinLock<T> {
    /// Creates an unlocked lock around `data`; use [`new_raw_spinlock!`](crate::new_raw_spinlock).
    pub fn new(
        data: T,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and stays in place, since the lock is pinned; name
            // and key are static.
            lock <- Opaque::ffi_init(move |slot| unsafe {
                bindings::kernel_ext_raw_spin_lock_init(slot, name.as_char_ptr(), key.as_ptr())
            }),
            data: UnsafeCell::new(data),
        })
    }

    /// Acquires the lock and turns local interrupts off. Callable from any context but NMI.
    #[inline]
    pub fn lock(&self) -> RawSpinLockGuard<'_, T> {
        // SAFETY: `new` initialised the lock.
        let flags = unsafe { bindings::kernel_ext_raw_spin_lock_irqsave(self.lock.get()) };
        RawSpinLockGuard {
            lock: self,
            after: After::Restore(flags),
            _not_send: NotThreadSafe,
        }
    }

    /// [`Self::lock`] for those who know that local interrupts are off, which saves looking.
    #[inline]
    pub fn lock_with_irqs_off<'a>(
        &'a self,
        _irqs_off: &'a LocalInterruptDisabled,
    ) -> RawSpinLockGuard<'a, T> {
        // SAFETY: `new` initialised the lock. Interrupts are off as long as the guard exists.
        unsafe { bindings::kernel_ext_raw_spin_lock(self.lock.get()) };
        RawSpinLockGuard {
            lock: self,
            after: After::Leave,
            _not_send: NotThreadSafe,
        }
    }
}

/// What becomes of local interrupts once a lock is released.
enum After {
    /// They are off, and stay so.
    Leave,
    /// They are as these flags say.
    Restore(usize),
}

/// Access to the data of a held [`RawSpinLock`]; releases it when dropped.
///
/// # Invariants
///
/// The current CPU holds `lock`.
#[must_use = "the lock is released when the guard is dropped"]
pub struct RawSpinLockGuard<'a, T> {
    lock: &'a RawSpinLock<T>,
    after: After,
    _not_send: NotThreadSafe,
}

impl<T> Deref for RawSpinLockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the lock is held, so nobody else accesses the data.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for RawSpinLockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant the lock is held, so nobody else accesses the data.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for RawSpinLockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let lock = self.lock.lock.get();
        match self.after {
            // SAFETY: By the type invariant this CPU holds the lock.
            After::Leave => unsafe { bindings::kernel_ext_raw_spin_unlock(lock) },
            // SAFETY: As above; the flags are those that its acquisition returned.
            After::Restore(flags) => unsafe {
                bindings::kernel_ext_raw_spin_unlock_irqrestore(lock, flags)
            },
        }
    }
}
