// SPDX-License-Identifier: GPL-2.0
/*
 * Runs file system operations and prints what each costs, as counted by the QEMU plugin pmtrace (see pmark.h).
 *
 * usage: fsops DEVICE DIRECTORY CONTENDER [fsync]
 *
 * DEVICE is the persistent memory below DIRECTORY, such as pmem0. With `fsync`, the directory (after a change of names)
 * or the file (after one of data) is synced as part of the operation, and the rest of the file system before it. Every
 * operation runs ROUNDS times on fresh names in a directory of its own, each time just after a tick of the clock: so
 * each changes the times of what it touches, and few are interrupted. Of the rounds after the first WARM ones, those
 * with the fewest interrupts (none, as a rule) are printed: lines of CONTENDER, "OPERATION: MEASURE" and a number,
 * separated by tabs.
 *
 * Exit status: 0 if all succeeded, 1 if one failed, 2 on wrong usage.
 */

#define _GNU_SOURCE
#include "pmark.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define ROUNDS 20
#define WARM 2

enum synced { NEVER, NAMES, DATA };

struct operation {
	const char *name;
	/* Prepares a round, unmeasured; NULL if the names of the round need nothing. */
	void (*prepare)(void);
	long (*run)(void);
	enum synced synced;
};

static struct pmark session, mark;
static char buffer[16384];
/* Names of the round: what the operation needs, and what it makes. */
static char old_name[32], new_name[32];
static struct stat status;
/* Where the operation takes place. */
static int directory;
/* The file of the operations on data, which lasts for all rounds. */
static int file;

