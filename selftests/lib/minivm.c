// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest virtual machine that owns a device: QEMU's edu, behind vfio-pci. Its message goes by eventfd and irqfd
 * to the guest, which counts. Does what it is told, a line at a time.
 *
 * usage: minivm DEVICE                     commands from standard input
 *        minivm DEVICE "COMMAND; ..."      these commands; ends at the first that fails
 *
 * DEVICE is a PCI address. Each command is answered by one line: "ok [KEY=VALUE]...", or "error TEXT". Commands:
 *
 *   mode spin, mode halt   what the guest does between interrupts; spin at first
 *   hog ON_US OFF_US       takes the vCPU's CPU away (SCHED_FIFO) for ON_US of each ON_US + OFF_US; 0 0 ends it
 *   run EVENTS RATE [EVERY]    the device raises EVENTS interrupts, RATE a second or a little fewer, or without a pause
 *                          if that is 0; after each EVERY of them, and before and after the last, it waits until the
 *                          guest has noticed all. The result:
 *                            raised, seen     events, and interrupts that the guest counted
 *                            away             events raised while the hog had the CPU
 *                            last_seen        1: the guest had an interrupt after the last event; else 0
 *                            lost             waits that ended after 5 s without that
 *                            p50_us, p99_us, p999_us, max_us     from an event to the interrupt in which the guest
 *                                             noticed it, of the oldest event at each interrupt
 *                            duration_ms
 *   info                   pid of the process, tid of the vCPU's thread, rounds of the guest's loop, its interrupts
 *   kick                   an interrupt for the guest without the device
 *   sleep MS, quit
 *
 * Three processes, so that each can be in a control group of its own: the virtual machine with a vCPU on the last CPU;
 * what raises, on the first; the hog. The other two end with the first. It ends by itself at the end of its input.
 *
 * Exit status: 0; 1 if something is missing, the guest ended, or a command failed; 2 on wrong usage.
 */

#define _GNU_SOURCE
#include "minivm_guest.h"
#include "minivm_host.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static uint8_t *memory;
static struct shared *shared;
static int device_fd = -1, event_fd = -1, vcpu_fd = -1;
static struct kvm_run *vcpu_run;
static atomic_int vcpu_tid;

/* Returns what ioctl(2) does, or ends the program. */
static int must(const char *what, int result)
{
	if (result < 0)
		die(what);
	return result;
}

/* Opens a device of VFIO through its group; its container stays open too. */
static int vfio_open(const char *address)
{
	char path[128], target[256];
	int container = must("/dev/vfio/vfio", open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)), group;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.32s/iommu_group", address);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		die(path);
	target[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%.32s", strrchr(target, '/') + 1);
	group = must(path, open(path, O_RDWR | O_CLOEXEC));
	must("VFIO_GROUP_SET_CONTAINER", ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
	must("VFIO_SET_IOMMU", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	return must("VFIO_GROUP_GET_DEVICE_FD", ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address));
}

/* Lets the device send messages, and makes each of them a signal of `event_fd`. */
static void vfio_message(void)
{
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} request = {
		.set = {
			.argsz = sizeof(request),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
		.fd = event_fd,
	};
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	must("VFIO_DEVICE_GET_REGION_INFO", ioctl(device_fd, VFIO_DEVICE_GET_REGION_INFO, &config));
	if (pwrite(device_fd, &command, sizeof(command), (off_t)config.offset + PCI_COMMAND) != sizeof(command))
		die("PCI command");
	must("VFIO_DEVICE_SET_IRQS", ioctl(device_fd, VFIO_DEVICE_SET_IRQS, &request));
}

/* Where the device is told to raise: a register of its BAR 0 (docs/specs/edu.rst of QEMU). */
static uint32_t *vfio_raise_register(void)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	uint8_t *at;

	must("VFIO_DEVICE_GET_REGION_INFO", ioctl(device_fd, VFIO_DEVICE_GET_REGION_INFO, &bar));
	at = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device_fd, (off_t)bar.offset);
	if (at == MAP_FAILED)
		die("mmap BAR 0");
	if (__atomic_load_n((uint32_t *)at, __ATOMIC_ACQUIRE) != 0x010000ed) {
		errno = ENODEV;
		die("no edu device");
	}
	return (uint32_t *)(at + 0x60);
}

