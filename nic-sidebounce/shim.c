// SPDX-License-Identifier: GPL-2.0
/* The tracepoints as functions; see ffi.rs. */

#define CREATE_TRACE_POINTS
#include "events.h"
#include "shim.h"

void nic_sidebounce_trace_verdict(u32 id, const char *name, u32 dir, u32 verdict, u32 reason, u32 source, u32 prio,
				  bool cached, u32 len)
{
	trace_nic_sidebounce_verdict(id, name, dir, verdict, reason, source, prio, cached, len);
}

void nic_sidebounce_trace_bounce(u32 id, const char *name, u32 dir, u32 end, u32 len)
{
	trace_nic_sidebounce_bounce(id, name, dir, end, len);
}

void nic_sidebounce_trace_inject(u32 id, const char *name, u32 dir, u32 mark, u32 len)
{
	trace_nic_sidebounce_inject(id, name, dir, mark, len);
}

void nic_sidebounce_trace_hold(u32 id, const char *name, u32 what, u32 waiting, u32 len)
{
	trace_nic_sidebounce_hold(id, name, what, waiting, len);
}

void nic_sidebounce_trace_learn(u32 id, const char *name, u32 dir, u32 action, u32 teacher, u32 lasts_s)
{
	trace_nic_sidebounce_learn(id, name, dir, action, teacher, lasts_s);
}

void nic_sidebounce_trace_lost(u32 id, const char *name, u32 dir, u32 why, int error, u32 len)
{
	trace_nic_sidebounce_lost(id, name, dir, why, error, len);
}
