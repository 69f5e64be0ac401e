// SPDX-License-Identifier: GPL-2.0
/* See shim.h: what network devices need. */

#include "shim.h"

#include <linux/bottom_half.h>
#include <linux/device.h>
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/kernfs.h>
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <net/gso.h>
#include <net/net_namespace.h>
#include <net/netdev_lock.h>
#include <net/netfilter/nf_dup_netdev.h>

struct net_device *kernel_ext_first_net_device(void)
{
	return first_net_device(&init_net);
}

struct net_device *kernel_ext_next_net_device(struct net_device *dev)
{
	return next_net_device(dev);
}

/* Of its directory in sysfs, which a registered device always has: it is unique and never used again. */
u64 kernel_ext_netdev_id(struct net_device *dev)
{
	return dev->dev.kobj.sd->id;
}

/* In any namespace. */
struct net_device *kernel_ext_find_net_device(u64 id)
{
	struct net_device *dev, *found = NULL;
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		for_each_netdev(net, dev) {
			if (kernel_ext_netdev_id(dev) == id)
				found = dev;
		}
	}
	up_read(&net_rwsem);
	return found;
}

int kernel_ext_netdev_index(struct net_device *dev)
{
	return dev->ifindex;
}

/* 0 if it is in another namespace, where another device may have the same number. */
int kernel_ext_netdev_index_in_init_net(struct net_device *dev)
{
	return net_eq(dev_net(dev), &init_net) ? READ_ONCE(dev->ifindex) : 0;
}

struct device *kernel_ext_netdev_parent(struct net_device *dev)
{
	return dev->dev.parent;
}

const struct ethtool_ops *kernel_ext_netdev_ethtool_ops(struct net_device *dev)
{
	return dev->ethtool_ops;
}

bool kernel_ext_netdev_is_usable(struct net_device *dev)
{
	return netif_device_present(dev) && dev->reg_state == NETREG_REGISTERED && !dev->moving_ns;
}

const struct net_device_ops *kernel_ext_netdev_ops(struct net_device *dev)
{
	return dev->netdev_ops;
}

const char *kernel_ext_netdev_name(struct net_device *dev)
{
	return dev->name;
}

bool kernel_ext_netdev_is_present(struct net_device *dev)
{
	return netif_device_present(dev);
}

bool kernel_ext_netdev_is_running(struct net_device *dev)
{
	return netif_running(dev);
}

bool kernel_ext_netdev_has_rx_handler(struct net_device *dev)
{
	return rcu_access_pointer(dev->rx_handler);
}

bool kernel_ext_netdev_is_moving(struct net_device *dev)
{
	return dev->moving_ns;
}

bool kernel_ext_netdev_is_registered(struct net_device *dev)
{
	return dev->reg_state == NETREG_REGISTERED;
}

/* Registered, or on its way out and told so for the first time. */
bool kernel_ext_netdev_is_listable(struct net_device *dev)
{
	return dev->reg_state == NETREG_REGISTERED || dev->reg_state == NETREG_UNREGISTERING;
}

int kernel_ext_netdev_num_vfs(struct net_device *dev)
{
	return dev->dev.parent ? dev_num_vf(dev->dev.parent) : 0;
}

struct net_device *kernel_ext_notifier_netdev(void *info)
{
	return netdev_notifier_info_to_dev(info);
}

static void setup_port(struct net_device *dev)
{
	const netdev_features_t features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_GSO_SOFTWARE |
					   NETIF_F_HIGHDMA;

	ether_setup(dev);
	/* What is sent is given away for good, and changed. */
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->lltx = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->vlan_features = features;
	dev->hw_enc_features = features;
	dev->hw_features = features | NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_STAG_TX;
	dev->features = dev->hw_features;
}

struct net_device *kernel_ext_alloc_port(const char *name, unsigned char name_assign_type, size_t priv_len)
{
	return alloc_netdev(priv_len, name, name_assign_type, setup_port);
}

void kernel_ext_port_set_ops(struct net_device *dev, const struct net_device_ops *ops)
{
	dev->netdev_ops = ops;
}

void kernel_ext_port_set_mac(struct net_device *dev, const u8 *mac)
{
	eth_hw_addr_set(dev, mac);
	dev->addr_assign_type = NET_ADDR_SET;
}

void kernel_ext_port_set_random_mac(struct net_device *dev)
{
	eth_hw_addr_random(dev);
}

void kernel_ext_port_set_mtu(struct net_device *dev, unsigned int mtu)
{
	dev->mtu = mtu;
}

void kernel_ext_port_set_mtu_range(struct net_device *dev, unsigned int min, unsigned int max)
{
	WRITE_ONCE(dev->min_mtu, min);
	WRITE_ONCE(dev->max_mtu, max);
}

void *kernel_ext_netdev_priv(struct net_device *dev)
{
	return netdev_priv(dev);
}

/* With bottom halves off, as when a device transmits. */
void kernel_ext_port_count_tx(struct net_device *dev, unsigned int len)
{
	dev_sw_netstats_tx_add(dev, 1, len);
}

void kernel_ext_port_count_rx(struct net_device *dev, unsigned int len)
{
	local_bh_disable();
	dev_sw_netstats_rx_add(dev, len);
	local_bh_enable();
}

