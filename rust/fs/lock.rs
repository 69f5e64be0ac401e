// SPDX-License-Identifier: GPL-2.0

//! The lock around what is known of a medium.
//!
//! C header: [`include/linux/sched/mm.h`](srctree/include/linux/sched/mm.h)

use crate::{
    bindings,
    fs::{
        Held,
        Region, //
    }, //
};
use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Mutex,
        MutexGuard, //
    },
    types::NotThreadSafe, //
};

/// A mutex around data that describes a [`Region`], until it is closed.
///
/// While it is locked, the region is [held](Region::hold), and memory that is allocated does not
/// make reclaim evict inodes, which would take the lock again.
#[pin_data]
pub struct Lock<T> {
    region: Region,
    #[pin]
    data: Mutex<Option<T>>,
}

impl<T: Unpin> Lock<T> {
    /// Puts a lock around `data`.
    pub fn new(region: Region, data: T) -> impl PinInit<Self> {
        pin_init!(Self {
            region,
            data <- new_mutex!(Some(data), "kernel_ext::fs::Lock"),
        })
    }

    /// The region that the data describes.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Takes the lock; may sleep.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the device is gone or the lock is closed.
    pub fn lock(&self) -> Result<Guard<'_, T>> {
        let scope = NoReclaim::enter();
        let held = self.region.hold().ok_or(EIO)?;
        let data = self.data.lock();
        if data.is_none() {
            return Err(EIO);
        }
        // INVARIANT: Just checked.
        Ok(Guard {
            data,
            _held: held,
            _scope: scope,
        })
    }

    /// Takes the data out; from now on locking fails.
    pub fn close(&self) -> Option<T> {
        self.data.lock().take()
    }
}

/// Access to the data of a locked [`Lock`].
///
/// # Invariants
///
/// `data` is `Some`.
#[must_use = "the lock is released when the guard is dropped"]
pub struct Guard<'a, T> {
    // Dropped in this order: the lock, the region, the scope.
    data: MutexGuard<'a, Option<T>>,
    _held: Held<'a>,
    _scope: NoReclaim,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { self.data.as_ref().unwrap_unchecked() }
    }
}

impl<T: Unpin> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        let data: &mut Option<T> = &mut self.data;
        // SAFETY: By the type invariant, which `&mut T` cannot break.
        unsafe { data.as_mut().unwrap_unchecked() }
    }
}

/// A time in which this thread's allocations leave file systems alone. Such times nest.
///
/// # Invariants
///
/// `flags` are what `memalloc_nofs_save` returned to this thread.
struct NoReclaim {
    flags: kernel::ffi::c_uint,
    _not_send: NotThreadSafe,
}

impl NoReclaim {
    fn enter() -> Self {
        // INVARIANT: It stays in this thread, since it is not `Send`.
        Self {
            // SAFETY: Concerns this thread only, and ends in `drop`.
            flags: unsafe { bindings::kernel_ext_memalloc_nofs_save() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for NoReclaim {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_memalloc_nofs_restore(self.flags) };
    }
}
