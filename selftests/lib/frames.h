/* SPDX-License-Identifier: GPL-2.0 */
/* Makes Ethernet frames from descriptions: see frames.c. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAME 10240
#define MAX_LAYERS 32

static const uint8_t mark[2] = { 0x5b, 0x1d };

enum kind { IPV4, IPV6, TRANSPORT };

struct frame {
	uint8_t bytes[MAX_FRAME];
	size_t len;
};

/* What is known of the frame under construction. */
static struct {
	struct frame *frame;
	unsigned int line;
	struct {
		enum kind kind;
		size_t at;
		uint8_t proto;
		bool has_len;
	} layers[MAX_LAYERS];
	size_t layer_count, trail;
	/* Where the type or the protocol of the next layer goes; 0 if nowhere. */
	size_t type_at, proto_at;
} made;

static void fail(const char *what)
{
	fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void wrong(const char *word)
{
	fprintf(stderr, "frames: line %u: '%s'\n", made.line, word ? word : "the end");
	exit(2);
}

static char *next_word(void)
{
	return strtok(NULL, " \t\n");
}

static char *word(void)
{
	char *text = next_word();

	if (!text)
		wrong(text);
	return text;
}

static unsigned long number_of(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (end == text || (*end && *end != '+') || value > max)
		wrong(text);
	return value;
}

static unsigned long number(unsigned long max)
{
	return number_of(word(), max);
}

static uint8_t *put(const void *bytes, size_t len)
{
	struct frame *frame = made.frame;
	uint8_t *at = frame->bytes + frame->len;

	if (frame->len + len > MAX_FRAME)
		wrong("too long");
	if (bytes)
		memcpy(at, bytes, len);
	else
		memset(at, 0, len);
	frame->len += len;
	return at;
}

static void put16(uint16_t value)
{
	value = htons(value);
	put(&value, 2);
}

static void set16(size_t at, uint16_t value)
{
	made.frame->bytes[at] = value >> 8;
	made.frame->bytes[at + 1] = value & 0xff;
}

static void put_mac(const char *text)
{
	unsigned int b[6];
	uint8_t mac[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		wrong(text);
	for (int i = 0; i < 6; i++)
		mac[i] = b[i];
	put(mac, 6);
}

static void put_ipv4(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		wrong(text);
	put(&address, 4);
}

/* A layer above Ethernet begins: says so in the one below. */
static void is_type(uint16_t type)
{
	if (made.type_at)
		set16(made.type_at, type);
	made.type_at = 0;
}

static void is_proto(uint8_t proto)
{
	if (made.proto_at)
		made.frame->bytes[made.proto_at] = proto;
	made.proto_at = 0;
}

static void layer(enum kind kind, uint8_t proto, bool has_len)
{
	if (made.layer_count == MAX_LAYERS)
		wrong("too many layers");
	made.layers[made.layer_count].kind = kind;
	made.layers[made.layer_count].at = made.frame->len;
	made.layers[made.layer_count].proto = proto;
	made.layers[made.layer_count++].has_len = has_len;
}

/* Whether a word is `name=` and a value. */
static bool is_option(const char *text, const char *name, const char **value)
{
	size_t len = strlen(name);

	*value = text + len + 1;
	return !strncmp(text, name, len) && text[len] == '=';
}

/* The next word if it is of the form NAME=VALUE; otherwise it stays. */
static char *pushed_back;

static char *option(void)
{
	char *text = next_word();

	if (text && strchr(text, '='))
		return text;
	pushed_back = text;
	return NULL;
}

static void put_ip(void)
{
	const char *src = word(), *dst = word(), *text, *value;
	bool is_v6 = strchr(src, ':');
	size_t at = made.frame->len, own = made.layer_count;
	uint8_t *header;

	is_type(is_v6 ? 0x86dd : 0x0800);
	layer(is_v6 ? IPV6 : IPV4, 0, false);
	header = put(NULL, is_v6 ? 8 : 12);
	header[0] = is_v6 ? 0x60 : 0x45;
	header[is_v6 ? 7 : 8] = 64;
	if (is_v6) {
		struct in6_addr address[2];

		if (inet_pton(AF_INET6, src, &address[0]) != 1 || inet_pton(AF_INET6, dst, &address[1]) != 1)
			wrong(dst);
		put(address, sizeof(address));
	} else {
		put_ipv4(src);
		put_ipv4(dst);
	}
	made.proto_at = at + (is_v6 ? 6 : 9);
	while ((text = option())) {
		if (is_option(text, "ttl", &value)) {
			header[is_v6 ? 7 : 8] = number_of(value, 255);
		} else if (is_option(text, "proto", &value)) {
			is_proto(number_of(value, 255));
		} else if (is_option(text, "version", &value)) {
			header[0] = (header[0] & 0x0f) | number_of(value, 15) << 4;
		} else if (is_option(text, "ihl", &value)) {
			header[0] = (header[0] & 0xf0) | number_of(value, 15);
		} else if (is_option(text, "len", &value)) {
			set16(at + (is_v6 ? 4 : 2), number_of(value, 65535));
			made.layers[own].has_len = true;
		} else if (is_option(text, "frag", &value)) {
			set16(at + 6, number_of(value, 8191) | (strchr(value, '+') ? 0x2000 : 0));
		} else if (is_option(text, "options", &value)) {
			unsigned long len = number_of(value, 40);

			memset(put(NULL, len), 1, len);
			header[0] += len / 4;
		} else {
			wrong(text);
		}
	}
}

static void put_arp(void)
{
	const char *op = word();

	is_type(0x0806);
	put("\0\1\10\0\6\4", 6);
	put16(strcmp(op, "reply") ? 1 : 2);
	for (int i = 0; i < 2; i++) {
		put_mac(word());
		put_ipv4(word());
	}
}

static void put_extension(void)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} kinds[] = { { "hop", 0 }, { "dst", 60 }, { "auth", 51 }, { "route", 43 }, { "frag", 44 }, { NULL, 0 } };
	char *kind = word(), *value = strchr(kind, ':'), *text;
	size_t at = made.frame->len, len = 8;
	uint8_t proto = 255, *header;

	if (value)
		*value++ = 0;
	for (int i = 0; kinds[i].name; i++) {
		if (!strcmp(kind, kinds[i].name))
			proto = kinds[i].proto;
	}
	if (proto == 255)
		wrong(kind);
	text = next_word();
	if (text && *text >= '0' && *text <= '9')
		len = number_of(text, 2048);
	else
		pushed_back = text;
	is_proto(proto);
	header = put(NULL, len);
	made.proto_at = at;
	header[1] = proto == 44 ? 0 : proto == 51 ? len / 4 - 2 : len / 8 - 1;
	if (proto == 44)
		set16(at + 2, number_of(value ? value : "0", 8191) << 3 | (value && strchr(value, '+') ? 1 : 0));
	if (proto == 43)
		header[2] = value ? number_of(value, 255) : 2;
	/* One option that fills all of it: PadN. */
	if (proto == 0 || proto == 60) {
		header[2] = 1;
		header[3] = len - 4 > 255 ? 255 : len - 4;
	}
}

