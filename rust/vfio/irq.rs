// SPDX-License-Identifier: GPL-2.0

//! Interrupts as events of a program.
//!
//! C headers: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h),
//! [`include/linux/irqbypass.h`](srctree/include/linux/irqbypass.h)

use super::{
    EventFd,
    Intx, //
};
use crate::bindings;
use core::marker::PhantomPinned;
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    str::CString,
    sync::Arc,
    types::Opaque, //
};

/// Counts the interrupts of a device.
pub trait Arrivals: Send + Sync + 'static {
    /// One arrived and was signalled. Runs in hard interrupt context.
    fn arrived(&self);
}

/// Which kind of line an interrupt has.
#[derive(Clone)]
pub enum Line {
    /// One of its own that is signalled by messages: MSI or MSI-X. A hypervisor may bypass the
    /// program.
    Message,
    /// A pin's, not shared with other devices. Each interrupt closes the gate.
    Intx(Arc<Intx>),
}

/// # Invariants
///
/// Lives in place from before its line is requested until after that is freed.
#[pin_data]
struct Inner<A: Arrivals> {
    irq: u32,
    name: CString,
    line: Line,
    eventfd: Arc<EventFd>,
    arrivals: Arc<A>,
    #[pin]
    producer: Opaque<bindings::irq_bypass_producer>,
    #[pin]
    _pin: PhantomPinned,
}

impl<A: Arrivals> Inner<A> {
    fn cookie(&self) -> *mut c_void {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    fn request(&self) -> Result {
        let flags = match self.line {
            Line::Message => 0,
            // Enabled when the gate is known to be open.
            // The core would log each time that somebody else has the line.
            Line::Intx(_) => {
                usize::try_from(bindings::IRQF_NO_AUTOEN | bindings::IRQF_PROBE_SHARED)?
            }
        };
        // SAFETY: By the type invariant the handler's argument and the name outlive the request.
        to_result(unsafe {
            bindings::request_threaded_irq(
                self.irq,
                Some(handle::<A>),
                None,
                flags,
                self.name.as_char_ptr(),
                self.cookie(),
            )
        })
    }
}

/// An interrupt that signals an eventfd. Dropping it frees the line, after its handler has ended.
///
/// # Invariants
///
/// The line of `inner` is requested, and for a [`Line::Intx`] attached.
pub struct Signal<A: Arrivals> {
    inner: Pin<KBox<Inner<A>>>,
}

// SAFETY: Lines belong to no thread, nor does what the handler uses.
unsafe impl<A: Arrivals> Send for Signal<A> {}
// SAFETY: Nothing can be changed through a shared reference.
unsafe impl<A: Arrivals> Sync for Signal<A> {}

impl<A: Arrivals> Signal<A> {
    /// Requests the line with the interrupt number `irq` under `name`, which is what
    /// `/proc/interrupts` shows. A gate may be that of one line at a time.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such line, [`EBUSY`] if it or the gate is in use, [`ENOMEM`].
    pub fn request(
        irq: u32,
        name: CString,
        line: Line,
        eventfd: Arc<EventFd>,
        arrivals: Arc<A>,
    ) -> Result<Self> {
        let bypass_irq = c_int::try_from(irq)?;
        let inner = KBox::pin_init(
            pin_init!(Inner {
                irq,
                name,
                line,
                eventfd,
                arrivals,
                producer: Opaque::zeroed(),
                _pin: PhantomPinned,
            }),
            GFP_KERNEL,
        )?;
        inner.request()?;
        match &inner.line {
            // Without, interrupts take the way through the handler, so failure is none. A reason for it
            // is an eventfd that serves several interrupts.
            // SAFETY: The producer stays in place and is unregistered before the line is freed.
            Line::Message => unsafe {
                bindings::irq_bypass_register_producer(
                    inner.producer.get(),
                    inner.eventfd.as_ptr(),
                    bypass_irq,
                );
            },
            // SAFETY: The line was requested without being enabled; it is freed after `detach`, or at
            // once if it is not attached.
            Line::Intx(intx) => unsafe {
                intx.attach(irq).inspect_err(|_| {
                    bindings::free_irq(irq, inner.cookie());
                })?;
            },
        }
        // INVARIANT: Requested and attached.
        Ok(Self { inner })
    }

    /// The interrupt number, as in `/proc/interrupts`.
    pub fn irq(&self) -> u32 {
        self.inner.irq
    }

    /// What is signalled.
    pub fn eventfd(&self) -> &Arc<EventFd> {
        &self.inner.eventfd
    }
}

impl<A: Arrivals> Drop for Signal<A> {
    fn drop(&mut self) {
        match &self.inner.line {
            // SAFETY: The producer was given to `irq_bypass_register_producer`; it may have failed.
            Line::Message => unsafe {
                bindings::irq_bypass_unregister_producer(self.inner.producer.get());
            },
            Line::Intx(intx) => intx.detach(),
        }
        // SAFETY: By the type invariant the line is requested, with this argument. Waits for its
        // handler.
        unsafe { bindings::free_irq(self.inner.irq, self.inner.cookie()) };
    }
}

/// # Safety
///
/// The interrupt core calls it with the argument of a request by [`Inner<A>`].
unsafe extern "C" fn handle<A: Arrivals>(_irq: c_int, inner: *mut c_void) -> bindings::irqreturn_t {
    // SAFETY: By the safety requirement and the type invariant.
    let inner = unsafe { &*inner.cast_const().cast::<Inner<A>>() };
    if let Line::Intx(intx) = &inner.line {
        intx.mask();
    }
    inner.arrivals.arrived();
    inner.eventfd.signal();
    bindings::irqreturn::IRQ_HANDLED
}
