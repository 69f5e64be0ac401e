// SPDX-License-Identifier: GPL-2.0

//! Events of a program.
//!
//! C header: [`include/linux/eventfd.h`](srctree/include/linux/eventfd.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// What a program's eventfd stands for; stays usable after the program has closed it.
///
/// # Invariants
///
/// `context` is valid and this object owns a reference to it.
pub struct EventFd {
    context: NonNull<bindings::eventfd_ctx>,
}

// SAFETY: References may be put by any thread.
unsafe impl Send for EventFd {}
// SAFETY: Signalling takes the context's lock.
unsafe impl Sync for EventFd {}

impl EventFd {
    /// Looks `fd` up among the files of the calling program.
    ///
    /// # Errors
    ///
    /// [`EBADF`] if it is not open, [`EINVAL`] if it is no eventfd.
    pub fn from_fd(fd: i32) -> Result<Self> {
        // SAFETY: Every number may be looked up; process context.
        let context = from_err_ptr(unsafe { bindings::eventfd_ctx_fdget(fd) })?;
        // INVARIANT: The look-up took a reference, which is ours.
        Ok(Self {
            context: NonNull::new(context).ok_or(EINVAL)?,
        })
    }

    /// Adds one event. Callable from any context but NMI.
    pub fn signal(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::eventfd_signal_mask(self.as_ptr(), 0) };
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::eventfd_ctx {
        self.context.as_ptr()
    }
}

impl Drop for EventFd {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is ours.
        unsafe { bindings::eventfd_ctx_put(self.as_ptr()) };
    }
}
