// SPDX-License-Identifier: GPL-2.0
/*
 * What nobody should send: frames that are malformed in every way, and garbage for sysfs files and generic netlink.
 *
 * usage: netfuzz frames SEED COUNT IF [whole]   frames, with offloads asked for up to 64 KiB, through a packet socket
 *        netfuzz tap SEED COUNT IF [whole]      the same through a persistent tap device (made with vnet_hdr)
 *        netfuzz text SEED COUNT DIR WORDS      texts for the files in DIR, of the lines of WORDS and of garbage
 *        netfuzz netlink SEED COUNT FAMILY NAME messages for a family; NAME is a string that they like to have
 *        netfuzz watch IF PORT                  until it is killed: counts what IF sends that is UDP to PORT or else
 *
 * `whole`: nothing that the kernel is to cut into IP fragments behind the filter, which have no ports. The same seed
 * does the same. What the kernel refuses does not matter.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FRAME 65535

static uint64_t random_state;
static uint8_t frame[MAX_FRAME];
static size_t frame_len;
static bool stays_whole;

static noreturn void fail(const char *what)
{
	fprintf(stderr, "netfuzz: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* splitmix64 */
static uint32_t below(uint32_t limit)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % limit;
}

static bool one_in(uint32_t limit)
{
	return !below(limit);
}

static uint8_t *put(size_t len)
{
	uint8_t *at = frame + frame_len;

	memset(at, 0, len);
	frame_len += len;
	return at;
}

static void put16(unsigned int value)
{
	uint8_t *at = put(2);

	at[0] = value >> 8;
	at[1] = value & 0xff;
}

static void set16(size_t at, unsigned int value)
{
	frame[at] = value >> 8;
	frame[at + 1] = value & 0xff;
}

static void put_transport(uint8_t proto, size_t payload)
{
	uint8_t *at = put(proto == 6 ? 20 : proto == 132 ? 12 : 8);

	at[1] = one_in(2) ? 53 : below(256);
	at[3] = one_in(2) ? 53 : below(256);
	if (proto == 6)
		at[12] = 0x50;
	if (proto == 17) {
		at[4] = (8 + payload) >> 8;
		at[5] = (8 + payload) & 0xff;
	}
	put(payload);
}

/* A sound frame; with a payload of that many bytes. */
static void make_frame(size_t payload)
{
	static const uint8_t protocols[] = { 6, 17, 17, 132, 1, 58, 47, 4, 41, 50 };
	static const uint8_t extensions[] = { 0, 43, 44, 51, 60, 135 };
	uint8_t proto = protocols[below(sizeof(protocols))], *net;
	size_t at, next;

	frame_len = 0;
	memcpy(put(12), "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	if (one_in(4))
		memset(frame, one_in(2) ? 0xff : 0x01, 6);
	for (unsigned int tags = one_in(3) ? below(5) : 0; tags > 0; tags--) {
		put16(one_in(2) ? 0x8100 : 0x88a8);
		put16(below(65536));
	}
	switch (below(8)) {
	case 0:
		put16(0x0806);
		memcpy(put(8), "\0\1\10\0\6\4\0\1", 8);
		put(20);
		break;
	case 1:
		put16(below(0x600));
		memcpy(put(8), "\252\252\3\0\0\0\10\0", 8);
		put(payload % 1400);
		break;
	case 2:
		put16(below(65536));
		put(payload % 1400);
		break;
	case 3: case 4: case 5:
		put16(0x0800);
		at = frame_len;
		net = put(20 + 4 * (one_in(4) ? below(11) : 0));
		net[0] = 0x40 | (frame + frame_len - net) / 4;
		net[8] = 64;
		net[9] = proto;
		if (one_in(4))
			set16(at + 6, one_in(2) ? 0x2000 : below(65536));
		memcpy(net + 12, "\12\0\0\1\12\0\0\2", 8);
		put_transport(proto, payload);
		set16(at + 2, frame_len - at);
		break;
	default:
		put16(0x86dd);
		at = frame_len;
		net = put(40);
		net[0] = 0x60;
		next = at + 6;
		for (unsigned int n = one_in(2) ? below(9) : 0; n > 0; n--) {
			uint8_t kind = extensions[below(sizeof(extensions))], units = one_in(4) ? below(8) : 0;

			frame[next] = kind;
			next = frame_len;
			put(kind == 44 ? 8 : kind == 51 ? 8 + 4U * units : 8 + 8U * units)[1] = kind == 44 ? 0 : units;
			if (kind == 44)
				set16(next + 2, one_in(2) ? 1 : below(65536));
		}
		frame[next] = proto;
		put_transport(proto, payload);
		set16(at + 4, frame_len - at - 40);
	}
}

/* Changes what headers there are, and where it ends. */
static void spoil_frame(void)
{
	for (unsigned int n = below(5); n > 0; n--) {
		size_t near = frame_len < 120 ? frame_len : 120, at = below(near - 1);

		switch (below(6)) {
		case 0:
			frame[at] ^= 1 << below(8);
			break;
		case 1:
			frame[at] = below(256);
			break;
		case 2:
			set16(at, one_in(3) ? 0xffff : one_in(2) ? 0 : below(2000));
			break;
		case 3:
			frame_len = 1 + below(frame_len);
			break;
		case 4:
			frame_len = 1 + below(near);
			break;
		default:
			memmove(frame + at, frame + below(near - 1), 4);
		}
		if (frame_len < 14)
			frame_len = 14 + below(30);
	}
}

static struct virtio_net_hdr random_header(void)
{
	static const uint8_t types[] = { VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_HDR_GSO_TCPV6,
					 VIRTIO_NET_HDR_GSO_UDP_L4, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN };
	struct virtio_net_hdr header = { 0 };

	if (one_in(2))
		return header;
	header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.csum_start = one_in(4) ? below(200) : one_in(2) ? 34 : 54;
	header.csum_offset = one_in(4) ? below(100) : one_in(2) ? 6 : 16;
	if (one_in(2))
		return header;
	do
		header.gso_type = types[below(sizeof(types))];
	while (stays_whole && header.gso_type == VIRTIO_NET_HDR_GSO_UDP);
	header.gso_size = one_in(4) ? below(65536) : 1000;
	header.hdr_len = one_in(4) ? below(300) : header.csum_start + 20U;
	return header;
}

static int open_packet(const char *name, uint16_t protocol)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	address.sll_ifindex = if_nametoindex(name);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(name);
	return fd;
}

