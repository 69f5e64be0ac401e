// SPDX-License-Identifier: GPL-2.0
/*
 * A user of VFIO (groups, type1v2) that does what it is told, a line at a time, so that a test can do things to the
 * host between any two steps.
 *
 * usage: vfiouser                      commands from standard input
 *        vfiouser -c "COMMAND; ..."    these commands; ends at the first that fails
 *
 * Each command is answered by one line: "ok [RESULT]", "errno NAME [STEP]", or "usage TEXT" for one that makes no
 * sense. Numbers are decimal, 0x or 0 octal. BAR is 0 to 5, WIDTH 1, 2, 4 or 8 bytes. Commands:
 *
 *   open DEVICE            a PCI address or a directory of sysfs; the second and later ones join the same container
 *   use K                  the device that the following commands are about, counted from 0 as opened
 *   close                  gives the current device back, and with the last one the container
 *   fds                    numbers of the container's, group's and device's files
 *   info                   VFIO_DEVICE_GET_INFO
 *   region N, irqinfo N    VFIO_DEVICE_GET_REGION_INFO with its capabilities, VFIO_DEVICE_GET_IRQ_INFO
 *   ioctl NUMBER           some ioctl of the device with a null argument
 *   reset                  VFIO_DEVICE_RESET
 *   cfg-read OFF WIDTH, cfg-write OFF WIDTH VALUE
 *   bar-read BAR OFF WIDTH, bar-write BAR OFF WIDTH VALUE      by pread and pwrite
 *   mmap BAR, munmap BAR
 *   mread BAR OFF, mwrite BAR OFF VALUE    32 bits through the mapping; SIGBUS is "errno SIGBUS". The result has the
 *                          time taken, how many SIGUSR1 came meanwhile and when the last of them was handled
 *   map IOVA SIZE          maps fresh memory, or again what an unmap of the same range left
 *   unmap IOVA SIZE        result: the bytes unmapped; up to 64 KiB of memory are kept
 *   unmap-all
 *   fill IOVA SIZE SEED, check IOVA SIZE SEED                  a pattern in the memory; "errno EILSEQ" if it differs
 *   map-bar IOVA BAR       maps the BAR's mapping for DMA, as a VMM does for peer-to-peer
 *   storm N IOVA SIZE      maps and unmaps N times
 *   irqs INDEX START COUNT eventfds, one a vector
 *   irq-none INDEX START COUNT, irq-bool INDEX START BITS      triggers by hand; BITS is a word such as 101
 *   irq-drop INDEX VECTOR, irq-off INDEX                       takes one eventfd away; all
 *   irq-wait VECTOR TIMEOUT_MS                                 result: how often it came
 *   irq-count VECTOR       how often it came, without waiting
 *   thread-read BAR OFF [THREADS], thread-write BAR OFF [THREADS]     32 bits through the mapping, in a loop; each
 *                          writer has a word of its own, writes 1, 2, 3, ..., and reads each back (error EILSEQ)
 *   thread-map IOVA SIZE [THREADS]         maps and unmaps, each thread behind the range of the one before
 *   thread-ioctl [THREADS] asks for information and reads the configuration space
 *   thread-stat, thread-stop               of all threads: rounds, errors, longest round
 *   igb-init               brings a VF of an igb up: reset, handshake with the PF
 *   igb-dma IOVA           sends a frame from a ring there; the result is that its status came back
 *   igb-dma-fault IOVA     the same from where nothing is mapped; "errno EEXIST" if a status came back all the same
 *   igb-irq VECTOR         lets the device raise an MSI-X interrupt
 *   igb-loop N IOVA VECTOR igb-dma, igb-irq and irq-wait, N times
 *   nvme-init IOVA         starts an NVMe controller with its queues in the memory there, 5 pages
 *   nvme-identify          of the controller: serial number, its number, blocks of its first namespace
 *   nvme-write BLOCK IOVA SIZE, nvme-read BLOCK IOVA SIZE              whole pages of data from and to memory
 *   nvme-start-write BLOCK IOVA SIZE, nvme-start-read BLOCK IOVA SIZE  the same without waiting
 *   nvme-finish TIMEOUT_MS waits for all that was started; "errno EREMOTEIO" if the controller reports an error
 *   nvme-loop N BLOCK IOVA SIZE            writes, reads and compares, N times; "errno EILSEQ" if data differ
 *   sleep MS, signals, pid, quit
 *
 * Exit status: 0; with -c 1 if a command failed.
 */

