// SPDX-License-Identifier: GPL-2.0
/*
 * Lets devices raise interrupts and checks that the driver sees each of them.
 *
 * usage: irqload BURST EVENTS DEVICE...
 *
 * DEVICE is the sysfs directory of a testdev. All devices raise at the same time, each a burst of 1 to BURST events
 * without a pause, until none is pending any more, and so on. Nothing that comes later may rescue an event that was
 * lost. With a BURST of 1 an event has its number as cause, which the driver must have seen last, and there is a pause
 * of 200 us after it. Ends after EVENTS events of each device, or with SIGTERM.
 *
 * Prints events=N handled=N late=N lost=N wrong=N extra=N of all devices together: late counts the bursts that were
 * served later than 200 ms, lost those that were not within 5 s, wrong the events whose cause the driver has not seen,
 * extra how often the driver was served more than was raised.
 *
 * Exit status: 0 nothing was lost, wrong or extra, 1 something was or the devices cannot be used, 2 on wrong usage.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATE_AFTER_NS 200000000ULL
#define LOST_AFTER_NS 5000000000ULL
/* Polls before it sleeps between them. */
#define BUSY_POLLS 20
#define MAX_DEVICES 16

struct device {
	pthread_t thread;
	int raise, pending, handled, causes;
	unsigned int seed;
	unsigned long events, served, late, lost, wrong, extra;
};

static struct device devices[MAX_DEVICES];
static unsigned long most_events, burst_max;
static atomic_int is_stopped;

static void stop(int signal)
{
	(void)signal;
	is_stopped = 1;
}

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000ULL + (unsigned long long)now.tv_nsec;
}

static int open_file(const char *directory, const char *name, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "irqload: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static unsigned long get(int fd)
{
	char text[32] = { 0 };

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
		fprintf(stderr, "irqload: read: %s\n", strerror(errno));
		exit(1);
	}
	return strtoul(text, NULL, 10);
}

static void raise_cause(const struct device *device, unsigned long cause)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%lu", cause);

	if (pwrite(device->raise, text, (size_t)length, 0) != length) {
		fprintf(stderr, "irqload: write: %s\n", strerror(errno));
		exit(1);
	}
}

/* Waits until nothing is pending; returns whether that is so. */
static int is_served(struct device *device)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	unsigned long long took_ns, began_ns = now_ns();
	unsigned int polls;

	for (polls = 0; get(device->pending); polls++) {
		if (now_ns() - began_ns > LOST_AFTER_NS)
			return 0;
		if (polls >= BUSY_POLLS)
			nanosleep(&pause, NULL);
	}
	took_ns = now_ns() - began_ns;
	device->late += took_ns > LATE_AFTER_NS;
	return 1;
}

/* The driver has acknowledged before it counts: gives it the time for that. Returns how often it was served since. */
static unsigned long served_since(const struct device *device, unsigned long before)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	unsigned long now;
	int tries;

	for (tries = 0; (now = get(device->handled)) == before && tries < 10000; tries++)
		nanosleep(&pause, NULL);
	return now - before;
}

static void *run(void *argument)
{
	/* Leaves the CPU to others. */
	const struct timespec pause = { .tv_nsec = 200000 };
	struct device *device = argument;
	unsigned long before = get(device->handled);

	while (!is_stopped && device->events < most_events) {
		unsigned long i, served, length = 1 + (unsigned long)rand_r(&device->seed) % burst_max;

		if (length > most_events - device->events)
			length = most_events - device->events;
		for (i = 0; i < length; i++)
			raise_cause(device, (++device->events & 0xffffffff) ?: 1);
		if (!is_served(device)) {
			device->lost++;
			fprintf(stderr, "irqload: nothing after event %lu\n", device->events);
			break;
		}
		served = served_since(device, before);
		if (burst_max == 1 && get(device->causes) != device->events)
			device->wrong++;
		if (!served || served > length)
			device->extra++;
		device->served += served;
		if (burst_max == 1)
			nanosleep(&pause, NULL);
		before += served;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct device all = { 0 };
	int i, count = argc - 3;

	if (count < 1 || count > MAX_DEVICES) {
		fprintf(stderr, "usage: irqload BURST EVENTS DEVICE...\n");
		return 2;
	}
	burst_max = strtoul(argv[1], NULL, 10);
	most_events = strtoul(argv[2], NULL, 10);
	if (!burst_max || !most_events) {
		fprintf(stderr, "irqload: BURST and EVENTS are at least 1\n");
		return 2;
	}
	signal(SIGTERM, stop);
	for (i = 0; i < count; i++) {
		devices[i].raise = open_file(argv[i + 3], "raise", O_WRONLY);
		devices[i].pending = open_file(argv[i + 3], "pending", O_RDONLY);
		devices[i].handled = open_file(argv[i + 3], "stats/handled", O_RDONLY);
		devices[i].causes = open_file(argv[i + 3], "stats/last_causes", O_RDONLY);
		devices[i].seed = (unsigned int)i + 1;
		if (pthread_create(&devices[i].thread, NULL, run, &devices[i])) {
			fprintf(stderr, "irqload: no thread\n");
			return 1;
		}
	}
	for (i = 0; i < count; i++) {
		pthread_join(devices[i].thread, NULL);
		all.events += devices[i].events;
		all.served += devices[i].served;
		all.late += devices[i].late;
		all.lost += devices[i].lost;
		all.wrong += devices[i].wrong;
		all.extra += devices[i].extra;
	}
	printf("events=%lu handled=%lu late=%lu lost=%lu wrong=%lu extra=%lu\n", all.events, all.served, all.late,
	       all.lost, all.wrong, all.extra);
	return all.lost || all.wrong || all.extra;
}
