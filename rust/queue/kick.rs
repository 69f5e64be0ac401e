// SPDX-License-Identifier: GPL-2.0

//! Work that any context may ask for.
//!
//! C header: [`include/linux/irq_work.h`](srctree/include/linux/irq_work.h)

use crate::bindings;
use core::marker::PhantomPinned;
use kernel::{
    prelude::*,
    time::msecs_to_jiffies,
    types::Opaque, //
};

/// Work runs on workers that are bound to no CPU: this one may be busy for long.
const ANY_CPU: i32 = bindings::wq_misc_consts_WORK_CPU_UNBOUND as i32;

/// What is done when a [`Kick`] is triggered.
pub trait Errand: Send + Sync + 'static {
    /// Runs in process context and may sleep; never runs twice at once.
    fn run(&self);

    /// Asked after each run: in how many milliseconds to run again, unless it is triggered earlier.
    fn retry_ms(&self) -> Option<u32> {
        None
    }
}

/// An errand that can be triggered where next to nothing is allowed, even with the scheduler's locks
/// held. It runs soon, on any CPU.
///
/// Dropping it waits until the errand runs nowhere; one that was triggered and has not begun does not
/// run any more. It must not be dropped by its own errand.
///
/// # Examples
///
/// ```ignore
/// struct Sweep(Arc<Members>);
///
/// impl Errand for Sweep {
///     fn run(&self) {
///         self.0.threads.retain(|_, member| !member.has_exited());
///     }
/// }
///
/// let sweep = Kick::new(Ok(Sweep(members)))?;
/// sweep.trigger();
/// ```
pub struct Kick<T: Errand> {
    inner: Pin<KBox<Inner<T>>>,
}

/// # Invariants
///
/// `irq_work` calls [`relay`] and `work` calls [`run`] of the same `T`, and only this queues them.
#[pin_data]
struct Inner<T> {
    #[pin]
    irq_work: Opaque<bindings::irq_work>,
    #[pin]
    work: Opaque<bindings::delayed_work>,
    #[pin]
    errand: T,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The two items belong to no thread.
unsafe impl<T: Send> Send for Inner<T> {}
// SAFETY: The kernel serialises what is done to the two items.
unsafe impl<T: Sync> Sync for Inner<T> {}

impl<T> Inner<T> {
    fn run_after(&self, delay_ms: u32) {
        // SAFETY: By the type invariant; `Kick::drop` waits for it, also if it queues itself. The queue
        // always exists.
        unsafe {
            bindings::queue_delayed_work_on(
                ANY_CPU,
                bindings::system_dfl_wq,
                self.work.get(),
                msecs_to_jiffies(delay_ms),
            )
        };
    }
}

impl<T: Errand> Kick<T> {
    /// Makes `errand` ready to be triggered. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or what `errand` fails with.
    pub fn new(errand: impl PinInit<T, Error>) -> Result<Self> {
        // INVARIANT: The callbacks are those of this `T`.
        let inner = KBox::pin_init(
            try_pin_init!(Inner {
                // SAFETY: `slot` is valid for writes and stays in place.
                irq_work <- Opaque::ffi_init(|slot| unsafe {
                    bindings::kernel_ext_init_irq_work(slot, Some(relay::<T>))
                }),
                // SAFETY: As above.
                work <- Opaque::ffi_init(|slot| unsafe {
                    bindings::kernel_ext_init_delayed_work(slot, Some(run::<T>))
                }),
                errand <- errand,
                _pin: PhantomPinned,
            }? Error),
            GFP_KERNEL,
        )?;
        Ok(Self { inner })
    }

    /// Lets the errand run after this call has begun: what was written before is seen by it. However
    /// often this is called until then, it runs once. Callable from any context.
    #[inline]
    pub fn trigger(&self) {
        // SAFETY: By the type invariant of `Inner`; `drop` waits for it.
        unsafe { bindings::irq_work_queue(self.inner.irq_work.get()) };
    }

    /// Lets the errand run in `delay_ms` milliseconds, unless it runs earlier. Callable by the errand, too.
    pub fn trigger_after(&self, delay_ms: u32) {
        self.inner.run_after(delay_ms);
    }
}

impl<T: Errand> Drop for Kick<T> {
    fn drop(&mut self) {
        // Nobody can trigger it any more. The first step ends with what the second one waits for.
        // SAFETY: By the type invariant of `Inner`, and this may sleep.
        unsafe {
            bindings::irq_work_sync(self.inner.irq_work.get());
            bindings::cancel_delayed_work_sync(self.inner.work.get());
        }
    }
}

/// Goes on in process context, which cannot be reached directly from everywhere.
///
/// # Safety
///
/// Called by the kernel in hard interrupt context with the `irq_work` of an `Inner<T>`.
unsafe extern "C" fn relay<T: Errand>(irq_work: *mut bindings::irq_work) {
    let irq_work = irq_work.cast::<Opaque<bindings::irq_work>>();
    // SAFETY: By the safety requirement; `Opaque` is transparent.
    let inner = unsafe { kernel::container_of!(irq_work, Inner<T>, irq_work) };
    // SAFETY: `Kick::drop` waits for this before it frees the item. The queue always exists.
    unsafe {
        bindings::mod_delayed_work_on(
            ANY_CPU,
            bindings::system_dfl_wq,
            Opaque::cast_into(&raw const (*inner).work),
            0,
        )
    };
}

/// # Safety
///
/// Called by the kernel in process context with the work item in the `work` of an `Inner<T>`.
unsafe extern "C" fn run<T: Errand>(work: *mut bindings::work_struct) {
    // SAFETY: By the safety requirement.
    let work = unsafe { kernel::container_of!(work, bindings::delayed_work, work) };
    let work = work.cast::<Opaque<bindings::delayed_work>>();
    // SAFETY: By the safety requirement; `Opaque` is transparent. `Kick::drop` waits for this before
    // it frees the item.
    let inner = unsafe { &*kernel::container_of!(work, Inner<T>, work) };
    inner.errand.run();
    if let Some(delay_ms) = inner.errand.retry_ms() {
        inner.run_after(delay_ms);
    }
}
