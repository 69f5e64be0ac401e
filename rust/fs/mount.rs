// SPDX-License-Identifier: GPL-2.0

//! Mounting, remounting, unmounting, and what concerns a mount as a whole.

use crate::{
    bindings,
    fs::{
        inode::{
            self,
            Inode, //
        },
        name,
        Access,
        FileSystem,
        Region,
        Unmappable,
        BLOCK_BYTES,
        NAME_MAX_BYTES, //
    }, //
};
use core::{
    marker::{
        PhantomData,
        PhantomPinned, //
    }, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    types::Opaque, //
};

/// Bytes of a UUID.
const UUID_BYTES: u32 = 16;

/// The file system's name, known to `mount(2)` until this is dropped. While something is mounted,
/// the module cannot be unloaded.
///
/// # Invariants
///
/// `fs_type` is the first field, and registered once the whole is pinned.
#[repr(C)]
#[pin_data(PinnedDrop)]
pub struct Registration<T: FileSystem> {
    #[pin]
    fs_type: Opaque<bindings::file_system_type>,
    shared: T::Shared,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C object belongs to no thread, the rest is `Send`.
unsafe impl<T: FileSystem> Send for Registration<T> {}
// SAFETY: A shared registration gives access to nothing but `shared`, which is `Sync`.
unsafe impl<T: FileSystem> Sync for Registration<T> {}

impl<T: FileSystem> Registration<T> {
    /// Registers the file system for `module`.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if the name is taken.
    pub fn new(module: &'static ThisModule, shared: T::Shared) -> impl PinInit<Self, Error> {
        let fs_type = bindings::file_system_type {
            name: T::TYPE.as_char_ptr(),
            // Owners go through the caller's mount wherever they are set or shown.
            fs_flags: (bindings::FS_REQUIRES_DEV | bindings::FS_ALLOW_IDMAP) as c_int,
            init_fs_context: Some(init_fs_context::<T>),
            kill_sb: Some(bindings::kill_block_super),
            owner: module.as_ptr(),
            ..pin_init::zeroed()
        };
        try_pin_init!(Self {
            fs_type: Opaque::new(fs_type),
            shared,
            _pin: PhantomPinned,
        }? Error)
        .pin_chain(|this| {
            // SAFETY: The type is pinned and stays until `drop` takes its name back.
            to_result(unsafe { bindings::register_filesystem(this.fs_type.get()) })
        })
    }
}

#[pinned_drop]
impl<T: FileSystem> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Nothing is mounted, since a mount holds the module. A type that is not registered
        // is refused. Inodes that wait for readers of RCU are freed by code of this module.
        unsafe {
            bindings::unregister_filesystem(self.fs_type.get());
            bindings::rcu_barrier();
        }
    }
}

/// The file system that is mounted as `sb`.
///
/// # Safety
///
/// `sb` is a super block of `T` that is mounted for `'a`.
#[inline]
pub(super) unsafe fn of<'a, T: FileSystem>(sb: *mut bindings::super_block) -> &'a T {
    // SAFETY: `fill_super` left it there, and `put_super` takes it when no inode is left.
    unsafe { &*(*sb).s_fs_info.cast::<T>() }
}

/// The block device to be mounted.
pub struct Device<'a> {
    sb: *mut bindings::super_block,
    _borrow: PhantomData<&'a ()>,
}

impl Device<'_> {
    /// Its name, as below `/dev`.
    pub fn name(&self) -> &CStr {
        // SAFETY: The super block is that of the mount under way; the name ends in NUL and does not
        // change.
        unsafe { CStr::from_char_ptr((&raw const (*self.sb).s_id).cast()) }
    }

    /// Maps it.
    ///
    /// # Errors
    ///
    /// Why that is not possible.
    pub fn region(&self) -> Result<Region, Unmappable> {
        // SAFETY: The device of the mount under way is open.
        unsafe { Region::map((*self.sb).s_bdev) }
    }
}

/// The operations of a mount.
struct Table<T: FileSystem>(PhantomData<T>);