/* A virtual machine with one vCPU, whose interrupt `GUEST_VECTOR` is a signal of `event_fd`. */
static void kvm_create(void)
{
	int kvm = must("/dev/kvm", open("/dev/kvm", O_RDWR | O_CLOEXEC));
	int vm = must("KVM_CREATE_VM", ioctl(kvm, KVM_CREATE_VM, 0));
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_SIZE, .userspace_addr = (uintptr_t)memory };
	struct {
		struct kvm_irq_routing table;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.table = { .nr = 1 },
		.entry = {
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = GUEST_VECTOR },
		},
	};
	struct kvm_irqfd irqfd = { .fd = (uint32_t)event_fd };
	uint64_t tsc_offset = 0;
	struct kvm_device_attr tsc = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&tsc_offset,
	};
	struct kvm_lapic_state apic;
	struct kvm_sregs special;
	struct kvm_regs general;
	uint32_t enabled = 0x1ff;
	int size = must("KVM_GET_VCPU_MMAP_SIZE", ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));

	must("KVM_SET_TSS_ADDR", ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000));
	must("KVM_CAP_SPLIT_IRQCHIP", ioctl(vm, KVM_ENABLE_CAP, &split));
	must("KVM_SET_USER_MEMORY_REGION", ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
	vcpu_fd = must("KVM_CREATE_VCPU", ioctl(vm, KVM_CREATE_VCPU, 0));
	vcpu_run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);
	if (vcpu_run == MAP_FAILED)
		die("mmap vCPU");
	must("KVM_SET_GSI_ROUTING", ioctl(vm, KVM_SET_GSI_ROUTING, &routing));
	must("KVM_IRQFD", ioctl(vm, KVM_IRQFD, &irqfd));
	must("KVM_GET_SREGS", ioctl(vcpu_fd, KVM_GET_SREGS, &special));
	guest_registers(&special, &general);
	must("KVM_SET_SREGS", ioctl(vcpu_fd, KVM_SET_SREGS, &special));
	must("KVM_SET_REGS", ioctl(vcpu_fd, KVM_SET_REGS, &general));
	/* The register of the spurious vector has the bit that enables it. */
	must("KVM_GET_LAPIC", ioctl(vcpu_fd, KVM_GET_LAPIC, &apic));
	memcpy(apic.regs + 0xf0, &enabled, sizeof(enabled));
	must("KVM_SET_LAPIC", ioctl(vcpu_fd, KVM_SET_LAPIC, &apic));
	/* Guest and host compare times. */
	must("KVM_VCPU_TSC_OFFSET", ioctl(vcpu_fd, KVM_SET_DEVICE_ATTR, &tsc));
	host->tsc_khz = (uint64_t)must("KVM_GET_TSC_KHZ", ioctl(vcpu_fd, KVM_GET_TSC_KHZ, 0));
}

static void *vcpu_thread(void *unused)
{
	pin(last_cpu());
	vcpu_tid = (int)syscall(SYS_gettid);
	for (;;) {
		if (ioctl(vcpu_fd, KVM_RUN, 0) < 0 && errno != EINTR)
			die("KVM_RUN");
		if (vcpu_run->exit_reason != KVM_EXIT_INTR) {
			fprintf(stderr, "minivm: the guest ended, exit reason %u\n", vcpu_run->exit_reason);
			exit(1);
		}
	}
	return unused;
}

static int do_mode(const struct words *words)
{
	bool halts = !strcmp(words->text[1], "halt");

	if (!halts && strcmp(words->text[1], "spin"))
		return error("the modes are spin and halt");
	shared->halts = halts;
	/* One that is halted looks at the mode after an interrupt. */
	eventfd_write(event_fd, 1);
	return ok("");
}

