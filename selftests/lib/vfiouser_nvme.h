/* SPDX-License-Identifier: GPL-2.0 */
/* Driver for an NVMe controller with one pair of I/O queues: NVM Express Base Specification 2.0, chapters 3 to 5. */

#ifndef VFIOUSER_NVME_H
#define VFIOUSER_NVME_H

#include "vfiouser.h"

/* Registers. */
#define NVME_CAP 0x00
#define NVME_CC 0x14
#define NVME_CSTS 0x1c
#define NVME_AQA 0x24
#define NVME_ASQ 0x28
#define NVME_ACQ 0x30
#define NVME_DOORBELLS 0x1000
/* Enabled, with submission entries of 64 bytes and completion entries of 16. */
#define NVME_CC_ON 0x00460001U
#define NVME_CSTS_READY 1
#define NVME_CSTS_FAILED 2
/* Opcodes. */
#define NVME_CREATE_SQ 0x01
#define NVME_CREATE_CQ 0x05
#define NVME_IDENTIFY 0x06
#define NVME_WRITE 0x01
#define NVME_READ 0x02
/* What IDENTIFY is asked for. */
#define NVME_OF_NAMESPACE 0
#define NVME_OF_CONTROLLER 1

#define NVME_NAMESPACE 1
#define NVME_DEPTH 32
#define NVME_PAGE 4096
/* Where things are, in pages from the start of the driver's memory. Data of a command fits two pages. */
enum nvme_page { NVME_ADMIN_SQ, NVME_ADMIN_CQ, NVME_IO_SQ, NVME_IO_CQ, NVME_ANSWER, NVME_PAGES };
#define NVME_MOST_DATA (2 * NVME_PAGE)
#define NVME_TIMEOUT_MS 5000

struct nvme_command {
	uint32_t head;
	uint32_t namespace;
	uint64_t unused;
	uint64_t metadata;
	uint64_t data[2];
	uint32_t word[6];
};

struct nvme_completion {
	uint32_t result;
	uint32_t unused;
	uint16_t sq_head, sq;
	/* The identifier, and from bit 16 the phase and the status. */
	uint32_t state;
};

struct nvme_queue {
	unsigned int number;
	struct nvme_command *commands;
	struct nvme_completion *completions;
	uint16_t tail, head, identifier;
	bool phase;
};

/* The driver, of which a program has one. */
static struct {
	struct nvme_queue admin, io;
	uint64_t iova;
	uint8_t *memory;
	unsigned int doorbell_stride, block_bytes;
	/* Given to the controller, and not yet waited for. */
	unsigned int pending;
} nvme;

static uint32_t nvme_get(uint32_t offset)
{
	return mmio_read((uint32_t *)((char *)dev->bar[0].at + offset));
}

static void nvme_set(uint32_t offset, uint32_t value)
{
	mmio_write((uint32_t *)((char *)dev->bar[0].at + offset), value);
}

static uint64_t nvme_iova(enum nvme_page page)
{
	return nvme.iova + (uint64_t)page * NVME_PAGE;
}

static void *nvme_memory(enum nvme_page page)
{
	return nvme.memory + (size_t)page * NVME_PAGE;
}

/* Waits until the controller is ready or not, as wanted. */
static bool nvme_wait_ready(uint32_t wanted)
{
	uint64_t end_ns = now_ns() + NVME_TIMEOUT_MS * 1000000ULL;
	uint32_t state;

	do {
		state = nvme_get(NVME_CSTS);
		errno = state & NVME_CSTS_FAILED ? EIO : ETIMEDOUT;
		if ((state & NVME_CSTS_READY) == wanted)
			return true;
		sleep_us(200);
	} while (now_ns() < end_ns);
	return false;
}

static void nvme_make_queue(struct nvme_queue *queue, unsigned int number, enum nvme_page sq, enum nvme_page cq)
{
	*queue = (struct nvme_queue){ .number = number, .commands = nvme_memory(sq), .completions = nvme_memory(cq),
				      .phase = true };
	memset(queue->commands, 0, NVME_PAGE);
	memset(queue->completions, 0, NVME_PAGE);
}

/* Puts a command into the queue; the controller is not told of it yet. */
static void nvme_put(struct nvme_queue *queue, uint8_t opcode, const struct nvme_command *command)
{
	struct nvme_command *place = &queue->commands[queue->tail];

	*place = *command;
	place->head = (uint32_t)queue->identifier++ << 16 | opcode;
	queue->tail = (uint16_t)((queue->tail + 1) % NVME_DEPTH);
}

static void nvme_ring(const struct nvme_queue *queue, bool completion)
{
	uint32_t index = 2 * queue->number + completion;

	atomic_thread_fence(memory_order_seq_cst);
	nvme_set(NVME_DOORBELLS + index * nvme.doorbell_stride, completion ? queue->head : queue->tail);
}

