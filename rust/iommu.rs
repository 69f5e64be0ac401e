// SPDX-License-Identifier: GPL-2.0

//! IOMMUs: page tables of one's own, and an IOMMU of one's own in front of real ones.
//!
//! [`Front`] says what stands behind the devices of [`crate::front`]. The kernel, and VFIO with it,
//! takes such a device for one behind an IOMMU; what is mapped for it arrives at a [`ProxyDomain`].
//!
//! C header: [`include/linux/iommu.h`](srctree/include/linux/iommu.h)

mod calls;
mod domain;
pub(crate) mod presence;
pub(crate) mod proxy;

pub use domain::{
    Attached,
    DmaOwner,
    Domain, //
};

use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    device,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::Opaque, //
};

/// What the IOMMU of a device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Mappings can be coherent with the CPUs' caches.
    CacheCoherency,
    /// Mappings can be made coherent whatever the device asks for.
    EnforceCacheCoherency,
    /// The device's message interrupts reach only what it was given vectors of.
    IsolatedMsi,
}

impl Capability {
    /// Whether the IOMMU of `dev` can. Nothing can if there is none, or a
    /// [`Drivers`](crate::front::Drivers) is missing.
    pub fn is_had_by<C: device::DeviceContext>(self, dev: &device::Device<C>) -> bool {
        presence::with_iommu(dev, |dev| match self {
            // SAFETY: The device has an IOMMU during the call.
            Self::CacheCoherency => unsafe {
                bindings::device_iommu_capable(dev, bindings::iommu_cap_IOMMU_CAP_CACHE_COHERENCY)
            },
            // SAFETY: As above.
            Self::EnforceCacheCoherency => unsafe {
                bindings::device_iommu_capable(
                    dev,
                    bindings::iommu_cap_IOMMU_CAP_ENFORCE_CACHE_COHERENCY,
                )
            },
            // SAFETY: The device is alive.
            Self::IsolatedMsi => unsafe { bindings::msi_device_has_isolated_msi(dev) },
        })
        .unwrap_or(false)
    }
}

/// Where a front device's DMA is to go: a contiguous range of addresses, to what VFIO has pinned.
///
/// Only made for [`ProxyDomain::map`], so that having one is the proof that the user may access what
/// is mapped, until it is unmapped again.
pub struct MapRequest<'a> {
    iova: u64,
    phys: u64,
    len_bytes: usize,
    prot: kernel::ffi::c_int,
    gfp: bindings::gfp_t,
    _borrow: PhantomData<&'a ()>,
}

impl MapRequest<'_> {
    /// The first address that the device uses.
    pub fn iova(&self) -> u64 {
        self.iova
    }

    /// The first physical address.
    pub fn phys(&self) -> u64 {
        self.phys
    }

    /// The length in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Whether all of it is memory. What is not may be registers, and those of a device that goes
    /// away may become somebody else's.
    pub fn is_memory(&self) -> bool {
        // Of all pages, since a section of the memory map may be part memory, part registers.
        let pages = self.len_bytes.div_ceil(PAGE_SIZE);
        let (Ok(first), false) = (usize::try_from(self.phys >> PAGE_SHIFT), pages == 0) else {
            return false;
        };
        if first.checked_add(pages).is_none() {
            return false;
        }
        // SAFETY: Any numbers may be asked about.
        unsafe { bindings::kernel_ext_pfns_are_memory(first, pages) }
    }
}

/// Addresses that were unmapped, and that devices may still access until the IOMMU core, which keeps
/// account of them, calls for [`ProxyDomain::real`] to forget them too.
///
/// # Invariants
///
/// Initialised, and used for one [`Domain`] only.
#[repr(transparent)]
pub struct Gather(Opaque<bindings::iommu_iotlb_gather>);

/// An IOMMU page table as front devices see it.
///
/// VFIO serialises calls that concern the same addresses.
pub trait ProxyDomain: Send + Sync + 'static {
    /// Whose page sizes and limits are the proxy's.
    fn real(&self) -> &Domain;

    /// Maps all of `request`, or nothing.
    ///
    /// # Errors
    ///
    /// Why it cannot be mapped.
    fn map(&self, request: &MapRequest<'_>) -> Result;

    /// Unmaps from `iova` on, and returns how many bytes: less than `len_bytes` only if something was
    /// not mapped. What of these devices may still access is `gather`ed.
    fn unmap(&self, iova: u64, len_bytes: usize, gather: &Gather) -> usize;

    /// What `iova` is mapped to, if `map` accepted it without telling [`real`](Self::real): VFIO gives
    /// up memory by this.
    fn phantom(&self, iova: u64) -> Option<u64>;

    /// Makes every mapping from now on coherent with the CPUs' caches; `false` if that cannot be.
    fn enforce_cache_coherency(&self) -> bool;
}

/// What is behind a front device.
pub trait Front: Send + Sync + 'static {
    /// The page tables that it can be given.
    type Domain: ProxyDomain;

    /// Makes an empty page table. May be called with locks of VFIO, but none of the IOMMU.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn new_domain(&self) -> Result<Arc<Self::Domain>>;

    /// Lets the DMA of what is behind go through `domain`, and nowhere without. The latter happens
    /// when the device is created, too, and must not fail.
    ///
    /// Called with the mutex of the front device's IOMMU group.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if another domain may do, or why none does.
    fn attach(&self, domain: Option<Arc<Self::Domain>>) -> Result;

    /// The PCI function whose IOMMU's capabilities and reserved addresses, and whose kind of message
    /// interrupts are the front device's. May be called with the mutex of the front device's group.
    fn template(&self) -> ARef<device::Device>;
}
