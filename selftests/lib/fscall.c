// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of a file system that no shell command makes.
 *
 * usage: fscall rename FLAGS FROM TO     renameat2(2); FLAGS is a number
 *        fscall tmpfile DIRECTORY [NAME] a file without a name, which gets one if NAME is given; prints its links
 *        fscall times FILE ATIME MTIME   utimensat(2), in nanoseconds since 1970
 *        fscall stat FILE                prints access, change, status change and birth in nanoseconds since 1970
 *        fscall fill PREFIX [FILE]       makes files PREFIX0, PREFIX1, ..., or links of FILE, until that fails;
 *                                        prints how many and why
 *        fscall list DIRECTORY           prints how many entries getdents64(2) returns, with small buffers, and
 *                                        how many of their names are different
 *        fscall gone DIRECTORY           makes it, removes it while it is the working directory, and prints what
 *                                        making a file in it fails with, its links and its entries
 *        fscall unlinked FILE            makes it, removes it while it is open, and prints its links
 *        fscall as UID GID COMMAND...    runs a command as that user, without further groups
 *        fscall idmap DIRECTORY MOUNT    mounts it a second time, users and groups 0 to 999 as 10000 to 10999
 *        fscall race DIRECTORY SEED SECONDS
 *                                        random operations on a few names until the time is over
 *
 * Exit status: 0 if the call succeeded, 1 if it failed, 2 on wrong usage.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL

static int fail(const char *what)
{
	fprintf(stderr, "fscall: %s: %s\n", what, strerror(errno));
	return 1;
}

static int call_rename(char **args)
{
	if (renameat2(AT_FDCWD, args[1], AT_FDCWD, args[2], strtoul(args[0], NULL, 0)))
		return fail(args[1]);
	return 0;
}

static int call_tmpfile(char **args)
{
	int fd = open(args[0], O_TMPFILE | O_RDWR, 0644);
	struct stat status;
	char path[32];

	if (fd < 0)
		return fail(args[0]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (args[1] && linkat(AT_FDCWD, path, AT_FDCWD, args[1], AT_SYMLINK_FOLLOW))
		return fail(args[1]);
	if (fstat(fd, &status))
		return fail(args[0]);
	printf("%lu\n", (unsigned long)status.st_nlink);
	return 0;
}

static struct timespec timespec(const char *text)
{
	long long ns = strtoll(text, NULL, 0);
	long long s = ns / NS_PER_S - (ns % NS_PER_S < 0);

	return (struct timespec){ .tv_sec = s, .tv_nsec = ns - s * NS_PER_S };
}

static int call_times(char **args)
{
	struct timespec times[2] = { timespec(args[1]), timespec(args[2]) };

	return utimensat(AT_FDCWD, args[0], times, 0) ? fail(args[0]) : 0;
}

static long long ns(struct statx_timestamp stamp)
{
	return stamp.tv_sec * NS_PER_S + stamp.tv_nsec;
}

static int call_stat(char **args)
{
	struct statx status;

	if (statx(AT_FDCWD, args[0], AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &status))
		return fail(args[0]);
	printf("%lld %lld %lld %lld\n", ns(status.stx_atime), ns(status.stx_mtime), ns(status.stx_ctime),
	       status.stx_mask & STATX_BTIME ? ns(status.stx_btime) : -1);
	return 0;
}

static int call_fill(char **args)
{
	unsigned long count;
	char path[4096];

	for (count = 0;; count++) {
		snprintf(path, sizeof(path), "%s%lu", args[0], count);
		if (args[1] ? link(args[1], path) : mknod(path, S_IFREG | 0644, 0))
			break;
	}
	printf("%lu %s\n", count, strerror(errno));
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int call_list(char **args)
{
	int fd = open(args[0], O_RDONLY | O_DIRECTORY);
	size_t count = 0, room = 0, distinct = 0, i;
	char buffer[512], **names = NULL;
	long len, at;

	if (fd < 0)
		return fail(args[0]);
	while ((len = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		for (at = 0; at < len; at += ((struct dirent64 *)(buffer + at))->d_reclen) {
			if (count == room) {
				room = room * 2 + 64;
				names = realloc(names, room * sizeof(*names));
				if (!names)
					return fail("realloc");
			}
			names[count++] = strdup(((struct dirent64 *)(buffer + at))->d_name);
		}
	}
	if (len < 0)
		return fail(args[0]);
	qsort(names, count, sizeof(*names), compare);
	for (i = 0; i < count; i++)
		distinct += i == 0 || strcmp(names[i - 1], names[i]);
	printf("%zu %zu\n", count, distinct);
	return 0;
}

static int call_gone(char **args)
{
	struct stat status;
	char path[512];
	int entries = 0;
	DIR *dir;

	if (mkdir(args[0], 0755) || chdir(args[0]))
		return fail(args[0]);
	snprintf(path, sizeof(path), "../%s", strrchr(args[0], '/') ? strrchr(args[0], '/') + 1 : args[0]);
	if (rmdir(path))
		return fail(path);
	printf("%s", mknod("file", S_IFREG | 0644, 0) ? strerror(errno) : "Success");
	dir = opendir(".");
	while (dir && readdir(dir))
		entries++;
	if (stat(".", &status))
		return fail(".");
	printf(" %lu %d\n", (unsigned long)status.st_nlink, entries);
	return 0;
}

static int call_unlinked(char **args)
{
	int fd = open(args[0], O_CREAT | O_EXCL | O_RDWR, 0644);
	struct stat status;

	if (fd < 0 || unlink(args[0]) || fstat(fd, &status))
		return fail(args[0]);
	printf("%lu\n", (unsigned long)status.st_nlink);
	return 0;
}

static int call_as(char **args)
{
	uid_t uid = strtoul(args[0], NULL, 0);
	gid_t gid = strtoul(args[1], NULL, 0);

	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return fail("as");
	execvp(args[2], args + 2);
	return fail(args[2]);
}

static int write_map(pid_t pid, const char *name)
{
	static const char map[] = "0 10000 1000\n";
	char path[64];
	int fd, done;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY);
	done = fd >= 0 && write(fd, map, strlen(map)) == (ssize_t)strlen(map);
	if (fd >= 0)
		close(fd);
	return done;
}

static int call_idmap(char **args)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int ready[2], tree;
	char path[64], byte;
	pid_t pid;

	if (pipe(ready))
		return fail("pipe");
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) == 0)
			write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	if (pid < 0 || read(ready[0], &byte, 1) != 1 || !write_map(pid, "uid_map") || !write_map(pid, "gid_map"))
		return fail("user namespace");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	attr.userns_fd = open(path, O_RDONLY);
	kill(pid, SIGKILL);
	tree = open_tree(AT_FDCWD, args[0], OPEN_TREE_CLONE);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return fail(args[0]);
	if (move_mount(tree, "", AT_FDCWD, args[1], MOVE_MOUNT_F_EMPTY_PATH))
		return fail(args[1]);
	return 0;
}

