// SPDX-License-Identifier: GPL-2.0
/* See shim.h. */

#include "shim.h"

#include <linux/blkdev.h>
#include <linux/cgroup.h>
#include <linux/cpumask.h>
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/fs_dirent.h>
#include <linux/irq_work.h>
#include <linux/kdev_t.h>
#include <linux/kernfs.h>
#include <linux/libnvdimm.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/statfs.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/wait.h>

/* Protects the links of the chains in irq/chains.rs against other changes; readers take nothing. */
DEFINE_MUTEX(kernel_ext_hook_changes);

void kernel_ext_raw_spin_lock_init(raw_spinlock_t *lock, const char *name, struct lock_class_key *key)
{
#ifdef CONFIG_DEBUG_SPINLOCK
	__raw_spin_lock_init(lock, name, key, LD_WAIT_SPIN);
#else
	raw_spin_lock_init(lock);
#endif
}

void kernel_ext_raw_spin_lock(raw_spinlock_t *lock)
{
	raw_spin_lock(lock);
}

void kernel_ext_raw_spin_unlock(raw_spinlock_t *lock)
{
	raw_spin_unlock(lock);
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

/* What kernfs leaves to whoever has the file; sysfs does not use it. */
unsigned long *kernel_ext_kernfs_open_word(struct file *file)
{
	struct seq_file *seq = file->private_data;
	struct kernfs_open_file *of = seq->private;

	static_assert(sizeof(of->priv) == sizeof(unsigned long));
	return (unsigned long *)&of->priv;
}

u64 __percpu *kernel_ext_alloc_percpu_u64(size_t count)
{
	return __alloc_percpu(array_size(count, sizeof(u64)), sizeof(u64));
}

void kernel_ext_this_cpu_add_u64(u64 __percpu *counter, u64 count)
{
	this_cpu_add(*counter, count);
}

u64 kernel_ext_per_cpu_sum_u64(u64 __percpu *counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(counter, cpu));
	return sum;
}

unsigned int kernel_ext_memalloc_nofs_save(void)
{
	return memalloc_nofs_save();
}

void kernel_ext_memalloc_nofs_restore(unsigned int flags)
{
	memalloc_nofs_restore(flags);
}

u64 kernel_ext_bdev_nr_bytes(struct block_device *bdev)
{
	return bdev_nr_bytes(bdev);
}

void kernel_ext_clwb(void *line)
{
#ifdef CONFIG_X86
	/* Patched at boot: clwb, or clflushopt, or clflush. */
	clwb(line);
#else
	arch_wb_cache_pmem(line, L1_CACHE_BYTES);
#endif
}

void kernel_ext_memcpy_flushcache(void *to, const void *from, size_t len)
{
	memcpy_flushcache(to, from, len);
}

void kernel_ext_pmem_wmb(void)
{
	pmem_wmb();
}

void kernel_ext_super_set_uuid(struct super_block *sb, const u8 *uuid, unsigned int len)
{
	super_set_uuid(sb, uuid, len);
}

__kernel_fsid_t kernel_ext_uuid_to_fsid(const u8 *uuid)
{
	return uuid_to_fsid((__u8 *)uuid);
}

void kernel_ext_i_size_write(struct inode *inode, loff_t size)
{
	i_size_write(inode, size);
}

uid_t kernel_ext_i_uid_read(struct inode *inode)
{
	return i_uid_read(inode);
}

gid_t kernel_ext_i_gid_read(struct inode *inode)
{
	return i_gid_read(inode);
}

void kernel_ext_i_uid_write(struct inode *inode, uid_t uid)
{
	i_uid_write(inode, uid);
}

void kernel_ext_i_gid_write(struct inode *inode, gid_t gid)
{
	i_gid_write(inode, gid);
}

void kernel_ext_inode_set_atime(struct inode *inode, time64_t sec, long nsec)
{
	inode_set_atime(inode, sec, nsec);
}

void kernel_ext_inode_set_mtime(struct inode *inode, time64_t sec, long nsec)
{
	inode_set_mtime(inode, sec, nsec);
}

void kernel_ext_inode_set_ctime(struct inode *inode, time64_t sec, long nsec)
{
	inode_set_ctime(inode, sec, nsec);
}

bool kernel_ext_inode_is_new(struct inode *inode)
{
	return inode_state_read_once(inode) & I_NEW;
}

void kernel_ext_inode_set_cached_link(struct inode *inode, char *link, int len)
{
	inode_set_cached_link(inode, link, len);
}

u32 kernel_ext_new_encode_dev(dev_t dev)
{
	return new_encode_dev(dev);
}

dev_t kernel_ext_new_decode_dev(u32 dev)
{
	return new_decode_dev(dev);
}

