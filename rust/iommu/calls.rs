// SPDX-License-Identifier: GPL-2.0

//! What the IOMMU core calls for devices and page tables of a proxy.

use super::{
    presence::with_iommu,
    proxy::Behind,
    Front,
    Gather,
    MapRequest,
    ProxyDomain, //
};
use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    ffi::{
        c_int,
        c_ulong, //
    },
    prelude::*,
    sync::Arc, //
};

/// The tables that are the same for all proxies with the same `F`.
pub(super) struct Table<F: Front>(PhantomData<F>);

impl<F: Front> Table<F> {
    /// Of page tables.
    pub(super) const PAGING: bindings::iommu_domain_ops = bindings::iommu_domain_ops {
        attach_dev: Some(attach::<F>),
        map_pages: Some(map_pages::<F>),
        unmap_pages: Some(unmap_pages::<F>),
        iotlb_sync: Some(forget::<F>),
        iova_to_phys: Some(iova_to_phys::<F>),
        enforce_cache_coherency: Some(enforce_cache_coherency::<F>),
        free: Some(free::<F>),
        ..pin_init::zeroed()
    };

    /// Of the domain that blocks everything.
    pub(super) const BLOCKED: bindings::iommu_domain_ops = bindings::iommu_domain_ops {
        attach_dev: Some(block::<F>),
        ..pin_init::zeroed()
    };

    /// Of the IOMMU, which is to add what belongs to it.
    pub(super) const DEVICES: bindings::iommu_ops = bindings::iommu_ops {
        capable: Some(capable::<F>),
        domain_alloc_paging: Some(domain_alloc::<F>),
        probe_device: Some(probe_device::<F>),
        device_group: Some(bindings::generic_device_group),
        get_resv_regions: Some(reserved_regions::<F>),
        default_domain_ops: const { &Self::PAGING },
        ..pin_init::zeroed()
    };
}

/// A page table of the proxy.
///
/// # Invariants
///
/// `base` is the first field.
#[repr(C)]
struct Wrapper<F: Front> {
    base: bindings::iommu_domain,
    domain: Arc<F::Domain>,
}

/// # Safety
///
/// `dev` is a device of the proxy, probed or being so, during `'a`.
unsafe fn behind<'a, F: Front>(dev: *mut bindings::device) -> Option<&'a Behind<F>> {
    // SAFETY: By the safety requirement the device has IOMMU data; `Behind::adopt` put there what stays
    // as long.
    unsafe { (*(*dev).iommu).priv_.cast::<Behind<F>>().as_ref() }
}

/// # Safety
///
/// `domain` is a paging domain of the proxy during `'a`.
unsafe fn domain<'a, F: Front>(domain: *mut bindings::iommu_domain) -> &'a Arc<F::Domain> {
    // SAFETY: By the safety requirement it is the first field of a wrapper.
    unsafe { &(*domain.cast::<Wrapper<F>>()).domain }
}

/// # Safety
///
/// Called by the IOMMU core with a device that has the proxy's node.
unsafe extern "C" fn probe_device<F: Front>(
    dev: *mut bindings::device,
) -> *mut bindings::iommu_device {
    // SAFETY: By the safety requirement.
    match unsafe { behind::<F>(dev) } {
        Some(behind) => behind.device(),
        None => ENODEV.to_ptr(),
    }
}

/// # Safety
///
/// Called by the IOMMU core with a device of the proxy.
unsafe extern "C" fn capable<F: Front>(
    dev: *mut bindings::device,
    cap: bindings::iommu_cap,
) -> bool {
    // What concerns page tables is not: they are the proxy's.
    let is_forwarded = matches!(
        cap,
        bindings::iommu_cap_IOMMU_CAP_CACHE_COHERENCY
            | bindings::iommu_cap_IOMMU_CAP_NOEXEC
            | bindings::iommu_cap_IOMMU_CAP_ENFORCE_CACHE_COHERENCY
    );
    // SAFETY: By the safety requirement.
    match unsafe { behind::<F>(dev) } {
        Some(behind) if is_forwarded => with_iommu(&*behind.front().template(), |dev| {
            // SAFETY: The device has an IOMMU during the call.
            unsafe { bindings::device_iommu_capable(dev, cap) }
        })
        .unwrap_or(false),
        _ => false,
    }
}

/// # Safety
///
/// Called by the IOMMU core with a device of the proxy and a list of regions.
unsafe extern "C" fn reserved_regions<F: Front>(
    dev: *mut bindings::device,
    list: *mut bindings::list_head,
) {
    // SAFETY: By the safety requirement.
    let Some(behind) = (unsafe { behind::<F>(dev) }) else {
        return;
    };
    // SAFETY: By the safety requirement.
    let last = unsafe { (*list).prev };
    let _ = with_iommu(&*behind.front().template(), |dev| {
        // SAFETY: The device has an IOMMU during the call.
        unsafe { bindings::iommu_get_resv_regions(dev, list) }
    });
    // What firmware demands of the template concerns the template: it goes nowhere through the proxy
    // unless it can be blocked.
    // SAFETY: What was appended are regions, which belong to the caller; the list is not shared.
    unsafe {
        let mut at = (*last).next;
        while at != list {
            let region = kernel::container_of!(at, bindings::iommu_resv_region, list);
            if (*region).type_ == bindings::iommu_resv_type_IOMMU_RESV_DIRECT {
                (*region).type_ = bindings::iommu_resv_type_IOMMU_RESV_RESERVED;
            }
            at = (*at).next;
        }
    }
}

