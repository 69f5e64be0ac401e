// SPDX-License-Identifier: GPL-2.0

//! Being called at the kernel's tracepoints.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)
//!
//! Tracepoints are found by name, since the symbols of most are not exported to modules. A probe of a
//! tracepoint may be running when it is disconnected; [`Quiescence`] waits for all that are. Those of
//! modules are gone with them: [`Everywhere`] follows that.

use crate::bindings;
use core::{
    marker::PhantomData,
    mem::{
        size_of,
        transmute_copy, //
    },
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*, //
};

mod everywhere;

pub(crate) use everywhere::Everywhere;

/// A tracepoint whose probes are functions of type `F`.
///
/// # Invariants
///
/// `F` is a pointer to a C function whose parameters are a pointer and then those of the tracepoint.
pub(crate) struct Tracepoint<F> {
    name: &'static CStr,
    _probe: PhantomData<F>,
}

impl<F: Copy> Tracepoint<F> {
    /// # Safety
    ///
    /// `F` is a pointer to a C function whose parameters are a pointer, called data, and then those
    /// of the tracepoint named `name`.
    pub(crate) const unsafe fn new(name: &'static CStr) -> Self {
        // INVARIANT: By the safety requirement.
        Self {
            name,
            _probe: PhantomData,
        }
    }

    /// Calls `probe` with `data` whenever the kernel passes the tracepoint, until the result is
    /// dropped. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if the kernel has no such tracepoint, [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// `probe` may be called with `data`, in the tracepoint's context and on any number of CPUs, until
    /// a [`Quiescence`] was dropped after the result.
    pub(crate) unsafe fn connect(&self, probe: F, data: *mut c_void) -> Result<Probe> {
        let tracepoint = find(self.name).ok_or(EOPNOTSUPP).inspect_err(|_| {
            pr_err!("the kernel has no tracepoint '{}'\n", self.name);
        })?;
        // SAFETY: A tracepoint of the kernel proper is never freed. By the type invariant it calls the
        // function with the arguments that it has, and by the requirement above it may.
        unsafe { Probe::new(tracepoint, function_of(&probe), data) }
    }
}

/// The address of a probe.
fn function_of<F: Copy>(probe: &F) -> *mut c_void {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: Only what a `Tracepoint` has is given to this, which is a pointer by its type invariant.
    unsafe { transmute_copy::<F, *mut c_void>(probe) }
}

/// Returns the tracepoint named `name` of the kernel proper.
fn find(name: &CStr) -> Option<NonNull<bindings::tracepoint>> {
    struct Search<'a> {
        name: &'a CStr,
        found: Option<NonNull<bindings::tracepoint>>,
    }

    /// # Safety
    ///
    /// `tracepoint` is one, `search` points to a `Search` that nobody else uses.
    unsafe extern "C" fn compare(tracepoint: *mut bindings::tracepoint, search: *mut c_void) {
        // SAFETY: By the safety requirement.
        let search = unsafe { &mut *search.cast::<Search<'_>>() };
        // SAFETY: A tracepoint's name is a static string.
        let name = unsafe { CStr::from_char_ptr((*tracepoint).name) };
        if name == search.name {
            search.found = NonNull::new(tracepoint);
        }
    }

    let mut search = Search { name, found: None };
    // SAFETY: `compare` is called with `search` before this returns, and not later.
    unsafe {
        bindings::for_each_kernel_tracepoint(Some(compare), (&raw mut search).cast::<c_void>());
    }
    search.found
}

/// A probe that is connected until it is dropped. It may still be running then, on other CPUs.
///
/// # Invariants
///
/// `function` is connected to `tracepoint` with `data`.
pub(crate) struct Probe {
    tracepoint: NonNull<bindings::tracepoint>,
    function: *mut c_void,
    data: *mut c_void,
}

// SAFETY: A probe belongs to no thread; what its function does with the data elsewhere is up to
// whoever connected it.
unsafe impl Send for Probe {}
// SAFETY: Nothing can be done by a shared reference.
unsafe impl Sync for Probe {}

impl Probe {
    /// Connects `function` to `tracepoint`. Sleeps.
    ///
    /// # Safety
    ///
    /// The tracepoint exists until the result is dropped, and may call `function` with `data` and its own
    /// arguments until a [`Quiescence`] was dropped after that.
    unsafe fn new(
        tracepoint: NonNull<bindings::tracepoint>,
        function: *mut c_void,
        data: *mut c_void,
    ) -> Result<Self> {
        // SAFETY: By the safety requirement.
        to_result(unsafe {
            bindings::tracepoint_probe_register(tracepoint.as_ptr(), function, data)
        })?;
        // INVARIANT: It was just connected.
        Ok(Self {
            tracepoint,
            function,
            data,
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: The tracepoint still exists. By the type invariant this disconnects what `connect`
        // connected. The only failure there is would be that it had not.
        unsafe {
            bindings::tracepoint_probe_unregister(
                self.tracepoint.as_ptr(),
                self.function,
                self.data,
            );
        }
    }
}

/// When dropped, waits until no probe that was disconnected is running any more. Sleeps.
pub(crate) struct Quiescence;

impl Drop for Quiescence {
    fn drop(&mut self) {
        // SAFETY: Callable from any context that may sleep.
        unsafe { bindings::kernel_ext_tracepoint_synchronize_unregister() };
    }
}
