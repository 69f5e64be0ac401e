// SPDX-License-Identifier: GPL-2.0
/*
 * Is the program behind a tap device: makes the host receive UDP packets on it, one by one, and prints how many
 * nanoseconds each took.
 *
 * usage: tapsend IF COUNT FIRST LAST
 *
 * The packets go to port 9 of the addresses from FIRST to LAST in turn; 60 bytes each, of nobody whom the host knows,
 * so that its stack drops them.
 */

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 60
#define PORT 9
#define WARM_UP 200
#define SETTLE_US 100000
#define NS_PER_S 1000000000LL

static struct {
	/* So that what follows is where it is in the packet. */
	uint16_t unused;
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	unsigned char rest[FRAME_BYTES - sizeof(struct ethhdr) - sizeof(struct iphdr) - sizeof(struct udphdr)];
} frame = {
	.eth = {
		.h_dest = { 0x02, 0, 0, 0, 0, 0x99 },
		.h_source = { 0x02, 0, 0, 0, 0, 0x98 },
	},
	.ip = { .version = 4, .ihl = 5, .ttl = 32, .protocol = IPPROTO_UDP },
};

/* The checksum of all but the destination. */
static uint32_t partial;

static uint32_t sum_of(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static void prepare(void)
{
	frame.eth.h_proto = htons(ETH_P_IP);
	frame.ip.tot_len = htons(FRAME_BYTES - sizeof(frame.eth));
	frame.ip.saddr = inet_addr("192.0.2.1");
	frame.udp.source = htons(PORT);
	frame.udp.dest = htons(PORT);
	frame.udp.len = htons(FRAME_BYTES - sizeof(frame.eth) - sizeof(frame.ip));
	partial = sum_of(&frame.ip, sizeof(frame.ip));
}

static void send_to(int fd, uint32_t address)
{
	uint32_t sum = partial + (address >> 16) + (address & 0xffff);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	frame.ip.check = htons((uint16_t)~sum);
	frame.ip.daddr = htonl(address);
	if (write(fd, (unsigned char *)&frame + sizeof(frame.unused), FRAME_BYTES) != FRAME_BYTES)
		err(1, "write");
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int main(int argc, char **argv)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	uint32_t first, last, at;
	long long start_ns = 0;
	long count;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: tapsend IF COUNT FIRST LAST\n");
		return 2;
	}
	count = strtol(argv[2], NULL, 10);
	first = ntohl(inet_addr(argv[3]));
	last = ntohl(inet_addr(argv[4]));
	if (count <= 0 || first > last)
		errx(2, "nothing to send");
	/* Of one that would block, XDP sees packets later, where it is generic. */
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		err(1, "/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", argv[1]);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		err(1, "%s", argv[1]);
	/* For what the host does when the device has a carrier. */
	usleep(SETTLE_US);
	prepare();
	at = first;
	for (long i = -WARM_UP; i < count; i++) {
		if (!i)
			start_ns = now_ns();
		send_to(fd, at);
		at = at == last ? first : at + 1;
	}
	printf("%lld\n", (now_ns() - start_ns) / count);
	return 0;
}
