// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what users of VFIO do, in kernel instructions that the QEMU plugin pmtrace counts (see pmark.h).
 *
 * usage: vfbench dma FRONT STOCK      maps and unmaps the same memory for a slot of vfio-pause and for a function of
 *                                     vfio-pci, in turns
 *        vfbench irq FRONT STOCK      lets both, VFs of an igb, raise interrupts in turns
 *        vfbench access FRONT STOCK   reads and writes registers of both through their mappings, in turns
 *        vfbench memory SLOT          pauses and resumes a slot whose user has mapped more and more memory
 *        vfbench slots SLOT...        pauses and resumes one slot, then two in turn, and so on
 *
 * FRONT and STOCK are PCI addresses, a SLOT is its directory in /sys/kernel/vfio_pause/slots. The machine has one CPU.
 *
 * Prints lines for scripts/bench: contender, measure and value. Exit status: 0, 1 if something failed, 2 on wrong
 * usage.
 */

#define _GNU_SOURCE
/* Not all of these is used here. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "pmark.h"
#include "vfiouser.h"
#include "vfiouser_device.h"
#include "vfiouser_igb.h"
#include <stdnoreturn.h>

#define KIB 1024UL
#define MIB (1024UL * KIB)
#define IOVA (16UL * 1024 * MIB)
#define VECTORS 3
#define VECTOR 1
/* Where VFs of an igb have a word of memory: in their mailbox. */
#define SCRATCH (IGB_VMBMEM + 4)
/* So many times a section is tried without a tick of the clock, which costs as much as a small operation. */
#define TRIES 50

#define PAUSE "vfio-pause"
#define STOCK "vfio-pci"

static const struct contender {
	const char *name;
	struct device *device;
} contenders[] = { { PAUSE, devices }, { STOCK, devices + 1 } };

#define CONTENDERS 2

/* The container of each device. */
static int containers[MAX_DEVICES];
static struct pmark session, section;

static noreturn void die(const char *what)
{
	fprintf(stderr, "vfbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void result(const char *contender, const char *operation, const char *unit, uint64_t value)
{
	printf("%s\t%s: %s\t%llu\n", contender, operation, unit, (unsigned long long)value);
}

/* Makes the plugin count; there is no persistent memory to look at. */
static void count_on(void)
{
	int tries;

	for (tries = 0; tries < 1000 && session.state == PMARK_INACTIVE; tries++) {
		pmark_execute(PMARK_ON, &session);
		usleep(100);
	}
	errno = ENODEV;
	if (session.state != PMARK_ACTIVE)
		die("this machine has no plugin; use the profile viommutrace");
}

static void count_off(void)
{
	pmark_off(&session);
	session.state = PMARK_INACTIVE;
}

static void use(const struct device *device)
{
	dev = devices + (device - devices);
	container = containers[device - devices];
}

/* Opens a function, with a container of its own, as the next device. */
static void open_function(const char *address)
{
	struct device *device = devices;
	char path[PATH_MAX];
	const char *step;

	while (device->fd >= 0)
		device++;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	container = -1;
	dev = device;
	step = open_group(device, path);
	if (step)
		die(step);
	device->fd = ioctl(device->group_fd, VFIO_GROUP_GET_DEVICE_FD, address);
	if (device->fd < 0)
		die(address);
	containers[device - devices] = container;
}

/* Takes all that a driver of a VF does: registers and every interrupt. */
static void take_all(void)
{
	int i;

	if (map_bar(0) < 0)
		die("mmap");
	for (i = 0; i < VECTORS; i++)
		dev->eventfd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (set_irqs(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_PCI_MSIX_IRQ_INDEX, 0, VECTORS,
		     dev->eventfd, VECTORS * sizeof(int)) < 0)
		die("irqs");
}

static void start_igb(void)
{
	uint8_t mac[8];
	const char *step = igb_start(mac);

	if (step)
		die(step);
}

static void *memory(size_t size, int flags, int advice)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED || (advice && madvise(at, size, advice) < 0))
		die("memory");
	memset(at, 1, size);
	return at;
}

/* Memory of which no page follows the one before it: those of a file, from both ends in turns. */
static void *scattered_memory(size_t size)
{
	size_t page, pages = size / 4096;
	int file = memfd_create("vfbench", 0);
	char *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* Memory that is taken in order is in order. */
	if (at == MAP_FAILED || file < 0 || posix_fallocate(file, 0, (off_t)size))
		die("memory");
	for (page = 0; page < pages; page++) {
		size_t from = page % 2 ? pages - 1 - page / 2 : page / 2;

		if (mmap(at + page * 4096, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file,
			 (off_t)(from * 4096)) == MAP_FAILED)
			die("memory");
	}
	close(file);
	return at;
}

enum { MAP, UNMAP };

