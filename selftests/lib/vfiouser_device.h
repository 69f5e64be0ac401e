/* SPDX-License-Identifier: GPL-2.0 */
/* The commands of vfiouser about devices and interrupts. */

#ifndef VFIOUSER_DEVICE_H
#define VFIOUSER_DEVICE_H

#include "vfiouser.h"

static void forget_device(struct device *device)
{
	int i;

	memset(device, 0, sizeof(*device));
	device->fd = -1;
	device->group_fd = -1;
	for (i = 0; i < MAX_VECTORS; i++)
		device->eventfd[i] = -1;
}

static void forget_devices(void)
{
	int i;

	for (i = 0; i < MAX_DEVICES; i++)
		forget_device(&devices[i]);
}

static bool group_is_shared(void)
{
	const struct device *other;

	for (other = devices; other < devices + MAX_DEVICES; other++) {
		if (other != dev && other->group_fd >= 0 && other->group_fd == dev->group_fd)
			return true;
	}
	return false;
}

/* Gives the current device back, and with the last one the container and all memory. */
static void close_device(void)
{
	const struct device *other;
	int i;

	for (i = 0; i < BARS; i++)
		unmap_bar((unsigned int)i);
	for (i = 0; i < MAX_VECTORS; i++) {
		if (dev->eventfd[i] >= 0)
			close(dev->eventfd[i]);
	}
	if (dev->fd >= 0)
		close(dev->fd);
	if (dev->group_fd >= 0 && !group_is_shared())
		close(dev->group_fd);
	forget_device(dev);
	for (other = devices; other < devices + MAX_DEVICES; other++) {
		if (other->group_fd >= 0)
			return;
	}
	if (container >= 0)
		close(container);
	container = -1;
	for (i = 0; i < MAX_BUFFERS; i++) {
		if (buffers[i].at)
			forget_buffer(&buffers[i]);
	}
}

/* Opens the group of `path` for the device, and the container if it is the first; the step that failed, or NULL. */
static const char *open_group(struct device *device, const char *path)
{
	const struct device *other;
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char link[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "%.3900s/iommu_group", path);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return "iommu_group";
	target[length] = '\0';
	device->group = strtoul(strrchr(target, '/') ? strrchr(target, '/') + 1 : target, NULL, 10);
	for (other = devices; other < devices + MAX_DEVICES; other++) {
		if (other != device && other->group_fd >= 0 && other->group == device->group) {
			device->group_fd = other->group_fd;
			return NULL;
		}
	}
	if (container < 0)
		container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		return "container";
	snprintf(link, sizeof(link), "/dev/vfio/%lu", device->group);
	device->group_fd = open(link, O_RDWR | O_CLOEXEC);
	if (device->group_fd < 0)
		return "group";
	if (ioctl(device->group_fd, VFIO_GROUP_GET_STATUS, &status) < 0)
		return "status";
	errno = EPERM;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return "viable";
	if (ioctl(device->group_fd, VFIO_GROUP_SET_CONTAINER, &container) < 0)
		return "set-container";
	/* The container has an IOMMU from its first group on. */
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0 && errno != EBUSY && errno != EINVAL)
		return "set-iommu";
	if (ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return "extension";
	return NULL;
}

static int do_open(const struct words *words)
{
	char path[PATH_MAX], real[PATH_MAX];
	struct device *device = devices, *old = dev;
	const char *step;
	int error;

	while (device < devices + MAX_DEVICES && device->group_fd >= 0)
		device++;
	if (device == devices + MAX_DEVICES)
		return failed(ENOSPC, "devices");
	if (*words->text[0] == '/')
		snprintf(path, sizeof(path), "%s", words->text[0]);
	else
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.200s", words->text[0]);
	if (!realpath(path, real))
		return failed(errno, "path");
	dev = device;
	step = open_group(device, real);
	if (!step) {
		device->fd = ioctl(device->group_fd, VFIO_GROUP_GET_DEVICE_FD, strrchr(real, '/') + 1);
		step = device->fd < 0 ? "device" : NULL;
	}
	if (!step)
		return ok("device=%d group=%lu", (int)(device - devices), device->group);
	error = errno;
	close_device();
	dev = old;
	return failed(error, step);
}

static int do_use(const struct words *words)
{
	if (words->number[0] >= MAX_DEVICES || devices[words->number[0]].fd < 0)
		return failed(ENODEV, "");
	dev = &devices[words->number[0]];
	return done();
}

static int do_close(const struct words *words)
{
	struct device *device;

	(void)words;
	close_device();
	for (device = devices; device < devices + MAX_DEVICES; device++) {
		if (device->fd >= 0)
			dev = device;
	}
	return done();
}