/* Waits for the next completion; its status, or -1. */
static int nvme_complete(struct nvme_queue *queue, unsigned int timeout_ms, uint32_t *result)
{
	uint64_t end_ns = now_ns() + timeout_ms * 1000000ULL;
	struct nvme_completion *completion = &queue->completions[queue->head];
	uint32_t state;

	while (state = mmio_read(&completion->state), (state >> 16 & 1) != queue->phase) {
		if (now_ns() > end_ns) {
			errno = ETIMEDOUT;
			return -1;
		}
		sleep_us(50);
	}
	*result = completion->result;
	queue->head = (uint16_t)((queue->head + 1) % NVME_DEPTH);
	if (!queue->head)
		queue->phase = !queue->phase;
	nvme_ring(queue, true);
	return (int)(state >> 17);
}

/* Runs one command of the administrator; EREMOTEIO is what the controller refused. */
static bool nvme_admin(uint8_t opcode, struct nvme_command command, uint32_t *result)
{
	int status;

	nvme_put(&nvme.admin, opcode, &command);
	nvme_ring(&nvme.admin, false);
	status = nvme_complete(&nvme.admin, NVME_TIMEOUT_MS, result);
	if (status > 0)
		errno = EREMOTEIO;
	return !status;
}

static bool nvme_identify(uint32_t what, uint32_t namespace)
{
	struct nvme_command command = { .namespace = namespace, .data[0] = nvme_iova(NVME_ANSWER), .word[0] = what };
	uint32_t result;

	memset(nvme_memory(NVME_ANSWER), 0, NVME_PAGE);
	return nvme_admin(NVME_IDENTIFY, command, &result);
}

static bool nvme_make_io_queues(void)
{
	struct nvme_command cq = { .data[0] = nvme_iova(NVME_IO_CQ) }, sq = { .data[0] = nvme_iova(NVME_IO_SQ) };
	uint32_t result;

	nvme_make_queue(&nvme.io, 1, NVME_IO_SQ, NVME_IO_CQ);
	cq.word[0] = (NVME_DEPTH - 1) << 16 | 1;
	sq.word[0] = cq.word[0];
	/* In one piece; completions interrupt, by vector 0 as those of the administrator do. */
	cq.word[1] = 1 | 2;
	sq.word[1] = 1 << 16 | 1;
	return nvme_admin(NVME_CREATE_CQ, cq, &result) && nvme_admin(NVME_CREATE_SQ, sq, &result);
}

/* Starts the controller anew with its queues in the memory at `iova`; the step that failed, or NULL. */
static const char *nvme_start(uint64_t iova)
{
	uint64_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	const uint8_t *answer;
	unsigned int shift;

	errno = EINVAL;
	nvme.iova = iova;
	nvme.memory = memory_at(iova, NVME_PAGES * NVME_PAGE);
	nvme.pending = 0;
	if (!nvme.memory)
		return "memory";
	if (access_region(VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2, &command, true) < 0)
		return "command";
	if (map_bar(0) < 0)
		return "mmap";
	nvme.doorbell_stride = 4U << (nvme_get(NVME_CAP + 4) & 0xf);
	nvme_set(NVME_CC, 0);
	if (!nvme_wait_ready(0))
		return "reset";
	nvme_make_queue(&nvme.admin, 0, NVME_ADMIN_SQ, NVME_ADMIN_CQ);
	nvme_set(NVME_AQA, (NVME_DEPTH - 1) << 16 | (NVME_DEPTH - 1));
	nvme_set(NVME_ASQ, (uint32_t)nvme_iova(NVME_ADMIN_SQ));
	nvme_set(NVME_ASQ + 4, (uint32_t)(nvme_iova(NVME_ADMIN_SQ) >> 32));
	nvme_set(NVME_ACQ, (uint32_t)nvme_iova(NVME_ADMIN_CQ));
	nvme_set(NVME_ACQ + 4, (uint32_t)(nvme_iova(NVME_ADMIN_CQ) >> 32));
	nvme_set(NVME_CC, NVME_CC_ON);
	if (!nvme_wait_ready(NVME_CSTS_READY))
		return "ready";
	if (!nvme_identify(NVME_OF_NAMESPACE, NVME_NAMESPACE))
		return "namespace";
	answer = nvme_memory(NVME_ANSWER);
	/* The size of a block in the format in use. */
	shift = answer[128 + 4 * (answer[26] & 0xf) + 2];
	errno = ENOMEDIUM;
	if (shift < 9 || shift > 12)
		return "format";
	nvme.block_bytes = 1U << shift;
	return nvme_make_io_queues() ? NULL : "queues";
}

