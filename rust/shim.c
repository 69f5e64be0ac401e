// SPDX-License-Identifier: GPL-2.0
/* See shim.h. */

#include "shim.h"

#include <linux/cpumask.h>
#include <linux/smp.h>

DEFINE_XARRAY(kernel_ext_hooks);

void kernel_ext_raw_spin_lock_init(raw_spinlock_t *lock, const char *name, struct lock_class_key *key)
{
#ifdef CONFIG_DEBUG_SPINLOCK
	__raw_spin_lock_init(lock, name, key, LD_WAIT_SPIN);
#else
	raw_spin_lock_init(lock);
#endif
}

unsigned long kernel_ext_raw_spin_lock_irqsave(raw_spinlock_t *lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	return flags;
}

void kernel_ext_raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)
{
	raw_spin_unlock_irqrestore(lock, flags);
}

int kernel_ext_xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	return xa_insert(xa, index, entry, gfp);
}

struct irq_desc *kernel_ext_irq_data_to_desc(struct irq_data *data)
{
	return irq_data_to_desc(data);
}

bool kernel_ext_irqd_irq_masked(struct irq_data *data)
{
	return irqd_irq_masked(data);
}

bool kernel_ext_irqd_is_activated(struct irq_data *data)
{
	return irqd_is_activated(data);
}

bool kernel_ext_irqd_is_wakeup_set(struct irq_data *data)
{
	return irqd_is_wakeup_set(data);
}

bool kernel_ext_irqd_is_wakeup_armed(struct irq_data *data)
{
	return irqd_is_wakeup_armed(data);
}

bool kernel_ext_irqd_is_level(struct irq_data *data)
{
	return irqd_is_level_type(data);
}

bool kernel_ext_irqd_is_single_target(struct irq_data *data)
{
	return irqd_is_single_target(data);
}

bool kernel_ext_irqd_is_setaffinity_pending(struct irq_data *data)
{
	return irqd_is_setaffinity_pending(data);
}

bool kernel_ext_irqd_targets_this_cpu(struct irq_data *data)
{
	return cpumask_test_cpu(smp_processor_id(), irq_data_get_effective_affinity_mask(data));
}
