// SPDX-License-Identifier: GPL-2.0

//! Control groups of the unified hierarchy.
//!
//! C header: [`include/linux/cgroup.h`](srctree/include/linux/cgroup.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// A cgroup (v2). It may be removed meanwhile; see [`is_online`](Self::is_online).
///
/// # Invariants
///
/// `ptr` is a cgroup of the default hierarchy, to which this owns a reference. `level` is its level.
pub struct Cgroup {
    ptr: NonNull<bindings::cgroup>,
    level: i32,
}

// SAFETY: A reference to a cgroup belongs to no thread.
unsafe impl Send for Cgroup {}
// SAFETY: The methods read what does not change, or one flag.
unsafe impl Sync for Cgroup {}

impl Cgroup {
    /// Returns the cgroup at `path`, such as `/machine.slice/a`, as the calling process sees it.
    /// Sleeps.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is none, or whatever else is in the way.
    pub fn from_path(path: &CStr) -> Result<Self> {
        // SAFETY: The path is a string, which is only read.
        let ptr = from_err_ptr(unsafe { bindings::cgroup_get_from_path(path.as_char_ptr()) });
        let ptr = NonNull::new(ptr.map_err(|_| ENOENT)?).ok_or(ENOENT)?;
        // SAFETY: The cgroup was just found; its level is set when it is made.
        let level = unsafe { (*ptr.as_ptr()).level };
        // INVARIANT: The reference was just taken. Paths are those of the default hierarchy.
        Ok(Self { ptr, level })
    }

    /// Whether the cgroup still exists for the user.
    pub fn is_online(&self) -> bool {
        // SAFETY: By the type invariant. The flags may be changing, of which one is looked at.
        let flags = unsafe { (&raw const (*self.ptr.as_ptr()).self_.flags).read_volatile() };
        flags & bindings::CSS_ONLINE != 0
    }

    /// Whether `other` is this cgroup or one below it.
    ///
    /// # Safety
    ///
    /// `other` points to a cgroup of the default hierarchy.
    #[inline]
    pub(super) unsafe fn has_below(&self, other: *const bindings::cgroup) -> bool {
        // SAFETY: By the requirement above; a cgroup's level and ancestors do not change.
        if unsafe { (*other).level } < self.level {
            return false;
        }
        let Ok(level) = usize::try_from(self.level) else {
            return false;
        };
        // SAFETY: As above. A cgroup has an ancestor at each level up to its own, where it is itself.
        let ancestor = unsafe {
            let union = &raw const (*other).__bindgen_anon_1.__bindgen_anon_1;
            let member = union.cast::<bindings::cgroup__bindgen_ty_1__bindgen_ty_1>();
            let ancestors = &raw const (*member).ancestors;
            ancestors
                .cast::<*const bindings::cgroup>()
                .add(level)
                .read()
        };
        core::ptr::eq(ancestor, self.ptr.as_ptr())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns the reference.
        unsafe { bindings::kernel_ext_cgroup_put(self.ptr.as_ptr()) };
    }
}
