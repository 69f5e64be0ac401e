// SPDX-License-Identifier: GPL-2.0
/*
 * Copies the entries of a tar archive into a directory, and says of each on standard output when it is complete; later
 * compares them byte for byte.
 *
 * usage: copytree copy ARCHIVE DIRECTORY [sync]
 *        copytree compare ARCHIVE DIRECTORY LIST
 *
 * LIST holds the lines that a copy printed. Every entry in it must be there with its type, mode, time and content. Of
 * the others, a file may be there with the beginning of its content: those that were being copied.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512
#define PIECE 16384
#define SHOWN 10

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[8], owner[32],
		group[32], major[8], minor[8], prefix[155], pad[12];
};

struct entry {
	char path[256], target[101];
	char type;
	mode_t mode;
	struct timespec mtime;
	const unsigned char *data;
	size_t len_bytes;
};

static const unsigned char *archive;
static size_t archive_bytes, at;
static unsigned int differences;

static void die(const char *path)
{
	fprintf(stderr, "copytree: %s: %s\n", path, strerror(errno));
	exit(1);
}

static void differs(const struct entry *entry, const char *how)
{
	if (differences++ < SHOWN)
		printf("%s %s\n", entry->path, how);
}

/* Reads the next entry below the archive's top; returns 0 at its end. */
static int next(struct entry *entry)
{
	for (;;) {
		const struct header *header = (const void *)(archive + at);

		if (at + BLOCK > archive_bytes || !header->name[0])
			return 0;
		snprintf(entry->path, sizeof(entry->path), "%.155s%s%.100s", header->prefix,
			 header->prefix[0] ? "/" : "", header->name);
		snprintf(entry->target, sizeof(entry->target), "%.100s", header->link);
		entry->type = header->type;
		entry->mode = strtoul(header->mode, NULL, 8) & 07777;
		entry->mtime = (struct timespec){ .tv_sec = strtoull(header->mtime, NULL, 8) };
		entry->len_bytes = header->type == '0' ? strtoull(header->size, NULL, 8) : 0;
		entry->data = archive + at + BLOCK;
		at += BLOCK + (entry->len_bytes + BLOCK - 1) / BLOCK * BLOCK;
		if (at > archive_bytes || !strchr("0125", header->type)) {
			fprintf(stderr, "copytree: the archive is damaged at %s\n", entry->path);
			exit(1);
		}
		if (strcmp(entry->path, "./"))
			return 1;
	}
}

static void put_file(const struct entry *entry)
{
	int fd = open(entry->path, O_WRONLY | O_CREAT | O_EXCL, entry->mode);

	if (fd < 0)
		die(entry->path);
	for (size_t done = 0; done < entry->len_bytes;) {
		size_t left = entry->len_bytes - done;
		ssize_t count = write(fd, entry->data + done, left < PIECE ? left : PIECE);

		if (count <= 0)
			die(entry->path);
		done += count;
	}
	if (close(fd))
		die(entry->path);
}

static void copy(int sync)
{
	int root = open(".", O_RDONLY | O_DIRECTORY);
	struct entry entry;
	char line[260];

	while (next(&entry)) {
		const struct timespec times[2] = { entry.mtime, entry.mtime };
		int error = 0, len;

		if (entry.type == '5')
			error = mkdir(entry.path, entry.mode);
		else if (entry.type == '2')
			error = symlink(entry.target, entry.path);
		else if (entry.type == '1')
			error = link(entry.target, entry.path);
		else
			put_file(&entry);
		/* A directory's time changes with what is put into it. */
		if (!error && entry.type == '0')
			error = utimensat(AT_FDCWD, entry.path, times, 0);
		if (error || (sync && syncfs(root)))
			die(entry.path);
		len = snprintf(line, sizeof(line), "%s\n", entry.path);
		if (write(STDOUT_FILENO, line, len) != len)
			die("standard output");
	}
}

/* Compares the content with the entry's; if it is not `whole`, the file may be shorter. */
static void compare_content(const struct entry *entry, size_t size, int whole)
{
	const unsigned char *data;
	int fd;

	if (whole ? size != entry->len_bytes : size > entry->len_bytes) {
		differs(entry, "has another size");
		return;
	}
	if (!size)
		return;
	fd = open(entry->path, O_RDONLY);
	if (fd < 0)
		die(entry->path);
	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		die(entry->path);
	if (memcmp(data, entry->data, size))
		differs(entry, whole ? "has another content" : "has a content that was never written");
	munmap((void *)data, size);
	close(fd);
}

static void compare_whole(const struct entry *entry)
{
	mode_t type = entry->type == '5' ? S_IFDIR : entry->type == '2' ? S_IFLNK : S_IFREG;
	char target[sizeof(entry->target)] = "";
	struct stat status;

	if (lstat(entry->path, &status)) {
		differs(entry, strerror(errno));
		return;
	}
	if ((status.st_mode & S_IFMT) != type) {
		differs(entry, "has another type");
		return;
	}
	if (type == S_IFLNK) {
		if (readlink(entry->path, target, sizeof(target) - 1) < 0 || strcmp(target, entry->target))
			differs(entry, "leads elsewhere");
		return;
	}
	if ((status.st_mode & 07777) != entry->mode)
		differs(entry, "has another mode");
	if (entry->type != '0')
		return;
	if (status.st_mtim.tv_sec != entry->mtime.tv_sec || status.st_mtim.tv_nsec)
		differs(entry, "has another time");
	compare_content(entry, status.st_size, 1);
}

static void compare(FILE *list)
{
	unsigned int whole = 0, partial = 0;
	char line[260] = "";
	struct entry entry;
	struct stat status;
	int listed = 1;

	while (next(&entry)) {
		listed = listed && fgets(line, sizeof(line), list);
		if (listed) {
			line[strcspn(line, "\n")] = 0;
			if (strcmp(line, entry.path)) {
				fprintf(stderr, "copytree: '%s' in the list where '%s' was due\n", line, entry.path);
				exit(1);
			}
			compare_whole(&entry);
			whole++;
		} else if (!lstat(entry.path, &status)) {
			if (S_ISREG(status.st_mode) && entry.type == '0')
				compare_content(&entry, status.st_size, 0);
			partial++;
		}
	}
	printf("%u reported entries compared, %u more are there, %u differences\n", whole, partial, differences);
}

int main(int argc, char **argv)
{
	int comparing = argc == 5 && !strcmp(argv[1], "compare");
	int copying = (argc == 4 || argc == 5) && !strcmp(argv[1], "copy");
	struct stat status;
	FILE *list = NULL;
	int fd;

	if (!comparing && !copying) {
		fprintf(stderr, "usage: copytree copy|compare ARCHIVE DIRECTORY [sync|LIST]\n");
		return 2;
	}
	umask(0);
	fd = open(argv[2], O_RDONLY);
	if (fd < 0 || fstat(fd, &status))
		die(argv[2]);
	archive_bytes = status.st_size;
	archive = mmap(NULL, archive_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (archive == MAP_FAILED)
		die(argv[2]);
	if (comparing) {
		list = fopen(argv[4], "r");
		if (!list)
			die(argv[4]);
	}
	if (chdir(argv[3]))
		die(argv[3]);
	if (copying)
		copy(argc == 5);
	else
		compare(list);
	return differences ? 1 : 0;
}
