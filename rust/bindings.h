/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads for the support crate. hrtimer_types.h goes first: bindgen does not forward-declare
 * its enums.
 */
#include <linux/hrtimer_types.h>
#include <linux/dax.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/filelock.h>
#include <linux/fs_context.h>
#include <linux/huge_mm.h>
#include <linux/if_packet.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/iomap.h>
#include <linux/irqbypass.h>
#include <linux/msi.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <linux/pagemap.h>
#include <linux/rtnetlink.h>
#include <linux/statfs.h>
#include <linux/uio.h>
#include <linux/vfio.h>
#include <net/psample.h>

#include "shim.h"

/* Macros that bindgen cannot evaluate, and members of nameless enums. */
const unsigned long kernel_ext_SB_RDONLY = SB_RDONLY;
const unsigned int kernel_ext_IOCB_NOWAIT = IOCB_NOWAIT;
const unsigned int kernel_ext_S_DAX = S_DAX;
const unsigned int kernel_ext_FOP_MMAP_SYNC = FOP_MMAP_SYNC;
const unsigned int kernel_ext_FMODE_CAN_ODIRECT = FMODE_CAN_ODIRECT;
const unsigned int kernel_ext_ETHTOOL_COALESCE_RX_USECS = ETHTOOL_COALESCE_RX_USECS;
const unsigned int kernel_ext_ETHTOOL_COALESCE_USE_ADAPTIVE_RX = ETHTOOL_COALESCE_USE_ADAPTIVE_RX;
const unsigned int kernel_ext_VFIO_DEVICE_GET_INFO = VFIO_DEVICE_GET_INFO;
const unsigned int kernel_ext_VFIO_DEVICE_GET_IRQ_INFO = VFIO_DEVICE_GET_IRQ_INFO;
const unsigned int kernel_ext_VFIO_DEVICE_SET_IRQS = VFIO_DEVICE_SET_IRQS;
const unsigned int kernel_ext_VFIO_DEVICE_RESET = VFIO_DEVICE_RESET;
