// SPDX-License-Identifier: GPL-2.0

//! A page table of a real IOMMU, and the right to let a device's DMA go through it.

use super::{
    presence::with_iommu,
    Capability,
    Gather,
    MapRequest, //
};
use crate::bindings;
use core::{
    ops::RangeInclusive,
    ptr::NonNull, //
};
use kernel::{
    device,
    error::{
        from_err_ptr,
        to_result, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

/// A page table of an IOMMU. Exists, and can be changed, whether or not a device is attached.
///
/// # Invariants
///
/// The pointer is that of a paging domain that this owns.
pub struct Domain(NonNull<bindings::iommu_domain>);

// SAFETY: Domains belong to no thread.
unsafe impl Send for Domain {}
// SAFETY: Page tables are changed and read at once, except at the same addresses. There, VFIO
// serialises what `MapRequest`s and their undoing end in.
unsafe impl Sync for Domain {}

impl Domain {
    /// Makes an empty page table for devices with the IOMMU of `template`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if that has no IOMMU, or why there can be no domain.
    pub fn new<C: device::DeviceContext>(template: &device::Device<C>) -> Result<Self> {
        let domain = with_iommu(template, |dev| {
            // SAFETY: The device has an IOMMU during the call.
            from_err_ptr(unsafe { bindings::iommu_paging_domain_alloc_flags(dev, 0) })
        })??;
        // INVARIANT: The domain is new and of the kind asked for.
        NonNull::new(domain).map(Self).ok_or(ENOMEM)
    }

    /// The C object.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::iommu_domain {
        self.0.as_ptr()
    }

    /// The sizes of its pages, a bit for each.
    #[inline]
    pub fn page_sizes(&self) -> usize {
        // SAFETY: By the type invariant; this does not change.
        unsafe { (*self.as_ptr()).pgsize_bitmap }
    }

    /// The limits of what devices can address.
    pub(super) fn geometry(&self) -> bindings::iommu_domain_geometry {
        // SAFETY: As in `page_sizes`.
        unsafe { (*self.as_ptr()).geometry }
    }

    /// The addresses that devices can use.
    pub fn aperture(&self) -> RangeInclusive<u64> {
        let geometry = self.geometry();
        geometry.aperture_start..=geometry.aperture_end
    }

    /// Maps all of `request`, or nothing.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is not aligned to pages, [`ENOMEM`], or [`EEXIST`] and the like if something
    /// is mapped there.
    #[inline]
    pub fn map(&self, request: &MapRequest<'_>) -> Result {
        let iova = usize::try_from(request.iova).map_err(|_| EINVAL)?;
        let smallest = self.page_sizes() & self.page_sizes().wrapping_neg();
        let phys = usize::try_from(request.phys).map_err(|_| EINVAL)?;
        // The core would log it.
        if (iova | phys | request.len_bytes) & smallest.wrapping_sub(1) != 0 {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant; a request is for memory that may be mapped.
        to_result(unsafe {
            bindings::iommu_map(
                self.as_ptr(),
                iova,
                request.phys,
                request.len_bytes,
                request.prot,
                request.gfp,
            )
        })
    }

    /// Unmaps from `iova` on until something is not mapped, and returns how many bytes that were.
    /// Devices may access them until `gather` is passed to [`Domain::forget`].
    #[inline]
    pub fn unmap(&self, iova: u64, len_bytes: usize, gather: &Gather) -> usize {
        let smallest = self.page_sizes() & self.page_sizes().wrapping_neg();
        match usize::try_from(iova) {
            Ok(iova) if (iova | len_bytes) & smallest.wrapping_sub(1) == 0 => {
                // SAFETY: By the type invariants.
                unsafe {
                    bindings::iommu_unmap_fast(self.as_ptr(), iova, len_bytes, gather.0.get())
                }
            }
            _ => 0,
        }
    }

    /// Makes devices forget what was unmapped with `gather`.
    pub(super) fn forget(&self, gather: &Gather) {
        // SAFETY: By the type invariants; operations are static.
        unsafe {
            if let Some(sync) = (*(*self.as_ptr()).ops).iotlb_sync {
                sync(self.as_ptr(), gather.0.get());
            }
        }
    }

    /// What `iova` is mapped to.
    #[inline]
    pub fn phys(&self, iova: u64) -> Option<u64> {
        // Without a detour by way of the core, since VFIO asks for each page.
        // SAFETY: By the type invariant; operations are static.
        let phys = unsafe {
            (*(*self.as_ptr()).ops)
                .iova_to_phys
                .map_or(0, |ask| ask(self.as_ptr(), iova))
        };
        (phys != 0).then_some(phys)
    }

    /// Makes every mapping from now on coherent with the CPUs' caches; `false` if the IOMMU of
    /// `template`, which devices are to share, cannot do that.
    pub fn enforce_cache_coherency<C: device::DeviceContext>(
        &self,
        template: &device::Device<C>,
    ) -> bool {
        // Without a device, some domains would promise it, and refuse devices later.
        if !Capability::EnforceCacheCoherency.is_had_by(template) {
            return false;
        }
        // SAFETY: By the type invariant; operations are static.
        unsafe {
            (*(*self.as_ptr()).ops)
                .enforce_cache_coherency
                .is_some_and(|enforce| enforce(self.as_ptr()))
        }
    }

    /// Lets the DMA of `owner`'s device go through `this`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if that needs a domain of its own, or if it shares its group with others,
    /// [`EBUSY`] if it is attached already or being reset, [`ENODEV`] if it is gone.
    pub fn attach(this: &Arc<Self>, owner: &Arc<DmaOwner>) -> Result<Attached> {
        with_iommu(&owner.dev, |dev| {
            // SAFETY: The device has an IOMMU, and its driver owns its DMA.
            to_result(unsafe { bindings::iommu_attach_device(this.as_ptr(), dev) })
        })??;
        // INVARIANT: Just attached.
        Ok(Attached {
            domain: this.clone(),
            owner: owner.clone(),
        })
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; `Attached` would have kept it.
        unsafe { bindings::iommu_domain_free(self.as_ptr()) };
    }
}

/// How many devices share the group of `dev`, which has an IOMMU.
fn group_len(dev: *mut bindings::device) -> usize {
    /// # Safety
    ///
    /// `count` points to a number that nobody else accesses.
    unsafe extern "C" fn count(_dev: *mut bindings::device, count: *mut c_void) -> c_int {
        // SAFETY: By the safety requirement.
        unsafe { *count.cast::<usize>() += 1 };
        0
    }
    let mut devices = 0usize;
    // SAFETY: A device with an IOMMU has a group, which is referenced here. The callback gets a number.
    unsafe {
        let group = bindings::iommu_group_get(dev);
        if group.is_null() {
            return 0;
        }
        bindings::iommu_group_for_each_dev(group, (&raw mut devices).cast(), Some(count));
        bindings::iommu_group_put(group);
    }
    devices
}

/// The right to say where a device's DMA goes. Nowhere, unless there is an [`Attached`].
///
/// Must be dropped before the device's driver has let go of it.
///
/// # Invariants
///
/// The DMA of `dev` was claimed with the address of `_cookie`.
pub struct DmaOwner {
    dev: ARef<device::Device>,
    // Its address tells owners apart, as long as it is allocated.
    _cookie: KBox<u8>,
}

impl DmaOwner {
    /// Claims the DMA of a device that the caller drives, with a driver that leaves DMA to others.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if somebody else has claimed it, or a device that shares its group has a driver;
    /// [`EINVAL`] if the firmware demands that some addresses stay accessible, or if the IOMMU cannot
    /// tell it from others; [`ENODEV`] if it has no IOMMU.
    pub fn claim(dev: &device::Device) -> Result<Self> {
        let cookie = KBox::new(0u8, GFP_KERNEL)?;
        let token = core::ptr::from_ref(&*cookie).cast_mut().cast::<c_void>();
        with_iommu(dev, |dev| {
            // SAFETY: The device has an IOMMU; the cookie is only compared, and stays allocated.
            to_result(unsafe { bindings::iommu_device_claim_dma_owner(dev, token) })
        })??;
        // INVARIANT: Just claimed.
        let owner = Self {
            dev: dev.into(),
            _cookie: cookie,
        };
        match with_iommu(dev, group_len)? {
            1 => Ok(owner),
            _ => Err(EINVAL),
        }
    }

    /// Whose DMA it is.
    pub fn device(&self) -> &device::Device {
        &self.dev
    }
}

impl Drop for DmaOwner {
    fn drop(&mut self) {
        // Nothing is claimed any more once the device is gone.
        let _ = with_iommu(&self.dev, |dev| {
            // SAFETY: The device has an IOMMU; by the type invariant its DMA is claimed.
            unsafe { bindings::iommu_device_release_dma_owner(dev) }
        });
    }
}

/// The DMA of a device goes through a domain, until this is dropped.
///
/// # Invariants
///
/// `domain` is attached to the device of `owner`.
pub struct Attached {
    domain: Arc<Domain>,
    owner: Arc<DmaOwner>,
}

impl Attached {
    /// Where the DMA goes.
    pub fn domain(&self) -> &Arc<Domain> {
        &self.domain
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // The domain is not attached any more once the device is gone.
        let _ = with_iommu(&self.owner.dev, |dev| {
            // SAFETY: The device has an IOMMU; by the type invariant the domain is attached.
            unsafe { bindings::iommu_detach_device(self.domain.as_ptr(), dev) }
        });
    }
}