/// # Safety
///
/// Called by the IOMMU core with a device of the proxy.
unsafe extern "C" fn domain_alloc<F: Front>(
    dev: *mut bindings::device,
) -> *mut bindings::iommu_domain {
    let make = || -> Result<*mut bindings::iommu_domain> {
        // SAFETY: By the safety requirement.
        let behind = unsafe { behind::<F>(dev) }.ok_or(ENODEV)?;
        let domain = behind.front().new_domain()?;
        let real = domain.real();
        let base = bindings::iommu_domain {
            pgsize_bitmap: real.page_sizes(),
            geometry: real.geometry(),
            ..pin_init::zeroed()
        };
        // `free` takes it back.
        Ok(KBox::into_raw(KBox::new(Wrapper::<F> { base, domain }, GFP_KERNEL)?).cast())
    };
    make().unwrap_or_else(|error| error.to_ptr())
}

/// # Safety
///
/// Called by the IOMMU core with a paging domain of the proxy that nobody uses any more.
unsafe extern "C" fn free<F: Front>(domain: *mut bindings::iommu_domain) {
    // SAFETY: By the safety requirement; `domain_alloc` made it.
    drop(unsafe { KBox::from_raw(domain.cast::<Wrapper<F>>()) });
}

/// # Safety
///
/// Called by the IOMMU core with a device and a paging domain of the proxy.
unsafe extern "C" fn attach<F: Front>(
    to: *mut bindings::iommu_domain,
    dev: *mut bindings::device,
    _old: *mut bindings::iommu_domain,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let (behind, to) = unsafe { (behind::<F>(dev).ok_or(ENODEV)?, domain::<F>(to)) };
        behind.front().attach(Some(to.clone()))?;
        Ok(0)
    })
}

/// # Safety
///
/// Called by the IOMMU core with a device and the blocked domain of the proxy.
unsafe extern "C" fn block<F: Front>(
    _to: *mut bindings::iommu_domain,
    dev: *mut bindings::device,
    _old: *mut bindings::iommu_domain,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        unsafe { behind::<F>(dev) }
            .ok_or(ENODEV)?
            .front()
            .attach(None)?;
        Ok(0)
    })
}

/// # Safety
///
/// Called by the IOMMU core with a paging domain of the proxy, for memory that may be mapped.
unsafe extern "C" fn map_pages<F: Front>(
    to: *mut bindings::iommu_domain,
    iova: c_ulong,
    phys: bindings::phys_addr_t,
    page_bytes: usize,
    pages: usize,
    prot: c_int,
    gfp: bindings::gfp_t,
    mapped: *mut usize,
) -> c_int {
    from_result(|| {
        let len_bytes = page_bytes.checked_mul(pages).ok_or(EINVAL)?;
        let request = MapRequest {
            iova: u64::try_from(iova)?,
            phys,
            len_bytes,
            prot,
            gfp,
            _borrow: PhantomData,
        };
        // SAFETY: By the safety requirement; `mapped` is valid for writes.
        unsafe {
            domain::<F>(to).map(&request)?;
            *mapped = len_bytes;
        }
        Ok(0)
    })
}

/// # Safety
///
/// Called by the IOMMU core with a paging domain of the proxy.
unsafe extern "C" fn unmap_pages<F: Front>(
    from: *mut bindings::iommu_domain,
    iova: c_ulong,
    page_bytes: usize,
    pages: usize,
    gather: *mut bindings::iommu_iotlb_gather,
) -> usize {
    let (Ok(iova), Some(len)) = (u64::try_from(iova), page_bytes.checked_mul(pages)) else {
        return 0;
    };
    // SAFETY: By the safety requirement; the core has initialised `gather`, and uses it for this domain.
    let (from, gather) = unsafe { (domain::<F>(from), &*gather.cast::<Gather>()) };
    from.unmap(iova, len, gather).min(len)
}

/// # Safety
///
/// Called by the IOMMU core with a paging domain of the proxy, and what was unmapped of it.
unsafe extern "C" fn forget<F: Front>(
    of: *mut bindings::iommu_domain,
    gather: *mut bindings::iommu_iotlb_gather,
) {
    // SAFETY: By the safety requirement.
    let (of, gather) = unsafe { (domain::<F>(of), &*gather.cast::<Gather>()) };
    of.real().forget(gather);
}

/// # Safety
///
/// Called by the IOMMU core with a paging domain of the proxy.
unsafe extern "C" fn iova_to_phys<F: Front>(
    of: *mut bindings::iommu_domain,
    iova: bindings::dma_addr_t,
) -> bindings::phys_addr_t {
    // SAFETY: By the safety requirement.
    let of = unsafe { domain::<F>(of) };
    // VFIO asks for each page, most of which are no phantoms.
    match of.real().phys(iova) {
        Some(phys) => phys,
        None => of.phantom(iova).unwrap_or(0),
    }
}

/// # Safety
///
/// Called by VFIO with a paging domain of the proxy.
unsafe extern "C" fn enforce_cache_coherency<F: Front>(of: *mut bindings::iommu_domain) -> bool {
    // SAFETY: By the safety requirement.
    unsafe { domain::<F>(of) }.enforce_cache_coherency()
}
