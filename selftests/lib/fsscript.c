// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a script of file system operations and has the QEMU plugin pmtrace record what each does to persistent memory.
 *
 * usage: fsscript DEVICE DIRECTORY NAME <SCRIPT
 *
 * DEVICE is the persistent memory below DIRECTORY, such as pmem0. Leaves NAME.image and NAME.trace in the output
 * directory of scripts/vm; in the trace, every operation is a section whose label is its line. The lines, of at most 62
 * bytes, with paths relative to DIRECTORY and without blanks in them:
 *
 *   create PATH            mkdir PATH          symlink TARGET PATH      write PATH OFFSET LENGTH CHARACTER
 *   unlink PATH            rmdir PATH          link PATH PATH           append PATH LENGTH CHARACTER
 *   truncate PATH LENGTH   fsync PATH          rename PATH PATH         exchange PATH PATH
 *   chmod PATH OCTAL       fault PATH OFFSET   store PATH OFFSET LENGTH CHARACTER
 *   cpu NUMBER                                 msync PATH OFFSET LENGTH CHARACTER
 *
 * `fault` stores a zero byte through a mapping, which fills a hole. `store` stores through a mapping with MAP_SYNC and
 * makes that durable by itself, with write-backs and a fence; `msync` leaves that to the kernel. `cpu` is no section:
 * the operations after it run on that CPU.
 *
 * Files that are written to, truncated, synced or mapped are opened before the section begins. Lines that begin with #
 * are skipped. Exit status: 0 if all succeeded, 1 if one failed, 2 on wrong usage.
 */

#define _GNU_SOURCE
#include "pmark.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAX_WORDS 5
#define MAX_LENGTH (1024 * 1024)
#define LINE 64
#define PAGE 4096
/* At least the time by which the file system's clock advances at once. */
#define TICK_US 10000
/* In place of the flags of open(2): the operation takes no open file. */
#define NOT_OPENED (-1)

static struct pmark session, mark;
static char data[MAX_LENGTH];

/* The operations: words of the line, `fd` of the first path, return value of the system call or a wrong length. */
static long run_create(char **word, int fd) { return (void)fd, mknod(word[1], S_IFREG | 0644, 0); }
static long run_mkdir(char **word, int fd) { return (void)fd, mkdir(word[1], 0755); }
static long run_symlink(char **word, int fd) { return (void)fd, symlink(word[1], word[2]); }
static long run_link(char **word, int fd) { return (void)fd, link(word[1], word[2]); }
static long run_unlink(char **word, int fd) { return (void)fd, unlink(word[1]); }
static long run_rmdir(char **word, int fd) { return (void)fd, rmdir(word[1]); }
static long run_rename(char **word, int fd) { return (void)fd, rename(word[1], word[2]); }
static long run_write(char **word, int fd) { return pwrite(fd, data, atol(word[3]), atol(word[2])) - atol(word[3]); }
static long run_append(char **word, int fd) { return write(fd, data, atol(word[2])) - atol(word[2]); }
static long run_truncate(char **word, int fd) { return ftruncate(fd, atol(word[2])); }
static long run_fsync(char **word, int fd) { return (void)word, fsync(fd); }
static long run_chmod(char **word, int fd) { return (void)fd, chmod(word[1], strtoul(word[2], NULL, 8)); }

static long run_exchange(char **word, int fd)
{
	(void)fd;
	return renameat2(AT_FDCWD, word[1], AT_FDCWD, word[2], RENAME_EXCHANGE);
}

/* What makes a store through a mapping durable. */
enum persistence { NOBODY, PROGRAM, KERNEL };

/* Stores the first `length` bytes of `data` at `offset` of the file through a mapping. */
static long store_mapped(int fd, size_t offset, size_t length, enum persistence by)
{
	const size_t skip = offset % PAGE, mapped = skip + length;
	char *map, *line;
	long result = 0;

	map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, offset - skip);
	if (map == MAP_FAILED)
		return -1;
	memcpy(map + skip, data, length);
	if (by == PROGRAM) {
		for (line = map + skip / LINE * LINE; line < map + mapped; line += LINE)
			asm volatile("clwb %0" : "+m"(*line) : : "memory");
		asm volatile("sfence" : : : "memory");
	} else if (by == KERNEL) {
		result = msync(map, mapped, MS_SYNC);
	}
	munmap(map, mapped);
	return result;
}

