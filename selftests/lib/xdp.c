// SPDX-License-Identifier: GPL-2.0
/*
 * Gives a device a filter in XDP, as one would write it for nothing but such rules: UDP packets to a network and a port
 * are dropped and counted, with their bytes, for each rule and CPU; all others pass. It is in place, instead of the
 * one before, when this ends; `ip link set dev IF xdp off` takes it away.
 *
 * usage: xdp load IF native|generic hash|lpm PORT   rules: networks on standard input, a line each, as 192.0.2.0/24
 *        xdp counts                                 all packets and bytes that rules have dropped, of all such filters
 *
 * hash is for addresses (/32), which are looked up at once; lpm is for networks, of which the longest that matches
 * counts. Neither looks into IPv6, VLANs, fragments, or headers with options: those pass.
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_RULES 65536
#define COUNTS_NAME "bench_counts"
#define LINE_BYTES 64
#define LOG_BYTES 65536

/* What packets are looked up by; the length of a prefix, which only LPM needs, is before it. */
struct key {
	uint32_t prefix_bits;
	uint16_t proto;
	uint16_t port;
	uint32_t dst;
};

#define HASH_KEY offsetof(struct key, proto)
#define HASH_KEY_BYTES (sizeof(struct key) - HASH_KEY)
#define FIXED_BITS 32
#define ALL_BITS 64

struct counts {
	uint64_t packets;
	uint64_t bytes;
};

static struct key keys[MAX_RULES];
static uint32_t rules;

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int made(enum bpf_cmd command, union bpf_attr *attr, const char *what)
{
	int fd = bpf(command, attr);

	if (fd < 0)
		err(1, "%s", what);
	return fd;
}

/* As many as there can be: values of a map for each CPU have room for all of them. */
static uint32_t possible_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int last = 0;
	char text[LINE_BYTES];

	if (!file || !fgets(text, sizeof(text), file))
		err(1, "possible CPUs");
	fclose(file);
	if (sscanf(text, "0-%u", &last) != 1 && strcmp(text, "0\n"))
		errx(1, "possible CPUs: %s", text);
	return last + 1;
}

static void read_rules(uint16_t port)
{
	char line[LINE_BYTES], *slash;

	while (fgets(line, sizeof(line), stdin)) {
		struct key *key = &keys[rules];
		unsigned long len;

		slash = strchr(line, '/');
		if (!slash || rules == MAX_RULES)
			errx(1, "not a network, or too many: %s", line);
		*slash = '\0';
		len = strtoul(slash + 1, NULL, 10);
		if (len > ALL_BITS - FIXED_BITS || inet_pton(AF_INET, line, &key->dst) != 1)
			errx(1, "not a network: %s", line);
		key->prefix_bits = FIXED_BITS + (uint32_t)len;
		key->proto = IPPROTO_UDP;
		key->port = htons(port);
		rules++;
	}
	if (!rules)
		errx(1, "no rules");
}

static int make_map(uint32_t type, uint32_t key_bytes, uint32_t value_bytes, uint32_t flags, const char *name)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = key_bytes,
		.value_size = value_bytes,
		.max_entries = rules,
		.map_flags = flags,
	};

	snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	return made(BPF_MAP_CREATE, &attr, name);
}

static void fill(int map, const void *from, const void *values)
{
	union bpf_attr attr = { .batch = {
		.map_fd = (uint32_t)map,
		.keys = (uintptr_t)from,
		.values = (uintptr_t)values,
		.count = rules,
	} };

	if (bpf(BPF_MAP_UPDATE_BATCH, &attr) || attr.batch.count != rules)
		err(1, "rules");
}

/* The map of addresses, with the counts in it. */
static int make_hash(void)
{
	int map = make_map(BPF_MAP_TYPE_PERCPU_HASH, HASH_KEY_BYTES, sizeof(struct counts), 0, COUNTS_NAME);
	struct counts *zeros = calloc((size_t)rules * possible_cpus(), sizeof(*zeros));
	unsigned char *dense = malloc((size_t)rules * HASH_KEY_BYTES);

	if (!zeros || !dense)
		err(1, "rules");
	for (uint32_t i = 0; i < rules; i++) {
		if (keys[i].prefix_bits != ALL_BITS)
			errx(1, "a hash takes addresses only");
		memcpy(dense + i * HASH_KEY_BYTES, &keys[i].proto, HASH_KEY_BYTES);
	}
	fill(map, dense, zeros);
	free(zeros);
	free(dense);
	return map;
}

