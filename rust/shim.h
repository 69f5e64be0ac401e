/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Out-of-line copies of the kernel's inline functions and macros that the support crate needs. Nothing but
 * the call itself belongs here, or a loop over such calls that is too hot to leave C for each. The Rust
 * declarations are generated from this header.
 */
#ifndef KERNEL_EXT_SHIM_H
#define KERNEL_EXT_SHIM_H

#include <linux/hrtimer_types.h>
#include <linux/fs.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

/* Held while the list of this module's hooked lines is changed. */
extern struct mutex kernel_ext_hook_changes;

void kernel_ext_raw_spin_lock_init(raw_spinlock_t *lock, const char *name, struct lock_class_key *key);
void kernel_ext_raw_spin_lock(raw_spinlock_t *lock);
void kernel_ext_raw_spin_unlock(raw_spinlock_t *lock);
unsigned long kernel_ext_raw_spin_lock_irqsave(raw_spinlock_t *lock);
void kernel_ext_raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags);

struct irq_desc *kernel_ext_irq_data_to_desc(struct irq_data *data);
bool kernel_ext_irqd_irq_masked(struct irq_data *data);
bool kernel_ext_irqd_is_activated(struct irq_data *data);
bool kernel_ext_irqd_is_wakeup_set(struct irq_data *data);
bool kernel_ext_irqd_is_level(struct irq_data *data);
bool kernel_ext_irqd_is_single_target(struct irq_data *data);
bool kernel_ext_irqd_is_setaffinity_pending(struct irq_data *data);
bool kernel_ext_irqd_targets_this_cpu(struct irq_data *data);

unsigned long *kernel_ext_kernfs_open_word(struct file *file);

u64 __percpu *kernel_ext_alloc_percpu_u64(size_t count);
void kernel_ext_this_cpu_add_u64(u64 __percpu *counter, u64 count);
u64 kernel_ext_per_cpu_sum_u64(u64 __percpu *counter);

unsigned int kernel_ext_memalloc_nofs_save(void);
void kernel_ext_memalloc_nofs_restore(unsigned int flags);

u64 kernel_ext_bdev_nr_bytes(struct block_device *bdev);
void kernel_ext_clwb(void *line);
void kernel_ext_memcpy_flushcache(void *to, const void *from, size_t len);
void kernel_ext_pmem_wmb(void);

void kernel_ext_super_set_uuid(struct super_block *sb, const u8 *uuid, unsigned int len);
__kernel_fsid_t kernel_ext_uuid_to_fsid(const u8 *uuid);

void kernel_ext_i_size_write(struct inode *inode, loff_t size);
uid_t kernel_ext_i_uid_read(struct inode *inode);
gid_t kernel_ext_i_gid_read(struct inode *inode);
void kernel_ext_i_uid_write(struct inode *inode, uid_t uid);
void kernel_ext_i_gid_write(struct inode *inode, gid_t gid);
void kernel_ext_inode_set_atime(struct inode *inode, time64_t sec, long nsec);
void kernel_ext_inode_set_mtime(struct inode *inode, time64_t sec, long nsec);
void kernel_ext_inode_set_ctime(struct inode *inode, time64_t sec, long nsec);
bool kernel_ext_inode_is_new(struct inode *inode);
void kernel_ext_inode_set_cached_link(struct inode *inode, char *link, int len);
u32 kernel_ext_new_encode_dev(dev_t dev);
dev_t kernel_ext_new_decode_dev(u32 dev);

bool kernel_ext_dir_emit_dots(struct file *file, struct dir_context *ctx);
bool kernel_ext_dir_emit(struct dir_context *ctx, const char *name, int len, u64 ino, umode_t mode);
int kernel_ext_finish_open_simple(struct file *file, int error);

struct dax_device;
struct iov_iter;
struct vm_area_desc;
struct vm_fault;

loff_t kernel_ext_i_size_read(struct inode *inode);
void kernel_ext_inode_lock(struct inode *inode);
void kernel_ext_inode_unlock(struct inode *inode);
void kernel_ext_inode_lock_shared(struct inode *inode);
void kernel_ext_inode_unlock_shared(struct inode *inode);
void kernel_ext_filemap_invalidate_lock(struct address_space *mapping);
void kernel_ext_filemap_invalidate_unlock(struct address_space *mapping);
void kernel_ext_filemap_invalidate_lock_shared(struct address_space *mapping);
void kernel_ext_filemap_invalidate_unlock_shared(struct address_space *mapping);
int kernel_ext_break_layout_behind(struct inode *inode, loff_t size);
void kernel_ext_forget_mappings(struct super_block *sb);
bool kernel_ext_fatal_signal_pending(void);
void kernel_ext_file_accessed(struct file *file);
void kernel_ext_sb_start_pagefault(struct super_block *sb);
void kernel_ext_sb_end_pagefault(struct super_block *sb);
bool kernel_ext_vmf_writes_shared(struct vm_fault *vmf);
bool kernel_ext_daxdev_mapping_supported(struct vm_area_desc *desc, struct inode *inode, struct dax_device *dax);
void kernel_ext_vma_desc_set_hugepage(struct vm_area_desc *desc);
size_t kernel_ext_copy_from_iter_nofault(void *to, size_t len, struct iov_iter *from);
size_t kernel_ext_iov_iter_count(const struct iov_iter *iter);
size_t kernel_ext_copy_mc_to_iter(const void *from, size_t len, struct iov_iter *to);

/* pci */
struct device;
struct pci_dev;