static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		fail(name);
	return fd;
}

static void send_frames(int fd, unsigned long count)
{
	static uint8_t bytes[sizeof(struct virtio_net_hdr) + MAX_FRAME];
	unsigned long sent = 0, large = 0;

	for (unsigned long i = 0; i < count; i++) {
		struct virtio_net_hdr header = random_header();
		size_t payload = one_in(8) ? below(1400) : below(40);

		if (header.gso_type)
			payload = one_in(2) ? 64000 : below(64000);
		make_frame(payload);
		/* Others would hardly get as far as the filter. */
		if (!header.flags || one_in(3))
			spoil_frame();
		memcpy(bytes, &header, sizeof(header));
		memcpy(bytes + sizeof(header), frame, frame_len);
		if (write(fd, bytes, sizeof(header) + frame_len) > 0) {
			sent++;
			large += frame_len > 2000;
		}
	}
	printf("sent %lu large %lu\n", sent, large);
}

/* Pieces of the grammar, NUL between them. */
static char words[65536];
static size_t word_count;
static const char *word_list[4096];

static void read_words(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		fail(path);
	words[fread(words, 1, sizeof(words) - 1, file)] = 0;
	fclose(file);
	for (char *word = strtok(words, "\n"); word && word_count < 4096; word = strtok(NULL, "\n"))
		word_list[word_count++] = word;
	if (!word_count)
		fail("no words");
}

static size_t random_text(char *text, size_t size)
{
	size_t len = 0, lines = 1 + below(one_in(8) ? 200 : 4);

	if (one_in(10)) {
		len = below(size);
		for (size_t i = 0; i < len; i++)
			text[i] = below(256);
		return len;
	}
	while (lines-- > 0) {
		if (one_in(2) && len + 400 < size) {
			/* Such a line is often right. */
			len += sprintf(text + len, "add prio %u dir %s ", below(1000), one_in(2) ? "rx" : "tx");
			for (size_t n = below(3); n > 0; n--)
				len += snprintf(text + len, 100, "%s ", word_list[below(word_count)]);
			len += sprintf(text + len, "action drop\n");
			continue;
		}
		if (one_in(2) && len + 100 < size) {
			len += snprintf(text + len, 100, "%s\n", word_list[below(word_count)]);
			continue;
		}
		for (size_t n = below(one_in(20) ? 300 : 12); n > 0 && len + 300 < size; n--) {
			if (one_in(40))
				text[len++] = below(256);
			if (one_in(20))
				len += sprintf(text + len, "%lld ", (long long)below(~0U) << below(33));
			else
				len += snprintf(text + len, 200, "%s ", word_list[below(word_count)]);
		}
		text[len++] = one_in(50) ? ' ' : '\n';
	}
	return len;
}

