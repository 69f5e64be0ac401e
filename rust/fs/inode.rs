// SPDX-License-Identifier: GPL-2.0

//! Inodes: how they come into memory, say what they are, and go.

use crate::{
    bindings,
    fs::{
        attr,
        dir,
        file,
        link::{
            self,
            Link, //
        },
        mount,
        name,
        Attributes,
        FileSystem,
        Stat, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// The type bits of a mode.
pub(super) const FORMAT: u16 = 0o170_000;
/// Types that are told apart.
pub(super) const DIRECTORY: u16 = 0o040_000;
pub(super) const REGULAR: u16 = 0o100_000;
pub(super) const SYMLINK: u16 = 0o120_000;

/// The unit of `i_blocks` is 512 bytes.
const SECTORS_PER_BLOCK: u64 = 8;

/// A reference to an inode in memory.
///
/// # Invariants
///
/// `ptr` is a valid inode of a mounted `T` of which this owns a reference.
pub(super) struct Inode<T: FileSystem> {
    ptr: NonNull<bindings::inode>,
    _fs: PhantomData<T>,
}

impl<T: FileSystem> Drop for Inode<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::iput(self.ptr.as_ptr()) };
    }
}

impl<T: FileSystem> Inode<T> {
    /// The inode `ino`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or what [`FileSystem::stat`] fails with.
    ///
    /// # Safety
    ///
    /// `sb` is that of a mounted `T`.
    pub(super) unsafe fn get(sb: *mut bindings::super_block, ino: u64) -> Result<Self> {
        // SAFETY: By the safety requirement.
        let ptr = NonNull::new(unsafe { bindings::iget_locked(sb, ino) }).ok_or(ENOMEM)?;
        // SAFETY: `iget_locked` gave a reference.
        if !unsafe { bindings::kernel_ext_inode_is_new(ptr.as_ptr()) } {
            // INVARIANT: As above.
            return Ok(Self {
                ptr,
                _fs: PhantomData,
            });
        }
        // SAFETY: The inode is new, so nobody else uses it yet.
        match unsafe { load::<T>(ptr.as_ptr(), ino) } {
            Ok(()) => {
                // SAFETY: The inode is new and filled in.
                unsafe { bindings::unlock_new_inode(ptr.as_ptr()) };
                // INVARIANT: As above.
                Ok(Self {
                    ptr,
                    _fs: PhantomData,
                })
            }
            Err(error) => {
                // SAFETY: The inode is new; the reference ends here.
                unsafe { bindings::iget_failed(ptr.as_ptr()) };
                Err(error)
            }
        }
    }

    /// Gives up the reference to whoever takes the pointer.
    pub(super) fn into_raw(self) -> *mut bindings::inode {
        let ptr = self.ptr.as_ptr();
        core::mem::forget(self);
        ptr
    }
}

/// An inode in memory for one that is yet to be made on the medium, so that nothing can fail after
/// that.
///
/// # Invariants
///
/// `0` is an inode of a mounted `T` that is not hashed and has an owner and a mode.
pub(super) struct New<T: FileSystem>(Inode<T>);

impl<T: FileSystem> New<T> {
    /// Allocates an inode for a file of `mode` that the caller makes in `dir`.
    ///
    /// # Safety
    ///
    /// `dir` is a directory of a mounted `T`, `idmap` that of the caller's mount.
    pub(super) unsafe fn allocate(
        idmap: *mut bindings::mnt_idmap,
        dir: *mut bindings::inode,
        mode: bindings::umode_t,
    ) -> Result<Self> {
        // SAFETY: By the safety requirement.
        let ptr = NonNull::new(unsafe { bindings::new_inode((*dir).i_sb) }).ok_or(ENOMEM)?;
        // SAFETY: Nobody else knows the inode; the others by the safety requirement.
        unsafe { bindings::inode_init_owner(idmap, ptr.as_ptr(), dir, mode) };
        // INVARIANT: `new_inode` gives a reference, and the owner was just set.
        Ok(Self(Inode {
            ptr,
            _fs: PhantomData,
        }))
    }

    /// What it is to be on the medium.
    pub(super) fn attributes(&self, rdev: bindings::dev_t) -> Attributes {
        let inode = self.0.ptr.as_ptr();
        // SAFETY: By the type invariant.
        unsafe {
            Attributes {
                mode: (*inode).i_mode,
                uid: bindings::kernel_ext_i_uid_read(inode),
                gid: bindings::kernel_ext_i_gid_read(inode),
                rdev: bindings::kernel_ext_new_encode_dev(rdev),
                now_ns: name::now_ns(inode),
            }
        }
    }