#define _GNU_SOURCE
#include "vfiouser.h"
#include "vfiouser_device.h"
#include "vfiouser_igb.h"
#include "vfiouser_memory.h"
#include "vfiouser_nvme.h"
#include "vfiouser_thread.h"

static int region_access(const struct words *words, unsigned int index, int first, bool is_write)
{
	uint64_t offset = words->number[first], width = words->number[first + 1], value = 0;

	if (width != 1 && width != 2 && width != 4 && width != 8)
		return failed(EINVAL, "width");
	if (is_write)
		value = words->number[first + 2];
	if (access_region(index, offset, width, &value, is_write) < 0)
		return failed(errno, "");
	return is_write ? done() : ok("0x%llx", (unsigned long long)value);
}

static int do_cfg_read(const struct words *words)
{
	return region_access(words, VFIO_PCI_CONFIG_REGION_INDEX, 0, false);
}

static int do_cfg_write(const struct words *words)
{
	return region_access(words, VFIO_PCI_CONFIG_REGION_INDEX, 0, true);
}

static int do_bar_read(const struct words *words)
{
	return region_access(words, (unsigned int)words->number[0], 1, false);
}

static int do_bar_write(const struct words *words)
{
	return region_access(words, (unsigned int)words->number[0], 1, true);
}

static int do_mmap(const struct words *words)
{
	if (!is_bar(words->number[0]) || map_bar((unsigned int)words->number[0]) < 0)
		return failed(is_bar(words->number[0]) ? errno : EINVAL, "");
	return ok("size=0x%zx", dev->bar[words->number[0]].size);
}

static int do_munmap(const struct words *words)
{
	if (!is_bar(words->number[0]))
		return failed(EINVAL, "");
	unmap_bar((unsigned int)words->number[0]);
	return done();
}

static int touch_bar(const struct words *words, bool is_write)
{
	uint32_t *word = bar_word(words->number[0], words->number[1]);
	int signals = user_signals;
	uint64_t start_ns = now_ns(), took_ns, signal_ns;
	uint32_t value = 0;

	if (!word)
		return failed(EINVAL, "not mapped");
	if (is_write)
		mmio_write(word, (uint32_t)words->number[2]);
	else
		value = mmio_read(word);
	took_ns = now_ns() - start_ns;
	signals = user_signals - signals;
	signal_ns = signals ? user_signal_ns - start_ns : 0;
	return ok("0x%x ns=%llu signals=%d signal_ns=%llu", value, (unsigned long long)took_ns, signals,
		  (unsigned long long)signal_ns);
}

static int do_mread(const struct words *words)
{
	return touch_bar(words, false);
}

static int do_mwrite(const struct words *words)
{
	return touch_bar(words, true);
}

