// SPDX-License-Identifier: GPL-2.0
/*
 * Prints what the kernel announces, a line each, until it is ended. The first line is "watching".
 *
 * usage: watch uevents KEY...    of each uevent that has all the keys, their values
 *        watch file FILE         the first line of an attribute, once it has changed, by poll(2)
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Larger than any uevent. */
#define ROOM 16384
/* The group that the kernel sends to. */
#define KERNEL 1

/* The value of `key` in a uevent, or NULL. */
static const char *value_of(const char *message, size_t size, const char *key)
{
	size_t at, length = strlen(key);

	for (at = 0; at < size; at += strlen(message + at) + 1) {
		if (!strncmp(message + at, key, length) && message[at + length] == '=')
			return message + at + length + 1;
	}
	return NULL;
}

static int watch_uevents(int count, char **keys)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL };
	int i, port = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (port < 0 || bind(port, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("uevents");
		return 1;
	}
	puts("watching");
	for (;;) {
		char message[ROOM + 1], line[ROOM + 1] = "";
		ssize_t size = recv(port, message, ROOM, 0);

		if (size < 0) {
			/* Some were lost, which the reader of the output is to know. */
			printf("lost %s\n", strerror(errno));
			continue;
		}
		message[size] = '\0';
		for (i = 0; i < count; i++) {
			const char *value = value_of(message, (size_t)size, keys[i]);

			if (!value)
				break;
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "", value);
		}
		if (i == count)
			puts(line);
	}
}

static int watch_file(const char *path)
{
	struct pollfd poller = { .fd = open(path, O_RDONLY | O_CLOEXEC), .events = POLLPRI | POLLERR };
	char text[256];
	int first = 1;

	for (;;) {
		ssize_t size = pread(poller.fd, text, sizeof(text) - 1, 0);

		if (size < 0) {
			perror(path);
			return 1;
		}
		text[size] = '\0';
		text[strcspn(text, "\n")] = '\0';
		puts(first ? "watching" : text);
		first = 0;
		if (poll(&poller, 1, -1) < 0) {
			perror("poll");
			return 1;
		}
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "uevents"))
		return watch_uevents(argc - 2, argv + 2);
	if (argc == 3 && !strcmp(argv[1], "file"))
		return watch_file(argv[2]);
	fprintf(stderr, "usage: watch uevents KEY... | file FILE\n");
	return 2;
}