    /// Lets the dentry stand for it, which is the durable inode `ino` now.
    ///
    /// # Safety
    ///
    /// `dentry` is negative and locked by its directory.
    pub(super) unsafe fn instantiate(
        self,
        dentry: *mut bindings::dentry,
        ino: u64,
        link: Option<Link>,
        durable: &T::Durable,
    ) -> Result {
        let ptr = self.publish(ino, link, durable)?.into_raw();
        // SAFETY: The inode is new, its reference goes to the dentry; that by the requirement.
        unsafe { bindings::d_instantiate_new(dentry, ptr) };
        Ok(())
    }

    /// Lets the open file stand for it, which is the durable inode `ino` without a name now.
    ///
    /// # Safety
    ///
    /// `file` is what the VFS asked to make nameless.
    pub(super) unsafe fn instantiate_nameless(
        self,
        file: *mut bindings::file,
        ino: u64,
        durable: &T::Durable,
    ) -> Result {
        let ptr = self.publish(ino, None, durable)?.into_raw();
        // SAFETY: By the safety requirement; the inode is new, its reference goes to the dentry.
        unsafe {
            let dentry = (*file).__bindgen_anon_1.f_path.dentry;
            bindings::d_mark_tmpfile(file, ptr);
            bindings::d_instantiate_new(dentry, ptr);
        }
        Ok(())
    }

    /// Hashes the inode, still locked, under its number, and fills it in.
    fn publish(self, ino: u64, link: Option<Link>, _durable: &T::Durable) -> Result<Inode<T>> {
        let ptr = self.0.ptr.as_ptr();
        // SAFETY: By the type invariant nobody else knows the inode.
        unsafe { (*ptr).i_ino = ino };
        // An earlier inode of that number was evicted, or else it would not be free.
        // SAFETY: The inode is not hashed.
        if unsafe { bindings::insert_inode_locked(ptr) } != 0 {
            return Err(EIO);
        }
        // SAFETY: The inode is new.
        if let Err(error) = unsafe { fill::<T>(ptr, ino, link) } {
            // SAFETY: `insert_inode_locked` left it locked; the reference ends here.
            unsafe { bindings::iget_failed(self.0.into_raw()) };
            return Err(error);
        }
        Ok(self.0)
    }
}

/// Fills in a new inode from the medium.
///
/// # Safety
///
/// `inode` is that of `ino` in a mounted `T`, and nobody else uses it.
unsafe fn load<T: FileSystem>(inode: *mut bindings::inode, ino: u64) -> Result {
    // SAFETY: By the safety requirement.
    let fs = unsafe { mount::of::<T>((*inode).i_sb) };
    let link = match fs.stat(ino, |stat| stat.mode & FORMAT)? {
        SYMLINK => Some(Link::load(fs, ino)?),
        _ => None,
    };
    // SAFETY: By the safety requirement.
    unsafe { fill::<T>(inode, ino, link) }
}

/// As [`load`], if the target of a symlink is known.
///
/// # Safety
///
/// As [`load`].
unsafe fn fill<T: FileSystem>(inode: *mut bindings::inode, ino: u64, link: Option<Link>) -> Result {
    // SAFETY: By the safety requirement.
    let fs = unsafe { mount::of::<T>((*inode).i_sb) };
    let (mode, rdev) = fs.stat(ino, |stat| {
        // SAFETY: By the safety requirement.
        unsafe {
            (*inode).i_generation = stat.generation;
            apply(inode, stat);
            set_size(inode, stat);
        }
        (stat.mode, stat.rdev)
    })?;
    // SAFETY: By the safety requirement; the tables are those of its type.
    unsafe {
        match mode & FORMAT {
            DIRECTORY => {
                (*inode).i_op = dir::Table::<T>::inode();
                (*inode).__bindgen_anon_3.i_fop = dir::Table::<T>::file();
            }
            REGULAR => file::set_operations::<T>(inode),
            SYMLINK => {
                (*inode).i_op = attr::Table::<T>::symlink();
                if let Some(link) = link {
                    link.give_to(inode);
                }
            }
            _ => {
                (*inode).i_op = attr::Table::<T>::attributes();
                let dev = bindings::kernel_ext_new_decode_dev(rdev);
                bindings::init_special_inode(inode, mode, dev);
            }
        }
    }
    Ok(())
}