static long checked(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "fsops: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

static void make_file(void)
{
	int fd = checked(open(old_name, O_CREAT | O_EXCL | O_WRONLY, 0644), "open");

	checked(write(fd, buffer, 4096), "write");
	checked(close(fd), "close");
}

static void make_linked_file(void)
{
	make_file();
	checked(link(old_name, new_name), "link");
}

static void make_directory(void)
{
	checked(mkdir(old_name, 0755), "mkdir");
}

static void close_new(void)
{
	/* The file that the round before has left open. */
	if (file >= 0)
		close(file);
	file = -1;
}

static void open_data(void)
{
	if (file >= 0)
		return;
	file = checked(open("data", O_CREAT | O_RDWR, 0644), "open");
	checked(pwrite(file, buffer, sizeof(buffer), 0), "pwrite");
}

static void open_log(void)
{
	if (file < 0)
		file = checked(open(old_name, O_CREAT | O_WRONLY | O_APPEND, 0644), "open");
}

static void open_empty(void)
{
	close_new();
	open_log();
}

static void open_begun(void)
{
	open_empty();
	checked(write(file, buffer, 1024), "write");
}

static long run_getppid(void) { return getppid(); }
static long run_create(void) { return file = open(new_name, O_CREAT | O_EXCL | O_WRONLY, 0644); }
static long run_make(void)
{
	long result = run_create();

	return result < 0 ? result : write(file, buffer, 4096);
}

static long run_mkdir(void) { return mkdir(new_name, 0755); }
static long run_link(void) { return link(old_name, new_name); }
static long run_symlink(void) { return symlink("some/where/else/in/the/tree", new_name); }
static long run_rename(void) { return rename(old_name, new_name); }
static long run_unlink(void) { return unlink(old_name); }
static long run_rmdir(void) { return rmdir(old_name); }
static long run_append_1k(void) { return write(file, buffer, 1024); }
static long run_append_4k(void) { return write(file, buffer, 4096); }
static long run_append_16k(void) { return write(file, buffer, 16384); }
static long run_overwrite_4k(void) { return pwrite(file, buffer, 4096, 4096); }
static long run_pread_4k(void) { return pread(file, buffer, 4096, 4096); }
static long run_stat(void) { return stat("data", &status); }

static const struct operation operations[] = {
	{ "getppid", NULL, run_getppid, NEVER },
	{ "create", close_new, run_create, NAMES },
	{ "create + 4K", close_new, run_make, DATA },
	{ "mkdir", NULL, run_mkdir, NAMES },
	{ "link", make_file, run_link, NAMES },
	{ "symlink", NULL, run_symlink, NAMES },
	{ "rename", make_file, run_rename, NAMES },
	{ "unlink", make_linked_file, run_unlink, NAMES },
	{ "unlink last", make_file, run_unlink, NAMES },
	{ "rmdir", make_directory, run_rmdir, NAMES },
	{ "append 1K", open_begun, run_append_1k, DATA },
	{ "append 1K, new page", open_empty, run_append_1k, DATA },
	{ "append 4K", open_log, run_append_4k, DATA },
	{ "append 16K", open_log, run_append_16k, DATA },
	{ "overwrite 4K", open_data, run_overwrite_4k, DATA },
	{ "pread 4K", open_data, run_pread_4k, NEVER },
	{ "stat", open_data, run_stat, NEVER },
};

static void print(const char *contender, const char *operation, const struct pmark_counts *counts)
{
	const struct {
		const char *name;
		uint64_t value;
	} measures[] = {
		{ "kernel instructions", counts->kernel_instructions },
		{ "fences", counts->fences },
		{ "flushed lines", counts->flushes },
		{ "cached bytes", counts->cached_bytes },
		{ "NT bytes", counts->nt_bytes },
	};
	size_t i;

	for (i = 0; i < sizeof(measures) / sizeof(*measures); i++)
		printf("%s\t%s: %s\t%llu\n", contender, operation, measures[i].name,
		       (unsigned long long)measures[i].value);
}

/* Times of files are those of the clock that ticks. */
static void await_tick(void)
{
	struct timespec before, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	do
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while (now.tv_nsec == before.tv_nsec);
}

static void measure(const char *contender, const struct operation *operation, bool sync)
{
	struct pmark_counts counts[ROUNDS];
	int round, number = operation - operations;
	uint64_t fewest = UINT64_MAX;
	char place[32];
	long result;

	snprintf(place, sizeof(place), "place-%02d", number);
	checked(mkdir(place, 0755), "mkdir");
	checked(chdir(place), "chdir");
	directory = checked(open(".", O_RDONLY | O_DIRECTORY), "open");
	file = -1;
	for (round = 0; round < ROUNDS; round++) {
		/* All names have one length. */
		snprintf(old_name, sizeof(old_name), "old-%02d", round);
		snprintf(new_name, sizeof(new_name), "new-%02d", round);
		if (operation->prepare)
			operation->prepare();
		if (sync)
			checked(syncfs(directory), "syncfs");
		await_tick();
		pmark_begin(&mark, operation->name);
		result = operation->run();
		if (sync && result >= 0)
			result = fsync(operation->synced == NAMES ? directory : file);
		pmark_end(&mark);
		checked(result, operation->name);
		counts[round] = mark.counts;
		if (round >= WARM && mark.counts.interrupts < fewest)
			fewest = mark.counts.interrupts;
	}
	close_new();
	close(directory);
	checked(chdir(".."), "chdir");
	for (round = WARM; round < ROUNDS; round++) {
		if (counts[round].interrupts == fewest)
			print(contender, operation->name, &counts[round]);
	}
}

int main(int argc, char **argv)
{
	bool sync = argc == 5 && !strcmp(argv[4], "fsync");
	size_t i;

	if (argc != 4 && !sync) {
		fprintf(stderr, "usage: fsops DEVICE DIRECTORY CONTENDER [fsync]\n");
		return 2;
	}
	memset(buffer, 0x5a, sizeof(buffer));
	checked(chdir(argv[2]), argv[2]);
	if (pmark_on(&session, PMARK_COUNT, argv[1], "fsops"))
		return 1;
	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		if (!sync || operations[i].synced != NEVER)
			measure(argv[3], &operations[i], sync);
	}
	return pmark_off(&session) ? 1 : 0;
}
