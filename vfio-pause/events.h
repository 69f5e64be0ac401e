/* SPDX-License-Identifier: GPL-2.0 */
/* The module's tracepoints: /sys/kernel/tracing/events/vfio_pause. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_pause

#if !defined(VFIO_PAUSE_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define VFIO_PAUSE_EVENTS_H

#include <linux/tracepoint.h>

/* A slot gets into a state; by the number of it in slot.rs. */
TRACE_EVENT(vfio_pause_state,
	TP_PROTO(const char *slot, u32 state),
	TP_ARGS(slot, state),
	TP_STRUCT__entry(
		__string(slot, slot)
		__field(u32, state)
	),
	TP_fast_assign(
		__assign_str(slot);
		__entry->state = state;
	),
	TP_printk("slot=%s state=%s", __get_str(slot),
		  __print_symbolic(__entry->state, { 0, "empty" }, { 1, "running" }, { 2, "pausing" },
				   { 3, "paused" }, { 4, "resuming" }, { 5, "error" }))
);

/* An access to registers that are not there. */
TRACE_EVENT(vfio_pause_access,
	TP_PROTO(const char *slot, u64 offset, u32 outcome),
	TP_ARGS(slot, offset, outcome),
	TP_STRUCT__entry(
		__string(slot, slot)
		__field(u64, offset)
		__field(u32, outcome)
	),
	TP_fast_assign(
		__assign_str(slot);
		__entry->offset = offset;
		__entry->outcome = outcome;
	),
	TP_printk("slot=%s offset=%#llx outcome=%s", __get_str(slot), __entry->offset,
		  __print_symbolic(__entry->outcome, { 0, "wait" }, { 1, "sink" }, { 2, "refuse" }))
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE events
#include <trace/define_trace.h>
