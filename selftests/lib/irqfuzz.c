// SPDX-License-Identifier: GPL-2.0
/*
 * Does to an interrupt line what a device, its driver and an administrator may do at any time, in random order: raise,
 * disable, enable, move to another CPU. After each short episode the line is left alone, and the device must be
 * served: nothing that comes later may rescue an interrupt that was lost. It is only waited for, so that a host that
 * stalls is not taken for a loss.
 *
 * usage: irqfuzz DEVICE IRQ EPISODES SEED
 *
 * DEVICE is the sysfs directory of a testdev. Prints raised=N disabled=N moved=N late=N lost=N: late counts the
 * episodes after which the device was served later than 20 ms, lost those after which it was not within 2 s. Ends
 * early after 10 of these.
 *
 * Exit status: 0 nothing was lost, 1 something was or the line cannot be used, 2 on wrong usage.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LATE_AFTER_US 20000
#define LOST_AFTER_US 2000000
#define MOST_LOST 10

static int raise_fd, disable_fd, affinity_fd, pending_fd;

static int open_file(const char *directory, const char *name, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, flags);
	if (fd < 0) {
		fprintf(stderr, "irqfuzz: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0) {
		fprintf(stderr, "irqfuzz: write: %s\n", strerror(errno));
		exit(1);
	}
}

static int is_served(void)
{
	char text[32] = { 0 };

	if (pread(pending_fd, text, sizeof(text) - 1, 0) <= 0) {
		fprintf(stderr, "irqfuzz: read: %s\n", strerror(errno));
		exit(1);
	}
	return !strcmp(text, "0\n");
}

int main(int argc, char **argv)
{
	unsigned long raised = 0, disabled = 0, moved = 0, late = 0, lost = 0;
	unsigned int seed;
	char directory[64];
	int episode, waited_us;

	if (argc != 5) {
		fprintf(stderr, "usage: irqfuzz DEVICE IRQ EPISODES SEED\n");
		return 2;
	}
	seed = (unsigned int)atoi(argv[4]);
	snprintf(directory, sizeof(directory), "/proc/irq/%s", argv[2]);
	raise_fd = open_file(argv[1], "raise", O_WRONLY);
	disable_fd = open_file(argv[1], "inject_disable", O_WRONLY);
	pending_fd = open_file(argv[1], "pending", O_RDONLY);
	affinity_fd = open_file(directory, "smp_affinity_list", O_WRONLY);
	for (episode = 0; episode < atoi(argv[3]) && lost < MOST_LOST; episode++) {
		int steps = 2 + rand_r(&seed) % 5;

		while (steps--) {
			switch (rand_r(&seed) % 3) {
			case 0:
				put(disable_fd, "1");
				put(raise_fd, "1");
				put(disable_fd, "0");
				disabled++;
				break;
			case 1:
				put(affinity_fd, rand_r(&seed) % 2 ? "1" : "0");
				moved++;
				break;
			default:
				put(raise_fd, "1");
				raised++;
			}
		}
		for (waited_us = 0; !is_served() && waited_us < LOST_AFTER_US; waited_us += 1000)
			usleep(1000);
		if (!is_served()) {
			lost++;
			put(raise_fd, "1");
			usleep(LATE_AFTER_US);
		} else if (waited_us > LATE_AFTER_US) {
			late++;
		}
	}
	printf("raised=%lu disabled=%lu moved=%lu late=%lu lost=%lu\n", raised, disabled, moved, late, lost);
	return lost != 0;
}
