// SPDX-License-Identifier: GPL-2.0

//! Attributes: what an inode is, as it is asked for and changed.

use crate::{
    bindings,
    fs::{
        file,
        inode::{
            refresh,
            reload, //
        },
        mount,
        name,
        Changes,
        FileSystem, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*, //
};

/// The operations that all types have, and those of symlinks.
pub(super) struct Table<T: FileSystem>(PhantomData<T>);

impl<T: FileSystem> Table<T> {
    const ATTRIBUTES: bindings::inode_operations = bindings::inode_operations {
        setattr: Some(setattr::<T>),
        getattr: Some(getattr::<T>),
        update_time: Some(update_time::<T>),
        ..pin_init::zeroed()
    };

    const SYMLINK: bindings::inode_operations = bindings::inode_operations {
        get_link: Some(bindings::simple_get_link),
        ..Self::ATTRIBUTES
    };

    /// For what is neither directory nor symlink.
    pub(super) const fn attributes() -> &'static bindings::inode_operations {
        const { &Self::ATTRIBUTES }
    }

    /// For symlinks.
    pub(super) fn symlink() -> &'static bindings::inode_operations {
        const { &Self::SYMLINK }
    }
}

/// # Safety
///
/// The VFS calls it with the inode locked; all pointers are valid.
pub(super) unsafe extern "C" fn setattr<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dentry: *mut bindings::dentry,
    attr: *mut bindings::iattr,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        to_result(unsafe { bindings::setattr_prepare(idmap, dentry, attr) })?;
        // SAFETY: By the safety requirement; a dentry whose attributes are set is positive.
        let (attr, inode) = unsafe { (&*attr, (*dentry).d_inode) };
        // SAFETY: By the safety requirement.
        let fs = unsafe { mount::of::<T>((*inode).i_sb) };
        let has = |bit: u32| attr.ia_valid & bit != 0;
        if has(bindings::ATTR_SIZE) {
            // SAFETY: By the safety requirement; only regular files have a size that can be set.
            unsafe { file::set_size::<T>(inode, attr.ia_size, name::ns(attr.ia_ctime))? };
            // It sets the times of changes as well.
            let further = bindings::ATTR_MODE
                | bindings::ATTR_UID
                | bindings::ATTR_GID
                | bindings::ATTR_ATIME;
            if !has(further) {
                return Ok(0);
            }
        }
        // SAFETY: By the safety requirement.
        let ns = unsafe { (*(*inode).i_sb).s_user_ns };
        // SAFETY: By the safety requirement; called only if there is an owner, which is then that
        // of the caller's mount.
        let uid = || unsafe {
            let uid = attr.__bindgen_anon_1.ia_vfsuid;
            bindings::from_kuid(ns, bindings::from_vfsuid(idmap, ns, uid))
        };
        // SAFETY: As for the owner.
        let gid = || unsafe {
            let gid = attr.__bindgen_anon_2.ia_vfsgid;
            bindings::from_kgid(ns, bindings::from_vfsgid(idmap, ns, gid))
        };
        let durable = fs.change(
            // SAFETY: By the safety requirement.
            unsafe { (*inode).i_ino },
            &Changes {
                mode: has(bindings::ATTR_MODE).then_some(attr.ia_mode),
                uid: has(bindings::ATTR_UID).then(uid),
                gid: has(bindings::ATTR_GID).then(gid),
                atime_ns: has(bindings::ATTR_ATIME).then(|| name::ns(attr.ia_atime)),
                mtime_ns: has(bindings::ATTR_MTIME).then(|| name::ns(attr.ia_mtime)),
                ctime_ns: has(bindings::ATTR_CTIME).then(|| name::ns(attr.ia_ctime)),
            },
        )?;
        // SAFETY: By the safety requirement.
        unsafe { refresh::<T>(inode, &durable) };
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it; all pointers are valid.
pub(super) unsafe extern "C" fn getattr<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    path: *const bindings::path,
    stat: *mut bindings::kstat,
    mask: u32,
    _flags: c_uint,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement; a path that is asked about has an inode.
        let inode = unsafe { (*(*path).dentry).d_inode };
        // SAFETY: By the safety requirement.
        unsafe { bindings::generic_fillattr(idmap, mask, inode, stat) };
        if mask & bindings::STATX_BTIME != 0 {
            // SAFETY: By the safety requirement.
            let (fs, ino) = unsafe { (mount::of::<T>((*inode).i_sb), (*inode).i_ino) };
            let btime = name::timespec(fs.stat(ino, |stat| stat.btime_ns)?);
            // SAFETY: By the safety requirement.
            unsafe {
                (*stat).btime = btime;
                (*stat).result_mask |= bindings::STATX_BTIME;
            }
        }
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it; the inode is valid.
pub(super) unsafe extern "C" fn update_time<T: FileSystem>(
    inode: *mut bindings::inode,
    what: bindings::fs_update_time,
    flags: c_uint,
) -> c_int {
    from_result(|| {
        if flags & bindings::kernel_ext_IOCB_NOWAIT != 0 {
            return Err(EAGAIN);
        }
        // SAFETY: By the safety requirement.
        let now_ns = unsafe { name::now_ns(inode) };
        let changes = match what {
            bindings::fs_update_time_FS_UPD_ATIME => Changes {
                atime_ns: Some(now_ns),
                ..Changes::default()
            },
            _ => Changes {
                mtime_ns: Some(now_ns),
                ctime_ns: Some(now_ns),
                ..Changes::default()
            },
        };
        // SAFETY: By the safety requirement.
        let (fs, ino) = unsafe { (mount::of::<T>((*inode).i_sb), (*inode).i_ino) };
        fs.set_times(ino, &changes)?;
        // SAFETY: By the safety requirement.
        unsafe { reload::<T>(inode) };
        Ok(0)
    })
}
