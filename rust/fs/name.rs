// SPDX-License-Identifier: GPL-2.0

//! Names and numbers as the VFS has them.

use crate::{
    bindings,
    fs::{
        Place,
        NAME_MAX_BYTES, //
    }, //
};
use kernel::prelude::*;

const NS_PER_S: i64 = 1_000_000_000;

/// What `dentry` stands for in the directory `dir`.
///
/// # Errors
///
/// [`ENAMETOOLONG`].
///
/// # Safety
///
/// Both pointers are valid for `'a`, and so long the name does not change: the directory is locked,
/// or the dentry is in lookup.
pub(super) unsafe fn place<'a>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> Result<Place<'a>> {
    // SAFETY: By the safety requirements; both members of the union are the same field.
    let name = unsafe { &(*dentry).__bindgen_anon_1.d_name };
    // SAFETY: The union is of the hash and length, and both as one number.
    let len = usize::try_from(unsafe { name.__bindgen_anon_1.__bindgen_anon_1.len })?;
    if len > NAME_MAX_BYTES {
        return Err(ENAMETOOLONG);
    }
    Ok(Place {
        // SAFETY: By the safety requirements.
        dir: unsafe { (*dir).i_ino },
        // SAFETY: By the safety requirements the name has `len` bytes.
        name: unsafe { core::slice::from_raw_parts(name.name, len) },
    })
}

/// Nanoseconds since 1970; the file system's limits keep times in range, and others saturate.
pub(super) fn ns(time: bindings::timespec64) -> i64 {
    let nsec = i64::try_from(time.tv_nsec).unwrap_or(0);
    time.tv_sec.saturating_mul(NS_PER_S).saturating_add(nsec)
}

/// Seconds since 1970, and nanoseconds.
pub(super) fn seconds(ns: i64) -> (i64, kernel::ffi::c_long) {
    let nsec = kernel::ffi::c_long::try_from(ns.rem_euclid(NS_PER_S)).unwrap_or(0);
    (ns.div_euclid(NS_PER_S), nsec)
}

/// As [`seconds`], as the VFS has it.
pub(super) fn timespec(ns: i64) -> bindings::timespec64 {
    let (tv_sec, tv_nsec) = seconds(ns);
    bindings::timespec64 { tv_sec, tv_nsec }
}

/// The first and the last second that nanoseconds reach in full.
pub(super) const SECONDS: (i64, i64) = (i64::MIN / NS_PER_S, i64::MAX / NS_PER_S - 1);

/// The present, as the inode's file system has it.
///
/// # Safety
///
/// `inode` is valid.
pub(super) unsafe fn now_ns(inode: *mut bindings::inode) -> i64 {
    // SAFETY: By the safety requirement.
    ns(unsafe { bindings::current_time(inode) })
}
