/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTDEV_SHIM_H
#define TESTDEV_SHIM_H

#include <linux/types.h>

void testdev_trace_posted(u32 irq, bool posted);

#endif