impl<T: FileSystem> Table<T> {
    const SUPER: bindings::super_operations = bindings::super_operations {
        free_inode: Some(inode::free),
        evict_inode: Some(inode::evict::<T>),
        put_super: Some(put_super::<T>),
        sync_fs: Some(sync_fs::<T>),
        statfs: Some(statfs::<T>),
        shutdown: Some(bindings::kernel_ext_forget_mappings),
        ..pin_init::zeroed()
    };

    const CONTEXT: bindings::fs_context_operations = bindings::fs_context_operations {
        get_tree: Some(get_tree::<T>),
        reconfigure: Some(reconfigure::<T>),
        ..pin_init::zeroed()
    };
}

/// # Safety
///
/// The VFS calls it with a new context.
unsafe extern "C" fn init_fs_context<T: FileSystem>(
    fc: *mut kernel::bindings::fs_context,
) -> c_int {
    // SAFETY: By the safety requirement; it is what our own binding describes in full. Without
    // `parse_param`, only what every file system knows is accepted.
    unsafe { (*fc.cast::<bindings::fs_context>()).ops = const { &Table::<T>::CONTEXT } };
    0
}

/// # Safety
///
/// The VFS calls it with a context for mounting.
unsafe extern "C" fn get_tree<T: FileSystem>(fc: *mut bindings::fs_context) -> c_int {
    // SAFETY: By the safety requirement.
    unsafe { bindings::get_tree_bdev(fc, Some(fill_super::<T>)) }
}

/// The access that flags ask for.
fn access(flags: c_ulong) -> Access {
    match flags & bindings::kernel_ext_SB_RDONLY {
        0 => Access::ReadWrite,
        _ => Access::ReadOnly,
    }
}

/// # Safety
///
/// `get_tree_bdev` calls it with a new super block whose device is open.
unsafe extern "C" fn fill_super<T: FileSystem>(
    sb: *mut bindings::super_block,
    _fc: *mut bindings::fs_context,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement. The type is the first field of a registration, which
        // stays while it is being mounted.
        let (shared, flags) = unsafe {
            let registration = (*sb).s_type.cast::<Registration<T>>();
            (&(*registration).shared, (*sb).s_flags)
        };
        // SAFETY: By the safety requirement.
        unsafe { describe::<T>(sb)? };
        let device = Device {
            sb,
            _borrow: PhantomData,
        };
        // SAFETY: By the safety requirement.
        unsafe { drop_cache(sb) };
        // Memory first: what is mounted must not be dropped.
        let place = KBox::<T>::new_uninit(GFP_KERNEL)?;
        let fs = place.write(T::mount(shared, &device, access(flags))?);
        let (root, uuid) = (fs.root(), fs.uuid());
        // SAFETY: By the safety requirement; `take` gets the pointer back.
        unsafe {
            bindings::kernel_ext_super_set_uuid(sb, uuid.as_ptr(), UUID_BYTES);
            (*sb).s_fs_info = KBox::into_raw(fs).cast::<c_void>();
            make_root::<T>(sb, root).inspect_err(|_| take::<T>(sb).unmount())?;
        }
        Ok(0)
    })
}

/// Says what all mounts of `T` have in common.
///
/// # Safety
///
/// `sb` is a new super block.
unsafe fn describe<T: FileSystem>(sb: *mut bindings::super_block) -> Result {
    // SAFETY: By the safety requirement.
    unsafe {
        if bindings::sb_set_blocksize(sb, c_int::try_from(BLOCK_BYTES)?) == 0 {
            return Err(EINVAL);
        }
        (*sb).s_magic = c_ulong::try_from(T::MAGIC)?;
        (*sb).s_op = const { &Table::<T>::SUPER };
        (*sb).s_maxbytes = i64::try_from(T::MAX_BYTES)?;
        (*sb).s_max_links = T::MAX_LINKS;
        (*sb).s_time_gran = 1;
        ((*sb).s_time_min, (*sb).s_time_max) = name::SECONDS;
    }
    Ok(())
}

