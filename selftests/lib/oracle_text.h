/* SPDX-License-Identifier: GPL-2.0 */
/* Writes the rules of oracle.h in each language. */

#include "oracle.h"

static const char *const family_names[] = { [V4] = "ip", [V6] = "ipv6", [ARP] = "arp", [OTHER] = "0x88cc" };

static const char *mac_text(const uint8_t *mac)
{
	static char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

static const char *address_text(const struct rule *r, int end)
{
	static char text[64];
	size_t len;

	inet_ntop(r->families & 1 << V6 ? AF_INET6 : AF_INET, r->address[end], text, sizeof(text));
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, "/%d", r->prefix[end]);
	return text;
}

static const char *range_text(const struct rule *r, int end)
{
	static char text[16];

	snprintf(text, sizeof(text), r->low[end] == r->high[end] ? "%u" : "%u-%u", r->low[end], r->high[end]);
	return text;
}

static const char *proto_text(uint8_t proto)
{
	switch (proto) {
	case TCP:
		return "tcp";
	case UDP:
		return "udp";
	case SCTP:
		return "sctp";
	case ICMP:
		return "icmp";
	case ICMP6:
		return "icmpv6";
	default:
		return "47";
	}
}

/* The one family of a rule; -1 if it has none or two. */
static int family_of(const struct rule *r)
{
	for (int family = V4; family <= OTHER; family++)
		if (r->families == 1U << family)
			return family;
	return -1;
}

static const char *pick(char verdict, const char *accept, const char *drop, const char *bounce)
{
	return verdict == 'A' ? accept : verdict == 'D' ? drop : bounce;
}

static void write_sidebounce(const struct rule *r, size_t number)
{
	bool is_arp = r->families == 1 << ARP;

	/* Two of each priority: the first one counts. */
	printf("add prio %zu dir tx", number / 2);
	if (r->has_dst_mac)
		printf(" dst_mac %s", mac_text(r->dst_mac));
	if (r->has_src_mac)
		printf(" src_mac %s", mac_text(r->src_mac));
	if (r->vid)
		printf(r->vid < 0 ? " vid none" : " vid %d", r->vid);
	if (family_of(r) >= 0)
		printf(" ethertype %s", family_names[family_of(r)]);
	if (r->proto)
		printf(" proto %s", proto_text(r->proto));
	if (r->prefix[0] >= 0)
		printf(" %s %s", is_arp ? "arp_spa" : "src_ip", address_text(r, 0));
	if (r->prefix[1] >= 0)
		printf(" %s %s", is_arp ? "arp_tpa" : "dst_ip", address_text(r, 1));
	if (r->has_op)
		printf(" arp_op %s", r->op == 1 ? "request" : "reply");
	if (r->has_ports[0])
		printf(" src_port %s", range_text(r, 0));
	if (r->has_ports[1])
		printf(" dst_port %s", range_text(r, 1));
	if (r->has_type)
		printf(" icmp_type %u", r->type);
	if (r->has_code)
		printf(" icmp_code %u", r->code);
	if (r->has_flags)
		printf(" tcp_flags 0x%02x/0x%02x", r->flags, r->flags_mask);
	printf(" action %s name r%zu\n", pick(r->verdict, "accept", "drop", "bounce"), number);
}

static void write_nft(const struct rule *r, const char *bounce)
{
	static const char *const types[] = { [V4] = "ip", [V6] = "ip6", [ARP] = "arp", [OTHER] = "0x88cc" };
	static const char *const addresses[] = {
		[V4] = "ip %caddr %s ", [V6] = "ip6 %caddr %s ", [ARP] = "arp %caddr ip %s ",
	};
	int family = family_of(r);

	if (r->has_dst_mac)
		printf("ether daddr %s ", mac_text(r->dst_mac));
	if (r->has_src_mac)
		printf("ether saddr %s ", mac_text(r->src_mac));
	if (r->vid > 0)
		printf("vlan id %d ", r->vid);
	if (family >= 0)
		printf("%s %s ", r->vid > 0 ? "vlan type" : r->vid < 0 ? "ether type" : "meta protocol", types[family]);
	else if (r->vid < 0)
		printf("ether type { ip, ip6 } ");
	for (int end = 0; end < 2; end++)
		if (r->prefix[end] >= 0)
			printf(addresses[family], "sd"[end], address_text(r, end));
	if (r->has_op)
		printf("arp operation %s ", r->op == 1 ? "request" : "reply");
	if (r->proto)
		printf("meta l4proto %u ", r->proto);
	for (int end = 0; end < 2; end++)
		if (r->has_ports[end])
			printf("%s %cport %s ", proto_text(r->proto), "sd"[end], range_text(r, end));
	if (r->has_type)
		printf("%s type %u ", proto_text(r->proto), r->type);
	if (r->has_code)
		printf("%s code %u ", proto_text(r->proto), r->code);
	if (r->has_flags)
		printf("tcp flags & 0x%02x == 0x%02x ", r->flags_mask, r->flags);
	printf("counter %s %s\n", pick(r->verdict, "accept", "drop", "fwd to"), pick(r->verdict, "", "", bounce));
}