static long run_store(char **word, int fd) { return store_mapped(fd, atol(word[2]), atol(word[3]), PROGRAM); }
static long run_msync(char **word, int fd) { return store_mapped(fd, atol(word[2]), atol(word[3]), KERNEL); }

static long run_fault(char **word, int fd)
{
	*data = 0;
	return store_mapped(fd, atol(word[2]), 1, NOBODY);
}

/* Not a section. */
static long run_cpu(char **word, int fd)
{
	cpu_set_t cpus;

	(void)fd;
	CPU_ZERO(&cpus);
	CPU_SET(atol(word[1]), &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

static const struct operation {
	const char *verb;
	/* Words of its line; which of them is a length of data, and the one after it the data's character. */
	int words, length;
	int flags;
	long (*run)(char **word, int fd);
} operations[] = {
	{ "create", 2, 0, NOT_OPENED, run_create },	{ "mkdir", 2, 0, NOT_OPENED, run_mkdir },
	{ "symlink", 3, 0, NOT_OPENED, run_symlink },	{ "link", 3, 0, NOT_OPENED, run_link },
	{ "unlink", 2, 0, NOT_OPENED, run_unlink },	{ "rmdir", 2, 0, NOT_OPENED, run_rmdir },
	{ "rename", 3, 0, NOT_OPENED, run_rename },	{ "exchange", 3, 0, NOT_OPENED, run_exchange },
	{ "write", 5, 3, O_WRONLY, run_write },		{ "append", 4, 2, O_WRONLY | O_APPEND, run_append },
	{ "truncate", 3, 0, O_WRONLY, run_truncate },	{ "fsync", 2, 0, O_RDONLY, run_fsync },
	{ "chmod", 3, 0, NOT_OPENED, run_chmod },	{ "fault", 3, 0, O_RDWR, run_fault },
	{ "store", 5, 3, O_RDWR, run_store },		{ "msync", 5, 3, O_RDWR, run_msync },
	{ "cpu", 2, 0, NOT_OPENED, run_cpu },
};

/* Returns the operation of a line that has been split, or NULL if it is none of the above. */
static const struct operation *find(char **word, int words)
{
	size_t i;

	for (i = 0; words && i < sizeof(operations) / sizeof(*operations); i++) {
		const struct operation *each = &operations[i];

		if (strcmp(each->verb, word[0]))
			continue;
		if (each->words != words || (each->length && (unsigned long)atol(word[each->length]) > MAX_LENGTH))
			return NULL;
		return each;
	}
	return NULL;
}

/* Runs one line as a section; returns 0, or a negative number with errno set. */
static long run_line(const char *line)
{
	char copy[sizeof(mark.label)], *word[MAX_WORDS + 1];
	const struct operation *operation;
	int words = 0, fd = -1;
	long result;
	char *next;

	snprintf(copy, sizeof(copy), "%s", line);
	for (next = strtok(copy, " "); next && words <= MAX_WORDS; next = strtok(NULL, " "))
		word[words++] = next;
	operation = find(word, words);
	errno = EINVAL;
	if (!operation)
		return -1;
	if (operation->length)
		memset(data, *word[operation->length + 1], sizeof(data));
	if (operation->flags != NOT_OPENED) {
		fd = open(word[1], operation->flags);
		if (fd < 0)
			return -1;
	}
	if (operation->run == run_cpu)
		return run_cpu(word, fd);
	/* So that the times before and after the operation differ. */
	usleep(TICK_US);
	pmark_begin(&mark, line);
	result = operation->run(word, fd);
	pmark_end(&mark);
	if (fd >= 0)
		close(fd);
	return result;
}

int main(int argc, char **argv)
{
	char line[sizeof(mark.label)];
	int failed = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: fsscript DEVICE DIRECTORY NAME <SCRIPT\n");
		return 2;
	}
	if (chdir(argv[2])) {
		fprintf(stderr, "fsscript: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	if (pmark_on(&session, PMARK_TRACE, argv[1], argv[3]))
		return 1;
	while (!failed && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!*line || *line == '#')
			continue;
		failed = run_line(line) < 0;
		if (failed)
			fprintf(stderr, "fsscript: %s: %s\n", line, strerror(errno));
	}
	return pmark_off(&session) || failed ? 1 : 0;
}
