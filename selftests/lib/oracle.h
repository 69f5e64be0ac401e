/* SPDX-License-Identifier: GPL-2.0 */
/* Random rules and packets, and what becomes of them: see oracle.c. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

#define MAX_PACKETS 20000
#define MAX_RULES 500

enum language { SIDEBOUNCE, NFT, FLOWER, FLAT };
enum family { V4, V6, ARP, OTHER };
enum part { WHOLE, FIRST, LATER };
enum { ICMP = 1, TCP = 6, UDP = 17, AH = 51, ICMP6 = 58, DESTINATION = 60, SCTP = 132 };

/* What rules look at, and what makes it hard to read. */
struct packet {
	enum family family;
	enum part part;
	uint8_t dst_mac[6], src_mac[6], src[16], dst[16];
	/* No tag if 0; two if `inner_vid` is not. */
	uint16_t vid, inner_vid, sport, dport;
	uint8_t proto, type, code, flags, op;
	/* A length in the transport header that cannot be. */
	bool is_odd;
	uint8_t extension, extensions;
};

struct rule {
	/* Nothing: any; otherwise one bit for each family. */
	unsigned int families;
	bool has_dst_mac, has_src_mac, has_ports[2], has_type, has_code, has_flags, has_op;
	/* 0: any; -1: none. */
	int vid;
	uint8_t dst_mac[6], src_mac[6], address[2][16];
	/* Lengths of prefixes, of the source and the destination; -1: any. */
	int prefix[2];
	uint16_t low[2], high[2];
	/* 0: any. */
	uint8_t proto, type, code, flags, flags_mask, op;
	/* A, B or D. */
	char verdict;
	unsigned long packets;
};

static struct rule rules[MAX_RULES];
static size_t rule_count;
static char default_verdict;
static uint64_t random_state;

