/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks of a program in the guest for the QEMU plugin scripts/pmtrace/pmtrace.c, which counts and records what happens
 * between them. A mark is a NOP of 8 bytes with the command in its displacement and the address of a struct pmark in
 * %rdi; without the plugin it does nothing.
 */
#ifndef PMARK_H
#define PMARK_H

#include <stdint.h>

/* The high three bytes of the displacement; the low one is the command. */
#define PMARK_MAGIC 0x504d4b00u

enum pmark_command { PMARK_ON = 1, PMARK_OFF, PMARK_BEGIN, PMARK_END };

/* What the plugin has counted: instructions and persistent-memory accesses of all CPUs. */
struct pmark_counts {
	uint64_t kernel_instructions;
	uint64_t user_instructions;
	/* sfence and mfence, whatever they are for; instructions with a lock. */
	uint64_t fences;
	uint64_t locked;
	/* clwb, clflushopt and clflush of lines in the range. */
	uint64_t flushes;
	/* Stores to the range, and their bytes by kind. */
	uint64_t stores;
	uint64_t cached_bytes;
	uint64_t nt_bytes;
	/* Interrupts taken, whose instructions are among the kernel's. */
	uint64_t interrupts;
};

enum pmark_mode { PMARK_COUNT = 0, PMARK_TRACE = 1 };
enum pmark_state { PMARK_INACTIVE = 0, PMARK_ACTIVE = 1, PMARK_FAILED = 2 };

struct pmark {
	/* Of PMARK_ON: what to do, and the physical range of the persistent memory. */
	uint64_t mode;
	uint64_t start;
	uint64_t length;
	/* Set by the plugin: PMARK_ON has taken effect, or has failed; PMARK_OFF could not write all of the trace. */
	uint64_t state;
	/* Set by the plugin: since PMARK_BEGIN for PMARK_END, since PMARK_ON for PMARK_OFF. */
	struct pmark_counts counts;
	/* Of PMARK_BEGIN: the section's name; of PMARK_ON: that of the files. Ends with a zero byte. */
	char label[64];
};

#ifndef PMARK_NO_CODE
#include <stdio.h>
#include <string.h>
#include <sys/cdefs.h>
#include <unistd.h>

/* Executes one mark; inlined, since the command is part of the instruction. */
static __always_inline void pmark_execute(enum pmark_command command, struct pmark *mark)
{
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.long %c0" : : "i"(PMARK_MAGIC | command), "D"(mark) : "memory");
}

/* Begins the section `label`. */
static inline void pmark_begin(struct pmark *mark, const char *label)
{
	snprintf(mark->label, sizeof(mark->label), "%s", label);
	pmark_execute(PMARK_BEGIN, mark);
}

static inline void pmark_end(struct pmark *mark)
{
	pmark_execute(PMARK_END, mark);
}

/* Reads a number from a file; returns 0 if that fails. */
static inline uint64_t pmark_number(const char *format, const char *device)
{
	unsigned long long value = 0;
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), format, device);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%lli", (long long *)&value) != 1)
		value = 0;
	fclose(file);
	return value;
}

/*
 * Makes the plugin count, and in PMARK_TRACE record, what happens to the memory of `device`, such as "pmem0".
 * Returns 0, or -1 after a message if there is no such device or no plugin.
 */
static inline int pmark_on(struct pmark *mark, enum pmark_mode mode, const char *device, const char *label)
{
	int tries;

	memset(mark, 0, sizeof(*mark));
	mark->mode = mode;
	mark->start = pmark_number("/sys/class/block/%s/device/resource", device);
	mark->length = pmark_number("/sys/class/block/%s/size", device) * 512;
	snprintf(mark->label, sizeof(mark->label), "%s", label);
	if (!mark->start || !mark->length) {
		fprintf(stderr, "pmark: no persistent memory '%s'\n", device);
		return -1;
	}
	/* The first one makes QEMU translate all code anew, which takes effect a little later. */
	for (tries = 0; tries < 1000 && mark->state == PMARK_INACTIVE; tries++) {
		pmark_execute(PMARK_ON, mark);
		usleep(100);
	}
	if (mark->state == PMARK_ACTIVE)
		return 0;
	fprintf(stderr, "pmark: %s\n", mark->state == PMARK_FAILED ? "the plugin cannot write its files, or is in use" :
		"this machine has no plugin; use the profile pmtrace");
	return -1;
}

/* Ends what pmark_on has begun. Returns 0, or -1 after a message if a file could not be written. */
static inline int pmark_off(struct pmark *mark)
{
	pmark_execute(PMARK_OFF, mark);
	if (mark->state != PMARK_FAILED)
		return 0;
	fprintf(stderr, "pmark: the plugin could not write all of the trace\n");
	return -1;
}

#endif
#endif
