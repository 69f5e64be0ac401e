/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VFIO_PAUSE_SHIM_H
#define VFIO_PAUSE_SHIM_H

#include <linux/types.h>

void vfio_pause_trace_state(const char *slot, u32 state);
void vfio_pause_trace_access(const char *slot, u64 offset, u32 outcome);

#endif
