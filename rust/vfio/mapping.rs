// SPDX-License-Identifier: GPL-2.0

//! A device's pages in the memory of programs.

use super::{
    fault,
    registration::Wrapper,
    Device, //
};
use crate::bindings;
use kernel::{
    error::from_result,
    ffi::{
        c_int,
        c_void, //
    },
    new_mutex,
    page::{
        Page,
        PAGE_SHIFT, //
    },
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// What a register of an absent device reads as.
const ABSENT: c_int = 0xff;

/// A part of a device's file that a program wants to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRange {
    /// Where it begins.
    pub offset: u64,
    /// Its length, whole pages.
    pub len_bytes: u64,
}

/// A page that stands in for those of an absent device.
///
/// Programs may have it mapped, so its content changes at any time and is never looked at.
pub(super) struct Sink(Page);

impl Sink {
    /// Makes the page read as an absent device, whatever programs wrote to it.
    fn blank(&self) {
        // SAFETY: The page is ours and stays; it comes from the kernel's direct mapping.
        unsafe { bindings::kernel_ext_page_fill(self.0.as_ptr(), ABSENT) };
    }

    pub(super) fn pfn(&self) -> usize {
        // SAFETY: The page is ours.
        unsafe { bindings::kernel_ext_page_to_pfn(self.0.as_ptr()) }
    }
}

/// An inode that all files of a device share, or null.
struct Inode(*mut bindings::inode);

// SAFETY: Inodes belong to no thread.
unsafe impl Send for Inode {}

/// What a device and its [`Mappings`] share.
///
/// # Invariants
///
/// `inode` is null or valid while its lock is held.
#[pin_data]
pub(super) struct Shared {
    #[pin]
    inode: Mutex<Inode>,
    sink: Sink,
}

impl Shared {
    pub(super) fn new() -> Result<Arc<Self>> {
        let sink = Sink(Page::alloc_page(GFP_KERNEL)?);
        sink.blank();
        // INVARIANT: Null.
        Arc::pin_init(
            pin_init!(Self {
                inode <- new_mutex!(Inode(core::ptr::null_mut()), "kernel_ext::vfio::Mappings"),
                sink,
            }),
            GFP_KERNEL,
        )
    }

    /// # Safety
    ///
    /// `inode` is valid until [`Self::detach`] returns.
    pub(super) unsafe fn attach(&self, inode: *mut bindings::inode) {
        // INVARIANT: By the safety requirement.
        *self.inode.lock() = Inode(inode);
    }

    pub(super) fn detach(&self) {
        // INVARIANT: Null.
        *self.inode.lock() = Inode(core::ptr::null_mut());
    }

    /// Makes sink pages read as an absent device.
    pub(super) fn blank(&self) {
        self.sink.blank();
    }

    pub(super) fn sink(&self) -> &Sink {
        &self.sink
    }
}

/// All places where programs have mapped a device.
///
/// May be kept for any time: without its device it is empty.
pub struct Mappings(Arc<Shared>);

impl Mappings {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Takes all pages away, so that the next access to each is a fault. May sleep.
    ///
    /// A lock that [`Device::fault`] holds while it inserts a page, held here as well, makes sure that
    /// none is left when this returns. What programs have written to sink pages is forgotten.
    pub fn zap(&self) {
        let inode = self.0.inode.lock();
        if !inode.0.is_null() {
            // SAFETY: By the type invariant. The range is the whole file; private copies, of which
            // there are none, included.
            unsafe { bindings::unmap_mapping_range((*inode.0).i_mapping, 0, 0, 1) };
        }
        self.0.sink.blank();
    }
}

/// # Safety
///
/// VFIO calls it for an open device of a [`Wrapper<T>`], with the area locked for writing; all
/// pointers are valid.
pub(super) unsafe extern "C" fn mmap<T: Device>(
    device: *mut bindings::vfio_device,
    vma: *mut bindings::vm_area_struct,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let (data, flags, start, end, page) = unsafe {
            (
                Wrapper::<T>::data(device),
                (*vma).__bindgen_anon_2.vm_flags,
                (*vma).__bindgen_anon_1.__bindgen_anon_1.vm_start,
                (*vma).__bindgen_anon_1.__bindgen_anon_1.vm_end,
                (*vma).vm_pgoff,
            )
        };
        if flags & bindings::VM_SHARED == 0 {
            return Err(EINVAL);
        }
        let len_bytes = end.checked_sub(start).ok_or(EINVAL)?;
        data.map(MapRange {
            offset: offset_of_page(page).ok_or(EINVAL)?,
            len_bytes: u64::try_from(len_bytes)?,
        })?;
        // SAFETY: By the safety requirement. The device outlives its files, and thereby their areas.
        unsafe {
            bindings::kernel_ext_vma_set_io(vma);
            (*vma).vm_private_data = device.cast::<c_void>();
            (*vma).vm_ops = fault::operations::<T>();
        }
        Ok(0)
    })
}

/// Returns where a page of a file begins.
pub(super) fn offset_of_page(page: usize) -> Option<u64> {
    let page = u64::try_from(page).ok()?;
    page.checked_mul(1 << PAGE_SHIFT)
}
