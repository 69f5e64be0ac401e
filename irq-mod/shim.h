/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IRQ_MOD_SHIM_H
#define IRQ_MOD_SHIM_H

#include <linux/types.h>

void irq_mod_trace_hold(u32 irq, bool masked, u64 due_ns);
void irq_mod_trace_deliver(u32 irq, u32 activity);
void irq_mod_trace_replay(u32 irq, u32 how, u32 events, u64 hold_ns);
void irq_mod_trace_rearm(u32 irq, u64 due_ns);
void irq_mod_trace_activity(const char *guest, u32 activity);

#endif
