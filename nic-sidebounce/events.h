/* SPDX-License-Identifier: GPL-2.0 */
/* The module's tracepoints: /sys/kernel/tracing/events/nic_sidebounce. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nic_sidebounce

#if !defined(NIC_SIDEBOUNCE_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define NIC_SIDEBOUNCE_EVENTS_H

#include <linux/tracepoint.h>

/* By the numbers of model/note.rs. */
#define nic_sidebounce_show_dir(dir) \
	__print_symbolic(dir, { 0, "rx" }, { 1, "tx" })

#define nic_sidebounce_show_action(action) \
	__print_symbolic(action, { 0, "accept" }, { 1, "drop" }, { 2, "bounce" })

#define nic_sidebounce_show_reason(reason) \
	__print_symbolic(reason, { 0, "policy" }, { 1, "quarantine" }, { 2, "bounce_limit" }, \
			 { 16, "cut" }, { 17, "tags" }, { 18, "snap" }, { 19, "version" }, { 20, "length" }, \
			 { 21, "arp" }, { 22, "extensions" }, { 23, "order" }, { 24, "source_route" }, \
			 { 25, "tiny_fragment" }, { 26, "checksum" })

/* What becomes of a frame, why, and who decided; prio is that of the rule, if it was one. */
TRACE_EVENT(nic_sidebounce_verdict,
	TP_PROTO(u32 id, const char *name, u32 dir, u32 verdict, u32 reason, u32 source, u32 prio, bool cached,
		 u32 len),
	TP_ARGS(id, name, dir, verdict, reason, source, prio, cached, len),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, id)
		__field(u32, dir)
		__field(u32, verdict)
		__field(u32, reason)
		__field(u32, source)
		__field(u32, prio)
		__field(u32, len)
		__field(bool, cached)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->id = id;
		__entry->dir = dir;
		__entry->verdict = verdict;
		__entry->reason = reason;
		__entry->source = source;
		__entry->prio = prio;
		__entry->len = len;
		__entry->cached = cached;
	),
	TP_printk("filter=%s id=%u dir=%s verdict=%s reason=%s source=%s prio=%u cached=%d len=%u",
		  __get_str(name), __entry->id, nic_sidebounce_show_dir(__entry->dir),
		  nic_sidebounce_show_action(__entry->verdict), nic_sidebounce_show_reason(__entry->reason),
		  __print_symbolic(__entry->source, { 0, "default" }, { 1, "rule" }, { 2, "learned" },
				   { 3, "quarantine" }),
		  __entry->prio, __entry->cached, __entry->len)
);

/* What has become of a frame that bounced. */
TRACE_EVENT(nic_sidebounce_bounce,
	TP_PROTO(u32 id, const char *name, u32 dir, u32 end, u32 len),
	TP_ARGS(id, name, dir, end, len),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, id)
		__field(u32, dir)
		__field(u32, end)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->id = id;
		__entry->dir = dir;
		__entry->end = end;
		__entry->len = len;
	),
	TP_printk("filter=%s id=%u dir=%s end=%s len=%u", __get_str(name), __entry->id,
		  nic_sidebounce_show_dir(__entry->dir),
		  __print_symbolic(__entry->end, { 0, "received" }, { 1, "failed_open" }, { 2, "failed_closed" }),
		  __entry->len)
);

/* The host gives a frame back, which goes on. */
TRACE_EVENT(nic_sidebounce_inject,
	TP_PROTO(u32 id, const char *name, u32 dir, u32 mark, u32 len),
	TP_ARGS(id, name, dir, mark, len),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, id)
		__field(u32, dir)
		__field(u32, mark)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->id = id;
		__entry->dir = dir;
		__entry->mark = mark;
		__entry->len = len;
	),
	TP_printk("filter=%s id=%u dir=%s mark=0x%x len=%u", __get_str(name), __entry->id,
		  nic_sidebounce_show_dir(__entry->dir), __entry->mark, __entry->len)
);

/* A frame waits for its VM, or does not wait any more; so many do after that. */
TRACE_EVENT(nic_sidebounce_hold,
	TP_PROTO(u32 id, const char *name, u32 what, u32 waiting, u32 len),
	TP_ARGS(id, name, what, waiting, len),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, id)
		__field(u32, what)
		__field(u32, waiting)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->id = id;
		__entry->what = what;
		__entry->waiting = waiting;
		__entry->len = len;
	),
	TP_printk("filter=%s id=%u what=%s waiting=%u len=%u", __get_str(name), __entry->id,
		  __print_symbolic(__entry->what, { 0, "first" }, { 1, "kept" }, { 2, "overflow" },
				   { 3, "expired" }, { 4, "replayed" }),
		  __entry->waiting, __entry->len)
);

/* From now on, and for so long, this becomes of the frames of a flow. */
TRACE_EVENT(nic_sidebounce_learn,
	TP_PROTO(u32 id, const char *name, u32 dir, u32 action, u32 teacher, u32 lasts_s),
	TP_ARGS(id, name, dir, action, teacher, lasts_s),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, id)
		__field(u32, dir)
		__field(u32, action)
		__field(u32, teacher)
		__field(u32, lasts_s)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->id = id;
		__entry->dir = dir;
		__entry->action = action;
		__entry->teacher = teacher;
		__entry->lasts_s = lasts_s;
	),
	TP_printk("filter=%s id=%u dir=%s action=%s teacher=%s lasts_s=%u", __get_str(name), __entry->id,
		  nic_sidebounce_show_dir(__entry->dir), nic_sidebounce_show_action(__entry->action),
		  __print_symbolic(__entry->teacher, { 0, "command" }, { 1, "mark" }), __entry->lasts_s)
);

/* A frame goes nowhere, but not because of a verdict; error is a negative errno if a device refused it. */
TRACE_EVENT(nic_sidebounce_lost,
	TP_PROTO(u32 id, const char *name, u32 dir, u32 why, int error, u32 len),
	TP_ARGS(id, name, dir, why, error, len),
	TP_STRUCT__entry(
		__string(name, name)
		__field(u32, id)
		__field(u32, dir)
		__field(u32, why)
		__field(int, error)
		__field(u32, len)
	),
	TP_fast_assign(
		__assign_str(name);
		__entry->id = id;
		__entry->dir = dir;
		__entry->why = why;
		__entry->error = error;
		__entry->len = len;
	),
	TP_printk("filter=%s id=%u dir=%s why=%s error=%d len=%u", __get_str(name), __entry->id,
		  nic_sidebounce_show_dir(__entry->dir),
		  __print_symbolic(__entry->why, { 0, "reflection" }, { 1, "link_local" }, { 2, "no_memory" },
				   { 3, "refused" }),
		  __entry->error, __entry->len)
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE events
#include <trace/define_trace.h>