static int do_fds(const struct words *words)
{
	(void)words;
	return ok("container=%d group=%d device=%d", container, dev->group_fd, dev->fd);
}

static int do_info(const struct words *words)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	(void)words;
	if (ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &info) < 0)
		return failed(errno, "");
	return ok("flags=0x%x regions=%u irqs=%u", info.flags, info.num_regions, info.num_irqs);
}

static int do_region(const struct words *words)
{
	uint64_t room[64];
	struct vfio_region_info *info = (struct vfio_region_info *)room;
	char caps[64] = "";
	uint32_t at;

	if (region_info((unsigned int)words->number[0], info, sizeof(room)) < 0)
		return failed(errno, "");
	for (at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0; at && at < sizeof(room) - 8;) {
		const struct vfio_info_cap_header *cap = (void *)((char *)room + at);

		snprintf(caps + strlen(caps), sizeof(caps) - strlen(caps), "%s%u", *caps ? "," : "", cap->id);
		at = cap->next;
	}
	return ok("flags=0x%x size=0x%llx offset=0x%llx caps=%s", info->flags & ~VFIO_REGION_INFO_FLAG_CAPS,
		  (unsigned long long)info->size, (unsigned long long)info->offset, *caps ? caps : "none");
}

static int do_irqinfo(const struct words *words)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = (uint32_t)words->number[0] };

	if (ioctl(dev->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0)
		return failed(errno, "");
	return ok("flags=0x%x count=%u", info.flags, info.count);
}

static int do_ioctl(const struct words *words)
{
	int result = ioctl(dev->fd, words->number[0], NULL);

	return result < 0 ? failed(errno, "") : ok("%d", result);
}

static int do_reset(const struct words *words)
{
	uint64_t start_ns = now_ns();

	(void)words;
	if (ioctl(dev->fd, VFIO_DEVICE_RESET) < 0)
		return failed(errno, "");
	return ok("ns=%llu", (unsigned long long)(now_ns() - start_ns));
}

static int do_irqs(const struct words *words)
{
	uint64_t i, start = words->number[1], count = words->number[2];

	if (start > MAX_VECTORS || count > MAX_VECTORS - start)
		return failed(EINVAL, "vectors");
	for (i = start; i < start + count; i++) {
		if (dev->eventfd[i] < 0)
			dev->eventfd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	if (set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, (uint32_t)words->number[0],
		     (uint32_t)start, (uint32_t)count, &dev->eventfd[start], count * sizeof(int)) < 0)
		return failed(errno, "");
	return done();
}

static int set_irqs_plain(const struct words *words, uint32_t start, uint32_t count)
{
	if (set_irqs(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, (uint32_t)words->number[0], start, count,
		     NULL, 0) < 0)
		return failed(errno, "");
	return done();
}

static int do_irq_none(const struct words *words)
{
	return set_irqs_plain(words, (uint32_t)words->number[1], (uint32_t)words->number[2]);
}

static int do_irq_off(const struct words *words)
{
	return set_irqs_plain(words, 0, 0);
}

static int do_irq_bool(const struct words *words)
{
	uint8_t bits[MAX_VECTORS];
	size_t i, count = strnlen(words->text[2], MAX_VECTORS);

	for (i = 0; i < count; i++)
		bits[i] = words->text[2][i] == '1';
	if (set_irqs(VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, (uint32_t)words->number[0],
		     (uint32_t)words->number[1], (uint32_t)count, bits, count) < 0)
		return failed(errno, "");
	return done();
}

static int do_irq_drop(const struct words *words)
{
	int32_t none = -1;

	if (set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, (uint32_t)words->number[0],
		     (uint32_t)words->number[1], 1, &none, sizeof(none)) < 0)
		return failed(errno, "");
	return done();
}

static int do_irq_wait(const struct words *words)
{
	uint64_t start_ns = now_ns();
	int64_t count;

	if (words->number[0] >= MAX_VECTORS || dev->eventfd[words->number[0]] < 0)
		return failed(EBADF, "vector");
	count = wait_irq((unsigned int)words->number[0], (int)words->number[1]);
	if (count < 0)
		return failed(errno, "");
	return ok("count=%lld ns=%llu", (long long)count, (unsigned long long)(now_ns() - start_ns));
}

static int do_irq_count(const struct words *words)
{
	int64_t count;

	if (words->number[0] >= MAX_VECTORS || dev->eventfd[words->number[0]] < 0)
		return failed(EBADF, "vector");
	count = wait_irq((unsigned int)words->number[0], 0);
	return ok("count=%lld", (long long)(count < 0 ? 0 : count));
}

#endif
