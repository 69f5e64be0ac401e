// SPDX-License-Identifier: GPL-2.0
/*
 * Gives an admin command without data to an NVMe controller, as nvme-cli's admin-passthru does.
 *
 * usage: nvmeadmin DEVICE OPCODE [CDW10 [CDW11]]
 *
 * DEVICE is the controller's character device, such as /dev/nvme0. Prints the command's result (dword 0 of its
 * completion). Exit status: 0; 1 if the controller refuses, with the status on standard error; 2 wrong usage.
 */

#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* More than any command here takes. */
#define TIMEOUT_MS 10000

static int number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	*value = strtoul(text, &end, 0);
	return *text && !*end && *value <= max;
}

int main(int argc, char **argv)
{
	struct nvme_admin_cmd command = { .timeout_ms = TIMEOUT_MS };
	unsigned long opcode, cdw10 = 0, cdw11 = 0;
	int fd, status;

	if (argc < 3 || argc > 5 || !number(argv[2], 0xff, &opcode) ||
	    (argc > 3 && !number(argv[3], 0xffffffff, &cdw10)) || (argc > 4 && !number(argv[4], 0xffffffff, &cdw11))) {
		fprintf(stderr, "usage: nvmeadmin DEVICE OPCODE [CDW10 [CDW11]]\n");
		return 2;
	}
	command.opcode = (unsigned char)opcode;
	command.cdw10 = (unsigned int)cdw10;
	command.cdw11 = (unsigned int)cdw11;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	status = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &command);
	if (status < 0)
		perror(argv[1]);
	else if (status)
		fprintf(stderr, "%s: status 0x%x\n", argv[1], (unsigned int)status);
	else
		printf("0x%x\n", command.result);
	close(fd);
	return status ? 1 : 0;
}
