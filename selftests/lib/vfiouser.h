/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of vfiouser share: the container, its devices, and the memory mapped for them. */

#ifndef VFIOUSER_H
#define VFIOUSER_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEVICES 8
#define MAX_BUFFERS 64
#define MAX_VECTORS 64
#define BARS 6
/* Larger buffers are given back as soon as they are unmapped. */
#define KEPT_BYTES 65536

struct device {
	int fd, group_fd;
	unsigned long group;
	struct {
		void *at;
		size_t size;
	} bar[BARS];
	int eventfd[MAX_VECTORS];
};

/* Memory that is, or was, the target of an IOVA range. */
struct buffer {
	uint64_t iova;
	size_t size;
	void *at;
	bool mapped;
};

#define MAX_WORDS 8

/* Arguments of a command; those that are numbers are in `number` too. */
struct words {
	char *text[MAX_WORDS];
	uint64_t number[MAX_WORDS];
	int count;
};

static int container = -1;
static struct device devices[MAX_DEVICES];
static struct device *dev = devices;
static struct buffer buffers[MAX_BUFFERS];

/* Where a SIGBUS of this thread continues, while it touches a BAR. */
static __thread sigjmp_buf bus_error;
static __thread atomic_bool bus_error_expected;
static atomic_int user_signals;
static atomic_ullong user_signal_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void sleep_us(uint64_t us)
{
	struct timespec ts = { .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000 * 1000) };

	nanosleep(&ts, NULL);
}

/* The answer of a command that succeeded, with a result and without; the command's status. */
#define ok(format, ...) (printf("ok " format "\n", ##__VA_ARGS__) < 0)

static int done(void)
{
	return puts("ok") < 0;
}

/* The answer of one that failed with the error `number`; `what` says at which step, or is empty. */
static int failed(int number, const char *what)
{
	const char *name = strerrorname_np(number);

	printf("errno %s%s%s\n", name ? name : "unknown", *what ? " " : "", what);
	return 1;
}

/* The buffer of an IOVA range: the one that is mapped there, or else one that was. */
static struct buffer *find_buffer(uint64_t iova, size_t size)
{
	struct buffer *buffer, *found = NULL;

	for (buffer = buffers; buffer < buffers + MAX_BUFFERS; buffer++) {
		if (buffer->at && iova >= buffer->iova && iova - buffer->iova < buffer->size &&
		    size <= buffer->size - (iova - buffer->iova) && (!found || buffer->mapped))
			found = buffer;
	}
	return found;
}

/* The memory behind an IOVA range, whether the range is mapped or was; NULL if there is none. */
static void *memory_at(uint64_t iova, size_t size)
{
	struct buffer *buffer = find_buffer(iova, size);

	return buffer ? (char *)buffer->at + (iova - buffer->iova) : NULL;
}

static void forget_buffer(struct buffer *buffer)
{
	munmap(buffer->at, buffer->size);
	buffer->at = NULL;
}

static int map_dma(uint64_t iova, size_t size, void *at)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)at,
		.iova = iova,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
}

/* Returns the bytes unmapped, or -1. */
static int64_t unmap_dma(uint64_t iova, size_t size, bool all)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = all ? VFIO_DMA_UNMAP_FLAG_ALL : 0,
		.iova = iova,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? -1 : (int64_t)unmap.size;
}

static int region_info(unsigned int index, struct vfio_region_info *info, size_t size)
{
	memset(info, 0, size);
	info->argsz = (uint32_t)size;
	info->index = index;
	return ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

/* Reads or writes `width` bytes of a region through the device's file. */
static int access_region(unsigned int index, uint64_t offset, size_t width, uint64_t *value, bool is_write)
{
	struct vfio_region_info info;
	ssize_t count;

	if (region_info(index, &info, sizeof(info)) < 0)
		return -1;
	if (is_write)
		count = pwrite(dev->fd, value, width, (off_t)(info.offset + offset));
	else
		count = pread(dev->fd, value, width, (off_t)(info.offset + offset));
	if (count >= 0 && (size_t)count != width)
		errno = ENODATA;
	return count < 0 || (size_t)count != width ? -1 : 0;
}

static int map_bar(unsigned int index)
{
	struct vfio_region_info info;
	void *at;

	if (dev->bar[index].at)
		return 0;
	if (region_info(index, &info, sizeof(info)) < 0)
		return -1;
	at = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, dev->fd, (off_t)info.offset);
	if (at == MAP_FAILED)
		return -1;
	dev->bar[index].at = at;
	dev->bar[index].size = info.size;
	return 0;
}

static void unmap_bar(unsigned int index)
{
	if (dev->bar[index].at)
		munmap(dev->bar[index].at, dev->bar[index].size);
	dev->bar[index].at = NULL;
}

static bool is_bar(uint64_t index)
{
	return index < BARS;
}

/* One access each to a register, in this order. */
static uint32_t mmio_read(uint32_t *word)
{
	uint32_t value = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	atomic_signal_fence(memory_order_seq_cst);
	return value;
}

static void mmio_write(uint32_t *word, uint32_t value)
{
	atomic_signal_fence(memory_order_seq_cst);
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	atomic_signal_fence(memory_order_seq_cst);
}

/* The word of a mapped BAR, or NULL. */
static uint32_t *bar_word(uint64_t index, uint64_t offset)
{
	if (!is_bar(index) || !dev->bar[index].at || offset % 4 || offset >= dev->bar[index].size)
		return NULL;
	return (uint32_t *)((char *)dev->bar[index].at + offset);
}

/* SET_IRQS; `data` holds `size` bytes of what `flags` says. */
static int set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count, const void *data, size_t size)
{
	struct {
		struct vfio_irq_set set;
		int32_t room[MAX_VECTORS];
	} request = { 0 };

	request.set.argsz = (uint32_t)(sizeof(request.set) + size);
	request.set.flags = flags;
	request.set.index = index;
	request.set.start = start;
	request.set.count = count;
	if (size)
		memcpy(request.set.data, data, size);
	return ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, &request);
}

/* Waits for interrupts of a vector and returns their count; -1 if none came in time. */
static int64_t wait_irq(unsigned int vector, int timeout_ms)
{
	struct pollfd poller = { .fd = dev->eventfd[vector], .events = POLLIN };
	uint64_t count, end_ns = now_ns() + (uint64_t)timeout_ms * 1000000;

	/* A signal interrupts poll(2), but not the time it may take. */
	while (poll(&poller, 1, timeout_ms) < 1) {
		uint64_t at_ns = now_ns();

		if (at_ns >= end_ns) {
			errno = ETIMEDOUT;
			return -1;
		}
		timeout_ms = (int)((end_ns - at_ns) / 1000000) + 1;
	}
	return read(dev->eventfd[vector], &count, sizeof(count)) == sizeof(count) ? (int64_t)count : -1;
}

#endif
