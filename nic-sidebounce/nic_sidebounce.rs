// SPDX-License-Identifier: GPL-2.0

//! nic-sidebounce: a filter in front of each virtual function of a network card, and a second one on the host
//! for what the first does not accept.
//!
//! # Terms
//!
//! - **PF**, **VF**: physical and virtual function of a network card with SR-IOV.
//! - **level 1**: the rules of a VF, which look at headers only: accept, drop or bounce.
//! - **bounce**: hand a packet to the host for a second look, which may give it back.
//! - **level 2**: what looks at bounced packets: a bridge with nft, Suricata, any program.
//! - **pair**: the two network devices of a filter, on which packets bounce and come back: the side of the
//!   uplink (`sb<N>u`) and that of the VF (`sb<N>d`).
//! - **rx**, **tx**: as the VM sees it: to it, from it.
//! - **service VLAN**: the VLAN that keeps a VF apart from the wire, so that its packets pass the PF.

mod claims;
mod companion;
mod control;
mod driver;
mod ffi;
mod filter;
mod filters;
mod holding;
mod joined;
mod judge;
mod model;
mod netlink;
mod pair;
mod sampling;
mod seen;
mod settings;
mod stats;
mod sysfs;
mod tap;
mod trunk;
mod uplink;
mod veb;
mod vmm;

kernel::prelude::module! {
    type: driver::NicSidebounce,
    name: "nic_sidebounce",
    authors: ["The rust-virt-modules developers"],
    description: "Filters in front of virtual functions, with a second look by the host",
    license: "GPL",
    params: {
        vid_base: u32 {
            default: 3900,
            description: "First VLAN that VFs are kept apart by, 1 to 4094",
        },
        vid_count: u32 {
            default: 190,
            description: "How many such VLANs there are, 1 to 4094",
        },
        max_rules: u32 {
            default: 16384,
            description: "Most rules of a filter, 1 to 65536",
        },
        max_masks: u32 {
            default: 64,
            description: "Most hash tables that one packet is looked up in, 1 to 1024",
        },
        flow_cache: u32 {
            default: 1024,
            description: "Flows that each CPU remembers of a filter, 4 to 262144, or 0 for none",
        },
    },
}
