// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the packets that the kernel shows by psample, a line each, until it is ended. The first line is "listening".
 *
 * usage: psample
 *
 * A line: the number of the group, the length of the packet, how much of it is shown, and the cookie in hexadecimal.
 */

#include <err.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/psample.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 65536
#define ALIGNED(len) (((len) + 3U) & ~3U)
#define DATA(attr) ((unsigned char *)(attr) + NLA_HDRLEN)

static unsigned char message[ROOM];

/* The attribute of this type among `len` bytes, or NULL; its length is checked. */
static struct nlattr *find(void *bytes, size_t len, unsigned int type, size_t least)
{
	unsigned char *at = bytes;

	while (len >= NLA_HDRLEN) {
		struct nlattr *attr = (struct nlattr *)at;

		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > len)
			return NULL;
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr->nla_len >= NLA_HDRLEN + least ? attr : NULL;
		if (ALIGNED(attr->nla_len) >= len)
			return NULL;
		at += ALIGNED(attr->nla_len);
		len -= ALIGNED(attr->nla_len);
	}
	return NULL;
}

static uint32_t number(const struct nlattr *attr)
{
	uint32_t value = 0;

	if (attr)
		memcpy(&value, DATA(attr), sizeof(value));
	return value;
}

/* The first attribute of a message of generic netlink that was received; its length in `len`. */
static void *payload(ssize_t got, size_t *len)
{
	const struct nlmsghdr *header = (struct nlmsghdr *)message;

	*len = 0;
	if (got < (ssize_t)(NLMSG_HDRLEN + GENL_HDRLEN) || header->nlmsg_type == NLMSG_ERROR)
		return message;
	*len = (size_t)got - NLMSG_HDRLEN - GENL_HDRLEN;
	return message + NLMSG_HDRLEN + GENL_HDRLEN;
}

/* The number of the group in which packets are shown. */
static uint32_t find_group(int port)
{
	struct {
		struct nlmsghdr header;
		struct genlmsghdr genl;
		struct nlattr attr;
		char name[8];
	} ask = {
		.header = { .nlmsg_len = sizeof(ask), .nlmsg_type = GENL_ID_CTRL, .nlmsg_flags = NLM_F_REQUEST },
		.genl = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		.attr = { .nla_len = NLA_HDRLEN + 8, .nla_type = CTRL_ATTR_FAMILY_NAME },
		.name = PSAMPLE_GENL_NAME,
	};
	struct nlattr *groups, *entry;
	size_t len, at;
	void *first;

	if (send(port, &ask, sizeof(ask), 0) < 0)
		err(1, "ask");
	first = payload(recv(port, message, sizeof(message), 0), &len);
	groups = find(first, len, CTRL_ATTR_MCAST_GROUPS, 0);
	if (!groups)
		errx(1, "psample is not loaded");
	len = groups->nla_len - NLA_HDRLEN;
	for (at = 0; at + NLA_HDRLEN <= len; at += ALIGNED(entry->nla_len)) {
		struct nlattr *name;

		entry = (struct nlattr *)(DATA(groups) + at);
		if (entry->nla_len < NLA_HDRLEN || at + entry->nla_len > len)
			break;
		name = find(DATA(entry), entry->nla_len - NLA_HDRLEN, CTRL_ATTR_MCAST_GRP_NAME, 8);
		if (name && !strncmp((char *)DATA(name), PSAMPLE_NL_MCGRP_SAMPLE_NAME, 8))
			return number(find(DATA(entry), entry->nla_len - NLA_HDRLEN, CTRL_ATTR_MCAST_GRP_ID, 4));
	}
	errx(1, "psample has no such group");
}

int main(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int port = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	uint32_t group;

	if (port < 0 || bind(port, (struct sockaddr *)&address, sizeof(address)))
		err(1, "netlink");
	group = find_group(port);
	if (setsockopt(port, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		err(1, "join");
	puts("listening");
	for (;;) {
		struct nlattr *data, *cookie;
		size_t len;
		void *first;

		fflush(stdout);
		first = payload(recv(port, message, sizeof(message), 0), &len);
		data = find(first, len, PSAMPLE_ATTR_DATA, 0);
		if (!data)
			continue;
		printf("%u %u %u ", number(find(first, len, PSAMPLE_ATTR_SAMPLE_GROUP, 4)),
		       number(find(first, len, PSAMPLE_ATTR_ORIGSIZE, 4)), data->nla_len - NLA_HDRLEN);
		cookie = find(first, len, PSAMPLE_ATTR_USER_COOKIE, 0);
		for (size_t i = 0; cookie && i < cookie->nla_len - (size_t)NLA_HDRLEN; i++)
			printf("%02x", DATA(cookie)[i]);
		printf("\n");
	}
}