static int do_igb_init(const struct words *words)
{
	uint8_t mac[8];
	const char *step = igb_start(mac);

	(void)words;
	if (step)
		return failed(errno, step);
	return ok("mac=%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static int do_igb_dma(const struct words *words)
{
	uint64_t start_ns = now_ns();
	void *ring = memory_at(words->number[0], 4096);

	if (!ring || !dev->bar[0].at)
		return failed(EINVAL, "not mapped");
	if (!igb_send(ring, words->number[0], 2000))
		return failed(ETIMEDOUT, "status");
	return ok("ns=%llu", (unsigned long long)(now_ns() - start_ns));
}

static int do_igb_dma_fault(const struct words *words)
{
	void *ring = memory_at(words->number[0], 4096);

	if (!dev->bar[0].at)
		return failed(EINVAL, "not mapped");
	/* Memory that was mapped there until lately must be left alone, too. */
	if (ring)
		igb_fill_ring(ring, words->number[0]);
	igb_transmit(words->number[0]);
	sleep_us(200000);
	if (ring && igb_sent(ring))
		return failed(EEXIST, "status");
	return ok("head=%u", igb_read(IGB_TDH));
}

static int do_igb_irq(const struct words *words)
{
	if (!dev->bar[0].at || words->number[0] > 2)
		return failed(EINVAL, "");
	igb_trigger((unsigned int)words->number[0]);
	return done();
}

static int do_igb_loop(const struct words *words)
{
	uint64_t i, start_ns = now_ns(), vector = words->number[2];
	void *ring = memory_at(words->number[1], 4096);

	if (!ring || !dev->bar[0].at || vector > 2)
		return failed(EINVAL, "not mapped");
	for (i = 0; i < words->number[0]; i++) {
		if (!igb_send(ring, words->number[1], 2000))
			return failed(ETIMEDOUT, "status");
		igb_trigger((unsigned int)vector);
		if (wait_irq((unsigned int)vector, 2000) < 0)
			return failed(errno, "irq");
	}
	return ok("rounds=%llu ns=%llu", (unsigned long long)i, (unsigned long long)(now_ns() - start_ns));
}

static int do_sleep(const struct words *words)
{
	sleep_us(words->number[0] * 1000);
	return done();
}

static int do_signals(const struct words *words)
{
	(void)words;
	return ok("%d", (int)user_signals);
}

static int do_pid(const struct words *words)
{
	(void)words;
	return ok("%d", (int)getpid());
}

static int do_quit(const struct words *words)
{
	(void)words;
	done();
	exit(0);
}

/* The form has a letter an argument: n a number, w a word; after a slash those that may be left out. */
static const struct command {
	const char *name, *form;
	bool needs_device;
	int (*run)(const struct words *words);
} commands[] = {
	{ "open", "w", false, do_open },
	{ "use", "n", false, do_use },
	{ "close", "", true, do_close },
	{ "fds", "", true, do_fds },
	{ "info", "", true, do_info },
	{ "region", "n", true, do_region },
	{ "irqinfo", "n", true, do_irqinfo },
	{ "ioctl", "n", true, do_ioctl },
	{ "reset", "", true, do_reset },
	{ "cfg-read", "nn", true, do_cfg_read },
	{ "cfg-write", "nnn", true, do_cfg_write },
	{ "bar-read", "nnn", true, do_bar_read },
	{ "bar-write", "nnnn", true, do_bar_write },
	{ "mmap", "n", true, do_mmap },
	{ "munmap", "n", true, do_munmap },
	{ "mread", "nn", true, do_mread },
	{ "mwrite", "nnn", true, do_mwrite },
	{ "map", "nn", true, do_map },
	{ "unmap", "nn", true, do_unmap },
	{ "unmap-all", "", true, do_unmap_all },
	{ "fill", "nnn", true, do_fill },
	{ "check", "nnn", true, do_check },
	{ "map-bar", "nn", true, do_map_bar },
	{ "storm", "nnn", true, do_storm },
	{ "irqs", "nnn", true, do_irqs },
	{ "irq-none", "nnn", true, do_irq_none },
	{ "irq-bool", "nnw", true, do_irq_bool },
	{ "irq-drop", "nn", true, do_irq_drop },
	{ "irq-off", "n", true, do_irq_off },
	{ "irq-wait", "nn", true, do_irq_wait },
	{ "irq-count", "n", true, do_irq_count },
	{ "thread-read", "nn/n", true, do_thread_read },
	{ "thread-write", "nn/n", true, do_thread_write },
	{ "thread-map", "nn/n", true, do_thread_map },
	{ "thread-ioctl", "/n", true, do_thread_ioctl },
	{ "thread-stat", "", false, do_thread_stat },
	{ "thread-stop", "", false, do_thread_stop },
	{ "igb-init", "", true, do_igb_init },
	{ "igb-dma", "n", true, do_igb_dma },
	{ "igb-dma-fault", "n", true, do_igb_dma_fault },
	{ "igb-irq", "n", true, do_igb_irq },
	{ "igb-loop", "nnn", true, do_igb_loop },
	{ "nvme-init", "n", true, do_nvme_init },
	{ "nvme-identify", "", true, do_nvme_identify },
	{ "nvme-write", "nnn", true, do_nvme_write },
	{ "nvme-read", "nnn", true, do_nvme_read },
	{ "nvme-start-write", "nnn", true, do_nvme_start_write },
	{ "nvme-start-read", "nnn", true, do_nvme_start_read },
	{ "nvme-finish", "n", true, do_nvme_finish },
	{ "nvme-loop", "nnnn", true, do_nvme_loop },
	{ "sleep", "n", false, do_sleep },
	{ "signals", "", false, do_signals },
	{ "pid", "", false, do_pid },
	{ "quit", "", false, do_quit },
};

static int usage(const char *text, const char *word)
{
	printf("usage %s%s\n", text, word);
	return 1;
}

/* Runs a command; a SIGBUS of this thread ends the command, not the program. */
static int guarded(const struct command *command, const struct words *words)
{
	int status;

	if (sigsetjmp(bus_error, 1)) {
		status = printf("errno SIGBUS\n") > 0;
	} else {
		bus_error_expected = true;
		status = command->run(words);
	}
	bus_error_expected = false;
	return status;
}

static int execute(char *line)
{
	const struct command *command = NULL;
	struct words words = { 0 };
	const char *form, *wanted;
	char *rest, *end, *name = strtok_r(line, " \t\n", &rest);
	bool optional = false;
	size_t i;

	if (!name)
		return 0;
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(name, commands[i].name))
			command = &commands[i];
	}
	if (!command)
		return usage("no such command: ", name);
	wanted = command->form;
	for (form = wanted; *form; form++) {
		char *word;

		if (*form == '/') {
			optional = true;
			continue;
		}
		word = strtok_r(NULL, " \t\n", &rest);
		if (!word && optional)
			break;
		if (!word)
			return usage("arguments wanted: ", wanted);
		words.text[words.count] = word;
		if (*form == 'n') {
			words.number[words.count] = strtoull(word, &end, 0);
			if (*end || *word == '-')
				return usage("not a number: ", word);
		}
		words.count++;
	}
	if (strtok_r(NULL, " \t\n", &rest))
		return usage("arguments wanted: ", wanted);
	if (command->needs_device && dev->fd < 0)
		return usage("no device is open: ", name);
	return guarded(command, &words);
}

static void on_bus_error(int number)
{
	if (bus_error_expected)
		siglongjmp(bus_error, 1);
	signal(number, SIG_DFL);
}

static void on_user_signal(int number)
{
	(void)number;
	user_signal_ns = now_ns();
	user_signals++;
}

int main(int argc, char **argv)
{
	struct sigaction bus = { .sa_handler = on_bus_error, .sa_flags = SA_NODEFER };
	struct sigaction user = { .sa_handler = on_user_signal, .sa_flags = SA_RESTART };
	char *line = NULL, *rest;
	size_t room = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGUSR1, &user, NULL);
	forget_devices();
	if (argc == 3 && !strcmp(argv[1], "-c")) {
		for (line = strtok_r(argv[2], ";", &rest); line; line = strtok_r(NULL, ";", &rest)) {
			if (execute(line))
				return 1;
		}
		return 0;
	}
	if (argc != 1) {
		fprintf(stderr, "usage: vfiouser [-c \"COMMAND; ...\"]\n");
		return 2;
	}
	while (getline(&line, &room, stdin) >= 0)
		execute(line);
	free(line);
	return 0;
}