/* Puts the commands for `size` bytes at `iova` into the queue, each for two pages, and tells the controller. */
static bool nvme_submit(uint8_t opcode, uint64_t lba, uint64_t iova, uint64_t size)
{
	uint64_t at, commands = (size + NVME_MOST_DATA - 1) / NVME_MOST_DATA;

	errno = EINVAL;
	if (!nvme.block_bytes || !size || size % NVME_PAGE || iova % NVME_PAGE)
		return false;
	errno = EBUSY;
	if (nvme.pending + commands >= NVME_DEPTH)
		return false;
	for (at = 0; at < size; at += NVME_MOST_DATA) {
		uint64_t bytes = size - at < NVME_MOST_DATA ? size - at : NVME_MOST_DATA;
		uint64_t block = lba + at / nvme.block_bytes;
		struct nvme_command command = {
			.namespace = NVME_NAMESPACE,
			.data = { iova + at, bytes > NVME_PAGE ? iova + at + NVME_PAGE : 0 },
			.word = { (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)(bytes / nvme.block_bytes - 1) },
		};

		nvme_put(&nvme.io, opcode, &command);
		nvme.pending++;
	}
	nvme_ring(&nvme.io, false);
	return true;
}

/* Waits for all commands that are under way. */
static bool nvme_finish(unsigned int timeout_ms)
{
	uint32_t result;
	bool well = true;

	while (nvme.pending) {
		int status = nvme_complete(&nvme.io, timeout_ms, &result);

		if (status < 0)
			return false;
		nvme.pending--;
		well = well && !status;
	}
	errno = EREMOTEIO;
	return well;
}

static int do_nvme_init(const struct words *words)
{
	const char *step = nvme_start(words->number[0]);

	if (step)
		return failed(errno, step);
	return ok("block=%u", nvme.block_bytes);
}

static int do_nvme_identify(const struct words *words)
{
	const char *answer = nvme_memory(NVME_ANSWER);
	uint16_t controller;
	uint64_t blocks;

	(void)words;
	if (!nvme.block_bytes)
		return failed(EINVAL, "not started");
	if (!nvme_identify(NVME_OF_NAMESPACE, NVME_NAMESPACE))
		return failed(errno, "namespace");
	memcpy(&blocks, answer, sizeof(blocks));
	if (!nvme_identify(NVME_OF_CONTROLLER, 0))
		return failed(errno, "controller");
	memcpy(&controller, answer + 78, sizeof(controller));
	return ok("serial=%.4s controller=%u blocks=%llu", answer + 4, controller, (unsigned long long)blocks);
}

static int nvme_transfer(const struct words *words, uint8_t opcode, bool wait)
{
	uint64_t start_ns = now_ns();

	if (!nvme_submit(opcode, words->number[0], words->number[1], words->number[2]))
		return failed(errno, "submit");
	if (wait && !nvme_finish(NVME_TIMEOUT_MS))
		return failed(errno, "completion");
	return ok("pending=%u ns=%llu", nvme.pending, (unsigned long long)(now_ns() - start_ns));
}

static int do_nvme_write(const struct words *words)
{
	return nvme_transfer(words, NVME_WRITE, true);
}

static int do_nvme_read(const struct words *words)
{
	return nvme_transfer(words, NVME_READ, true);
}

static int do_nvme_start_write(const struct words *words)
{
	return nvme_transfer(words, NVME_WRITE, false);
}

static int do_nvme_start_read(const struct words *words)
{
	return nvme_transfer(words, NVME_READ, false);
}

static int do_nvme_finish(const struct words *words)
{
	unsigned int pending = nvme.pending;

	if (!nvme_finish((unsigned int)words->number[0]))
		return failed(errno, "completion");
	return ok("commands=%u", pending);
}

static int do_nvme_loop(const struct words *words)
{
	uint64_t i, start_ns = now_ns(), lba = words->number[1], iova = words->number[2], size = words->number[3];
	uint64_t *memory = memory_at(iova, size), word;

	if (!memory)
		return failed(EINVAL, "not mapped");
	for (i = 0; i < words->number[0]; i++) {
		for (word = 0; word < size / 8; word++)
			memory[word] = (i << 32) + word;
		if (!nvme_submit(NVME_WRITE, lba, iova, size) || !nvme_finish(NVME_TIMEOUT_MS))
			return failed(errno, "write");
		memset(memory, 0xa5, size);
		if (!nvme_submit(NVME_READ, lba, iova, size) || !nvme_finish(NVME_TIMEOUT_MS))
			return failed(errno, "read");
		for (word = 0; word < size / 8; word++) {
			if (memory[word] != (i << 32) + word)
				return failed(EILSEQ, "");
		}
	}
	return ok("rounds=%llu ns=%llu", (unsigned long long)i, (unsigned long long)(now_ns() - start_ns));
}

#endif
