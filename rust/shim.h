/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Out-of-line copies of the kernel's inline functions and macros that the support crate needs. Nothing but
 * the call itself belongs here. The Rust declarations are generated from this header.
 */
#ifndef KERNEL_EXT_SHIM_H
#define KERNEL_EXT_SHIM_H

#include <linux/hrtimer_types.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

/* The hooked lines of this module: interrupt number to struct kernel_ext::irq::hook::Entry. */
extern struct xarray kernel_ext_hooks;

void kernel_ext_raw_spin_lock_init(raw_spinlock_t *lock, const char *name, struct lock_class_key *key);
unsigned long kernel_ext_raw_spin_lock_irqsave(raw_spinlock_t *lock);
void kernel_ext_raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags);

int kernel_ext_xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);

struct irq_desc *kernel_ext_irq_data_to_desc(struct irq_data *data);
bool kernel_ext_irqd_irq_masked(struct irq_data *data);
bool kernel_ext_irqd_is_activated(struct irq_data *data);
bool kernel_ext_irqd_is_wakeup_set(struct irq_data *data);
bool kernel_ext_irqd_is_wakeup_armed(struct irq_data *data);
bool kernel_ext_irqd_is_level(struct irq_data *data);
bool kernel_ext_irqd_is_single_target(struct irq_data *data);
bool kernel_ext_irqd_is_setaffinity_pending(struct irq_data *data);
bool kernel_ext_irqd_targets_this_cpu(struct irq_data *data);

#endif
