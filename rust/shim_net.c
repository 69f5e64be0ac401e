// SPDX-License-Identifier: GPL-2.0
/* See shim.h: what network devices need. */

#include "shim.h"

#include <linux/kernfs.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/netdev_lock.h>

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

bool kernel_ext_netdev_is_running(struct net_device *dev)
{
	return netif_running(dev);
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
