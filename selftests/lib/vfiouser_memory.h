/* SPDX-License-Identifier: GPL-2.0 */
/* The commands of vfiouser about memory for DMA. */

#ifndef VFIOUSER_MEMORY_H
#define VFIOUSER_MEMORY_H

#include "vfiouser.h"

/* A new buffer, in the place of one that is not mapped any more if there is no other; NULL with errno set. */
static struct buffer *make_buffer(uint64_t iova, size_t size)
{
	struct buffer *buffer, *place = NULL;
	void *at;

	for (buffer = buffers; buffer < buffers + MAX_BUFFERS && !(place && !place->at); buffer++) {
		if (!buffer->at || !buffer->mapped)
			place = buffer;
	}
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	if (!place) {
		munmap(at, size);
		errno = ENOSPC;
		return NULL;
	}
	if (place->at)
		forget_buffer(place);
	*place = (struct buffer){ .iova = iova, .size = size, .at = at };
	return place;
}

static int do_map(const struct words *words)
{
	uint64_t iova = words->number[0], size = words->number[1], start_ns;
	struct buffer *buffer = find_buffer(iova, size);

	/* Whatever the kernel is to refuse shall reach it. */
	if (!size)
		return map_dma(iova, size, buffers) < 0 ? failed(errno, "") : done();
	if (!buffer || buffer->mapped || buffer->iova != iova || buffer->size != size)
		buffer = make_buffer(iova, size);
	if (!buffer)
		return failed(errno, "memory");
	start_ns = now_ns();
	if (map_dma(iova, size, buffer->at) < 0) {
		int error = errno;

		forget_buffer(buffer);
		return failed(error, "");
	}
	buffer->mapped = true;
	return ok("ns=%llu", (unsigned long long)(now_ns() - start_ns));
}

/* An unmapped range leaves its memory, so that a later write of the device to it would show. */
static int report_unmap(uint64_t iova, uint64_t size, bool all)
{
	uint64_t start_ns = now_ns(), took_ns;
	int64_t bytes = unmap_dma(iova, size, all);
	struct buffer *buffer;

	if (bytes < 0)
		return failed(errno, "");
	took_ns = now_ns() - start_ns;
	for (buffer = buffers; buffer < buffers + MAX_BUFFERS; buffer++) {
		if (!buffer->at || (!all && (buffer->iova < iova || buffer->iova + buffer->size > iova + size)))
			continue;
		buffer->mapped = false;
		if (buffer->size > KEPT_BYTES)
			forget_buffer(buffer);
	}
	return ok("size=0x%llx ns=%llu", (unsigned long long)bytes, (unsigned long long)took_ns);
}

static int do_unmap(const struct words *words)
{
	return report_unmap(words->number[0], words->number[1], false);
}

static int do_unmap_all(const struct words *words)
{
	(void)words;
	return report_unmap(0, 0, true);
}

static int pattern(const struct words *words, bool fill)
{
	uint64_t i, *memory = memory_at(words->number[0], words->number[1]), seed = words->number[2];

	if (!memory || words->number[0] % 8)
		return failed(EINVAL, "not mapped");
	for (i = 0; i < words->number[1] / 8; i++) {
		uint64_t value = (seed + i) * 0x9e3779b97f4a7c15ULL;

		if (fill)
			memory[i] = value;
		else if (memory[i] != value)
			return failed(EILSEQ, "");
	}
	return done();
}

static int do_fill(const struct words *words)
{
	return pattern(words, true);
}

static int do_check(const struct words *words)
{
	return pattern(words, false);
}

static int do_map_bar(const struct words *words)
{
	uint64_t bar = words->number[1];

	if (bar >= BARS || !dev->bar[bar].at)
		return failed(EINVAL, "not mapped");
	if (map_dma(words->number[0], dev->bar[bar].size, dev->bar[bar].at) < 0)
		return failed(errno, "");
	return ok("size=0x%zx", dev->bar[bar].size);
}

static int do_storm(const struct words *words)
{
	uint64_t i, start_ns, size = words->number[2], iova = words->number[1];
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int error = 0;

	if (memory == MAP_FAILED)
		return failed(errno, "memory");
	start_ns = now_ns();
	for (i = 0; i < words->number[0] && !error; i++) {
		errno = EIO;
		if (map_dma(iova, size, memory) < 0 || unmap_dma(iova, size, false) != (int64_t)size)
			error = errno;
	}
	start_ns = now_ns() - start_ns;
	munmap(memory, size);
	if (error)
		return failed(error, "");
	return ok("rounds=%llu ns=%llu", (unsigned long long)i, (unsigned long long)start_ns);
}

#endif