static noreturn void fail(const char *what)
{
	fprintf(stderr, "oracle: %s: %s\n", what, strerror(errno));
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

static bool is_icmp(uint8_t proto)
{
	return proto == ICMP || proto == ICMP6;
}

static bool has_ports(uint8_t proto)
{
	return proto == TCP || proto == UDP || proto == SCTP;
}

/* Few enough that rules and packets meet. */
static void random_mac(uint8_t *mac)
{
	memset(mac, 0, 6);
	mac[0] = 2;
	mac[4] = below(3);
	mac[5] = below(3);
}

static void random_address(enum family family, uint8_t *address)
{
	memset(address, 0, 16);
	if (family == V6) {
		memcpy(address, "\x20\x01\x0d\xb8", 4);
		address[5] = below(4);
		address[7] = below(2) << 7 | below(4);
		address[8] = below(2) << 7;
		address[15] = below(4);
		return;
	}
	address[0] = 10;
	address[1] = below(2) << 7 | below(4);
	address[2] = below(4);
	address[3] = below(2) << 7 | below(4);
}

static uint16_t random_port(void)
{
	return one_in(8) ? below(65536) : below(40);
}

static uint8_t random_proto(enum family family)
{
	const uint8_t known[] = { TCP, TCP, UDP, UDP, SCTP, 47, family == V6 ? ICMP6 : ICMP };

	return known[below(sizeof(known))];
}

static struct packet random_packet(void)
{
	static const enum family families[] = { V4, V4, V4, V6, V6, V6, ARP, OTHER };
	struct packet p = { .family = families[below(8)] };

	random_mac(p.dst_mac);
	random_mac(p.src_mac);
	if (one_in(3))
		p.vid = 1 + below(4);
	/* Behind two tags, nft knows that it is ARP, but not where it begins. */
	if (p.vid && p.family != ARP && one_in(8))
		p.inner_vid = 1 + below(4);
	random_address(p.family, p.src);
	random_address(p.family, p.dst);
	p.op = 1 + below(2);
	if (p.family == ARP || p.family == OTHER)
		return p;
	p.proto = random_proto(p.family);
	p.sport = random_port();
	p.dport = random_port();
	p.type = below(4);
	p.code = below(3);
	p.flags = below(64);
	if (one_in(8))
		p.part = 1 + below(2);
	if (p.family == V6 && one_in(4)) {
		p.extension = one_in(4) ? AH : DESTINATION;
		p.extensions = p.extension == AH ? 1 : 1 + below(4);
	}
	/* In a part, it need not fit. */
	p.is_odd = (p.proto == TCP || p.proto == UDP) && p.part == WHOLE && one_in(12);
	return p;
}

static void random_range(struct rule *r, int end)
{
	r->has_ports[end] = true;
	r->low[end] = random_port();
	r->high[end] = r->low[end];
	if (one_in(2) && r->low[end] < 65000)
		r->high[end] += 1 + below(one_in(3) ? 500 : 10);
}

static struct rule random_rule(void)
{
	static const char verdicts[] = { 'A', 'B', 'D' };
	struct rule r = { .prefix = { -1, -1 }, .verdict = verdicts[below(3)] };
	enum family family = below(3);

	if (one_in(5)) {
		r.has_dst_mac = true;
		random_mac(r.dst_mac);
	}
	if (one_in(8)) {
		r.has_src_mac = true;
		random_mac(r.src_mac);
	}
	if (one_in(4))
		r.vid = one_in(3) ? -1 : 1 + (int)below(4);
	/* That there is no tag cannot be said alone in every language. */
	if ((r.has_dst_mac || r.vid > 0) && r.vid >= 0 && one_in(8))
		return r;
	if (one_in(20)) {
		r.families = 1 << OTHER;
		return r;
	}
	r.families = 1 << family;
	for (int end = 0; end < 2; end++) {
		if (!one_in(2))
			continue;
		r.prefix[end] = family == V6 ? 30 + below(99) : 6 + below(27);
		random_address(family, r.address[end]);
		for (int bit = r.prefix[end]; bit < 128; bit++)
			r.address[end][bit / 8] &= ~(0x80 >> bit % 8);
	}
	if (family == ARP) {
		r.has_op = one_in(2);
		r.op = 1 + below(2);
		return r;
	}
	if (one_in(4))
		return r;
	r.proto = random_proto(family);
	if (r.prefix[0] < 0 && r.prefix[1] < 0 && !is_icmp(r.proto) && one_in(2))
		r.families = 1 << V4 | 1 << V6;
	for (int end = 0; end < 2; end++)
		if (has_ports(r.proto) && one_in(2))
			random_range(&r, end);
	if (r.proto == TCP && one_in(3)) {
		r.has_flags = true;
		r.flags_mask = 1 + below(63);
		r.flags = below(64) & r.flags_mask;
	}
	if (is_icmp(r.proto) && one_in(2)) {
		r.has_type = true;
		r.type = below(4);
		r.has_code = one_in(2);
		r.code = below(3);
	}
	return r;
}

/* How much a rule demands apart from types and protocols. */
static int demands(const struct rule *r)
{
	return r->has_dst_mac + r->has_src_mac + !!r->vid + (r->prefix[0] >= 0) + (r->prefix[1] >= 0) +
	       r->has_ports[0] + r->has_ports[1] + r->has_type + r->has_flags + r->has_op;
}

/* The packets that are made later follow from the seed too. */
static void make_rules(uint64_t seed, size_t count)
{
	random_state = seed;
	rule_count = count < MAX_RULES ? count : MAX_RULES;
	/* The wide ones last, or others would hardly matter. */
	for (size_t i = 0; i < rule_count; i++) {
		do
			rules[i] = random_rule();
		while (demands(&rules[i]) < (i < rule_count - rule_count / 4 ? 2 : 0));
	}
	default_verdict = "ABD"[below(3)];
}

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, int bits)
{
	for (int bit = 0; bit < bits; bit++)
		if ((address[bit / 8] ^ prefix[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool matches(enum language language, const struct rule *r, const struct packet *p)
{
	bool is_flower = language == FLOWER || language == FLAT, reads;
	struct packet seen = *p;

	if (r->has_dst_mac && memcmp(r->dst_mac, p->dst_mac, 6))
		return false;
	if (r->has_src_mac && memcmp(r->src_mac, p->src_mac, 6))
		return false;
	if (p->inner_vid && ((language != SIDEBOUNCE && r->vid) || (is_flower && r->families)))
		return false;
	if (r->vid == -1 && p->vid)
		return false;
	if (r->vid > 0 && r->vid != p->vid)
		return false;
	if (r->families && !(r->families & 1 << p->family))
		return false;
	if (language == SIDEBOUNCE && p->is_odd && r->verdict == 'A')
		return false;
	if (r->prefix[0] >= 0 && !has_prefix(p->src, r->address[0], r->prefix[0]))
		return false;
	if (r->prefix[1] >= 0 && !has_prefix(p->dst, r->address[1], r->prefix[1]))
		return false;
	if (r->has_op && r->op != p->op)
		return false;
	if (!r->proto)
		return true;
	if (language != SIDEBOUNCE && p->extension == AH)
		return false;
	if (r->proto != p->proto)
		return false;
	reads = is_flower ? p->part == WHOLE : p->part != LATER && !(p->is_odd && language == SIDEBOUNCE);
	if (!reads && !is_flower)
		return !r->has_ports[0] && !r->has_ports[1] && !r->has_type && !r->has_code && !r->has_flags;
	if (!reads) {
		seen.sport = 0;
		seen.dport = 0;
		seen.type = 0;
		seen.code = 0;
		seen.flags = 0;
	}
	/* Flower asks for a whole header before it looks at the flags. */
	if (is_flower && p->is_odd && p->proto == TCP)
		seen.flags = 0;
	if (r->has_ports[0] && (seen.sport < r->low[0] || seen.sport > r->high[0]))
		return false;
	if (r->has_ports[1] && (seen.dport < r->low[1] || seen.dport > r->high[1]))
		return false;
	if (r->has_type && r->type != seen.type)
		return false;
	if (r->has_code && r->code != seen.code)
		return false;
	return !r->has_flags || (seen.flags & r->flags_mask) == r->flags;
}

/* All verdicts that there may be; counts for the rule that decides. */
static const char *verdicts(enum language language, const struct packet *p)
{
	static char all[4];
	size_t used = 0;

	memset(all, 0, sizeof(all));
	for (size_t i = 0; i < rule_count; i++) {
		if (!matches(language, &rules[i], p) || strchr(all, rules[i].verdict))
			continue;
		rules[i].packets++;
		all[used++] = rules[i].verdict;
		if (language != FLAT)
			return all;
	}
	if (!used)
		all[0] = language == SIDEBOUNCE && p->is_odd && default_verdict == 'A' ? 'B' : default_verdict;
	return all;
}
