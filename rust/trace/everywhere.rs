// SPDX-License-Identifier: GPL-2.0

//! Tracepoints of modules, which come and go.

use super::{
    find,
    function_of,
    Probe,
    Tracepoint, //
};
use crate::bindings;
use core::{
    marker::PhantomPinned,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    new_mutex,
    prelude::*,
    sync::Mutex,
    types::Opaque, //
};

/// Probes of a tracepoint in the kernel proper and in all modules that have it, as long as they are
/// loaded. None of them is kept loaded.
///
/// Dropping it disconnects all probes, which may still be running then, on other CPUs.
pub(crate) struct Everywhere {
    inner: Pin<KBox<Inner>>,
}

/// # Invariants
///
/// `block` calls [`notify`], and is registered from the end of [`Tracepoint::connect_everywhere`] until
/// the `Everywhere` is dropped. `probes` are of the kernel proper and of modules that are not gone.
#[pin_data]
struct Inner {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    name: &'static CStr,
    function: *mut c_void,
    data: *mut c_void,
    left: unsafe fn(*mut c_void),
    /// Lock order: taken with the list of modules with tracepoints locked, and before what connecting takes.
    #[pin]
    probes: Mutex<KVec<Probe>>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The block is touched by its chain only, under that one's lock; the data is up to whoever
// connected the probes.
unsafe impl Send for Inner {}
// SAFETY: As above.
unsafe impl Sync for Inner {}

impl<F: Copy> Tracepoint<F> {
    /// Calls `probe` with `data` whenever the kernel or a module passes a tracepoint of that name, and
    /// `left` when a module that had one is unloaded, until the result is dropped. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// As [`Tracepoint::connect`]. `left` may be called with `data`, in process context, until the result
    /// was dropped.
    pub(crate) unsafe fn connect_everywhere(
        &self,
        probe: F,
        left: unsafe fn(*mut c_void),
        data: *mut c_void,
    ) -> Result<Everywhere> {
        let block = bindings::notifier_block {
            notifier_call: Some(notify),
            next: core::ptr::null_mut(),
            priority: 0,
        };
        let inner = KBox::pin_init(
            pin_init!(Inner {
                block: Opaque::new(block),
                name: self.name,
                function: function_of(&probe),
                data,
                left,
                probes <- new_mutex!(KVec::new(), "kernel_ext::trace::Everywhere"),
                _pin: PhantomPinned,
            }),
            GFP_KERNEL,
        )?;
        if let Some(tracepoint) = find(self.name) {
            inner.connect(tracepoint)?;
        }
        // INVARIANT: The block is pinned, has this callback, and `drop` takes it back.
        // SAFETY: As above. This calls it for all modules that are loaded.
        to_result(unsafe { bindings::register_tracepoint_module_notifier(inner.block.get()) })?;
        Ok(Everywhere { inner })
    }
}

impl Inner {
    fn connect(&self, tracepoint: NonNull<bindings::tracepoint>) -> Result {
        let mut probes = self.probes.lock();
        // Reserved first, so that nothing can fail once it is connected.
        probes.reserve(1, GFP_KERNEL)?;
        // SAFETY: By the requirement of `connect_everywhere`. The tracepoint is of the kernel proper, or of a module
        // before whose end `notify` drops the probe.
        let probe = unsafe { Probe::new(tracepoint, self.function, self.data) }?;
        probes.push(probe, GFP_KERNEL)?;
        Ok(())
    }

    /// Calls `visit` with the tracepoints of a module that have the name.
    ///
    /// # Safety
    ///
    /// `module` points to a module that is not gone.
    unsafe fn each(
        &self,
        module: *mut bindings::module,
        mut visit: impl FnMut(NonNull<bindings::tracepoint>),
    ) {
        // SAFETY: By the safety requirement; the number was set before the module was announced.
        let count = unsafe { (*module).num_tracepoints };
        for index in 0..count {
            // SAFETY: By the safety requirement, and the module has so many.
            let tracepoint = unsafe { bindings::kernel_ext_module_tracepoint(module, index) };
            if let Some(tracepoint) = NonNull::new(tracepoint) {
                // SAFETY: A tracepoint's name is a static string of its module, which is not gone.
                let name = unsafe { CStr::from_char_ptr((*tracepoint.as_ptr()).name) };
                if name == self.name {
                    visit(tracepoint);
                }
            }
        }
    }
}

impl Drop for Everywhere {
    fn drop(&mut self) {
        // SAFETY: By the type invariant of `Inner` it is registered. This calls it for all modules that are
        // loaded, as if they were going.
        unsafe { bindings::unregister_tracepoint_module_notifier(self.inner.block.get()) };
    }
}

/// # Safety
///
/// Called with the block of an `Inner`, with the list of modules with tracepoints locked, in process
/// context; `data` is the entry there of a module that has come or is about to go.
unsafe extern "C" fn notify(
    block: *mut bindings::notifier_block,
    event: c_ulong,
    data: *mut c_void,
) -> c_int {
    const DONE: c_int = 0;
    let block = block.cast::<Opaque<bindings::notifier_block>>();
    // SAFETY: By the safety requirement; `Opaque` is transparent. `Everywhere::drop` waits for this.
    let inner = unsafe { &*kernel::container_of!(block, Inner, block).cast_const() };
    // SAFETY: By the safety requirement.
    let module = unsafe { (*data.cast::<bindings::tp_module>()).mod_ };
    match u32::try_from(event) {
        Ok(bindings::module_state_MODULE_STATE_COMING) => {
            let connect = |tracepoint| {
                if inner.connect(tracepoint).is_err() {
                    pr_err!("no memory to watch the tracepoint '{}'\n", inner.name);
                }
            };
            // SAFETY: The module is in the list, so it is not gone.
            unsafe { inner.each(module, connect) };
        }
        Ok(bindings::module_state_MODULE_STATE_GOING) => {
            let disconnect = |tracepoint| {
                let mut probes = inner.probes.lock();
                probes.retain(|probe| probe.tracepoint != tracepoint);
                drop(probes);
                // SAFETY: By the requirement of `connect_everywhere`.
                unsafe { (inner.left)(inner.data) };
            };
            // SAFETY: As above.
            unsafe { inner.each(module, disconnect) };
        }
        _ => {}
    }
    DONE
}