/* A filter for one family, or for any if -1, with or without tag. */
static void write_filter(const struct rule *r, const char *device, const char *bounce, int family, bool is_tagged,
			 unsigned long priority)
{
	const char *protocol = is_tagged ? "802.1q" : family < 0 ? "all" : family_names[family];
	static const char *const names[][2] = { { "src_ip", "dst_ip" }, { "arp_sip", "arp_tip" } };

	/* One priority for each protocol, as it must be. */
	if (!priority)
		priority = is_tagged ? 1 : family < 0 ? 2 : 3 + family;
	printf("filter add dev %s ingress protocol %s prio %lu flower", device, protocol, priority);
	if (is_tagged && r->vid > 0)
		printf(" vlan_id %d", r->vid);
	if (is_tagged && family >= 0)
		printf(" vlan_ethtype %s", family_names[family]);
	if (r->has_dst_mac)
		printf(" dst_mac %s", mac_text(r->dst_mac));
	if (r->has_src_mac)
		printf(" src_mac %s", mac_text(r->src_mac));
	if (r->proto)
		printf(" ip_proto %s", r->proto == 47 ? "0x2f" : proto_text(r->proto));
	for (int end = 0; end < 2; end++)
		if (r->prefix[end] >= 0)
			printf(" %s %s", names[family == ARP][end], address_text(r, end));
	if (r->has_op)
		printf(" arp_op %s", r->op == 1 ? "request" : "reply");
	if (r->has_ports[0])
		printf(" src_port %s", range_text(r, 0));
	if (r->has_ports[1])
		printf(" dst_port %s", range_text(r, 1));
	if (r->has_type)
		printf(" type %u", r->type);
	if (r->has_code)
		printf(" code %u", r->code);
	if (r->has_flags)
		printf(" tcp_flags 0x%x/0x%x", r->flags, r->flags_mask);
	printf(" action %s %s\n", pick(r->verdict, "pass", "drop", "mirred egress redirect dev"),
	       pick(r->verdict, "", "", bounce));
}

/* The filters of one rule have priorities of their own: four for each, from 1 on. */
static void write_flower(const struct rule *r, const char *device, const char *bounce, unsigned long priority)
{
	unsigned long each = priority;

	if (!r->families) {
		write_filter(r, device, bounce, -1, r->vid > 0, each);
		return;
	}
	for (int family = V4; family <= OTHER; family++) {
		if (!(r->families & 1U << family))
			continue;
		for (int is_tagged = r->vid > 0; is_tagged <= (r->vid >= 0); is_tagged++) {
			write_filter(r, device, bounce, family, is_tagged, each);
			each += !!priority;
		}
	}
}

static void write_rules(enum language language, const char *device, const char *bounce)
{
	const struct rule rest = { .prefix = { -1, -1 }, .verdict = default_verdict };

	if (language == SIDEBOUNCE)
		printf("begin\nflush\ndefault tx %s\n", pick(default_verdict, "accept", "drop", "bounce"));
	else if (language == NFT)
		printf("table netdev oracle {\nchain tx {\n"
		       "type filter hook ingress device %s priority 0; policy accept;\n", device);
	for (size_t i = 0; i < rule_count; i++) {
		if (language == SIDEBOUNCE)
			write_sidebounce(&rules[i], i);
		else if (language == NFT)
			write_nft(&rules[i], bounce);
		else
			write_flower(&rules[i], device, bounce, language == FLOWER ? 4 * i + 1 : 0);
	}
	if (language == SIDEBOUNCE) {
		printf("commit\n");
	} else if (language == NFT) {
		write_nft(&rest, bounce);
		printf("}\n}\n");
	} else {
		write_flower(&rest, device, bounce, 60000);
	}
}