void kernel_ext_port_count_tx_dropped(struct net_device *dev)
{
	dev_core_stats_tx_dropped_inc(dev);
}

bool kernel_ext_netdev_polls_irq(struct net_device *dev, unsigned int irq)
{
	struct napi_struct *napi;
	bool found = false;

	netdev_lock(dev);
	list_for_each_entry(napi, &dev->napi_list, dev_list)
		found |= napi->irq > 0 && napi->irq == irq;
	netdev_unlock(dev);
	return found;
}

void kernel_ext_netdev_lock_ops(struct net_device *dev)
{
	netdev_lock_ops(dev);
}

void kernel_ext_netdev_unlock_ops(struct net_device *dev)
{
	netdev_unlock_ops(dev);
}

struct net *kernel_ext_dev_net(struct net_device *dev)
{
	return dev_net(dev);
}

bool kernel_ext_netdev_is_ethernet(struct net_device *dev)
{
	return dev->type == ARPHRD_ETHER && dev->addr_len == ETH_ALEN;
}

void kernel_ext_netdev_address(struct net_device *dev, u8 *to)
{
	ether_addr_copy(to, dev->dev_addr);
}

void kernel_ext_local_bh_disable(void)
{
	local_bh_disable();
}

void kernel_ext_local_bh_enable(void)
{
	local_bh_enable();
}

bool kernel_ext_skb_may_pull(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull(skb, len);
}

void kernel_ext_skb_forward_csum(struct sk_buff *skb)
{
	skb_forward_csum(skb);
}

/*
 * Parts it from where it has been, but for its mark, its kind and the number of its device. Its data begin at its
 * Ethernet header then. Pages of programs are copied, since these wait until nobody uses them: false if memory runs
 * out.
 */
bool kernel_ext_skb_part(struct sk_buff *skb)
{
	u8 kind = skb->pkt_type;
	int index = skb->skb_iif;

	if (skb_mac_header_was_set(skb) && skb->data >= skb_mac_header(skb))
		skb_push_rcsum(skb, skb->data - skb_mac_header(skb));
	else
		skb_reset_mac_header(skb);
	if (skb_orphan_frags_rx(skb, GFP_ATOMIC))
		return false;
	skb_orphan(skb);
	skb_scrub_packet(skb, false);
	skb_clear_tstamp(skb);
	skb->pkt_type = kind;
	skb->skb_iif = index;
	skb->dev = NULL;
	return true;
}

void kernel_ext_skb_postpull_rcsum(struct sk_buff *skb, const void *start, unsigned int len)
{
	skb_postpull_rcsum(skb, start, len);
}

void kernel_ext_skb_push_rcsum(struct sk_buff *skb, unsigned int len)
{
	skb_push_rcsum(skb, len);
}

void kernel_ext_skb_reset_mac_len(struct sk_buff *skb)
{
	skb_reset_mac_len(skb);
}

/* As act_mirred leaves it: taps, tc and netfilter have had their turn. */
void kernel_ext_skb_skip_ingress(struct sk_buff *skb)
{
#ifdef CONFIG_NET_CLS_ACT
	skb->tc_skip_classify = 1;
#endif
}

/* is_skb_forwardable(), but for parts that are too long, too; with a tag, which cards add to that. */
static bool fits(struct sk_buff *skb, struct net_device *dev)
{
	unsigned int len = READ_ONCE(dev->mtu) + dev->hard_header_len + VLAN_HLEN;

	if (!is_skb_forwardable(dev, skb))
		return false;
	return !skb_is_gso(skb) || skb_gso_validate_mac_len(skb, len);
}

static int refuse(struct sk_buff *skb, enum skb_drop_reason reason, int error)
{
	kfree_skb_reason(skb, reason);
	return error;
}

/* Sends it, within the bound of netfilter's dup and fwd on how deep that may nest. Returns as __dev_queue_xmit(). */
int kernel_ext_skb_transmit(struct sk_buff *skb, struct net_device *dev, bool skip_egress)
{
	int status;

	if (!netif_running(dev))
		return refuse(skb, SKB_DROP_REASON_DEV_READY, -ENETDOWN);
	if (!pskb_may_pull(skb, ETH_HLEN) || skb_warn_if_lro(skb))
		return refuse(skb, SKB_DROP_REASON_HDR_TRUNC, -EINVAL);
	if (!fits(skb, dev))
		return refuse(skb, SKB_DROP_REASON_PKT_TOO_BIG, -EMSGSIZE);
	local_bh_disable();
	if (nf_dev_xmit_recursion()) {
		status = refuse(skb, SKB_DROP_REASON_RECURSION_LIMIT, -ELOOP);
	} else {
		nf_dev_xmit_recursion_inc();
		skb->dev = dev;
		skb_forward_csum(skb);
		/* As sch_handle_egress() finds it: netfilter has had its turn. */
		if (skip_egress)
			nf_skip_egress(skb, true);
		status = dev_queue_xmit(skb);
		nf_dev_xmit_recursion_dec();
	}
	local_bh_enable();
	return status;
}

/* As netdev_core_pick_tx() sets it. */
void kernel_ext_skb_set_sender_cpu(struct sk_buff *skb, unsigned int cpu)
{
#ifdef CONFIG_XPS
	skb->sender_cpu = cpu + 1;
#endif
}