/// Gives the mount its root.
///
/// # Safety
///
/// `sb` is a new super block with a mounted `T`.
unsafe fn make_root<T: FileSystem>(sb: *mut bindings::super_block, ino: u64) -> Result {
    // SAFETY: By the safety requirement; the reference goes to the dentry.
    let root = unsafe { bindings::d_make_root(Inode::<T>::get(sb, ino)?.into_raw()) };
    if root.is_null() {
        return Err(ENOMEM);
    }
    // SAFETY: By the safety requirement.
    unsafe { (*sb).s_root = root };
    Ok(())
}

/// Takes the file system back from its super block.
///
/// # Safety
///
/// `sb` is a super block with a mounted `T` and without inodes in use.
unsafe fn take<T: FileSystem>(sb: *mut bindings::super_block) -> T {
    // SAFETY: By the safety requirement `fill_super` left it there; nobody uses it any more.
    unsafe {
        let fs = KBox::from_raw((*sb).s_fs_info.cast::<T>());
        (*sb).s_fs_info = core::ptr::null_mut();
        KBox::into_inner(fs)
    }
}

/// # Safety
///
/// The VFS calls it when all inodes were evicted.
unsafe extern "C" fn put_super<T: FileSystem>(sb: *mut bindings::super_block) {
    // SAFETY: By the safety requirement.
    unsafe {
        take::<T>(sb).unmount();
        drop_cache(sb);
    }
}

/// Forgets what the block device has cached, which programs may have written or will read: the
/// mount itself goes past that cache.
///
/// # Safety
///
/// `sb` is a super block whose device is open.
unsafe fn drop_cache(sb: *mut bindings::super_block) {
    // SAFETY: By the safety requirement. An error of what others have written is theirs.
    unsafe {
        bindings::sync_blockdev((*sb).s_bdev);
        bindings::invalidate_bdev((*sb).s_bdev);
    }
}

/// # Safety
///
/// The VFS calls it with a context for a mount of `T`, whose super block is locked.
unsafe extern "C" fn reconfigure<T: FileSystem>(fc: *mut bindings::fs_context) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let (sb, wanted) = unsafe { ((*(*fc).root).d_sb, (*fc).sb_flags) };
        let wanted = access(c_ulong::try_from(wanted)?);
        // SAFETY: By the safety requirement.
        let (fs, flags) = unsafe { (of::<T>(sb), (*sb).s_flags) };
        if access(flags) != wanted {
            fs.remount(wanted)?;
            // SAFETY: By the safety requirement.
            unsafe { drop_cache(sb) };
        }
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it for a mount of `T`.
unsafe extern "C" fn sync_fs<T: FileSystem>(sb: *mut bindings::super_block, _wait: c_int) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        unsafe { of::<T>(sb) }.sync()?;
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it for a mount of `T`.
unsafe extern "C" fn statfs<T: FileSystem>(
    dentry: *mut bindings::dentry,
    out: *mut kernel::bindings::kstatfs,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let fs = unsafe { of::<T>((*dentry).d_sb) };
        let usage = fs.usage()?;
        // SAFETY: By the safety requirement; our own binding describes the same type in full, and
        // a UUID has the bytes that `uuid_to_fsid` takes.
        unsafe {
            let out = &mut *out.cast::<bindings::kstatfs>();
            out.f_type = isize::try_from(T::MAGIC)?;
            out.f_bsize = isize::try_from(BLOCK_BYTES)?;
            out.f_frsize = out.f_bsize;
            out.f_blocks = usage.blocks;
            out.f_bfree = usage.free_blocks;
            out.f_bavail = usage.free_blocks;
            out.f_files = usage.inodes;
            out.f_ffree = usage.free_inodes;
            out.f_namelen = isize::try_from(NAME_MAX_BYTES)?;
            out.f_fsid = bindings::kernel_ext_uuid_to_fsid(fs.uuid().as_ptr());
        }
        Ok(0)
    })
}
