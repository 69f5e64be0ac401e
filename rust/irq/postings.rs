// SPDX-License-Identifier: GPL-2.0

//! Lines that the hardware delivers to virtual CPUs, past the host.
//!
//! C header: [`arch/x86/kvm/trace.h`](srctree/arch/x86/kvm/trace.h)

use crate::trace::{
    Everywhere,
    Quiescence,
    Tracepoint, //
};
use kernel::{
    bitmap::BitmapVec,
    ffi::{
        c_uint,
        c_void, //
    },
    prelude::*, //
};

/// Numbers from this one on are not followed. The kernel gives the lowest that is free.
const MAX_IRQS: usize = 1 << 16;

/// The arguments are the line, the virtual CPU, two of its numbers in the guest, and whether it is posted.
type Updated = unsafe extern "C" fn(*mut c_void, c_uint, *mut c_void, c_uint, c_uint, bool);

// SAFETY: The parameters are those of KVM's tracepoint in `arch/x86/kvm/trace.h`. KVM's names are no
// other module's, but for the one of this suite that stands in for KVM in tests and has the same parameters.
const UPDATE: Tracepoint<Updated> = unsafe { Tracepoint::new(c"kvm_pi_irte_update") };

/// The lines whose interrupts KVM has posted to virtual CPUs since this was created. KVM may come and go
/// meanwhile; without it there are none.
pub struct Postings {
    // Fields drop in declaration order: the probes, then the wait for those that run, then what they
    // use.
    _probes: Everywhere,
    _quiescence: Quiescence,
    posted: KBox<BitmapVec>,
}

impl Postings {
    /// Starts to watch. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new() -> Result<Self> {
        let posted = KBox::new(BitmapVec::new(MAX_IRQS, GFP_KERNEL)?, GFP_KERNEL)?;
        let data = (&raw const *posted).cast_mut().cast::<c_void>();
        // Locals drop in reverse order: if this fails, it waits for a probe that was connected.
        let quiescence = Quiescence;
        // SAFETY: Both callbacks get the bits, which are, here and in the result, dropped after the probes
        // and after the wait.
        let probes = unsafe { UPDATE.connect_everywhere(updated, left, data) }?;
        Ok(Self {
            _probes: probes,
            _quiescence: quiescence,
            posted,
        })
    }

    /// Whether the interrupts of the line with the number `irq` are posted.
    pub fn is_posted(&self, irq: u32) -> bool {
        index(irq).is_some_and(|index| self.posted.next_bit(index) == Some(index))
    }
}

/// The place of a line in the bits.
fn index(irq: u32) -> Option<usize> {
    usize::try_from(irq).ok().filter(|&index| index < MAX_IRQS)
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `BitmapVec` with `MAX_IRQS` bits.
unsafe extern "C" fn updated(
    data: *mut c_void,
    irq: c_uint,
    _vcpu: *mut c_void,
    _gsi: c_uint,
    _vector: c_uint,
    is_posted: bool,
) {
    // SAFETY: By the safety requirement; only its atomic functions are used.
    let posted = unsafe { &*data.cast_const().cast::<BitmapVec>() };
    if let Some(index) = index(irq) {
        match is_posted {
            true => posted.set_bit_atomic(index),
            false => posted.clear_bit_atomic(index),
        }
    }
}

/// KVM is being unloaded: it has no virtual machine any more.
///
/// # Safety
///
/// `data` points to a `BitmapVec` with `MAX_IRQS` bits.
unsafe fn left(data: *mut c_void) {
    // SAFETY: As in `updated`.
    let posted = unsafe { &*data.cast_const().cast::<BitmapVec>() };
    while let Some(index) = posted.next_bit(0) {
        posted.clear_bit_atomic(index);
    }
}