static int do_hog(const struct words *words)
{
	const struct request request = { .argument = { words->number[1], words->number[2] } };

	/* It would never hear of the end. */
	if (request.argument[0] && !request.argument[1])
		return error("some of the time must be left");
	return ask(&hog, &request);
}

static int do_run(const struct words *words)
{
	const struct request request = { .argument = { words->number[1], words->number[2], words->number[3] } };

	if (request.argument[0] < 1 || request.argument[0] > MAX_EVENTS)
		return error("EVENTS are 1 to 1000000");
	return ask(&raiser, &request);
}

static int do_info(const struct words *words)
{
	(void)words;
	return ok(" pid=%d vcpu=%d raiser=%d hog=%d rounds=%u interrupts=%u", getpid(), vcpu_tid, raiser.pid, hog.pid,
		  __atomic_load_n(&shared->rounds, __ATOMIC_RELAXED),
		  __atomic_load_n(&shared->interrupts, __ATOMIC_RELAXED));
}

static int do_kick(const struct words *words)
{
	(void)words;
	eventfd_write(event_fd, 1);
	return ok("");
}

static int do_sleep(const struct words *words)
{
	sleep_until(now_ns() + words->number[1] * 1000000);
	return ok("");
}

static int do_quit(const struct words *words)
{
	(void)words;
	exit(ok(""));
}

static const struct command {
	const char *name;
	int least, most;
	int (*run)(const struct words *words);
} commands[] = {
	{ "mode", 1, 1, do_mode },
	{ "hog", 2, 2, do_hog },
	{ "run", 2, 3, do_run },
	{ "info", 0, 0, do_info },
	{ "kick", 0, 0, do_kick },
	{ "sleep", 1, 1, do_sleep },
	{ "quit", 0, 0, do_quit },
};

/* Executes one line; 0 if it succeeded or is empty. */
static int execute(char *line)
{
	struct words words = { 0 };
	char *rest, *end, *word = strtok_r(line, " \t\n", &rest);
	size_t i;

	for (; word && words.count < MAX_WORDS; word = strtok_r(NULL, " \t\n", &rest)) {
		words.text[words.count] = word;
		words.number[words.count] = strtoull(word, &end, 10);
		if (words.count && !strchr("0123456789", *word) && strcmp(words.text[0], "mode"))
			return error("not a number");
		if (words.count && *end && strcmp(words.text[0], "mode"))
			return error("not a number");
		words.count++;
	}
	if (!words.count)
		return 0;
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(words.text[0], commands[i].name))
			continue;
		if (word || words.count - 1 < commands[i].least || words.count - 1 > commands[i].most)
			return error("wrong number of arguments");
		return commands[i].run(&words);
	}
	return error("no such command");
}

static void stop_workers(void)
{
	worker_stop(&raiser);
	worker_stop(&hog);
}

int main(int argc, char **argv)
{
	char *line = NULL, *rest;
	pthread_t thread;
	size_t room = 0;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: minivm DEVICE [\"COMMAND; ...\"]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory = share(GUEST_SIZE);
	shared = (struct shared *)(memory + GUEST_SHARED);
	host = share(sizeof(*host));
	guest_load(memory);
	event_fd = must("eventfd", eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	device_fd = vfio_open(argv[1]);
	vfio_message();
	kvm_create();
	/* The workers leave by _exit(2) and do not come here. */
	atexit(stop_workers);
	worker_start(&hog, hog_loop);
	raise_at = vfio_raise_register();
	raiser_shared = shared;
	raiser_log = (struct log *)(memory + GUEST_LOG);
	worker_start(&raiser, raiser_loop);
	if (pthread_create(&thread, NULL, vcpu_thread, NULL))
		die("pthread_create");
	while (!vcpu_tid)
		sleep_until(now_ns() + 1000000);
	if (argc == 3) {
		for (line = strtok_r(argv[2], ";", &rest); line; line = strtok_r(NULL, ";", &rest)) {
			if (execute(line))
				return 1;
		}
		return 0;
	}
	while (getline(&line, &room, stdin) >= 0)
		execute(line);
	return 0;
}
