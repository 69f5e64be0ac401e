// SPDX-License-Identifier: GPL-2.0

//! Network devices that the host's drivers have registered.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h)

mod device;
mod poll;
mod rtnl;

pub use device::{
    Coalescing,
    Device,
    Moderation,
    Presence, //
};
pub use poll::{
    Poll,
    Polls,
    Watcher, //
};
