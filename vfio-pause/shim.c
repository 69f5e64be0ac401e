// SPDX-License-Identifier: GPL-2.0
/* What the macro that declares the module has no field for, and its tracepoints as functions; see ffi.rs. */

#include <linux/module.h>

#define CREATE_TRACE_POINTS
#include "events.h"
#include "shim.h"

/* Programs set up DMA by it; VFIO does not load it by itself. */
MODULE_SOFTDEP("pre: vfio_iommu_type1");

void vfio_pause_trace_state(const char *slot, u32 state)
{
	trace_vfio_pause_state(slot, state);
}

void vfio_pause_trace_access(const char *slot, u64 offset, u32 outcome)
{
	trace_vfio_pause_access(slot, offset, outcome);
}