/// Stores what is on the medium in the inode.
///
/// # Safety
///
/// `inode` is valid; nothing changes it on the medium meanwhile.
unsafe fn apply(inode: *mut bindings::inode, stat: &Stat) {
    let (atime, mtime, ctime) = (
        name::seconds(stat.atime_ns),
        name::seconds(stat.mtime_ns),
        name::seconds(stat.ctime_ns),
    );
    // SAFETY: By the safety requirement. The setters store whole words, so whoever reads the inode
    // without a lock sees old or new values.
    unsafe {
        (*inode).i_mode = stat.mode;
        bindings::kernel_ext_i_uid_write(inode, stat.uid);
        bindings::kernel_ext_i_gid_write(inode, stat.gid);
        if (*inode).__bindgen_anon_1.i_nlink != stat.nlink {
            bindings::set_nlink(inode, stat.nlink);
        }
        // That of a regular file is known to whoever changes it; others must not see it before its pages.
        if stat.mode & FORMAT != REGULAR {
            set_size(inode, stat);
        }
        (*inode).i_blocks = stat.blocks.saturating_mul(SECTORS_PER_BLOCK);
        bindings::kernel_ext_inode_set_atime(inode, atime.0, atime.1);
        bindings::kernel_ext_inode_set_mtime(inode, mtime.0, mtime.1);
        bindings::kernel_ext_inode_set_ctime(inode, ctime.0, ctime.1);
    }
}

/// Stores the size that is on the medium in the inode.
///
/// # Safety
///
/// As [`apply`].
unsafe fn set_size(inode: *mut bindings::inode, stat: &Stat) {
    let size_bytes = i64::try_from(stat.size_bytes).unwrap_or(i64::MAX);
    // SAFETY: By the safety requirement.
    unsafe { bindings::kernel_ext_i_size_write(inode, size_bytes) };
}

/// Makes the inode say what an operation that is durable made of it, but for the size of a regular file.
///
/// # Safety
///
/// `inode` is a filled-in inode of a mounted `T`, or null.
pub(super) unsafe fn refresh<T: FileSystem>(inode: *mut bindings::inode, _durable: &T::Durable) {
    if !inode.is_null() {
        // SAFETY: By the safety requirement.
        unsafe { reload::<T>(inode) };
    }
}

/// Makes the inode say what is on the medium, but for the size of a regular file.
///
/// # Safety
///
/// `inode` is a filled-in inode of a mounted `T`.
pub(super) unsafe fn reload<T: FileSystem>(inode: *mut bindings::inode) {
    // SAFETY: By the safety requirement.
    let (fs, ino) = unsafe { (mount::of::<T>((*inode).i_sb), (*inode).i_ino) };
    // If the device went away meanwhile, the inode stays as it is.
    let _ = fs.stat(ino, |stat| {
        // SAFETY: By the safety requirement, and that of `stat`.
        unsafe { apply(inode, stat) }
    });
}

/// # Safety
///
/// The VFS calls it for an inode that nobody uses any more.
pub(super) unsafe extern "C" fn evict<T: FileSystem>(inode: *mut bindings::inode) {
    // SAFETY: By the safety requirement; this is the order that each of them asks for.
    let is_dead = unsafe {
        bindings::dax_break_layout_final(inode);
        bindings::truncate_inode_pages_final(&raw mut (*inode).i_data);
        bindings::clear_inode(inode);
        (*inode).__bindgen_anon_1.i_nlink == 0 && !bindings::is_bad_inode(inode)
    };
    if is_dead {
        // SAFETY: By the safety requirement; the file system is mounted as long as it has inodes.
        let (fs, ino) = unsafe { (mount::of::<T>((*inode).i_sb), (*inode).i_ino) };
        fs.evict(ino);
    }
}

/// Frees an inode's memory, when no reader of RCU can have it any more.
///
/// # Safety
///
/// The VFS calls it for an inode that was evicted.
pub(super) unsafe extern "C" fn free(inode: *mut bindings::inode) {
    // SAFETY: By the safety requirement; only symlinks have a target.
    unsafe {
        if (*inode).i_mode & FORMAT == SYMLINK {
            link::free(inode);
        }
        bindings::free_inode_nonrcu(inode);
    }
}
