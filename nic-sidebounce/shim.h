/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NIC_SIDEBOUNCE_SHIM_H
#define NIC_SIDEBOUNCE_SHIM_H

#include <linux/types.h>

void nic_sidebounce_trace_verdict(u32 id, const char *name, u32 dir, u32 verdict, u32 reason, u32 source, u32 prio,
				  bool cached, u32 len);
void nic_sidebounce_trace_bounce(u32 id, const char *name, u32 dir, u32 end, u32 len);
void nic_sidebounce_trace_inject(u32 id, const char *name, u32 dir, u32 mark, u32 len);
void nic_sidebounce_trace_hold(u32 id, const char *name, u32 what, u32 waiting, u32 len);
void nic_sidebounce_trace_learn(u32 id, const char *name, u32 dir, u32 action, u32 teacher, u32 lasts_s);
void nic_sidebounce_trace_lost(u32 id, const char *name, u32 dir, u32 why, int error, u32 len);

#endif
