// SPDX-License-Identifier: GPL-2.0

//! The module's own C side, `shim.h` and `events.h`: tracepoints.

use crate::model::activity::Activity;
use kernel::{
    bindings::tracepoint,
    ffi::c_char,
    jump_label::static_branch_unlikely,
    prelude::*, //
};

// The class of a lock, which is in a tracepoint, has no fields unless the kernel checks locks.
#[allow(improper_ctypes)]
extern "C" {
    static __tracepoint_irq_mod_hold: tracepoint;
    static __tracepoint_irq_mod_deliver: tracepoint;
    static __tracepoint_irq_mod_replay: tracepoint;
    static __tracepoint_irq_mod_rearm: tracepoint;
    static __tracepoint_irq_mod_activity: tracepoint;

    fn irq_mod_trace_hold(irq: u32, masked: bool, due_ns: u64);
    fn irq_mod_trace_deliver(irq: u32, activity: u32);
    fn irq_mod_trace_replay(irq: u32, how: u32, events: u32, hold_ns: u64);
    fn irq_mod_trace_rearm(irq: u32, due_ns: u64);
    fn irq_mod_trace_activity(guest: *const c_char, activity: u32);
}

/// Whether somebody listens to a tracepoint: an instruction that does nothing, or a jump.
macro_rules! is_on {
    ($tracepoint:path) => {
        // SAFETY: C defines the tracepoint in `shim.c`, as what the declaration above says.
        unsafe { static_branch_unlikely!($tracepoint, tracepoint, key) }
    };
}

/// How a held interrupt occurs again.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// On the timer's CPU.
    Inline,
    /// The interrupt controller raises it.
    Injected,
    /// Not at all.
    Dropped,
}

/// Traces that an interrupt is held; `due_ns` is when its timer expires.
#[inline(always)]
pub(crate) fn trace_hold(irq: u32, is_masked: bool, due_ns: u64) {
    if is_on!(__tracepoint_irq_mod_hold) {
        // SAFETY: Any numbers may be traced, in any context.
        unsafe { irq_mod_trace_hold(irq, is_masked, due_ns) };
    }
}

/// Traces that an interrupt is passed on to the driver.
#[inline(always)]
pub(crate) fn trace_deliver(irq: u32, activity: Activity) {
    if is_on!(__tracepoint_irq_mod_deliver) {
        // SAFETY: As above.
        unsafe { irq_mod_trace_deliver(irq, activity.code()) };
    }
}

/// Traces that what was held occurs again.
#[inline(always)]
pub(crate) fn trace_replay(irq: u32, how: How, events: u32, hold_ns: u64) {
    if is_on!(__tracepoint_irq_mod_replay) {
        let how = match how {
            How::Inline => 0,
            How::Injected => 1,
            How::Dropped => 2,
        };
        // SAFETY: As above.
        unsafe { irq_mod_trace_replay(irq, how, events, hold_ns) };
    }
}

/// Traces that the end of a window is put off to `due_ns`.
#[inline(always)]
pub(crate) fn trace_rearm(irq: u32, due_ns: u64) {
    if is_on!(__tracepoint_irq_mod_rearm) {
        // SAFETY: As above.
        unsafe { irq_mod_trace_rearm(irq, due_ns) };
    }
}

/// Traces that the guest with that name does something else. Callable with the scheduler's locks held.
#[inline(always)]
pub(crate) fn trace_activity(guest: &CStr, activity: Activity) {
    if is_on!(__tracepoint_irq_mod_activity) {
        // SAFETY: The name is copied; any number may be traced, in any context.
        unsafe { irq_mod_trace_activity(guest.as_char_ptr(), activity.code()) };
    }
}
