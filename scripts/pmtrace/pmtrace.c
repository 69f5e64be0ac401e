// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU TCG plugin: counts instructions, and counts and records what a guest does to its persistent memory.
 *
 * It sleeps until a program in the guest executes PMARK_ON (selftests/lib/pmark.h), so that booting costs nothing. From
 * then until PMARK_OFF all code is instrumented, kernel and user, on all CPUs. PMARK_BEGIN and PMARK_END enclose a
 * section; PMARK_END and PMARK_OFF write the counts into the guest's struct. Argument: out=DIRECTORY for the files.
 *
 * In the mode PMARK_TRACE two files are written, named after the label of PMARK_ON; trace.py reads them:
 *
 *   LABEL.image   the content of the range when recording began; pages of zeros are holes
 *   LABEL.trace   little-endian. Head of 32 bytes: "PMTRACE1", start of the range, its length in bytes, 0. Then
 *                 events of 16 bytes, in the order in which the emulator executed them:
 *
 *                   u8 kind, u8 cpu, u8 size, u8[5] offset in the range, u64 value
 *
 *     kind  1 store                     size 1 to 8 bytes, of which `value` holds the content. A store of 16 bytes is
 *           2 non-temporal store        two. One may cross words and lines (then it can tear), but no page
 *           3 clwb                      offset of the line
 *           4 clflushopt
 *           5 clflush
 *           6 sfence                    also with nothing to order
 *           7 mfence
 *           8 instruction with a lock   only if this CPU has stored or written back since its last event of kind
 *                                       6 to 8. Orders as mfence does; a checker that ignores it is on the safe side
 *           9 begin of a section        followed by `offset` bytes of label, padded to a multiple of 16
 *          10 end of a section          followed by `offset` bytes: struct pmark_counts
 *
 * Not seen: DMA; the true order of stores of several CPUs (the file has the emulator's); what fences because it
 * serialises (cpuid, iret). Taken for ordinary stores: movdiri, movdir64b and the scalar movnt of SSE4a.
 *
 * A repeated string instruction counts once, but with QEMU's -icount once per repetition. Its stores are recorded one
 * by one.
 */

#define PMARK_NO_CODE
#include "../../selftests/lib/pmark.h"
#include "decode.h"
#include "qemu_plugin.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MAX_CPUS 64
#define LINE 64
#define PAGE 4096
#define IMAGE_CHUNK (1024 * 1024)

int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint64_t plugin;
static const char *directory = ".";
static struct qemu_plugin_u64 kernel, user;

/* Protects all below: CPUs run in threads of their own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* All code is instrumented, or is going to be; counts are kept and events recorded. */
static bool instrumented, switching, counting;
static uint64_t range_start, range_length;
static FILE *trace;
static struct pmark_counts counts, at_on, at_begin[MAX_CPUS];
static bool unordered[MAX_CPUS];
static struct byte_array *buffer;

/* Numbered as in the encoding of instructions. */
static const char *const names[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"fs_base", "gs_base",
};

static struct qemu_plugin_register *handles[REGISTERS];

/* Returns the content of a register of the current CPU. */
static uint64_t read_register(unsigned int number)
{
	uint64_t value = 0;

	if (number >= REGISTERS || !handles[number])
		return 0;
	g_byte_array_set_size(buffer, 0);
	if (qemu_plugin_read_register(handles[number], buffer) && buffer->len >= sizeof(value))
		memcpy(&value, buffer->data, sizeof(value));
	return value;
}

static void find_registers(void)
{
	struct register_array *all;
	unsigned int i, number;

	if (buffer)
		return;
	buffer = g_byte_array_new();
	all = qemu_plugin_get_registers();
	for (i = 0; i < all->len; i++) {
		for (number = 0; number < REGISTERS; number++) {
			if (!strcmp(all->data[i].name, names[number]))
				handles[number] = all->data[i].handle;
		}
	}
}

/* Appends an event to the trace, if there is one. */
static void record(enum kind kind, unsigned int cpu, unsigned int size, uint64_t offset, uint64_t value)
{
	uint64_t event[2] = { kind | (uint64_t)(cpu & 0xff) << 8 | (uint64_t)size << 16 | offset << 24, value };

	if (trace)
		fwrite(event, sizeof(event), 1, trace);
}

static void record_long(enum kind kind, unsigned int cpu, const void *data, size_t len)
{
	static const uint8_t zeros[16];

	record(kind, cpu, 0, len, 0);
	if (trace) {
		fwrite(data, len, 1, trace);
		fwrite(zeros, -len % sizeof(zeros), 1, trace);
	}
}

/* Records at most 16 bytes that do not cross a page. */
static void stored(enum kind kind, unsigned int cpu, uint64_t address, const uint8_t *content, unsigned int len)
{
	uint64_t value, offset = address - range_start;
	unsigned int part;

	if (address < range_start || offset >= range_length)
		return;
	counts.stores++;
	*(kind == NT_STORE ? &counts.nt_bytes : &counts.cached_bytes) += len;
	unordered[cpu] = true;
	for (; len; len -= part, content += part, offset += part) {
		part = len < sizeof(value) ? len : sizeof(value);
		value = 0;
		memcpy(&value, content, part);
		record(kind, cpu, part, offset, value);
	}
}

static void on_store(unsigned int cpu, uint32_t info, uint64_t vaddr, void *data)
{
	union insn insn = { .data = data };
	enum kind kind = insn.kind == NT_STORE ? NT_STORE : STORE;
	struct qemu_plugin_hwaddr *where;
	struct qemu_plugin_value value;
	unsigned int len, here;
	uint64_t address;

	if (!counting || !qemu_plugin_mem_is_store(info))
		return;
	where = qemu_plugin_get_hwaddr(info, vaddr);
	if (!where || qemu_plugin_hwaddr_is_io(where))
		return;
	address = qemu_plugin_hwaddr_phys_addr(where);
	len = 1u << qemu_plugin_mem_size_shift(info);
	if (address + len <= range_start || address >= range_start + range_length)
		return;
	value = qemu_plugin_mem_get_value(info);
	here = PAGE - vaddr % PAGE;
	here = len < here ? len : here;
	pthread_mutex_lock(&lock);
	stored(kind, cpu, address, (uint8_t *)value.u64, here);
	/* The second page may be anywhere. */
	if (here < len && qemu_plugin_translate_vaddr(vaddr + here, &address))
		stored(kind, cpu, address, (uint8_t *)value.u64 + here, len - here);
	pthread_mutex_unlock(&lock);
}

static void on_flush(unsigned int cpu, union insn insn)
{
	uint64_t address, vaddr = insn.displacement;

	if (insn.base != NO_REGISTER)
		vaddr += read_register(insn.base);
	if (insn.index != NO_REGISTER)
		vaddr += read_register(insn.index) << insn.scale;
	if (insn.segment != NO_REGISTER)
		vaddr += read_register(insn.segment);
	if (!qemu_plugin_translate_vaddr(vaddr, &address))
		return;
	if (address < range_start || address - range_start >= range_length)
		return;
	counts.flushes++;
	unordered[cpu] = true;
	record(insn.kind, cpu, 0, (address - range_start) / LINE * LINE, 0);
}

static void on_insn(unsigned int cpu, void *data)
{
	union insn insn = { .data = data };

	if (!counting)
		return;
	pthread_mutex_lock(&lock);
	if (insn.kind == LOCKED) {
		counts.locked++;
		if (unordered[cpu])
			record(LOCKED, cpu, 0, 0, 0);
		unordered[cpu] = false;
	} else if (insn.kind == SFENCE || insn.kind == MFENCE) {
		counts.fences++;
		record(insn.kind, cpu, 0, 0, 0);
		unordered[cpu] = false;
	} else {
		on_flush(cpu, insn);
	}
	pthread_mutex_unlock(&lock);
}

static void on_interrupt(unsigned int cpu, int type, uint64_t from, uint64_t to, void *data)
{
	(void)cpu, (void)type, (void)from, (void)to, (void)data;
	pthread_mutex_lock(&lock);
	counts.interrupts++;
	pthread_mutex_unlock(&lock);
}

/* Opens the file for the label of `mark` with the suffix; a label that is no plain file name gives none. */
static FILE *create(const struct pmark *mark, const char *suffix)
{
	char path[4096];

	if (!*mark->label || *mark->label == '.' || strchr(mark->label, '/') ||
	    snprintf(path, sizeof(path), "%s/%s%s", directory, mark->label, suffix) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "wb");
}

/* Saves the content of the range; returns whether that worked. */
static bool save_image(FILE *file)
{
	static const uint8_t zeros[PAGE];
	struct byte_array *chunk = g_byte_array_new();
	uint64_t done, len, page;
	bool good = file;

	for (done = 0; good && done < range_length; done += len) {
		len = range_length - done < IMAGE_CHUNK ? range_length - done : IMAGE_CHUNK;
		good = !qemu_plugin_read_memory_hwaddr(range_start + done, chunk, len);
		for (page = 0; good && page < len; page += PAGE) {
			/* The last page gives the file its size. */
			if (!memcmp(chunk->data + page, zeros, PAGE) && done + page + PAGE < range_length)
				continue;
			good = !fseek(file, done + page, SEEK_SET) && fwrite(chunk->data + page, PAGE, 1, file) == 1;
		}
	}
	g_byte_array_free(chunk, true);
	return (!file || !fclose(file)) && good;
}

/* Ends counting and recording; returns whether all of the trace could be written. */
static bool stop(void)
{
	bool good = !trace || !ferror(trace);

	counting = false;
	if (trace && fclose(trace))
		good = false;
	trace = NULL;
	return good;
}

/* Begins to count, and to record if asked to; returns a state for the guest. */
static enum pmark_state start(const struct pmark *mark)
{
	if (mark->length % PAGE || mark->length >> 40)
		return PMARK_FAILED;
	range_start = mark->start;
	range_length = mark->length;
	if (mark->mode == PMARK_TRACE) {
		uint64_t head[4] = { 0, range_start, range_length, 0 };

		memcpy(head, "PMTRACE1", 8);
		trace = save_image(create(mark, ".image")) ? create(mark, ".trace") : NULL;
		if (!trace || fwrite(head, sizeof(head), 1, trace) != 1) {
			stop();
			return PMARK_FAILED;
		}
	}
	memset(unordered, 0, sizeof(unordered));
	at_on = counts;
	counting = true;
	return PMARK_ACTIVE;
}

static void on_exit_of_qemu(void *data)
{
	(void)data;
	stop();
}

/* The counts since `before`, which are as many numbers. */
static struct pmark_counts since(const struct pmark_counts *before)
{
	uint64_t now[sizeof(counts) / sizeof(uint64_t)], then[sizeof(counts) / sizeof(uint64_t)];
	struct pmark_counts difference;
	unsigned int i;

	memcpy(now, &counts, sizeof(now));
	memcpy(then, before, sizeof(then));
	for (i = 0; i < sizeof(now) / sizeof(*now); i++)
		now[i] -= then[i];
	memcpy(&difference, now, sizeof(now));
	return difference;
}

static void switch_instrumentation(bool on);

static void on_mark(unsigned int cpu, void *data)
{
	union insn insn = { .data = data };
	struct pmark mark;
	uint64_t vaddr;

	pthread_mutex_lock(&lock);
	find_registers();
	counts.kernel_instructions = qemu_plugin_u64_sum(kernel);
	counts.user_instructions = qemu_plugin_u64_sum(user);
	vaddr = read_register(RDI);
	if (cpu >= MAX_CPUS || !qemu_plugin_read_memory_vaddr(vaddr, buffer, sizeof(mark)))
		goto out;
	memcpy(&mark, buffer->data, sizeof(mark));
	mark.label[sizeof(mark.label) - 1] = 0;
	if (insn.command == PMARK_ON && !instrumented) {
		switch_instrumentation(true);
	} else if (insn.command == PMARK_ON) {
		mark.state = counting ? PMARK_FAILED : start(&mark);
		if (!counting)
			switch_instrumentation(false);
	} else if (insn.command == PMARK_BEGIN && counting) {
		record_long(BEGIN, cpu, mark.label, strlen(mark.label));
		at_begin[cpu] = counts;
	} else if (insn.command == PMARK_END && counting) {
		mark.counts = since(&at_begin[cpu]);
		record_long(END, cpu, &mark.counts, sizeof(mark.counts));
	} else if (insn.command == PMARK_OFF && counting) {
		mark.counts = since(&at_on);
		mark.state = stop() ? PMARK_INACTIVE : PMARK_FAILED;
		switch_instrumentation(false);
	}
	g_byte_array_set_size(buffer, sizeof(mark));
	memcpy(buffer->data, &mark, sizeof(mark));
	qemu_plugin_write_memory_vaddr(vaddr, buffer);
out:
	pthread_mutex_unlock(&lock);
}

/* Called for each new piece of translated code. */
static void on_translation(struct qemu_plugin_tb *tb, void *data)
{
	size_t i, len, count = qemu_plugin_tb_n_insns(tb);

	(void)data;
	for (i = 0; i < count; i++) {
		struct qemu_plugin_insn *each = qemu_plugin_tb_get_insn(tb, i);
		struct qemu_plugin_u64 counter;
		uint8_t code[32] = { 0 };
		union insn insn;

		len = qemu_plugin_insn_data(each, code, 15);
		insn = decode(code, len);
		if (insn.kind == MARK)
			qemu_plugin_register_vcpu_insn_exec_cb(each, on_mark, CB_R_REGS, insn.data);
		if (!instrumented)
			continue;
		/* Addresses of the kernel are the negative ones. */
		counter = qemu_plugin_insn_vaddr(each) >> 63 ? kernel : user;
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(each, INLINE_ADD_U64, counter, 1);
		qemu_plugin_register_vcpu_mem_cb(each, on_store, CB_NO_REGS, MEM_W, insn.data);
		if (insn.kind >= CLWB && insn.kind <= LOCKED)
			qemu_plugin_register_vcpu_insn_exec_cb(each, on_insn, CB_R_REGS, insn.data);
	}
}

/* QEMU calls this with all CPUs stopped and all translated code thrown away. */
static void on_reset(void *data)
{
	pthread_mutex_lock(&lock);
	instrumented = data;
	switching = false;
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_translation, NULL);
	qemu_plugin_register_atexit_cb(plugin, on_exit_of_qemu, NULL);
	if (instrumented)
		qemu_plugin_register_vcpu_discon_cb(plugin, DISCON_INTERRUPT, on_interrupt, NULL);
}

static void switch_instrumentation(bool on)
{
	if (switching)
		return;
	switching = true;
	qemu_plugin_reset(plugin, on_reset, on ? &instrumented : NULL);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	struct qemu_plugin_scoreboard *score = qemu_plugin_scoreboard_new(2 * sizeof(uint64_t));
	int i;

	(void)info;
	plugin = id;
	kernel = (struct qemu_plugin_u64){ score, 0 };
	user = (struct qemu_plugin_u64){ score, sizeof(uint64_t) };
	for (i = 0; i < argc; i++) {
		if (strncmp(argv[i], "out=", 4)) {
			fprintf(stderr, "pmtrace: unknown argument '%s'\n", argv[i]);
			return -1;
		}
		directory = argv[i] + 4;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation, NULL);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
