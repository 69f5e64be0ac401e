// SPDX-License-Identifier: GPL-2.0
/*
 * Reads registers of a PCI function that no driver need have, 32 bits each, through sysfs.
 *
 * usage: barread FILE OFFSET...
 *
 * FILE is the resource of a base address register, such as /sys/bus/pci/devices/0000:00:11.0/resource0, of a function
 * whose memory is enabled. Prints the values on one line. Exit status: 0; 1 if that is not possible; 2 on wrong usage.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const uint8_t *bar;
	struct stat stat;
	int fd, i;

	if (argc < 3) {
		fprintf(stderr, "usage: barread FILE OFFSET...\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat)) {
		perror(argv[1]);
		return 1;
	}
	bar = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	for (i = 2; i < argc; i++) {
		unsigned long offset = strtoul(argv[i], NULL, 0);

		if (offset % 4 || offset + 4 > (unsigned long)stat.st_size) {
			fprintf(stderr, "barread: %s: not in %s\n", argv[i], argv[1]);
			return 2;
		}
		printf("%s0x%x", i > 2 ? " " : "", __atomic_load_n((const uint32_t *)(bar + offset), __ATOMIC_RELAXED));
	}
	putchar('\n');
	return 0;
}
