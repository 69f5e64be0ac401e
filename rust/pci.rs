// SPDX-License-Identifier: GPL-2.0

//! A PCI function's interrupt and its handler as one object.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use crate::raw;
use kernel::{
    device::Bound,
    irq::{
        Flags,
        Handler,
        IrqRequest,
        Registration, //
    },
    pci::{
        self,
        IrqTypes,
        IrqVectorRegistration, //
    },
    prelude::*, //
};

/// Returns the entry of a device table for a `vendor` that [`pci::Vendor`] has no name for.
pub const fn device_id(vendor: u16, device: u16) -> pci::DeviceId {
    raw::pci_device_id(vendor, device)
}

/// The only interrupt vector of a function together with its handler.
///
/// The kernel's [`Registration`] borrows from the [`IrqVectorRegistration`], so a driver's data
/// cannot hold both; this holds them and drops them in the right order.
#[pin_data]
pub struct Interrupt<'a, T: Handler> {
    // Fields drop in declaration order: the handler goes before the vector it serves.
    #[pin]
    registration: Registration<'a, T>,
    _vectors: KBox<IrqVectorRegistration<'a>>,
    irq: u32,
}

impl<'a, T: Handler + 'a> Interrupt<'a, T> {
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
                // SAFETY: The registration is a private field of a pinned object that is never
                // forgotten: only its own drop frees the vector.
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

    /// The handler.
    pub fn handler(&self) -> &T {
        self.registration.handler()
    }
}
