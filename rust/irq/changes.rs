// SPDX-License-Identifier: GPL-2.0

//! Being told when lines come and go.
//!
//! C header:
//! [`arch/x86/include/asm/trace/irq_vectors.h`](srctree/arch/x86/include/asm/trace/irq_vectors.h)

use crate::{
    queue::{
        Errand,
        Kick, //
    },
    trace::{
        Probe,
        Quiescence,
        Tracepoint, //
    }, //
};
use kernel::{
    ffi::{
        c_uint,
        c_void, //
    },
    prelude::*, //
};

type Activated = unsafe extern "C" fn(*mut c_void, c_uint, bool, bool, bool);
type TornDown = unsafe extern "C" fn(*mut c_void, c_uint, bool, bool);

// SAFETY: The parameters are those of the tracepoint in `arch/x86/include/asm/trace/irq_vectors.h`.
const ACTIVATE: Tracepoint<Activated> = unsafe { Tracepoint::new(c"vector_activate") };
// SAFETY: As above.
const TEARDOWN: Tracepoint<TornDown> = unsafe { Tracepoint::new(c"vector_teardown") };

/// Runs an errand soon after any line of the host was activated or freed. It gets the name under which
/// it is requested a little later; one that cannot be masked is activated long before it is requested.
///
/// Dropping it waits until the errand runs nowhere.
pub struct Changes<T: Errand> {
    // Fields drop in declaration order: the probes, then the wait for those that run, then what they
    // use.
    _probes: [Probe; 2],
    _quiescence: Quiescence,
    kick: KBox<Kick<T>>,
}

impl<T: Errand> Changes<T> {
    /// Starts to watch. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if this kernel has not the tracepoints, [`ENOMEM`], or what `errand` fails with.
    pub fn new(errand: impl PinInit<T, Error>) -> Result<Self> {
        let kick = KBox::new(Kick::new(errand)?, GFP_KERNEL)?;
        let data = (&raw const *kick).cast_mut().cast::<c_void>();
        // Locals drop in reverse order: if the second probe fails, this waits for the first.
        let quiescence = Quiescence;
        // SAFETY: The callback gets the `Kick<T>` it was instantiated for, which, here and in the result,
        // is dropped after the probes and after the wait. This holds for both.
        let activate = unsafe { ACTIVATE.connect(activated::<T>, data) }?;
        // SAFETY: As above.
        let teardown = unsafe { TEARDOWN.connect(torn_down::<T>, data) }?;
        Ok(Self {
            _probes: [activate, teardown],
            _quiescence: quiescence,
            kick,
        })
    }

    /// Runs the errand soon, too. Callable from any context but NMI.
    pub fn trigger(&self) {
        self.kick.trigger();
    }

    /// Runs the errand in `delay_ms` milliseconds, unless it runs earlier.
    pub fn trigger_after(&self, delay_ms: u32) {
        self.kick.trigger_after(delay_ms);
    }
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `Kick<T>`.
unsafe extern "C" fn activated<T: Errand>(
    data: *mut c_void,
    _irq: c_uint,
    _is_managed: bool,
    _can_reserve: bool,
    _is_early: bool,
) {
    // SAFETY: By the safety requirement.
    unsafe { &*data.cast_const().cast::<Kick<T>>() }.trigger();
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `Kick<T>`.
unsafe extern "C" fn torn_down<T: Errand>(
    data: *mut c_void,
    _irq: c_uint,
    _is_managed: bool,
    _has_reserved: bool,
) {
    // SAFETY: By the safety requirement.
    unsafe { &*data.cast_const().cast::<Kick<T>>() }.trigger();
}
