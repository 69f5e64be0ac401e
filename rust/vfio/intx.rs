// SPDX-License-Identifier: GPL-2.0

//! Interrupt pins: their interrupts last until the user has dealt with them, so each closes a gate
//! that the user opens again.

use super::Arrivals;
use crate::{
    bindings,
    new_raw_spinlock,
    sync::RawSpinLock, //
};
use core::{
    cell::UnsafeCell,
    marker::{
        PhantomData,
        PhantomPinned, //
    }, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    sync::Arc, //
};

/// Whether the interrupts of a pin pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// They do.
    Open,
    /// They wait until they may.
    Masked,
}

/// # Invariants
///
/// The line `irq`, if there is one, is requested. It is enabled exactly if `gate` is [`Gate::Open`].
struct State {
    irq: Option<u32>,
    gate: Gate,
}

/// The gate of a pin. It outlives the line: what the user has set while there is none holds for the
/// next one.
#[pin_data]
pub struct Intx {
    #[pin]
    state: RawSpinLock<State>,
}

impl Intx {
    /// Creates an open gate without a line.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new() -> Result<Arc<Self>> {
        // INVARIANT: There is no line.
        let state = State {
            irq: None,
            gate: Gate::Open,
        };
        Arc::pin_init(
            pin_init!(Self {
                state <- new_raw_spinlock!(state, "kernel_ext::vfio::Intx"),
            }),
            GFP_KERNEL,
        )
    }

    /// Whether interrupts pass.
    pub fn gate(&self) -> Gate {
        self.state.lock().gate
    }

    /// Holds interrupts. One may still be on its way. Callable from any context but NMI.
    pub fn mask(&self) {
        let mut state = self.state.lock();
        if state.gate == Gate::Open {
            // INVARIANT: The gate and the line change together.
            state.gate = Gate::Masked;
            if let Some(irq) = state.irq {
                // SAFETY: By the type invariant the line is requested and enabled.
                unsafe { bindings::disable_irq_nosync(irq) };
            }
        }
    }

    /// Lets interrupts pass: one that still lasts arrives at once. Callable from any context but NMI.
    pub fn unmask(&self) {
        let mut state = self.state.lock();
        if state.gate == Gate::Masked {
            // INVARIANT: The gate and the line change together.
            state.gate = Gate::Open;
            if let Some(irq) = state.irq {
                // SAFETY: By the type invariant the line is requested and disabled.
                unsafe { bindings::enable_irq(irq) };
            }
        }
    }

    /// Makes `irq` the line; fails with [`EBUSY`] if there is one already.
    ///
    /// # Safety
    ///
    /// `irq` is requested and disabled, and stays requested until [`Self::detach`].
    pub(super) unsafe fn attach(&self, irq: u32) -> Result {
        let mut state = self.state.lock();
        if state.irq.is_some() {
            return Err(EBUSY);
        }
        // INVARIANT: By the safety requirement it is disabled; it is enabled if the gate is open.
        state.irq = Some(irq);
        // SAFETY: The line is requested, and thereby the caller's.
        unsafe {
            // To be masked at the chip at once, not when the next interrupt arrives.
            bindings::irq_modify_status(irq, 0, UNLAZY);
            if state.gate == Gate::Open {
                bindings::enable_irq(irq);
            }
        }
        Ok(())
    }

    /// Disables the line and forgets it.
    pub(super) fn detach(&self) {
        let mut state = self.state.lock();
        if let Some(irq) = state.irq.take() {
            // SAFETY: By the type invariant the line is requested.
            unsafe {
                if state.gate == Gate::Open {
                    bindings::disable_irq_nosync(irq);
                }
                bindings::irq_modify_status(irq, UNLAZY, 0);
            }
        }
    }
}

/// `IRQ_DISABLE_UNLAZY`.
const UNLAZY: usize = bindings::IRQ_DISABLE_UNLAZY as usize;

/// Opens a gate whenever an eventfd is signalled. Dropping it ends that, as does closing the eventfd.
///
/// The parameter only makes sure that modules without VFIO devices do not depend on VFIO.
#[pin_data(PinnedDrop)]
pub struct Unmasker<A: Arrivals> {
    /// VFIO's own object, to which it resets this when the eventfd is closed.
    virqfd: UnsafeCell<*mut bindings::virqfd>,
    intx: Arc<Intx>,
    _arrivals: PhantomData<A>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: VFIO accesses its pointer under a lock of its own, and nobody else does.
unsafe impl<A: Arrivals> Send for Unmasker<A> {}
// SAFETY: As above; nothing else changes.
unsafe impl<A: Arrivals> Sync for Unmasker<A> {}

impl<A: Arrivals> Unmasker<A> {
    /// Connects the eventfd `fd` of the calling program with `intx`.
    ///
    /// # Errors
    ///
    /// [`EBADF`] if it is not open, [`EINVAL`] if it is no eventfd, [`ENOMEM`].
    pub fn new(fd: i32, intx: Arc<Intx>) -> Result<Pin<KBox<Self>>> {
        let this = KBox::pin_init(
            pin_init!(Self {
                virqfd: UnsafeCell::new(core::ptr::null_mut()),
                intx,
                _arrivals: PhantomData,
                _pin: PhantomPinned,
            }),
            GFP_KERNEL,
        )?;
        let intx = Arc::as_ptr(&this.intx).cast_mut().cast::<c_void>();
        // SAFETY: The gate and the pointer stay in place until `drop`, which disconnects them.
        to_result(unsafe {
            bindings::vfio_virqfd_enable(
                intx,
                Some(unmask),
                None,
                core::ptr::null_mut(),
                this.virqfd.get(),
                fd,
            )
        })?;
        Ok(this)
    }
}

#[pinned_drop]
impl<A: Arrivals> PinnedDrop for Unmasker<A> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The pointer is that of `new`. Does nothing if it is null; waits for what is running.
        unsafe { bindings::vfio_virqfd_disable(self.virqfd.get()) };
    }
}

/// # Safety
///
/// VFIO calls it, in atomic context, with the first argument of its activation.
unsafe extern "C" fn unmask(intx: *mut c_void, _data: *mut c_void) -> c_int {
    // SAFETY: By the safety requirement it is the gate of a live `Unmasker`.
    unsafe { &*intx.cast_const().cast::<Intx>() }.unmask();
    // No deferred work.
    0
}