static void put_transport(const char *name)
{
	uint8_t proto = !strcmp(name, "tcp") ? 6 : !strcmp(name, "udp") ? 17 : !strcmp(name, "sctp") ? 132 :
			!strcmp(name, "icmp") ? 1 : 58;
	size_t at = made.frame->len, own = made.layer_count;
	const char *text, *value;

	is_proto(proto);
	made.proto_at = 0;
	layer(TRANSPORT, proto, false);
	if (proto == 1 || proto == 58) {
		uint8_t type = number(255);

		put(NULL, 8);
		made.frame->bytes[at] = type;
		made.frame->bytes[at + 1] = number(255);
		return;
	}
	put16(number(65535));
	put16(number(65535));
	put(NULL, proto == 6 ? 16 : proto == 17 ? 4 : 8);
	if (proto == 6) {
		made.frame->bytes[at + 12] = 0x50;
		made.frame->bytes[at + 13] = 0x10;
	}
	while ((text = option())) {
		if (proto == 6 && is_option(text, "flags", &value)) {
			made.frame->bytes[at + 13] = number_of(value, 255);
		} else if (proto == 6 && is_option(text, "offset", &value)) {
			made.frame->bytes[at + 12] = number_of(value, 15) << 4;
		} else if (proto == 17 && is_option(text, "len", &value)) {
			set16(at + 4, number_of(value, 65535));
			made.layers[own].has_len = true;
		} else {
			wrong(text);
		}
	}
}

