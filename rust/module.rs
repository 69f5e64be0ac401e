// SPDX-License-Identifier: GPL-2.0

//! Keeping a module loaded.
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

use crate::bindings;
use kernel::prelude::*;

/// Keeps a module from being unloaded until it is dropped.
///
/// # Invariants
///
/// This owns a reference to the module.
pub struct Pinned(&'static ThisModule);

impl Pinned {
    /// Keeps `module` loaded.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is being unloaded already.
    pub fn new(module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Whoever calls this runs code of the module or keeps it otherwise.
        if !unsafe { bindings::try_module_get(module.as_ptr()) } {
            return Err(ENODEV);
        }
        // INVARIANT: The reference was just taken.
        Ok(Self(module))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns the reference.
        unsafe { bindings::module_put(self.0.as_ptr()) };
    }
}
