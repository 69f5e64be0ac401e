// SPDX-License-Identifier: GPL-2.0

//! Work that is done later, and a queue of one's own for it.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    workqueue::Queue, //
};

mod kick;

pub use kick::{
    Errand,
    Kick, //
};

/// A work queue that runs one item after the other. Dropping it first runs all that is queued, so
/// no work of a module runs after the module is gone: nothing may be queued by then.
///
/// # Invariants
///
/// `0` is a work queue that this owns.
pub struct OwnedQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: A work queue belongs to no thread.
unsafe impl Send for OwnedQueue {}
// SAFETY: Work may be queued from anywhere.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Creates a queue.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(name: &CStr) -> Result<Self> {
        const ORDERED: u32 = bindings::wq_flags_WQ_UNBOUND | bindings::wq_flags___WQ_ORDERED;
        // SAFETY: The format takes one string, which is copied.
        let queue = unsafe {
            bindings::alloc_workqueue_noprof(c"%s".as_char_ptr(), ORDERED, 1, name.as_char_ptr())
        };
        // INVARIANT: The queue was just made.
        Ok(Self(NonNull::new(queue).ok_or(ENOMEM)?))
    }
}

impl OwnedQueue {
    /// Waits until all that is queued has run to its end.
    pub fn drain(&self) {
        // SAFETY: By the type invariant the queue lives as long as `self`.
        unsafe { bindings::__flush_workqueue(self.0.as_ptr()) };
    }
}

impl Deref for OwnedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: By the type invariant the queue lives as long as `self`.
        unsafe { Queue::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns it.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}