bool kernel_ext_dir_emit_dots(struct file *file, struct dir_context *ctx)
{
	return dir_emit_dots(file, ctx);
}

bool kernel_ext_dir_emit(struct dir_context *ctx, const char *name, int len, u64 ino, umode_t mode)
{
	return dir_emit(ctx, name, len, ino, fs_umode_to_dtype(mode));
}

int kernel_ext_finish_open_simple(struct file *file, int error)
{
	return finish_open_simple(file, error);
}

loff_t kernel_ext_i_size_read(struct inode *inode)
{
	return i_size_read(inode);
}

void kernel_ext_inode_lock(struct inode *inode)
{
	inode_lock(inode);
}

void kernel_ext_inode_unlock(struct inode *inode)
{
	inode_unlock(inode);
}

void kernel_ext_inode_lock_shared(struct inode *inode)
{
	inode_lock_shared(inode);
}

void kernel_ext_inode_unlock_shared(struct inode *inode)
{
	inode_unlock_shared(inode);
}

void kernel_ext_filemap_invalidate_lock(struct address_space *mapping)
{
	filemap_invalidate_lock(mapping);
}

void kernel_ext_filemap_invalidate_unlock(struct address_space *mapping)
{
	filemap_invalidate_unlock(mapping);
}

void kernel_ext_filemap_invalidate_lock_shared(struct address_space *mapping)
{
	filemap_invalidate_lock_shared(mapping);
}

void kernel_ext_filemap_invalidate_unlock_shared(struct address_space *mapping)
{
	filemap_invalidate_unlock_shared(mapping);
}

/*
 * Lets page faults go on until whoever uses a page is done with it, then makes durable what they have stored: the
 * entries that say so go when the layout is broken.
 */
static void wait_for_users(struct inode *inode)
{
	filemap_invalidate_unlock(inode->i_mapping);
	schedule();
	filemap_invalidate_lock(inode->i_mapping);
	filemap_write_and_wait(inode->i_mapping);
}

/*
 * Takes all pages behind `size` from mappings and waits until nobody uses them. An entry may be of a huge page, part of
 * which stays, so that what is dirty there is made durable first. The mapping is locked against page faults.
 */
int kernel_ext_break_layout_behind(struct inode *inode, loff_t size)
{
	loff_t start = round_down(size, PMD_SIZE);
	int error;

	unmap_mapping_range(inode->i_mapping, start, 0, 0);
	if (size > start) {
		error = filemap_write_and_wait_range(inode->i_mapping, start, size - 1);
		if (error)
			return error;
	}
	return dax_break_layout(inode, start, LLONG_MAX, wait_for_users);
}

/*
 * Takes all pages of all files from mappings, and forgets them: their memory is about to go. Waits for page faults that
 * have found theirs already. Inodes stay in the list while a reference is held, as in fs/drop_caches.c.
 */
void kernel_ext_forget_mappings(struct super_block *sb)
{
	struct inode *inode, *held = NULL;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		bool skip;

		spin_lock(&inode->i_lock);
		skip = !IS_DAX(inode) || (inode_state_read(inode) & (I_FREEING | I_WILL_FREE | I_NEW));
		if (!skip)
			__iget(inode);
		spin_unlock(&inode->i_lock);
		if (skip)
			continue;
		spin_unlock(&sb->s_inode_list_lock);

		filemap_invalidate_lock(inode->i_mapping);
		dax_break_layout_final(inode);
		filemap_invalidate_unlock(inode->i_mapping);
		iput(held);
		held = inode;
		cond_resched();

		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(held);
}

bool kernel_ext_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void kernel_ext_file_accessed(struct file *file)
{
	file_accessed(file);
}

void kernel_ext_sb_start_pagefault(struct super_block *sb)
{
	sb_start_pagefault(sb);
}

void kernel_ext_sb_end_pagefault(struct super_block *sb)
{
	sb_end_pagefault(sb);
}

bool kernel_ext_vmf_writes_shared(struct vm_fault *vmf)
{
	return (vmf->flags & FAULT_FLAG_WRITE) && (vmf->vma->vm_flags & VM_SHARED);
}

bool kernel_ext_daxdev_mapping_supported(struct vm_area_desc *desc, struct inode *inode, struct dax_device *dax)
{
	return daxdev_mapping_supported(desc, inode, dax);
}

void kernel_ext_vma_desc_set_hugepage(struct vm_area_desc *desc)
{
	vma_desc_set_flags(desc, VMA_HUGEPAGE_BIT);
}

/* Copies what is present: no page fault is taken. */
size_t kernel_ext_copy_from_iter_nofault(void *to, size_t len, struct iov_iter *from)
{
	size_t copied;

	pagefault_disable();
	copied = _copy_from_iter_flushcache(to, len, from);
	pagefault_enable();
	return copied;
}

