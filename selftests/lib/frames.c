// SPDX-License-Identifier: GPL-2.0
/*
 * Sends Ethernet frames of any form, also malformed ones, and writes down those that come in.
 *
 * usage: frames send IF [COUNT [GAP_US]]   the frames described on standard input, one a line, COUNT times over
 *        frames listen IF [promisc|late]   until it is killed; `late`: only
 *                                        what the hooks of netfilter let pass, without its outermost tag
 *
 * A description is words, layer by layer:
 *
 *	eth DST SRC                    vlan TCI   svlan TCI   type HEX
 *	arp request|reply SHA SPA THA TPA
 *	ip SRC DST                     then perhaps ttl= proto= version= ihl= len= frag=UNITS[+]
 *	                               options=BYTES (the last two are IPv4's; + says that more follow)
 *	ext hop|dst|auth|route[:TYPE]|frag:UNITS[+] [BYTES]           next PROTO, for what is only bytes
 *	tcp SRC DST [flags=HEX]        udp SRC DST [len=N]    sctp SRC DST   icmp TYPE CODE   icmp6 TYPE CODE
 *	hex DIGITS   zeros N   id N    bytes; `id` is a mark by which the listener knows the frame
 *	trail                          what follows is behind the end that the IP header names
 *	cut N                          the frame ends after N bytes
 *
 * Numbers that another layer follows from (types, protocols, lengths, checksums) are filled in unless they are given.
 *
 * The listener writes `ready`, then a line for each frame: its id (or 0), its length, the VID of its outermost tag (or
 * -), and its first bytes in hexadecimal. Tags that the device took out are put back. What its host sends is left out.
 */

#include "frames.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FRAMES 512
#define SHOWN_BYTES 128
#define RECEIVE_BUFFER (16 << 20)

static struct frame frames[MAX_FRAMES];

static int open_socket(const char *name, uint16_t protocol)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };
	/* Bound before it hears anything. */
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		fail("socket");
	address.sll_ifindex = if_nametoindex(name);
	if (!address.sll_ifindex)
		fail(name);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("bind");
	return fd;
}

static void send_all(const char *name, unsigned long count, unsigned long gap_us)
{
	size_t used = 0;
	char line[4096];
	int fd = open_socket(name, ETH_P_ALL), none = 0;
	bool many = count > 1;

	/* It shall not hear others. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none));
	while (fgets(line, sizeof(line), stdin)) {
		made.line++;
		if (used == MAX_FRAMES)
			wrong("too many frames");
		describe(&frames[used], line);
		if (frames[used].len)
			used++;
	}
	for (; count > 0; count--) {
		for (size_t i = 0; i < used; i++) {
			while (send(fd, frames[i].bytes, frames[i].len, 0) < 0) {
				/* Who sends many does not mind that the interface is down for a while. */
				if (errno != ENOBUFS && errno != EINTR && !(errno == ENETDOWN && many))
					fail("send");
				usleep(1000);
			}
			if (gap_us)
				usleep(gap_us);
		}
	}
}

/* The id behind the mark, wherever it is; 0 if there is none. */
static unsigned int find_id(const uint8_t *bytes, size_t len)
{
	for (size_t i = 12; i + 4 <= len; i++)
		if (!memcmp(bytes + i, mark, sizeof(mark)))
			return bytes[i + 2] << 8 | bytes[i + 3];
	return 0;
}

static void show(const uint8_t *bytes, size_t len)
{
	uint16_t type = bytes[12] << 8 | bytes[13];
	char vid[8] = "-";

	if (type == 0x8100 || type == 0x88a8)
		snprintf(vid, sizeof(vid), "%u", (bytes[14] << 8 | bytes[15]) & 0x0fff);
	printf("%u %zu %s ", find_id(bytes, len), len, vid);
	for (size_t i = 0; i < len && i < SHOWN_BYTES; i++)
		printf("%02x", bytes[i]);
	printf("\n");
	fflush(stdout);
}

static int open_listener(const char *name, uint16_t protocol, bool promisc)
{
	int fd = open_socket(name, protocol), on = 1, size = RECEIVE_BUFFER;

	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		fail("setsockopt");
	if (promisc) {
		struct packet_mreq request = { .mr_type = PACKET_MR_PROMISC, .mr_ifindex = if_nametoindex(name) };

		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)))
			fail("promisc");
	}
	return fd;
}

/* Shows one frame, with the tag that the device took out. */
static void hear(int fd)
{
	static uint8_t bytes[65536 + 4];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec iov = { .iov_base = bytes + 4, .iov_len = sizeof(bytes) - 4 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &message, 0);
	struct cmsghdr *each;
	uint8_t *frame = bytes + 4;

	if (len < 0 && errno != EINTR && errno != ENETDOWN)
		fail("recvmsg");
	if (len < 14)
		return;
	for (each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
		struct tpacket_auxdata *aux = (void *)CMSG_DATA(each);
		uint16_t tpid;

		if (each->cmsg_level != SOL_PACKET || each->cmsg_type != PACKET_AUXDATA ||
		    !(aux->tp_status & TP_STATUS_VLAN_VALID))
			continue;
		tpid = aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : 0x8100;
		memmove(bytes, bytes + 4, 12);
		frame = bytes;
		frame[12] = tpid >> 8;
		frame[13] = tpid & 0xff;
		frame[14] = aux->tp_vlan_tci >> 8;
		frame[15] = aux->tp_vlan_tci & 0xff;
		len += 4;
	}
	show(frame, len);
}

static void listen_to(const char *name, const char *how)
{
	/* Sockets for one protocol hear late. */
	static const uint16_t protocols[] = {
		0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x88b5, 0x88b6, 0x88cc, 0
	};
	struct pollfd sockets[8];
	nfds_t used = 0;

	if (!strcmp(how, "late")) {
		for (; protocols[used]; used++)
			sockets[used].fd = open_listener(name, protocols[used], false);
	} else {
		sockets[used++].fd = open_listener(name, ETH_P_ALL, !strcmp(how, "promisc"));
	}
	for (nfds_t i = 0; i < used; i++)
		sockets[i].events = POLLIN;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		if (poll(sockets, used, -1) < 0 && errno != EINTR)
			fail("poll");
		for (nfds_t i = 0; i < used; i++) {
			if (sockets[i].revents)
				hear(sockets[i].fd);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc >= 3 && argc <= 5 && !strcmp(argv[1], "send")) {
		send_all(argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : 1, argc > 4 ? strtoul(argv[4], NULL, 10) : 0);
		return 0;
	}
	if (argc >= 3 && argc <= 4 && !strcmp(argv[1], "listen"))
		listen_to(argv[2], argc == 4 ? argv[3] : "");
	fprintf(stderr, "usage: frames send IF [COUNT [GAP_US]] | listen IF [promisc|late]\n");
	return 2;
}
