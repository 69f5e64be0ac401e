// SPDX-License-Identifier: GPL-2.0

//! Symlinks: their target stays in memory as long as the inode, so that following one takes no
//! lock.

use crate::{
    bindings,
    fs::{
        FileSystem,
        TARGET_MAX_BYTES, //
    }, //
};
use kernel::{
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*, //
};

/// The target of a symlink as the VFS reads it, ending in NUL.
pub(super) struct Link(KVec<u8>);

impl Link {
    /// # Errors
    ///
    /// [`ENAMETOOLONG`], [`ENOENT`] if it is empty, [`ENOMEM`].
    pub(super) fn new(target: &[u8]) -> Result<Self> {
        match target.len() {
            0 => return Err(ENOENT),
            1..=TARGET_MAX_BYTES => {}
            _ => return Err(ENAMETOOLONG),
        }
        let mut link = KVec::with_capacity(target.len() + 1, GFP_KERNEL)?;
        link.extend_from_slice(target, GFP_KERNEL)?;
        link.push(0, GFP_KERNEL)?;
        Ok(Self(link))
    }

    /// Reads that of the inode `ino`.
    pub(super) fn load<T: FileSystem>(fs: &T, ino: u64) -> Result<Self> {
        let mut buffer = KBox::init(
            pin_init::init_zeroed::<[u8; TARGET_MAX_BYTES]>(),
            GFP_KERNEL,
        )?;
        let len = fs.target(ino, &mut buffer)?;
        // A medium may say anything.
        let target = buffer.get(..len).ok_or(EUCLEAN)?;
        match target.contains(&0) {
            true => Err(EUCLEAN),
            false => {
                Self::new(target).map_err(|error| if error == ENOMEM { ENOMEM } else { EUCLEAN })
            }
        }
    }

    /// Gives it to a symlink's inode, whose `free_inode` frees it.
    ///
    /// # Safety
    ///
    /// `inode` is new and has none.
    pub(super) unsafe fn give_to(self, inode: *mut bindings::inode) {
        let (link, len, _) = self.0.into_raw_parts();
        let len = c_int::try_from(len.saturating_sub(1)).unwrap_or(0);
        // SAFETY: By the safety requirement; the text of `len` bytes ends in NUL.
        unsafe { bindings::kernel_ext_inode_set_cached_link(inode, link.cast(), len) };
    }
}

/// Frees the target of an inode of a symlink.
///
/// # Safety
///
/// Nobody uses the inode any more; it has no target, or one from [`Link::give_to`].
pub(super) unsafe fn free(inode: *mut bindings::inode) {
    // SAFETY: By the safety requirement.
    unsafe { bindings::kfree((*inode).__bindgen_anon_5.i_link.cast::<c_void>()) };
}
