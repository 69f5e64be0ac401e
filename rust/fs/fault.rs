// SPDX-License-Identifier: GPL-2.0

//! Regular files in the memory of programs.
//!
//! C headers: [`include/linux/dax.h`](srctree/include/linux/dax.h),
//! [`include/linux/iomap.h`](srctree/include/linux/iomap.h)

use crate::{
    bindings,
    fs::{
        inode::reload,
        mount,
        FileSystem,
        Mapping, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*, //
};

/// `IOMAP_NULL_ADDR`: the address of a hole.
const NO_ADDRESS: u64 = u64::MAX;

/// The operations of mappings, and how a file's pages are found.
struct Table<T: FileSystem>(PhantomData<T>);

impl<T: FileSystem> Table<T> {
    const VM: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(fault::<T>),
        huge_fault: Some(huge_fault::<T>),
        page_mkwrite: Some(fault::<T>),
        pfn_mkwrite: Some(fault::<T>),
        ..pin_init::zeroed()
    };

    const IOMAP: bindings::iomap_ops = bindings::iomap_ops {
        iomap_begin: Some(iomap_begin::<T>),
        iomap_end: None,
        iomap_next: None,
    };
}

/// How the pages of a file are found.
pub(super) fn iomap_operations<T: FileSystem>() -> *const bindings::iomap_ops {
    const { &Table::<T>::IOMAP }
}

/// # Safety
///
/// The VFS calls it; the description is valid and its file one of a mounted `T`.
pub(super) unsafe extern "C" fn mmap_prepare<T: FileSystem>(
    desc: *mut bindings::vm_area_desc,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        unsafe {
            let file = (*desc).file;
            let fs = mount::of::<T>((*(*file).f_inode).i_sb);
            let dax = fs.region().dax();
            if !bindings::kernel_ext_daxdev_mapping_supported(desc, (*file).f_inode, dax) {
                return Err(EOPNOTSUPP);
            }
            bindings::kernel_ext_file_accessed(file);
            (*desc).vm_ops = const { &Table::<T>::VM };
            bindings::kernel_ext_vma_desc_set_hugepage(desc);
        }
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it for a regular file of a mounted `T`; all pointers are valid.
pub(super) unsafe extern "C" fn fiemap<T: FileSystem>(
    inode: *mut bindings::inode,
    info: *mut kernel::bindings::fiemap_extent_info,
    start: u64,
    len: u64,
) -> c_int {
    // SAFETY: By the safety requirement; our own binding describes the same type.
    unsafe {
        bindings::kernel_ext_inode_lock_shared(inode);
        let result =
            bindings::iomap_fiemap(inode, info.cast(), start, len, iomap_operations::<T>());
        bindings::kernel_ext_inode_unlock_shared(inode);
        result
    }
}

/// # Safety
///
/// The memory management calls it; all pointers are valid.
pub(super) unsafe extern "C" fn writepages<T: FileSystem>(
    mapping: *mut bindings::address_space,
    control: *mut bindings::writeback_control,
) -> c_int {
    // SAFETY: By the safety requirement.
    unsafe {
        let fs = mount::of::<T>((*(*mapping).host).i_sb);
        bindings::dax_writeback_mapping_range(mapping, fs.region().dax(), control)
    }
}

/// # Safety
///
/// The memory management calls it; the fault is valid.
unsafe extern "C" fn fault<T: FileSystem>(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
    // SAFETY: By the safety requirement.
    unsafe { huge_fault::<T>(vmf, 0) }
}

/// # Safety
///
/// The memory management calls it; the fault is valid.
unsafe extern "C" fn huge_fault<T: FileSystem>(
    vmf: *mut bindings::vm_fault,
    order: c_uint,
) -> bindings::vm_fault_t {
    // SAFETY: By the safety requirement.
    unsafe {
        let file = (*(*vmf).__bindgen_anon_1.vma).vm_file;
        let (inode, mapping) = ((*file).f_inode, (*file).f_mapping);
        // A private mapping gets a copy, which changes no file.
        let writes = bindings::kernel_ext_vmf_writes_shared(vmf);
        if writes {
            bindings::kernel_ext_sb_start_pagefault((*inode).i_sb);
            bindings::file_update_time(file);
        }
        bindings::kernel_ext_filemap_invalidate_lock_shared(mapping);
        let mut pfn = 0;
        let ops = iomap_operations::<T>();
        let mut result =
            bindings::dax_iomap_fault(vmf, order, &mut pfn, core::ptr::null_mut(), ops);
        if result & bindings::vm_fault_reason_VM_FAULT_NEEDDSYNC != 0 {
            result = bindings::dax_finish_sync_fault(vmf, order, pfn);
        }
        bindings::kernel_ext_filemap_invalidate_unlock_shared(mapping);
        if writes {
            bindings::kernel_ext_sb_end_pagefault((*inode).i_sb);
        }
        result
    }
}

/// Says what is at a place of a file; for a page fault that writes, fills the hole there.
///
/// # Safety
///
/// The kernel calls it for a regular file of a mounted `T`, the mapping of which is locked; all
/// pointers are valid.
unsafe extern "C" fn iomap_begin<T: FileSystem>(
    inode: *mut bindings::inode,
    pos: i64,
    length: i64,
    flags: c_uint,
    iomap: *mut bindings::iomap,
    _source: *mut bindings::iomap,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let (fs, ino, iomap) =
            unsafe { (mount::of::<T>((*inode).i_sb), (*inode).i_ino, &mut *iomap) };
        let at_bytes = u64::try_from(pos).map_err(|_| EINVAL)?;
        let len_bytes = u64::try_from(length).map_err(|_| EINVAL)?;
        let mut found = fs.map(ino, at_bytes, len_bytes)?;
        if flags & bindings::IOMAP_WRITE != 0 && matches!(found, Mapping::Hole { .. }) {
            fs.fill(ino, at_bytes, len_bytes)?;
            found = fs.map(ino, at_bytes, len_bytes)?;
            // SAFETY: By the safety requirement.
            unsafe { reload::<T>(inode) };
        }
        iomap.offset = pos;
        iomap.flags = 0;
        // SAFETY: By the safety requirement.
        iomap.bdev = unsafe { (*(*inode).i_sb).s_bdev };
        iomap.dax_dev = fs.region().dax();
        let (addr, len_bytes, kind) = match found {
            Mapping::Data { at, len_bytes } => {
                let addr = fs.region().device_offset(at);
                (addr, len_bytes, bindings::IOMAP_MAPPED)
            }
            Mapping::Hole { len_bytes } => (NO_ADDRESS, len_bytes, bindings::IOMAP_HOLE),
        };
        iomap.addr = addr;
        iomap.length = len_bytes;
        iomap.type_ = u16::try_from(kind)?;
        Ok(0)
    })
}