/* One request; returns its kernel instructions, and in `is_pure` that no interrupt came meanwhile. */
static uint64_t dma_request(int request, size_t size, void *at, bool *is_pure)
{
	bool good;

	pmark_begin(&section, "dma");
	good = request == MAP ? !map_dma(IOVA, size, at) : unmap_dma(IOVA, size, false) == (int64_t)size;
	pmark_end(&section);
	if (!good)
		die("dma");
	*is_pure = !section.counts.interrupts;
	return section.counts.kernel_instructions;
}

/* Maps and unmaps once for each contender, and prints the costs unless this is the first, which fills caches. */
static void dma_round(const char *what, size_t size, void *at, int round)
{
	static const char *const names[] = { "map", "unmap" };
	uint64_t counts[CONTENDERS][2];
	char operation[128];
	int i, request;

	for (i = 0; i < CONTENDERS; i++) {
		int which = (i + round) % CONTENDERS, tries = 0;
		bool pure[2];

		use(contenders[which].device);
		do {
			counts[which][MAP] = dma_request(MAP, size, at, &pure[MAP]);
			counts[which][UNMAP] = dma_request(UNMAP, size, at, &pure[UNMAP]);
			/* Long ones take some ticks, whoever does them. */
		} while (!(pure[MAP] && pure[UNMAP]) && size <= 2 * MIB && ++tries < TRIES);
	}
	for (request = 0; round && request < 2; request++) {
		snprintf(operation, sizeof(operation), "%s %s", names[request], what);
		for (i = 0; i < CONTENDERS; i++)
			result(contenders[i].name, operation, "kernel instructions", counts[i][request]);
		result(PAUSE, operation, "% of " STOCK, (counts[0][request] * 100 + counts[1][request] / 2) /
		       counts[1][request]);
	}
}

static void measure_dma(void)
{
	const struct {
		const char *what;
		size_t size;
		void *at;
		int rounds;
	} cases[] = {
		{ "4 KiB", 4 * KIB, memory(4 * KIB, 0, 0), 11 },
		{ "2 MiB, a huge page", 2 * MIB, memory(2 * MIB, MAP_HUGETLB, 0), 11 },
		{ "1 GiB, pages of 4 KiB", 1024 * MIB, memory(1024 * MIB, 0, MADV_NOHUGEPAGE), 2 },
		{ "64 MiB, scattered pages of 4 KiB", 64 * MIB, scattered_memory(64 * MIB), 3 },
	};
	size_t i;
	int round;

	count_on();
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (round = 0; round <= cases[i].rounds; round++)
			dma_round(cases[i].what, cases[i].size, cases[i].at, round);
	}
	count_off();
}

/* Lets the device interrupt, until its eventfd can be read; returns the kernel instructions. */
static uint64_t interrupt(void)
{
	uint64_t came;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		int i;

		igb_write(IGB_EICR, 1U << VECTOR);
		igb_write(IGB_EIMS, 1U << VECTOR);
		pmark_begin(&section, "irq");
		igb_write(IGB_EICS, 1U << VECTOR);
		/* Whoever looks after the eventfd costs instructions of the kernel, too. */
		for (i = 0; i < 1000; i++)
			atomic_signal_fence(memory_order_seq_cst);
		pmark_end(&section);
		errno = EIO;
		if (read(dev->eventfd[VECTOR], &came, sizeof(came)) != sizeof(came) || came != 1)
			die("interrupt");
		if (section.counts.interrupts == 1)
			return section.counts.kernel_instructions;
	}
	die("ticks");
}

static void measure_irq(void)
{
	uint64_t counts[CONTENDERS];
	int i, round;

	for (i = 0; i < CONTENDERS; i++) {
		use(contenders[i].device);
		take_all();
		start_igb();
	}
	count_on();
	for (round = 0; round <= 21; round++) {
		for (i = 0; i < CONTENDERS; i++) {
			int which = (i + round) % CONTENDERS;

			use(contenders[which].device);
			counts[which] = interrupt();
		}
		for (i = 0; round && i < CONTENDERS; i++)
			result(contenders[i].name, "interrupt to eventfd", "kernel instructions", counts[i]);
		if (round)
			result(PAUSE, "interrupt to eventfd", "% of " STOCK,
			       (counts[0] * 100 + counts[1] / 2) / counts[1]);
	}
	count_off();
}

/* Reads a register and writes one, 100 times. */
static void access_registers(void)
{
	uint32_t *word = bar_word(0, SCRATCH);
	int i, tries = 0;

	do {
		pmark_begin(&section, "access");
		for (i = 0; i < 100; i++) {
			mmio_read(word);
			mmio_write(word, 0);
		}
		pmark_end(&section);
	} while (section.counts.interrupts && ++tries < TRIES);
}