/* The map of networks, which knows no values for each CPU: it holds the place of the counts. */
static int make_lpm(void)
{
	int map = make_map(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct key), sizeof(uint32_t), BPF_F_NO_PREALLOC, "bench_lpm");
	uint32_t *places = calloc(rules, sizeof(*places));

	if (!places)
		err(1, "rules");
	for (uint32_t i = 0; i < rules; i++)
		places[i] = i;
	fill(map, keys, places);
	free(places);
	return map;
}

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define LOAD(size, dst, src, off) INSN(BPF_LDX | BPF_MEM | (size), dst, src, off, 0)
#define STORE(size, dst, off, src) INSN(BPF_STX | BPF_MEM | (size), dst, src, off, 0)
#define STORE_K(size, dst, off, imm) INSN(BPF_ST | BPF_MEM | (size), dst, 0, off, imm)
#define ALU(op, dst, src) INSN(BPF_ALU64 | (op) | BPF_X, dst, src, 0, 0)
#define ALU_K(op, dst, imm) INSN(BPF_ALU64 | (op) | BPF_K, dst, 0, 0, imm)
/* Needs NO_MORE() after it: it is as long as two. */
#define MAP(dst, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd)
#define NO_MORE() INSN(0, 0, 0, 0, 0)
#define LOOK_UP() INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Jumps to the end of the program, where the packet passes; build() sets how far that is. */
#define PASS INT16_MAX
#define PASS_IF(op, dst, src) INSN(BPF_JMP | (op) | BPF_X, dst, src, PASS, 0)
#define PASS_IF_K(op, dst, imm) INSN(BPF_JMP | (op) | BPF_K, dst, 0, PASS, imm)

enum reg { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP };

#define BIG(value) __builtin_bswap16(value)
#define ETH_BYTES 14
#define HEADER_BYTES (ETH_BYTES + 20 + 8)
/* In the stack. */
#define KEY (-(int)sizeof(struct key))
#define PLACE (KEY - 4)

static const struct bpf_insn parse[] = {
	LOAD(BPF_W, R2, R1, offsetof(struct xdp_md, data)),
	LOAD(BPF_W, R3, R1, offsetof(struct xdp_md, data_end)),
	ALU(BPF_MOV, R4, R2),
	ALU_K(BPF_ADD, R4, HEADER_BYTES),
	PASS_IF(BPF_JGT, R4, R3),
	/* IPv4 without options, no fragment, UDP. */
	LOAD(BPF_H, R4, R2, 12),
	PASS_IF_K(BPF_JNE, R4, BIG(0x0800)),
	LOAD(BPF_B, R4, R2, ETH_BYTES),
	PASS_IF_K(BPF_JNE, R4, 0x45),
	LOAD(BPF_H, R4, R2, ETH_BYTES + 6),
	PASS_IF_K(BPF_JSET, R4, BIG(0x3fff)),
	LOAD(BPF_B, R4, R2, ETH_BYTES + 9),
	PASS_IF_K(BPF_JNE, R4, IPPROTO_UDP),
	STORE_K(BPF_W, FP, KEY + (int)offsetof(struct key, prefix_bits), ALL_BITS),
	STORE_K(BPF_H, FP, KEY + (int)offsetof(struct key, proto), IPPROTO_UDP),
	LOAD(BPF_H, R4, R2, ETH_BYTES + 20 + 2),
	STORE(BPF_H, FP, KEY + (int)offsetof(struct key, port), R4),
	LOAD(BPF_W, R4, R2, ETH_BYTES + 16),
	STORE(BPF_W, FP, KEY + (int)offsetof(struct key, dst), R4),
	/* The length, for the counts. */
	ALU(BPF_MOV, R6, R3),
	ALU(BPF_SUB, R6, R2),
};

static const struct bpf_insn drop[] = {
	LOAD(BPF_DW, R1, R0, offsetof(struct counts, packets)),
	ALU_K(BPF_ADD, R1, 1),
	STORE(BPF_DW, R0, offsetof(struct counts, packets), R1),
	LOAD(BPF_DW, R1, R0, offsetof(struct counts, bytes)),
	ALU(BPF_ADD, R1, R6),
	STORE(BPF_DW, R0, offsetof(struct counts, bytes), R1),
	ALU_K(BPF_MOV, R0, XDP_DROP),
	EXIT(),
	ALU_K(BPF_MOV, R0, XDP_PASS),
	EXIT(),
};

/* Of the two that let pass. */
#define PASS_INSNS 2
#define MAX_INSNS 64

static struct bpf_insn program[MAX_INSNS];
static size_t insns;

static void add(const struct bpf_insn *from, size_t count)
{
	if (insns + count > MAX_INSNS)
		errx(1, "the program is too long");
	memcpy(program + insns, from, count * sizeof(*from));
	insns += count;
}

#define ADD(array) add(array, sizeof(array) / sizeof((array)[0]))

/* Looks up what is at `key` in the stack; a packet for which nothing is there passes. */
static void add_lookup(int map, int key)
{
	const struct bpf_insn lookup[] = {
		MAP(R1, map),
		NO_MORE(),
		ALU(BPF_MOV, R2, FP),
		ALU_K(BPF_ADD, R2, key),
		LOOK_UP(),
		PASS_IF_K(BPF_JEQ, R0, 0),
	};

	ADD(lookup);
}