int kernel_ext_pci_domain_nr(struct pci_dev *pdev);
struct pci_dev *kernel_ext_pci_physfn(struct pci_dev *pdev);
void kernel_ext_device_lock(struct device *dev);
bool kernel_ext_device_trylock(struct device *dev);
void kernel_ext_device_unlock(struct device *dev);
void kernel_ext_driver_override(struct device *dev, char *name, size_t len);

/* vfio */
struct file;
struct page;
struct vm_area_struct;
struct wait_queue_head;

long kernel_ext_wait_event_interruptible_timeout(struct wait_queue_head *queue, bool (*condition)(void *), void *data,
						 long timeout);
long kernel_ext_wait_event_killable_timeout(struct wait_queue_head *queue, bool (*condition)(void *), void *data,
					    long timeout);
void kernel_ext_release_fault_lock(struct vm_fault *vmf);
struct file *kernel_ext_get_file(struct file *file);
void kernel_ext_vma_set_io(struct vm_area_struct *vma);
unsigned long kernel_ext_page_to_pfn(struct page *page);
void kernel_ext_page_fill(struct page *page, int byte);

/* iommu, front */
struct rw_semaphore;

/* Held for reading while a device's IOMMU is used, for writing while a device is taken from its IOMMU. */
extern struct rw_semaphore kernel_ext_removals;

bool kernel_ext_pfns_are_memory(unsigned long pfn, unsigned long count);
void kernel_ext_copy_msi_domain(struct device *to, struct device *from);
int kernel_ext_dev_to_node(struct device *dev);

/* net */
struct ethtool_ops;
struct net;
struct net_device;
struct net_device_ops;
struct sk_buff;

struct net_device *kernel_ext_first_net_device(void);
struct net_device *kernel_ext_next_net_device(struct net_device *dev);
struct net_device *kernel_ext_find_net_device(u64 id);
u64 kernel_ext_netdev_id(struct net_device *dev);
int kernel_ext_netdev_index(struct net_device *dev);
int kernel_ext_netdev_index_in_init_net(struct net_device *dev);
struct device *kernel_ext_netdev_parent(struct net_device *dev);
const struct ethtool_ops *kernel_ext_netdev_ethtool_ops(struct net_device *dev);
bool kernel_ext_netdev_is_usable(struct net_device *dev);
bool kernel_ext_netdev_is_present(struct net_device *dev);
bool kernel_ext_netdev_is_running(struct net_device *dev);
bool kernel_ext_netdev_polls_irq(struct net_device *dev, unsigned int irq);
void kernel_ext_netdev_lock_ops(struct net_device *dev);
void kernel_ext_netdev_unlock_ops(struct net_device *dev);
struct net *kernel_ext_dev_net(struct net_device *dev);
bool kernel_ext_netdev_is_ethernet(struct net_device *dev);
void kernel_ext_netdev_address(struct net_device *dev, u8 *to);
const struct net_device_ops *kernel_ext_netdev_ops(struct net_device *dev);
const char *kernel_ext_netdev_name(struct net_device *dev);
bool kernel_ext_netdev_has_rx_handler(struct net_device *dev);
bool kernel_ext_netdev_is_moving(struct net_device *dev);
bool kernel_ext_netdev_is_registered(struct net_device *dev);
bool kernel_ext_netdev_is_listable(struct net_device *dev);
int kernel_ext_netdev_num_vfs(struct net_device *dev);
struct net_device *kernel_ext_notifier_netdev(void *info);
struct net_device *kernel_ext_alloc_port(const char *name, unsigned char name_assign_type, size_t priv_len);
void kernel_ext_port_set_ops(struct net_device *dev, const struct net_device_ops *ops);
void kernel_ext_port_set_mac(struct net_device *dev, const u8 *mac);
void kernel_ext_port_set_random_mac(struct net_device *dev);
void kernel_ext_port_set_mtu(struct net_device *dev, unsigned int mtu);
void kernel_ext_port_set_mtu_range(struct net_device *dev, unsigned int min, unsigned int max);
void *kernel_ext_netdev_priv(struct net_device *dev);
void kernel_ext_port_count_tx(struct net_device *dev, unsigned int len);
void kernel_ext_port_count_rx(struct net_device *dev, unsigned int len);
void kernel_ext_port_count_tx_dropped(struct net_device *dev);

void kernel_ext_local_bh_disable(void);
void kernel_ext_local_bh_enable(void);

bool kernel_ext_skb_may_pull(struct sk_buff *skb, unsigned int len);
void kernel_ext_skb_forward_csum(struct sk_buff *skb);
bool kernel_ext_skb_part(struct sk_buff *skb);
void kernel_ext_skb_postpull_rcsum(struct sk_buff *skb, const void *start, unsigned int len);
void kernel_ext_skb_push_rcsum(struct sk_buff *skb, unsigned int len);
void kernel_ext_skb_reset_mac_len(struct sk_buff *skb);
void kernel_ext_skb_set_sender_cpu(struct sk_buff *skb, unsigned int cpu);
void kernel_ext_skb_skip_ingress(struct sk_buff *skb);
int kernel_ext_skb_transmit(struct sk_buff *skb, struct net_device *dev, bool skip_egress);

/* sched, queue */
struct cgroup;
struct irq_work;
struct module;
struct tracepoint;

void kernel_ext_tracepoint_synchronize_unregister(void);
struct tracepoint *kernel_ext_module_tracepoint(struct module *mod, unsigned int index);
void kernel_ext_cgroup_put(struct cgroup *cgroup);
struct task_struct *kernel_ext_next_thread(struct task_struct *task);
void kernel_ext_init_irq_work(struct irq_work *work, void (*func)(struct irq_work *));
void kernel_ext_init_delayed_work(struct delayed_work *work, work_func_t func);

#endif
