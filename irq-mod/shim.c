// SPDX-License-Identifier: GPL-2.0
/* The tracepoints as functions; see ffi.rs. */

#define CREATE_TRACE_POINTS
#include "events.h"
#include "shim.h"

void irq_mod_trace_hold(u32 irq, bool masked, u64 due_ns)
{
	trace_irq_mod_hold(irq, masked, due_ns);
}

void irq_mod_trace_deliver(u32 irq, u32 activity)
{
	trace_irq_mod_deliver(irq, activity);
}

void irq_mod_trace_replay(u32 irq, u32 how, u32 events, u64 hold_ns)
{
	trace_irq_mod_replay(irq, how, events, hold_ns);
}

void irq_mod_trace_rearm(u32 irq, u64 due_ns)
{
	trace_irq_mod_rearm(irq, due_ns);
}

void irq_mod_trace_activity(const char *guest, u32 activity)
{
	trace_irq_mod_activity(guest, activity);
}
