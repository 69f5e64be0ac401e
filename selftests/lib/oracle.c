// SPDX-License-Identifier: GPL-2.0
/*
 * Random rules in three languages, and random packets, for filters that are to come to the same verdicts.
 *
 * usage: oracle rules LANGUAGE SEED RULES IF BOUNCE     the rules: of nic-sidebounce, for nft, or for `tc -batch`
 *        oracle expect LANGUAGE SEED RULES PACKETS      the verdicts that they should come to, and each rule's packets
 *        oracle run SEED RULES PACKETS TX RX BOUNCE     sends the packets on TX and writes down the verdicts
 *
 * Languages: sidebounce, nft, flower (every rule of its own priority), and flat (flower with one priority for all of a
 * protocol, where any rule that matches may decide: `expect` names all these verdicts).
 *
 * A verdict is A: heard on RX by who comes after the filter, B: heard on BOUNCE, D: heard nowhere; or several letters.
 * The same seed gives the same rules and packets. What the three read in the same way is the packet itself; where they
 * are known to differ, `expect` says what each is to say:
 *
 *	fragments    flower reads no ports, types or flags in any of them: they are 0
 *	two tags     nft and flower do not see the outer VID, as it is another kind of tag,
 *	             and flower not the type behind
 *	odd lengths  nft and flower do not look at them; nic-sidebounce does not read what they belong to, accepts by no
 *	             rule, and bounces instead of accepting by default
 *	AH           nft and flower do not look behind it
 */

#include "oracle_text.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Behind the end of every frame: a mark and its number. */
static const uint8_t mark[4] = { 0x0a, 0xc1, 0xe5, 0x1d };

static uint8_t *add16(uint8_t *at, unsigned int value)
{
	*at++ = value >> 8;
	*at++ = value & 0xff;
	return at;
}

static uint8_t *add(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static uint8_t *add_transport(uint8_t *at, const struct packet *p, size_t payload)
{
	uint8_t *start = at;

	memset(at, 0, 20);
	if (p->part == LATER)
		return at + 16;
	if (is_icmp(p->proto)) {
		start[0] = p->type;
		start[1] = p->code;
		return at + 8;
	}
	add16(add16(at, p->sport), p->dport);
	switch (p->proto) {
	case TCP:
		start[12] = p->is_odd ? 0x40 : 0x50;
		start[13] = p->flags;
		return at + 20;
	case UDP:
		add16(start + 4, p->is_odd ? 7 : 8 + payload);
		return at + 8;
	default:
		return at + 12;
	}
}

static size_t build(uint8_t *frame, const struct packet *p, uint32_t number)
{
	static const unsigned int types[] = { [V4] = 0x0800, [V6] = 0x86dd, [ARP] = 0x0806, [OTHER] = 0x88cc };
	static const uint8_t arp[] = { 0, 1, 8, 0, 6, 4 };
	uint8_t *at = add(add(frame, p->dst_mac, 6), p->src_mac, 6), *net, *body, *length;
	const size_t trailer = sizeof(mark) + sizeof(number);

	if (p->inner_vid)
		at = add16(add16(at, 0x88a8), p->vid);
	if (p->inner_vid || p->vid)
		at = add16(add16(at, 0x8100), p->inner_vid ? p->inner_vid : p->vid);
	at = add16(at, types[p->family]);
	net = at;
	switch (p->family) {
	case ARP:
		at = add16(add(at, arp, sizeof(arp)), p->op);
		at = add(add(at, p->src_mac, 6), p->src, 4);
		at = add(add(at, p->dst_mac, 6), p->dst, 4);
		break;
	case V4:
		memset(at, 0, 12);
		net[0] = 0x45;
		net[8] = 64;
		net[9] = p->proto;
		add16(net + 6, p->part == FIRST ? 0x2000 : p->part == LATER ? 64 : 0);
		at = add(add(at + 12, p->src, 4), p->dst, 4);
		at = add_transport(at, p, trailer);
		add16(net + 2, at + trailer - net);
		break;
	case V6:
		memset(at, 0, 8);
		net[0] = 0x60;
		net[7] = 64;
		at = add(add(at + 8, p->src, 16), p->dst, 16);
		body = at;
		length = net + 6;
		for (unsigned int i = 0; i < p->extensions; i++, at += 8) {
			*length = p->extension;
			memset(at, 0, 8);
			/* AH counts in units of 4 bytes from 8 on; the others have one option, PadN. */
			if (p->extension == AH)
				add(at + 8, "\0\0\0\0", 4);
			else
				add(at + 2, "\1\4", 2);
			at[1] = p->extension == AH ? 1 : 0;
			length = at;
			at += p->extension == AH ? 4 : 0;
		}
		if (p->part != WHOLE) {
			*length = 44;
			memset(at, 0, 8);
			add16(at + 2, p->part == FIRST ? 1 : 64 << 3);
			length = at;
			at += 8;
		}
		*length = p->proto;
		at = add_transport(at, p, trailer);
		add16(net + 4, at + trailer - body);
		break;
	default:
		break;
	}
	at = add(add(at, mark, sizeof(mark)), &number, sizeof(number));
	return at - frame;
}

static int open_socket(const char *name, uint16_t protocol)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), size = 32 << 20;

	address.sll_ifindex = if_nametoindex(name);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		fail(name);
	return fd;
}

