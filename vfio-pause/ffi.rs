// SPDX-License-Identifier: GPL-2.0

//! The module's own C side, `shim.h`: tracepoints.

use kernel::{
    ffi::c_char,
    prelude::*, //
};

extern "C" {
    fn vfio_pause_trace_state(slot: *const c_char, state: u32);
    fn vfio_pause_trace_access(slot: *const c_char, offset: u64, outcome: u32);
}

/// What an access to registers that are not there gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It waits.
    Wait,
    /// It goes to the sink.
    Sink,
    /// It fails.
    Refuse,
}

/// Traces that a slot gets into a state, by its place in the list of all.
pub(crate) fn trace_state(slot: &CStr, state: u32) {
    // SAFETY: The name is copied; any number may be traced.
    unsafe { vfio_pause_trace_state(slot.as_char_ptr(), state) };
}

/// Traces an access.
pub(crate) fn trace_access(slot: &CStr, offset: u64, outcome: Outcome) {
    let outcome = match outcome {
        Outcome::Wait => 0,
        Outcome::Sink => 1,
        Outcome::Refuse => 2,
    };
    // SAFETY: As above.
    unsafe { vfio_pause_trace_access(slot.as_char_ptr(), offset, outcome) };
}
