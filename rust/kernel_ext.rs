// SPDX-License-Identifier: GPL-2.0

//! What the suite's modules share and the `kernel` crate does not have (yet).
//!
//! # What to use when
//!
//! | need | use |
//! |---|---|
//! | a directory with attributes below `/sys/kernel`, a device or another directory | [`sysfs::Dir`] |
//! | texts longer than a page among these attributes, all of it or nothing | [`sysfs::TextFile`] |
//! | numbers with a range from a user's text | [`param`] |
//! | objects that a user adds and removes by name | [`registry::Registry`] |
//! | one interrupt of a PCI function of one's own | [`pci::Interrupt`] |
//! | data shared with hard interrupts | [`sync::RawSpinLock`] |
//! | values by number, looked up at the rate of interrupts or context switches | [`sync::Table`] |
//! | sleep until a condition holds, in a way that signals may end | [`sync::WaitQueue`] |
//! | a file system on persistent memory | [`fs::FileSystem`] |
//! | know which lines KVM has posted to virtual CPUs | [`irq::Postings`] |
//! | follow which threads run, wait or sleep | [`sched::Watch`] |
//! | a cgroup or a process that a user named | [`sched::Cgroup`], [`sched::Process`] |
//! | have something done in process context, asked for in any other | [`queue::Kick`] |
//! | see, hold and replay the interrupts of a line that belongs to another driver | [`irq::Hook`] |
//! | find such a line, or be told when one comes or goes | [`irq::next_named`], [`irq::vector`], [`irq::Changes`] |
//! | be told when the system is about to sleep | [`power::Watch`] |
//! | a device that programs drive themselves | [`vfio::Device`] |
//! | such a device that stays while what is behind it comes and goes | [`front::Front`] |
//! | the ring length and the own moderation of a network card that the host drives | [`net::Device`] |
//! | see, keep and send what passes a network card that the host drives | [`net::Hook`], [`net::Frame`], [`net::Link`] |
//! | a network device of one's own | [`net::Port`] |
//! | be told what happens to network devices | [`net::Events`] |
//! | for a while, other VLANs or addresses of a network card or its VFs | [`net::Membership`], [`net::Addresses`], [`net::VfLoan`] |
//! | show frames to programs that listen | [`net::Sampler`] |
//! | commands, lists and messages for programs, by generic netlink | [`genl::Family`] |
//! | single registers of a network card that the host drives | [`pci::RegisterMap`], [`net::Device::registers`] |
//! | page tables of an IOMMU, and devices' DMA through them | [`iommu::Domain`] |
//!
//! # Soundness
//!
//! A [`sysfs::Dir`], an [`irq::Hook`], an [`irq::Alarm`], an [`irq::Changes`], an [`irq::Postings`], a
//! [`sched::Watch`], a [`power::Watch`], a [`queue::Kick`], a [`pci::Interrupt`] and a [`pci::Keeping`],
//! [`front::Drivers`], a [`front::Front`], a [`net::Hook`], a [`net::Link`], a [`net::Port`], [`net::Events`], what
//! changes other network devices for a while, a [`genl::Registration`], and a [`vfio::Registration`] lead the kernel
//! to code of the module and lead it away again when they are dropped. One that is leaked leads to code that is gone
//! after the module is unloaded. Rust calls leaking safe, so the compiler cannot forbid it, and pinning the module
//! instead would mean that it cannot be unloaded while it has objects. Therefore
//! `scripts/check` forbids every way of leaking outside of this crate.
//!
//! All `unsafe` of the suite lives in this crate and at each module's C border. The crate is linked
//! into every module: it has no state that modules share, knows none of them and decides nothing
//! for them. It incubates wrappers until the `kernel` crate has its own.

mod bindings;
pub mod front;
pub mod fs;
pub mod genl;
pub mod iommu;
pub mod irq;
pub mod module;
pub mod net;
pub mod param;
pub mod pci;
pub mod power;
pub mod queue;
pub mod random;
mod raw;
pub mod registry;
pub mod sched;
mod symbol;
pub mod sync;
pub mod sysfs;
mod trace;
pub mod vfio;

/// Prefix of what `pr_*!` prints from within this crate.
const __LOG_PREFIX: &[u8] = b"kernel_ext\0";