static void write_texts(const char *directory, unsigned long count)
{
	static char paths[128][300], text[20000];
	size_t files = 0, len;
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int open_files[6] = { -1, -1, -1, -1, -1, -1 };
	unsigned long taken = 0;

	while (dir && files < 128 && (entry = readdir(dir)))
		if (entry->d_type == DT_REG)
			snprintf(paths[files++], sizeof(paths[0]), "%s/%s", directory, entry->d_name);
	if (!files)
		fail(directory);
	while (count-- > 0) {
		int *fd = &open_files[below(6)];

		if (*fd >= 0 && one_in(4)) {
			close(*fd);
			*fd = -1;
		}
		/* The rules have the largest grammar. */
		if (*fd < 0) {
			const char *path = paths[below(files)];
			bool likes_rules = one_in(2);

			for (size_t i = 0; i < files && likes_rules; i++)
				if (!strcmp(strrchr(paths[i], '/'), "/rules"))
					path = paths[i];
			*fd = open(path, O_RDWR | O_NONBLOCK);
			if (*fd < 0)
				*fd = open(path, O_WRONLY);
			if (*fd < 0)
				*fd = open(path, O_RDONLY);
		}
		if (one_in(6)) {
			len = pread(*fd, text, below(sizeof(text)), one_in(2) ? 0 : below(100000));
			continue;
		}
		if (one_in(40))
			len = sprintf(text, "%s", one_in(4) ? "begin\n" : "commit\n");
		else
			len = random_text(text, sizeof(text));
		switch (below(8)) {
		case 0:
			taken += pwrite(*fd, text, len, below(100000)) > 0;
			break;
		case 1:
			taken += write(*fd, text, len) > 0;
			break;
		default:
			taken += pwrite(*fd, text, len, 0) > 0;
		}
	}
	printf("taken %lu\n", taken);
}

static size_t put_attribute(uint8_t *at, uint16_t type, const void *value, size_t len)
{
	struct nlattr attribute = { .nla_len = NLA_HDRLEN + len, .nla_type = type };

	memset(at, 0, NLA_HDRLEN + NLA_ALIGN(len));
	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + NLA_HDRLEN, value, len);
	return NLA_HDRLEN + NLA_ALIGN(len);
}

static int ask(int fd, uint16_t family, uint8_t command, uint16_t flags, const uint8_t *attributes, size_t len)
{
	static uint8_t bytes[8192];
	struct nlmsghdr header = { NLMSG_HDRLEN + GENL_HDRLEN + len, family, NLM_F_REQUEST | flags, 1, 0 };
	struct genlmsghdr own = { .cmd = command, .version = 1 };

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + NLMSG_HDRLEN, &own, sizeof(own));
	memcpy(bytes + NLMSG_HDRLEN + GENL_HDRLEN, attributes, len);
	return send(fd, bytes, header.nlmsg_len, MSG_DONTWAIT);
}

static uint16_t find_family(int fd, const char *name)
{
	uint8_t attributes[64], answer[4096];
	size_t at = NLMSG_HDRLEN + GENL_HDRLEN;
	ssize_t len;

	ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, attributes,
	    put_attribute(attributes, CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1));
	len = recv(fd, answer, sizeof(answer), 0);
	while (at + NLA_HDRLEN <= (size_t)len) {
		struct nlattr *attribute = (void *)(answer + at);

		if (attribute->nla_type == CTRL_ATTR_FAMILY_ID)
			return *(uint16_t *)(attribute + 1);
		if (attribute->nla_len < NLA_HDRLEN)
			break;
		at += NLA_ALIGN(attribute->nla_len);
	}
	errno = ENOENT;
	fail(name);
}