size_t kernel_ext_iov_iter_count(const struct iov_iter *iter)
{
	return iov_iter_count(iter);
}

size_t kernel_ext_copy_mc_to_iter(const void *from, size_t len, struct iov_iter *to)
{
	return _copy_mc_to_iter(from, len, to);
}

/* pci */

int kernel_ext_pci_domain_nr(struct pci_dev *pdev)
{
	return pci_domain_nr(pdev->bus);
}

struct pci_dev *kernel_ext_pci_physfn(struct pci_dev *pdev)
{
	return pci_physfn(pdev);
}

void kernel_ext_device_lock(struct device *dev)
{
	device_lock(dev);
}

bool kernel_ext_device_trylock(struct device *dev)
{
	return device_trylock(dev);
}

void kernel_ext_device_unlock(struct device *dev)
{
	device_unlock(dev);
}

void kernel_ext_driver_override(struct device *dev, char *name, size_t len)
{
	guard(spinlock)(&dev->driver_override.lock);
	strscpy(name, dev->driver_override.name ?: "", len);
}

/* vfio */

long kernel_ext_wait_event_interruptible_timeout(struct wait_queue_head *queue, bool (*condition)(void *), void *data,
						 long timeout)
{
	return wait_event_interruptible_timeout(*queue, condition(data), timeout);
}

long kernel_ext_wait_event_killable_timeout(struct wait_queue_head *queue, bool (*condition)(void *), void *data,
					    long timeout)
{
	return wait_event_killable_timeout(*queue, condition(data), timeout);
}

void kernel_ext_release_fault_lock(struct vm_fault *vmf)
{
	release_fault_lock(vmf);
}

struct file *kernel_ext_get_file(struct file *file)
{
	return get_file(file);
}

/* As io_remap_pfn_range() has it, and as vfio-pci does. */
void kernel_ext_vma_set_io(struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_decrypted(pgprot_noncached(vma->vm_page_prot));
	vm_flags_set(vma, VM_ALLOW_ANY_UNCACHED | VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
}

unsigned long kernel_ext_page_to_pfn(struct page *page)
{
	return page_to_pfn(page);
}

void kernel_ext_page_fill(struct page *page, int byte)
{
	memset(page_address(page), byte, PAGE_SIZE);
}

/* iommu, front */

DECLARE_RWSEM(kernel_ext_removals);

/*
 * Whether a page is memory, and not, or perhaps not, that of a device. Persistent memory is; what the boot memory map
 * leaves out has reserved pages.
 */
static bool is_memory(struct page *page, unsigned long pfn)
{
	if (is_zone_device_page(page))
		return !is_pci_p2pdma_page(page);
	return !PageReserved(page) || is_zero_pfn(pfn);
}

bool kernel_ext_pfns_are_memory(unsigned long pfn, unsigned long count)
{
	unsigned long step, subsection = 0;
	struct page *page;

	for (; count; count -= step, pfn += step) {
		/* The map of memory has no smaller parts than these. */
		if (pfn >= subsection) {
			if (!pfn_valid(pfn))
				return false;
			subsection = ALIGN(pfn + 1, PAGES_PER_SUBSECTION);
		}
		page = pfn_to_page(pfn);
		if (!is_memory(page, pfn))
			return false;
		step = 1;
		/* A huge page is all of one kind. */
		if (PageCompound(page)) {
			struct folio *folio = page_folio(page);

			step = folio_nr_pages(folio) - folio_page_idx(folio, page);
			step = clamp(step, 1, min(count, subsection - pfn));
		}
	}
	return true;
}

void kernel_ext_copy_msi_domain(struct device *to, struct device *from)
{
	dev_set_msi_domain(to, dev_get_msi_domain(from));
}

int kernel_ext_dev_to_node(struct device *dev)
{
	return dev_to_node(dev);
}

/* sched, queue */

void kernel_ext_tracepoint_synchronize_unregister(void)
{
	tracepoint_synchronize_unregister();
}

struct tracepoint *kernel_ext_module_tracepoint(struct module *mod, unsigned int index)
{
	return tracepoint_ptr_deref(mod->tracepoints_ptrs + index);
}

struct task_struct *kernel_ext_next_thread(struct task_struct *task)
{
	return __next_thread(task);
}

void kernel_ext_cgroup_put(struct cgroup *cgroup)
{
	cgroup_put(cgroup);
}

void kernel_ext_init_delayed_work(struct delayed_work *work, work_func_t func)
{
	INIT_DELAYED_WORK(work, func);
}

void kernel_ext_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *))
{
	init_irq_work(work, func);
}