#define SOCKETS 8
/* The last one is for what bounces; the others, for one type each, hear what the filter has let pass. */
static struct pollfd sockets[SOCKETS];
static uint8_t heard[MAX_PACKETS][2];

static void drain(size_t sent, int wait_ms)
{
	static uint8_t bytes[4096];

	while (poll(sockets, SOCKETS, wait_ms) > 0) {
		for (size_t i = 0; i < SOCKETS; i++) {
			ssize_t len;

			while ((len = recv(sockets[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 8) {
				uint32_t number;

				memcpy(&number, bytes + len - 4, 4);
				if (memcmp(bytes + len - 8, mark, sizeof(mark)) || number >= sent)
					continue;
				heard[number][i == SOCKETS - 1]++;
			}
		}
	}
}

static void run(size_t packets, char **names)
{
	static const uint16_t types[SOCKETS - 1] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x88cc, 0x88b5 };
	int fd = open_socket(names[0], 0);
	uint8_t frame[512];

	for (size_t i = 0; i < SOCKETS; i++) {
		sockets[i].fd = i < SOCKETS - 1 ? open_socket(names[1], types[i]) : open_socket(names[2], ETH_P_ALL);
		sockets[i].events = POLLIN;
	}
	for (size_t i = 0; i < packets; i++) {
		struct packet p = random_packet();

		if (send(fd, frame, build(frame, &p, i), 0) < 0)
			fail("send");
		if (i % 32 == 31)
			drain(i + 1, 0);
	}
	drain(packets, 500);
	for (size_t i = 0; i < packets; i++) {
		printf("packet %zu ", i);
		for (int n = heard[i][0]; n > 0; n--)
			printf("A");
		for (int n = heard[i][1]; n > 0; n--)
			printf("B");
		printf("%s\n", heard[i][0] + heard[i][1] ? "" : "D");
	}
}

static void expect(enum language language, size_t packets)
{
	for (size_t i = 0; i < packets; i++) {
		struct packet p = random_packet();

		printf("packet %zu %s\n", i, verdicts(language, &p));
	}
	if (language == FLAT)
		return;
	for (size_t i = 0; i < rule_count; i++)
		printf("rule %zu %lu\n", i, rules[i].packets);
}

static enum language language_of(const char *name)
{
	static const char *const names[] = { "sidebounce", "nft", "flower", "flat" };

	for (size_t i = 0; i < 4; i++)
		if (!strcmp(name, names[i]))
			return i;
	errno = EINVAL;
	fail(name);
}

static int usage(void)
{
	fprintf(stderr, "usage: oracle rules LANGUAGE SEED RULES IF BOUNCE | expect LANGUAGE SEED RULES PACKETS | ");
	fprintf(stderr, "run SEED RULES PACKETS TX RX BOUNCE\n");
	return 2;
}

int main(int argc, char **argv)
{
	/* What stands before the seed. */
	int skip = argc > 1 && !strcmp(argv[1], "run") ? 2 : 3;

	if (argc < skip + 3)
		return usage();
	make_rules(strtoull(argv[skip], NULL, 0), strtoul(argv[skip + 1], NULL, 0));
	if (!strcmp(argv[1], "rules") && argc == 7) {
		write_rules(language_of(argv[2]), argv[5], argv[6]);
		return 0;
	}
	if (strtoul(argv[skip + 2], NULL, 0) > MAX_PACKETS) {
		fprintf(stderr, "oracle: at most %d packets\n", MAX_PACKETS);
		return 2;
	}
	if (!strcmp(argv[1], "expect") && argc == 6)
		expect(language_of(argv[2]), strtoul(argv[5], NULL, 0));
	else if (!strcmp(argv[1], "run") && argc == 8)
		run(strtoul(argv[4], NULL, 0), argv + 5);
	else
		return usage();
	return 0;
}
