// SPDX-License-Identifier: GPL-2.0
/*
 * What a file on persistent memory does when it is written and mapped at the same time. Each command works on a file
 * that it makes anew, says what was wrong on standard error, and ends with 0 if nothing was.
 *
 * usage: fsdata COMMAND FILE
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

#define PAGE 4096L
#define MIB (1024L * 1024)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int fd;
static sigjmp_buf on_sigbus;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
			exit(1); \
		} \
	} while (0)

static char *map(size_t size, int prot, int flags)
{
	char *at = mmap(NULL, size, prot, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

static void sigbus(int signal)
{
	(void)signal;
	siglongjmp(on_sigbus, 1);
}

/* Whether loading from `at` raises SIGBUS. */
static bool faults(char *at)
{
	signal(SIGBUS, sigbus);
	if (sigsetjmp(on_sigbus, 1))
		return true;
	__atomic_load_n(at, __ATOMIC_RELAXED);
	return false;
}

/* Whether `len` bytes all have one value. */
static bool all(const char *at, long len, char value)
{
	for (long i = 0; i < len; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* Stores through a synchronous mapping are what read(2) finds. */
static void mapsync(void)
{
	char buffer[PAGE], *at;

	CHECK(ftruncate(fd, 4 * MIB) == 0);
	at = map(4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC);
	memset(at, 'm', 4 * MIB);
	CHECK(pread(fd, buffer, PAGE, 3 * MIB) == PAGE && all(buffer, PAGE, 'm'));
}

/* A hole that is mapped shows what write(2) puts there, in place of the page of zeros. */
static void hole(void)
{
	char buffer[PAGE], *at;

	CHECK(ftruncate(fd, 64 * PAGE) == 0);
	at = map(64 * PAGE, PROT_READ, MAP_SHARED);
	CHECK(all(at, 64 * PAGE, 0));
	memset(buffer, 'w', PAGE);
	CHECK(pwrite(fd, buffer, 100, 5 * PAGE + 50) == 100);
	CHECK(all(at + 5 * PAGE, 50, 0) && all(at + 5 * PAGE + 50, 100, 'w'));
	CHECK(all(at + 5 * PAGE + 150, PAGE - 150, 0));
	CHECK(all(at + 6 * PAGE, 58 * PAGE, 0) && all(at, 5 * PAGE, 0));
}

/* The writer's memory is a mapping of the hole that is written to. */
static void self(void)
{
	char *at;

	CHECK(ftruncate(fd, 8 * PAGE) == 0);
	at = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(pwrite(fd, at + PAGE, 2 * PAGE, PAGE) == 2 * PAGE && all(at, 8 * PAGE, 0));
	memset(at + 6 * PAGE, 's', PAGE);
	CHECK(pwrite(fd, at + 6 * PAGE, PAGE, 4 * PAGE + 1) == PAGE);
	CHECK(all(at + 4 * PAGE + 1, PAGE, 's') && at[4 * PAGE] == 0 && at[5 * PAGE + 1] == 0);
	/* Behind the end, from the file itself. */
	CHECK(pwrite(fd, at + 6 * PAGE, 2 * PAGE, 8 * PAGE) == 2 * PAGE);
}

/* Of a buffer that is there in part, that part is written. */
static void partial(void)
{
	char buffer[PAGE], *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED && munmap(at + PAGE, PAGE) == 0);
	memset(at, 'p', PAGE);
	CHECK(pwrite(fd, at + 1000, 2 * PAGE, 10) == PAGE - 1000);
	CHECK(lseek(fd, 0, SEEK_END) == PAGE - 990);
	CHECK(pread(fd, buffer, PAGE, 0) == PAGE - 990 && all(buffer, 10, 0) && all(buffer + 10, PAGE - 1000, 'p'));
	CHECK(pwrite(fd, at + PAGE, 10, 0) == -1 && errno == EFAULT);
	CHECK(pread(fd, at + PAGE, 10, 0) == -1 && errno == EFAULT);
	CHECK(lseek(fd, 0, SEEK_END) == PAGE - 990);
}

/* A private mapping is a copy once it is stored to. */
static void private(void)
{
	char buffer[PAGE], *at;

	memset(buffer, 'f', PAGE);
	CHECK(pwrite(fd, buffer, PAGE, 0) == PAGE && ftruncate(fd, 3 * PAGE) == 0);
	at = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	at[0] = 'c';
	at[PAGE] = 'c';
	CHECK(pread(fd, buffer, PAGE, 0) == PAGE && all(buffer, PAGE, 'f'));
	CHECK(pread(fd, buffer, PAGE, PAGE) == PAGE && all(buffer, PAGE, 0));
	CHECK(at[0] == 'c' && at[1] == 'f' && at[PAGE] == 'c' && at[PAGE + 1] == 0);
}

/* What is stored behind the end, in its page, is never part of the file. */
static void tail(void)
{
	char buffer[PAGE], *at;

	memset(buffer, 't', PAGE);
	CHECK(pwrite(fd, buffer, PAGE, 0) == PAGE && ftruncate(fd, 100) == 0);
	at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(all(at, 100, 't') && all(at + 100, PAGE - 100, 0));
	memset(at + 100, 'x', PAGE - 100);
	CHECK(ftruncate(fd, 200) == 0 && all(at + 100, 100, 0));
	memset(at + 200, 'x', PAGE - 200);
	CHECK(pwrite(fd, buffer, 10, 1000) == 10 && all(at + 200, 800, 0) && all(at + 1000, 10, 't'));
	memset(at + 1010, 'x', PAGE - 1010);
	CHECK(pwrite(fd, buffer, 10, 2 * PAGE) == 10);
	CHECK(pread(fd, buffer, PAGE, 0) == PAGE && all(buffer + 1010, PAGE - 1010, 0));
}

/* Pages behind the end are gone from mappings. */
static void cut(void)
{
	char *at;

	CHECK(ftruncate(fd, 4 * MIB) == 0);
	at = map(4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED);
	memset(at, 'c', 4 * MIB);
	CHECK(ftruncate(fd, MIB + 10) == 0);
	CHECK(!faults(at + MIB) && all(at + MIB, 10, 'c') && all(at + MIB + 10, PAGE - 10, 0));
	CHECK(faults(at + MIB + PAGE) && faults(at + 3 * MIB));
	CHECK(ftruncate(fd, 4 * MIB) == 0 && all(at + MIB + 10, 3 * MIB - 10, 0));
}

/* Data and holes are where they were made. */
static void seek(void)
{
	struct stat stat;

	CHECK(pwrite(fd, "x", 1, 10 * PAGE) == 1 && ftruncate(fd, 20 * PAGE) == 0);
	CHECK(lseek(fd, 0, SEEK_DATA) == 10 * PAGE && lseek(fd, 0, SEEK_HOLE) == 0);
	CHECK(lseek(fd, 10 * PAGE + 5, SEEK_HOLE) == 11 * PAGE);
	CHECK(lseek(fd, 11 * PAGE, SEEK_DATA) == -1 && errno == ENXIO);
	CHECK(lseek(fd, 20 * PAGE, SEEK_HOLE) == -1 && errno == ENXIO);
	CHECK(fstat(fd, &stat) == 0 && stat.st_blocks == 8 && stat.st_size == 20 * PAGE);
}

#define RACE_PAGES 64L
#define RACE_ROUNDS 3000

static char *race_map;

/* Fills holes by stores. */
static void *race_store(void *unused)
{
	(void)unused;
	for (long i = 0; i < RACE_ROUNDS; i++) {
		if (!sigsetjmp(on_sigbus, 1))
			race_map[i * 7 % RACE_PAGES * PAGE + 1] = 'a';
	}
	return NULL;
}

/* Fills holes by writes, and makes them again. */
static void *race_write(void *unused)
{
	char buffer[3 * PAGE];

	(void)unused;
	memset(buffer, 'a', sizeof(buffer));
	for (long i = 0; i < RACE_ROUNDS; i++) {
		CHECK(pwrite(fd, buffer, sizeof(buffer), i * 5 % (RACE_PAGES - 3) * PAGE + i % PAGE) == sizeof(buffer));
		if (i % 50 == 0)
			CHECK(ftruncate(fd, i % RACE_PAGES * PAGE) == 0 && ftruncate(fd, RACE_PAGES * PAGE) == 0);
	}
	return NULL;
}

/* Two threads fill the same holes in two ways; only what they store is ever there. */
static void race(void)
{
	static char read_back[RACE_PAGES * PAGE];
	pthread_t stores, writes;

	signal(SIGBUS, sigbus);
	CHECK(ftruncate(fd, RACE_PAGES * PAGE) == 0);
	race_map = map(RACE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(pthread_create(&stores, NULL, race_store, NULL) == 0);
	CHECK(pthread_create(&writes, NULL, race_write, NULL) == 0);
	CHECK(pthread_join(stores, NULL) == 0 && pthread_join(writes, NULL) == 0);
	CHECK(pread(fd, read_back, sizeof(read_back), 0) == sizeof(read_back));
	CHECK(memcmp(read_back, race_map, sizeof(read_back)) == 0);
	for (long i = 0; i < RACE_PAGES * PAGE; i++)
		CHECK(read_back[i] == 0 || read_back[i] == 'a');
}

#define APPEND_PAGES 3000L
#define HOLE_PAGES 2000L

static long appended;
static bool over;

/* Appends pages of 'a'. */
static void *append_write(void *unused)
{
	char buffer[PAGE];

	(void)unused;
	memset(buffer, 'a', sizeof(buffer));
	for (long i = 0; i < APPEND_PAGES; i++) {
		CHECK(pwrite(fd, buffer, PAGE, (HOLE_PAGES + i) * PAGE) == PAGE);
		__atomic_store_n(&appended, i + 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	return NULL;
}

/* Stores to the page that is just being appended. */
static void *append_store(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		if (!sigsetjmp(on_sigbus, 1))
			race_map[(HOLE_PAGES + __atomic_load_n(&appended, __ATOMIC_RELAXED)) * PAGE] = 'a';
	return NULL;
}

/*
 * What looks at the inode while a write is under way does not let page faults see its end too early: each page is there
 * once, and shows what was appended. The page faults in the hole, which set times, are of this thread.
 */
static void append(void)
{
	pthread_t writes, stores;
	struct stat stat;

	signal(SIGBUS, sigbus);
	CHECK(ftruncate(fd, HOLE_PAGES * PAGE) == 0);
	race_map = map((HOLE_PAGES + APPEND_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(madvise(race_map, (HOLE_PAGES + APPEND_PAGES + 1) * PAGE, MADV_NOHUGEPAGE) == 0);
	CHECK(pthread_create(&writes, NULL, append_write, NULL) == 0);
	CHECK(pthread_create(&stores, NULL, append_store, NULL) == 0);
	for (long i = 0; i < HOLE_PAGES; i++)
		race_map[i * PAGE] = 'h';
	CHECK(pthread_join(writes, NULL) == 0 && pthread_join(stores, NULL) == 0);
	CHECK(fstat(fd, &stat) == 0 && stat.st_size == (HOLE_PAGES + APPEND_PAGES) * PAGE);
	CHECK(stat.st_blocks == (HOLE_PAGES + APPEND_PAGES) * 8);
	CHECK(all(race_map + HOLE_PAGES * PAGE, APPEND_PAGES * PAGE, 'a'));
}

/* Leaves a mapping with two pages that were stored to, changes the size, and syncs. */
static void dirty_after(long size)
{
	static char buffer[8 * PAGE];
	char *at;

	CHECK(pwrite(fd, buffer, sizeof(buffer), 0) == sizeof(buffer));
	at = map(sizeof(buffer), PROT_READ | PROT_WRITE, MAP_SHARED);
	at[0] = 'd';
	at[PAGE] = 'd';
	CHECK(size == 0 || ftruncate(fd, size) == 0);
	CHECK(fsync(fd) == 0);
}

static void dirty(void)
{
	dirty_after(0);
}

static void dirty_grown(void)
{
	dirty_after(100000);
}

static void dirty_cut(void)
{
	dirty_after(5 * PAGE);
}

/* Keeps a mapping until it is killed; says when it has it. */
static void hold(void)
{
	char *at;

	CHECK(ftruncate(fd, 4 * MIB) == 0);
	at = map(4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED);
	memset(at, 'h', 4 * MIB);
	CHECK(puts("mapped") >= 0 && fflush(stdout) == 0);
	pause();
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
	{ "mapsync", mapsync },
	{ "hole", hole },
	{ "self", self },
	{ "partial", partial },
	{ "private", private },
	{ "tail", tail },
	{ "cut", cut },
	{ "seek", seek },
	{ "race", race },
	{ "append", append },
	{ "dirty", dirty },
	{ "dirty-grown", dirty_grown },
	{ "dirty-cut", dirty_cut },
	{ "hold", hold },
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: fsdata COMMAND FILE\n");
		return 2;
	}
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0) {
			commands[i].run();
			return 0;
		}
	}
	fprintf(stderr, "fsdata: no command '%s'\n", argv[1]);
	return 2;
}
