// SPDX-License-Identifier: GPL-2.0

//! Functions of other modules that need not be there.
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

use crate::bindings;
use core::{
    mem::{
        size_of,
        transmute_copy, //
    },
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    ffi::c_void,
    prelude::*, //
};

/// A function of type `F`, whose module cannot be unloaded until this is dropped.
///
/// # Invariants
///
/// `function` is what the kernel or a module exports as `name`, and this owns a reference to its owner.
pub(crate) struct Symbol<F> {
    name: &'static CStr,
    function: F,
}

impl<F: Copy> Symbol<F> {
    /// Looks for a function. Loads no module. Callable from any context but hard interrupts.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if nobody exports it, or only for others than GPL modules, or its module is coming or going.
    ///
    /// # Safety
    ///
    /// `F` is a pointer to C functions of the type of the one that is exported as `name`.
    pub(crate) unsafe fn get(name: &'static CStr) -> Result<Self> {
        const { assert!(size_of::<F>() == size_of::<NonNull<c_void>>()) };
        // SAFETY: The name ends with a zero.
        let address = unsafe { bindings::__symbol_get(name.as_char_ptr()) };
        let address = NonNull::new(address).ok_or(ENOENT)?;
        // SAFETY: By the safety requirement it is a pointer to such a function; the sizes were compared.
        let function = unsafe { transmute_copy::<NonNull<c_void>, F>(&address) };
        // INVARIANT: It was just found, and a reference was got with it.
        Ok(Self { name, function })
    }
}

impl<F> Deref for Symbol<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.function
    }
}

impl<F> Drop for Symbol<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant a reference is owned, so the name is still there to be found.
        unsafe { bindings::__symbol_put(self.name.as_char_ptr()) };
    }
}
