/* SPDX-License-Identifier: GPL-2.0 */
/* The module's tracepoints: /sys/kernel/tracing/events/irq_mod. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM irq_mod

#if !defined(IRQ_MOD_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define IRQ_MOD_EVENTS_H

#include <linux/tracepoint.h>

/* By the numbers of Activity::code(). */
#define irq_mod_show_activity(activity) \
	__print_symbolic(activity, { 0, "unknown" }, { 1, "running" }, { 2, "ready" }, { 3, "halted" })

/* An interrupt is held; it is due at a time of the monotonic clock, unless the guest does something else until then. */
TRACE_EVENT(irq_mod_hold,
	TP_PROTO(u32 irq, bool masked, u64 due_ns),
	TP_ARGS(irq, masked, due_ns),
	TP_STRUCT__entry(
		__field(u64, due_ns)
		__field(u32, irq)
		__field(bool, masked)
	),
	TP_fast_assign(
		__entry->due_ns = due_ns;
		__entry->irq = irq;
		__entry->masked = masked;
	),
	TP_printk("irq=%u masked=%d due_ns=%llu", __entry->irq, __entry->masked, __entry->due_ns)
);

/* An interrupt is passed on to the driver, while the guest does this. */
TRACE_EVENT(irq_mod_deliver,
	TP_PROTO(u32 irq, u32 activity),
	TP_ARGS(irq, activity),
	TP_STRUCT__entry(
		__field(u32, irq)
		__field(u32, activity)
	),
	TP_fast_assign(
		__entry->irq = irq;
		__entry->activity = activity;
	),
	TP_printk("irq=%u activity=%s", __entry->irq, irq_mod_show_activity(__entry->activity))
);

/* What was held occurs again, once for so many events, the first of which waited so long. */
TRACE_EVENT(irq_mod_replay,
	TP_PROTO(u32 irq, u32 how, u32 events, u64 hold_ns),
	TP_ARGS(irq, how, events, hold_ns),
	TP_STRUCT__entry(
		__field(u64, hold_ns)
		__field(u32, irq)
		__field(u32, how)
		__field(u32, events)
	),
	TP_fast_assign(
		__entry->hold_ns = hold_ns;
		__entry->irq = irq;
		__entry->how = how;
		__entry->events = events;
	),
	TP_printk("irq=%u how=%s events=%u hold_ns=%llu", __entry->irq,
		  __print_symbolic(__entry->how, { 0, "inline" }, { 1, "injected" }, { 2, "dropped" }),
		  __entry->events, __entry->hold_ns)
);

/* The timer expired too early for what the guest does, and was set again. */
TRACE_EVENT(irq_mod_rearm,
	TP_PROTO(u32 irq, u64 due_ns),
	TP_ARGS(irq, due_ns),
	TP_STRUCT__entry(
		__field(u64, due_ns)
		__field(u32, irq)
	),
	TP_fast_assign(
		__entry->due_ns = due_ns;
		__entry->irq = irq;
	),
	TP_printk("irq=%u due_ns=%llu", __entry->irq, __entry->due_ns)
);

/* A guest does something else. */
TRACE_EVENT(irq_mod_activity,
	TP_PROTO(const char *guest, u32 activity),
	TP_ARGS(guest, activity),
	TP_STRUCT__entry(
		__string(guest, guest)
		__field(u32, activity)
	),
	TP_fast_assign(
		__assign_str(guest);
		__entry->activity = activity;
	),
	TP_printk("guest=%s activity=%s", __get_str(guest), irq_mod_show_activity(__entry->activity))
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE events
#include <trace/define_trace.h>