static void measure_access(void)
{
	static const char operation[] = "100 reads and 100 writes of registers";
	int i, round;

	for (i = 0; i < CONTENDERS; i++) {
		use(contenders[i].device);
		take_all();
	}
	count_on();
	for (round = 0; round <= 11; round++) {
		for (i = 0; i < CONTENDERS; i++) {
			const struct contender *contender = &contenders[(i + round) % CONTENDERS];

			use(contender->device);
			access_registers();
			if (!round)
				continue;
			result(contender->name, operation, "kernel instructions", section.counts.kernel_instructions);
			result(contender->name, operation, "user instructions", section.counts.user_instructions);
		}
	}
	count_off();
}

/* Reads the first word of a file of a slot. */
static void read_slot(const char *slot, const char *name, char word[64])
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", slot, name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%63s", word) != 1)
		die(path);
	fclose(file);
}

static void open_slot(const char *slot)
{
	char bdf[64];

	read_slot(slot, "bdf", bdf);
	open_function(bdf);
	take_all();
	start_igb();
}

enum report { NOTHING, TIME, COUNT };

/* Writes `command` to a slot; prints what it cost. */
static void control(const char *slot, const char *command, const char *kind, const char *situation, enum report report)
{
	const char *name = *command == 'p' ? "pause" : "resume";
	char path[PATH_MAX], operation[128], word[64];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/control", slot);
	snprintf(operation, sizeof(operation), "%s %s, %s", kind, name, situation);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	pmark_begin(&section, command);
	good = write(fd, command, strlen(command)) == (ssize_t)strlen(command);
	pmark_end(&section);
	if (!good)
		die(operation);
	close(fd);
	if (report == COUNT)
		result(PAUSE, operation, "kernel instructions", section.counts.kernel_instructions);
	if (report != TIME)
		return;
	snprintf(path, sizeof(path), "stats/%s_ns", name);
	read_slot(slot, path, word);
	result(PAUSE, operation, "us", strtoull(word, NULL, 10) / 1000);
}

/* Pauses the slots one after the other, and resumes them. */
static void transition(char *const *slots, int count, bool is_hard, const char *situation, enum report report)
{
	const char *kind = is_hard ? "hard" : "soft";
	int i;

	/* A mapping in use is one that is to be taken away. */
	for (i = 0; i < count; i++) {
		use(devices + i);
		igb_read(IGB_EIMS);
	}
	for (i = 0; i < count; i++)
		control(slots[i], is_hard ? "pause hard" : "pause soft", kind, situation, report);
	for (i = 0; i < count; i++)
		control(slots[i], "resume", kind, situation, report);
}

/* Times come first, as long as the machine does not count; each kind begins with a round that fills caches. */
static void transitions(char *const *slots, int count, const char *situation)
{
	int pass, kind, round;

	for (pass = TIME; pass <= COUNT; pass++) {
		if (pass == COUNT)
			count_on();
		for (kind = 0; kind < 2; kind++) {
			for (round = 0; round <= (kind ? 2 : 7); round++)
				transition(slots, count, kind, situation, round ? pass : NOTHING);
		}
	}
	count_off();
}

static void measure_memory(char *const *slots)
{
	static const size_t sizes[] = { 64, 256, 1024, 2048 };
	char *at = memory(2048 * MIB, 0, 0), situation[64];
	size_t i, mapped = 0;

	open_slot(*slots);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (map_dma(IOVA + mapped, sizes[i] * MIB - mapped, at + mapped) < 0)
			die("map");
		mapped = sizes[i] * MIB;
		snprintf(situation, sizeof(situation), "%zu MiB mapped", sizes[i]);
		transitions(slots, 1, situation);
	}
}

static void measure_slots(char *const *slots, int count)
{
	void *at = memory(64 * MIB, 0, 0);
	char situation[64];
	int i;

	for (i = 1; i <= count; i++) {
		open_slot(slots[i - 1]);
		if (map_dma(IOVA, 64 * MIB, at) < 0)
			die("map");
		snprintf(situation, sizeof(situation), "%d slot%s", i, i > 1 ? "s" : "");
		transitions(slots, i, situation);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} comparisons[] = { { "dma", measure_dma }, { "irq", measure_irq }, { "access", measure_access } };
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	forget_devices();
	for (i = 0; argc == 4 && i < sizeof(comparisons) / sizeof(*comparisons); i++) {
		if (strcmp(argv[1], comparisons[i].name))
			continue;
		open_function(argv[2]);
		open_function(argv[3]);
		comparisons[i].run();
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "memory")) {
		measure_memory(argv + 2);
		return 0;
	}
	if (argc > 2 && argc <= 2 + MAX_DEVICES && !strcmp(argv[1], "slots")) {
		measure_slots(argv + 2, argc - 2);
		return 0;
	}
	fprintf(stderr, "usage: vfbench dma|irq|access FRONT STOCK | memory SLOT | slots SLOT...\n");
	return 2;
}
