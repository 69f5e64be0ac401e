// SPDX-License-Identifier: GPL-2.0

//! The module's own C side, `shim.h`: a tracepoint.

extern "C" {
    fn testdev_trace_posted(irq: u32, posted: bool);
}

/// Says what KVM would if it began, or ceased, to post the line `irq` to a virtual CPU.
pub(crate) fn trace_posted(irq: u32, is_posted: bool) {
    // SAFETY: Any number may be traced.
    unsafe { testdev_trace_posted(irq, is_posted) };
}
