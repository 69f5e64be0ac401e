// SPDX-License-Identifier: GPL-2.0

//! A PCI function's interrupt and its handler as one object.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use crate::bindings;
use kernel::{
    device::Bound,
    irq::{
        Flags,
        Handler,
        IrqRequest,
        Registration, //
    },
    new_mutex,
    pci::{
        self,
        IrqTypes,
        IrqVectorRegistration, //
    },
    prelude::*,
    sync::Mutex, //
};

/// The only interrupt vector of a function together with its handler.
///
/// The kernel's [`Registration`] borrows from the [`IrqVectorRegistration`], so a driver's data
/// cannot hold both; this holds them and drops them in the right order.
#[pin_data]
pub struct Interrupt<'a, T: Handler + 'static> {
    // Fields drop in declaration order: the handler goes before the vector it serves.
    #[pin]
    registration: Registration<'a, T>,
    _vectors: KBox<IrqVectorRegistration<'a>>,
    irq: u32,
}

/// Whether a line's interrupts reach its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// They do.
    On,
    /// They wait until they may.
    Off,
}

/// Turns an [`Interrupt`]'s line off and on. Has no effect once the line is gone, so drop it first.
#[pin_data]
pub struct Switch {
    irq: u32,
    #[pin]
    delivery: Mutex<Delivery>,
}

impl Switch {
    fn new(irq: u32) -> impl PinInit<Self> {
        pin_init!(Self {
            irq,
            delivery <- new_mutex!(Delivery::On, "kernel_ext::pci::Switch"),
        })
    }

    /// What was set last.
    pub fn delivery(&self) -> Delivery {
        *self.delivery.lock()
    }

    /// Sets whether interrupts reach the handler. Sleeps until a running handler has ended.
    pub fn set(&self, delivery: Delivery) {
        let mut current = self.delivery.lock();
        match (*current, delivery) {
            // SAFETY: Process context; the calls for a line are balanced, since each follows the
            // other only. They refuse a number that stands for no line.
            (Delivery::On, Delivery::Off) => unsafe { bindings::disable_irq(self.irq) },
            // SAFETY: As above.
            (Delivery::Off, Delivery::On) => unsafe { bindings::enable_irq(self.irq) },
            _ => {}
        }
        *current = delivery;
    }
}

impl<'a, T: Handler + 'static> Interrupt<'a, T> {
    /// Allocates one vector of one of the `types` and requests it under `name`, which is what
    /// `/proc/interrupts` shows.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if the function has no such vector, or what `handler` fails with.
    pub fn new(
        dev: &'a pci::Device<Bound>,
        types: IrqTypes,
        name: &'static CStr,
        handler: impl PinInit<T, Error> + 'a,
    ) -> impl PinInit<Self, Error> + 'a {
        pin_init::pin_init_scope(move || {
            let vectors = KBox::new(dev.alloc_irq_vectors(1, 1, types)?, GFP_KERNEL)?;
            // SAFETY: The box's content stays in place and is dropped after the registration, which
            // alone keeps this reference.
            let vector = unsafe { &*core::ptr::from_ref(&*vectors) }.index(0)?;
            let request = IrqRequest::from(vector);
            Ok(try_pin_init!(Self {
                irq: request.irq(),
                // SAFETY: The registration is a private field of a pinned object that is not
                // forgotten, see "Soundness" in the crate's documentation; its handler borrows
                // nothing.
                registration <- unsafe {
                    Registration::new(request, Flags::TRIGGER_NONE, name, handler)
                },
                _vectors: vectors,
            }? Error))
        })
    }

    /// The interrupt number, as in `/proc/interrupts`.
    pub fn irq(&self) -> u32 {
        self.irq
    }

    /// Returns a switch for the line.
    pub fn switch(&self) -> impl PinInit<Switch> {
        Switch::new(self.irq)
    }

    /// The handler.
    pub fn handler(&self) -> &T {
        self.registration.handler()
    }
}