static void build(int lpm)
{
	const struct bpf_insn place[] = { LOAD(BPF_W, R4, R0, 0), STORE(BPF_W, FP, PLACE, R4) };

	ADD(parse);
	if (lpm) {
		add_lookup(make_lpm(), KEY);
		ADD(place);
		add_lookup(make_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(struct counts), 0, COUNTS_NAME),
			   PLACE);
	} else {
		add_lookup(make_hash(), KEY + (int)HASH_KEY);
	}
	ADD(drop);
	for (size_t i = 0; i < insns; i++) {
		if (program[i].off == PASS)
			program[i].off = (int16_t)(insns - PASS_INSNS - i - 1);
	}
}

static int load(void)
{
	static char log[LOG_BYTES];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = (uint32_t)insns,
		.insns = (uintptr_t)program,
		.license = (uintptr_t)"GPL",
		.prog_name = "bench_filter",
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd >= 0)
		return fd;
	attr.log_level = 1;
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	fd = bpf(BPF_PROG_LOAD, &attr);
	err(1, "program: %s", log);
}

static void attach(const char *device, int fd, uint32_t flags)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		struct nlattr xdp;
		struct nlattr fd_head;
		int32_t fd;
		struct nlattr flags_head;
		uint32_t flags;
	} ask = {
		.header = {
			.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_SETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.info = { .ifi_index = (int)if_nametoindex(device) },
		.xdp = { .nla_len = sizeof(ask) - offsetof(typeof(ask), xdp), .nla_type = NLA_F_NESTED | IFLA_XDP },
		.fd_head = { .nla_len = NLA_HDRLEN + 4, .nla_type = IFLA_XDP_FD },
		.fd = fd,
		.flags_head = { .nla_len = NLA_HDRLEN + 4, .nla_type = IFLA_XDP_FLAGS },
		.flags = flags,
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char text[LOG_BYTES];
	} answer;
	int port = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (!ask.info.ifi_index)
		err(1, "%s", device);
	if (port < 0 || send(port, &ask, sizeof(ask), 0) < 0)
		err(1, "netlink");
	if (recv(port, &answer, sizeof(answer), 0) < (ssize_t)offsetof(typeof(answer), text) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		errx(1, "netlink: no answer");
	errno = -answer.error.error;
	if (errno)
		err(1, "%s: cannot attach", device);
	close(port);
}

/* Adds up the values of a map of counts. */
static void sum(int map, const struct bpf_map_info *info, struct counts *total)
{
	uint32_t cpus = possible_cpus();
	struct counts *values = calloc(cpus, sizeof(*values));
	struct key key = { 0 };
	union bpf_attr attr = { .map_fd = (uint32_t)map, .next_key = (uintptr_t)&key };

	if (!values || info->key_size > sizeof(key) || info->value_size != sizeof(*values))
		errx(1, "not a map of counts");
	while (!bpf(BPF_MAP_GET_NEXT_KEY, &attr)) {
		union bpf_attr ask = {
			.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)values,
		};

		attr.key = (uintptr_t)&key;
		if (bpf(BPF_MAP_LOOKUP_ELEM, &ask))
			err(1, "counts");
		for (uint32_t cpu = 0; cpu < cpus; cpu++) {
			total->packets += values[cpu].packets;
			total->bytes += values[cpu].bytes;
		}
	}
	free(values);
}

static void print_counts(void)
{
	struct counts total = { 0 };
	union bpf_attr at = { 0 };

	for (; !bpf(BPF_MAP_GET_NEXT_ID, &at); at.start_id = at.next_id) {
		struct bpf_map_info info = { 0 };
		union bpf_attr open = { .map_id = at.next_id };
		int map = bpf(BPF_MAP_GET_FD_BY_ID, &open);
		union bpf_attr ask = { .info = {
			.bpf_fd = (uint32_t)map, .info_len = sizeof(info), .info = (uintptr_t)&info,
		} };

		/* Gone already. */
		if (map < 0)
			continue;
		if (bpf(BPF_OBJ_GET_INFO_BY_FD, &ask))
			err(1, "maps");
		if (!strcmp(info.name, COUNTS_NAME))
			sum(map, &info, &total);
		close(map);
	}
	printf("%llu %llu\n", (unsigned long long)total.packets, (unsigned long long)total.bytes);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "counts")) {
		print_counts();
		return 0;
	}
	if (argc != 6 || strcmp(argv[1], "load") || (strcmp(argv[3], "native") && strcmp(argv[3], "generic")) ||
	    (strcmp(argv[4], "hash") && strcmp(argv[4], "lpm"))) {
		fprintf(stderr, "usage: xdp load IF native|generic hash|lpm PORT | xdp counts\n");
		return 2;
	}
	read_rules((uint16_t)strtoul(argv[5], NULL, 10));
	build(argv[4][0] == 'l');
	attach(argv[2], load(), argv[3][0] == 'n' ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	return 0;
}
