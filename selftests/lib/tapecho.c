// SPDX-License-Identifier: GPL-2.0
/*
 * Is the program behind a tap or macvtap device: sends each frame back that comes, with its addresses exchanged, until
 * it is ended. The first line of its output is "ready".
 *
 * usage: tapecho tap IF       a tap that exists, or is made and goes when this ends
 *        tapecho file FILE    the character device of a macvtap
 */

#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ADDRESS_BYTES 6
#define ROOM 65536

int main(int argc, char **argv)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	static unsigned char frame[ROOM];
	unsigned char address[ADDRESS_BYTES];
	ssize_t len;
	int fd;

	if (argc != 3 || (strcmp(argv[1], "tap") && strcmp(argv[1], "file"))) {
		fprintf(stderr, "usage: tapecho tap IF | tapecho file FILE\n");
		return 2;
	}
	fd = open(argv[1][0] == 't' ? "/dev/net/tun" : argv[2], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "open");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", argv[1][0] == 't' ? argv[2] : "");
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		err(1, "%s", argv[2]);
	puts("ready");
	fflush(stdout);
	while ((len = read(fd, frame, sizeof(frame))) > 0) {
		if (len < 2 * ADDRESS_BYTES)
			continue;
		memcpy(address, frame, ADDRESS_BYTES);
		memcpy(frame, frame + ADDRESS_BYTES, ADDRESS_BYTES);
		memcpy(frame + ADDRESS_BYTES, address, ADDRESS_BYTES);
		if (write(fd, frame, (size_t)len) < 0)
			warn("write");
	}
	err(1, "read");
}