static void send_messages(const char *name, const char *liked, unsigned long count)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	uint16_t family = find_family(fd, name);
	uint8_t attributes[6000], value[300], answer[32768];

	while (count-- > 0) {
		size_t len = 0;

		for (unsigned int n = below(12); n > 0; n--) {
			size_t size = one_in(2) ? 1U << below(5) : below(sizeof(value));

			for (size_t i = 0; i < size; i++)
				value[i] = one_in(3) ? 0 : below(256);
			len += put_attribute(attributes + len, below(40) | (one_in(8) ? NLA_F_NESTED : 0), value, size);
			if (one_in(2))
				len += put_attribute(attributes + len, 1, liked, strlen(liked) + 1);
		}
		/* The length of an attribute may lie too. */
		if (len > 4 && one_in(10))
			attributes[0] = below(256);
		ask(fd, family, below(8), (one_in(3) ? NLM_F_DUMP : 0) | (one_in(2) ? NLM_F_ACK : 0), attributes, len);
		while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0 && !one_in(3))
			;
		if (one_in(50)) {
			close(fd);
			fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
		}
	}
}

/* Whether it is a datagram to that port for whoever looks at it closely: not for one who trusts it. */
static bool is_udp_to(const uint8_t *bytes, size_t len, unsigned int port)
{
	size_t at = 12, tags = 0;
	unsigned int type;
	uint8_t next;

	type = bytes[at] << 8 | bytes[at + 1];
	for (; at + 6 < len && (type == 0x8100 || type == 0x88a8); tags++) {
		at += 4;
		type = bytes[at] << 8 | bytes[at + 1];
	}
	at += 2;
	/* One more than that may have been taken out on the way. */
	if (tags > 3 || at + 40 > len + 20 || (type != 0x0800 && type != 0x86dd))
		return false;
	if (type == 0x0800) {
		next = bytes[at + 9];
		if (bytes[at] >> 4 != 4 || (bytes[at + 6] & 0x1f) || bytes[at + 7])
			return false;
		at += (bytes[at] & 15) * 4;
	} else {
		next = bytes[at + 6];
		if (bytes[at] >> 4 != 6)
			return false;
		for (at += 40; at + 8 <= len && (next == 0 || next == 43 || next == 44 || next == 51 || next == 60);) {
			if (next == 44 && (bytes[at + 2] || bytes[at + 3] >> 3))
				return false;
			size_t own = next == 44 ? 8 : next == 51 ? bytes[at + 1] * 4 + 8U : bytes[at + 1] * 8 + 8U;

			next = bytes[at];
			at += own;
		}
	}
	return next == 17 && at + 8 <= len && (bytes[at + 2] << 8 | bytes[at + 3]) == (int)port;
}

static void watch(const char *name, unsigned int port)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int fd = open_packet(name, ETH_P_ALL), size = 64 << 20;
	unsigned long good = 0, bad = 0;
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	fds[0].fd = fd;
	fds[1].fd = signalfd(-1, &end, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	/* What has come before the end is counted. */
	while (poll(fds, 2, -1) < 0 || fds[0].revents || !fds[1].revents) {
		ssize_t len = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (len < 14)
			continue;
		if (is_udp_to(frame, len, port)) {
			good++;
		} else if (bad++ < 3) {
			printf("bad: ");
			for (ssize_t i = 0; i < len && i < 100; i++)
				printf("%02x", frame[i]);
			printf("\n");
		}
	}
	printf("good %lu bad %lu\n", good, bad);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	int fd, on = 1;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc == 4 && !strcmp(argv[1], "watch")) {
		watch(argv[2], count);
		return 0;
	}
	random_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	stays_whole = argc == 6 && !strcmp(argv[5], "whole");
	if (argc == 5 + stays_whole && !strcmp(argv[1], "frames")) {
		fd = open_packet(argv[4], 0);
		if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
			fail("PACKET_VNET_HDR");
		send_frames(fd, count);
	} else if (argc == 5 + stays_whole && !strcmp(argv[1], "tap")) {
		send_frames(open_tap(argv[4]), count);
	} else if (argc == 6 && !strcmp(argv[1], "text")) {
		read_words(argv[5]);
		write_texts(argv[4], count);
	} else if (argc == 6 && !strcmp(argv[1], "netlink")) {
		send_messages(argv[4], argv[5], count);
	} else {
		fprintf(stderr, "usage: netfuzz frames|tap SEED COUNT IF [whole] | text SEED COUNT DIR WORDS |\n"
			"       netlink SEED COUNT FAMILY NAME | watch IF PORT\n");
		return 2;
	}
	return 0;
}
