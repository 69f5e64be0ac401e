// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a text to a file again and again and prints how long one write took on average.
 *
 * usage: poke FILE TEXT COUNT
 *
 * Prints nanoseconds per write, of CLOCK_MONOTONIC. In a virtual machine that counts instructions (scripts/vm
 * --icount) a nanosecond is an instruction.
 *
 * Exit status: 0 if every write succeeded, 1 if one failed, 2 on wrong usage.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t start_ns;
	long i, count;
	size_t len;
	int fd;

	count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
	if (count < 1) {
		fprintf(stderr, "usage: poke FILE TEXT COUNT\n");
		return 2;
	}
	len = strlen(argv[2]);
	fd = open(argv[1], O_WRONLY);
	if (fd < 0) {
		fprintf(stderr, "poke: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	start_ns = now_ns();
	for (i = 0; i < count; i++) {
		if (pwrite(fd, argv[2], len, 0) != (ssize_t)len) {
			fprintf(stderr, "poke: %s: %s\n", argv[1], strerror(errno));
			return 1;
		}
	}
	printf("%llu\n", (unsigned long long)((now_ns() - start_ns) / (uint64_t)count));
	return 0;
}
