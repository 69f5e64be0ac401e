// SPDX-License-Identifier: GPL-2.0

//! Network devices that the host's drivers have registered, devices of one's own, and the frames that pass them.
//!
//! # Changes for a while
//!
//! A [`Membership`], some [`Addresses`] or a [`VfLoan`] stands for a change to another
//! driver's device. Dropping it undoes the change, and so does the device when it is unregistered or moved to
//! another network namespace before. The value then does nothing any more, and nobody waits for it.
//!
//! # Locks
//!
//! Functions that make or drop one of those, a [`Hook`], a [`Link`], a [`Port`] or [`Events`], and all of [`Device`],
//! take the kernel's lock of all network devices (rtnl). Call them in process context, without any lock that an
//! [`Observer`] or somebody else takes with that one held.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h)

mod anchor;
mod device;
mod edit;
mod events;
mod frame;
mod function;
mod hook;
mod link;
mod loan;
mod packet;
mod poll;
mod port;
mod rtnl;
mod sample;
mod vf;

pub use anchor::Here;
pub use device::{
    Coalescing,
    Device,
    Moderation,
    Presence, //
};
pub use edit::Edit;
pub use events::{
    Departure,
    Event,
    Events,
    Observer, //
};
pub use frame::{
    DropReason,
    Frame, //
};
pub use hook::{
    Handler,
    Hook,
    Outcome,
    Visit, //
};
pub use link::Link;
pub use loan::{
    Addresses,
    Membership, //
};
pub use packet::{
    Bytes,
    Kind,
    Packet,
    VlanProtocol,
    VlanTag, //
};
pub use poll::{
    Poll,
    Polls,
    Watcher, //
};
pub use port::{
    Carrier,
    Port,
    PortHandler,
    Refused,
    Sent,
    Settings, //
};
pub use rtnl::Netdev;
pub use sample::{
    Sample,
    Sampler, //
};
pub use vf::{
    PortVlan,
    VfConfig,
    VfLoan, //
};