static void random_name(char *path, size_t len, const char *directory)
{
	int inside = rand() % 4;

	if (inside == 3)
		snprintf(path, len, "%s/n%d", directory, rand() % 8);
	else
		snprintf(path, len, "%s/d%d/n%d", directory, inside, rand() % 8);
}

static int call_race(char **args)
{
	time_t end = time(NULL) + strtol(args[2], NULL, 0);
	char a[512], b[512], target[512];
	unsigned long count = 0;
	struct stat status;
	DIR *dir;
	int i, fd;

	srand(strtoul(args[1], NULL, 0));
	for (i = 0; i < 3; i++) {
		snprintf(a, sizeof(a), "%s/d%d", args[0], i);
		mkdir(a, 0755);
	}
	/* Most calls fail, since others do the same; what counts is what is left. */
	for (; time(NULL) < end; count++) {
		random_name(a, sizeof(a), args[0]);
		random_name(b, sizeof(b), args[0]);
		switch (rand() % 14) {
		case 0:
		case 1:
			mknod(a, S_IFREG | 0644, 0);
			break;
		case 2:
			mkdir(a, 0755);
			break;
		case 3:
			symlink(b, a);
			readlink(b, target, sizeof(target));
			break;
		case 4:
			link(a, b);
			break;
		case 5:
		case 6:
			unlink(a);
			break;
		case 7:
			rmdir(a);
			break;
		case 8:
			rename(a, b);
			break;
		case 9:
			renameat2(AT_FDCWD, a, AT_FDCWD, b, rand() % 2 ? RENAME_EXCHANGE : RENAME_NOREPLACE);
			break;
		case 10:
			chmod(a, rand() & 07777);
			break;
		case 11:
			lstat(a, &status);
			break;
		case 12:
			dir = opendir(args[0]);
			while (dir && readdir(dir))
				;
			if (dir)
				closedir(dir);
			break;
		default:
			fd = open(args[0], O_TMPFILE | O_RDWR, 0644);
			if (fd < 0)
				break;
			snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
			linkat(AT_FDCWD, target, AT_FDCWD, b, AT_SYMLINK_FOLLOW);
			close(fd);
		}
	}
	printf("%lu\n", count);
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*call)(char **args);
} calls[] = {
	{ "rename", 3, call_rename },
	{ "tmpfile", 1, call_tmpfile },
	{ "times", 3, call_times },
	{ "stat", 1, call_stat },
	{ "fill", 1, call_fill },
	{ "list", 1, call_list },
	{ "gone", 1, call_gone },
	{ "unlinked", 1, call_unlinked },
	{ "as", 3, call_as },
	{ "idmap", 2, call_idmap },
	{ "race", 3, call_race },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(calls) / sizeof(*calls); i++) {
		if (strcmp(argv[1], calls[i].name) == 0 && argc - 2 >= calls[i].args)
			return calls[i].call(argv + 2);
	}
	fprintf(stderr, "usage: fscall CALL ARGUMENT..., see the head of its source\n");
	return 2;
}