static void put_hex(const char *text)
{
	unsigned int byte;

	for (; *text; text += 2) {
		if (sscanf(text, "%2x", &byte) != 1 || !text[1])
			wrong(text);
		*put(NULL, 1) = byte;
	}
}

static uint32_t sum(uint32_t start, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		start += i % 2 ? bytes[i] : bytes[i] << 8;
	return start;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Fills in the lengths and checksums, the innermost first. */
static void complete(void)
{
	struct frame *frame = made.frame;
	size_t end = made.trail ? made.trail : frame->len;

	for (size_t i = made.layer_count; i-- > 0;) {
		size_t at = made.layers[i].at;
		uint8_t *header = frame->bytes + at, proto = made.layers[i].proto;

		if (made.layers[i].kind == IPV4) {
			size_t len = (header[0] & 0x0f) * 4;

			if (!made.layers[i].has_len)
				set16(at + 2, end - at);
			if (at + len <= frame->len)
				set16(at + 10, fold(sum(0, header, len)));
		} else if (made.layers[i].kind == IPV6) {
			if (!made.layers[i].has_len)
				set16(at + 4, end - at - 40);
		} else {
			size_t check = proto == 6 ? 16 : proto == 17 ? 6 : proto == 132 ? 0 : 2;
			uint32_t start = 0;

			if (proto == 17 && !made.layers[i].has_len)
				set16(at + 4, end - at);
			/* Their network layer lies before. */
			if (proto != 1 && i > 0) {
				bool is_v6 = made.layers[i - 1].kind == IPV6;

				start = sum(proto + (end - at),
					    frame->bytes + made.layers[i - 1].at + (is_v6 ? 8 : 12), is_v6 ? 32 : 8);
			}
			if (check && end >= at + check + 2) {
				uint16_t value = fold(sum(start, header, end - at));

				set16(at + check, value || proto != 17 ? value : 0xffff);
			}
		}
	}
}

/* Makes the frame that a line describes; of length 0 if the line is empty. */
static void describe(struct frame *frame, char *line)
{
	size_t cut = 0;
	char *text = strtok(line, " \t\n");

	made.frame = frame;
	made.layer_count = 0;
	made.trail = 0;
	made.type_at = 0;
	made.proto_at = 0;
	while (text) {
		pushed_back = NULL;
		if (!strcmp(text, "eth")) {
			put_mac(word());
			put_mac(word());
			made.type_at = frame->len;
			put16(0x88b5);
		} else if (!strcmp(text, "vlan") || !strcmp(text, "svlan")) {
			is_type(*text == 's' ? 0x88a8 : 0x8100);
			put16(number(65535));
			made.type_at = frame->len;
			put16(0x88b5);
		} else if (!strcmp(text, "type")) {
			is_type(number(65535));
		} else if (!strcmp(text, "next")) {
			is_proto(number(255));
		} else if (!strcmp(text, "arp")) {
			put_arp();
		} else if (!strcmp(text, "ip")) {
			put_ip();
		} else if (!strcmp(text, "ext")) {
			put_extension();
		} else if (!strcmp(text, "tcp") || !strcmp(text, "udp") || !strcmp(text, "sctp") ||
			   !strcmp(text, "icmp") || !strcmp(text, "icmp6")) {
			put_transport(text);
		} else if (!strcmp(text, "hex")) {
			put_hex(word());
		} else if (!strcmp(text, "zeros")) {
			put(NULL, number(MAX_FRAME));
		} else if (!strcmp(text, "id")) {
			put(mark, sizeof(mark));
			put16(number(65535));
		} else if (!strcmp(text, "trail")) {
			made.trail = frame->len;
		} else if (!strcmp(text, "cut")) {
			cut = number(MAX_FRAME);
		} else {
			wrong(text);
		}
		text = pushed_back ? pushed_back : next_word();
	}
	complete();
	if (cut && cut < frame->len)
		frame->len = cut;
}
