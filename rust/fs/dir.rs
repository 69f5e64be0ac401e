// SPDX-License-Identifier: GPL-2.0

//! Directories: names come, go and are listed.

use crate::{
    bindings,
    fs::{
        attr,
        file,
        inode::{
            self,
            refresh,
            Inode,
            New, //
        },
        link::Link,
        mount,
        name::{
            self,
            place, //
        },
        Attributes,
        Existing,
        FileSystem,
        Place,
        Removal,
        NAME_MAX_BYTES, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    ffi::{
        c_char,
        c_int,
        c_uint, //
    },
    prelude::*, //
};

/// Positions of `.` and `..`; a cookie is a position behind them.
const DOTS: i64 = 2;

/// The operations of directories.
pub(super) struct Table<T: FileSystem>(PhantomData<T>);

impl<T: FileSystem> Table<T> {
    const INODE: bindings::inode_operations = bindings::inode_operations {
        lookup: Some(lookup::<T>),
        create: Some(create::<T>),
        mknod: Some(mknod::<T>),
        mkdir: Some(mkdir::<T>),
        symlink: Some(symlink::<T>),
        tmpfile: Some(tmpfile::<T>),
        link: Some(link::<T>),
        unlink: Some(unlink::<T>),
        rmdir: Some(rmdir::<T>),
        rename: Some(rename::<T>),
        setattr: Some(attr::setattr::<T>),
        getattr: Some(attr::getattr::<T>),
        update_time: Some(attr::update_time::<T>),
        ..pin_init::zeroed()
    };

    const FILE: bindings::file_operations = bindings::file_operations {
        llseek: Some(bindings::generic_file_llseek),
        read: Some(bindings::generic_read_dir),
        iterate_shared: Some(iterate::<T>),
        fsync: Some(file::fsync::<T>),
        ..pin_init::zeroed()
    };

    pub(super) fn inode() -> &'static bindings::inode_operations {
        const { &Self::INODE }
    }

    pub(super) fn file() -> &'static bindings::file_operations {
        const { &Self::FILE }
    }
}

/// A pointer, or an error in its place, as some callbacks return it.
fn from_result_ptr<U>(result: Result<*mut U>) -> *mut U {
    result.unwrap_or_else(|error| error.to_ptr())
}

/// # Safety
///
/// The VFS calls it with the directory locked, for a dentry in lookup.
unsafe extern "C" fn lookup<T: FileSystem>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    _flags: c_uint,
) -> *mut bindings::dentry {
    // SAFETY: By the safety requirement.
    let find = || unsafe {
        let sb = (*dir).i_sb;
        match mount::of::<T>(sb).lookup(place(dir, dentry)?)? {
            Some(ino) => Ok(Inode::<T>::get(sb, ino)?.into_raw()),
            None => Ok(core::ptr::null_mut()),
        }
    };
    // SAFETY: By the safety requirement; the reference goes to the dentry, and an error is passed
    // on.
    unsafe { bindings::d_splice_alias(from_result_ptr(find()), dentry) }
}

/// Makes an inode: all memory first, then the medium, then the dentry.
///
/// # Safety
///
/// `idmap` is that of the caller's mount, `dir` is a locked directory, `dentry` a negative entry of
/// it.
unsafe fn make<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: bindings::umode_t,
    rdev: bindings::dev_t,
    link: Option<Link>,
    commit: impl FnOnce(&T, Place<'_>, &Attributes) -> Result<(u64, T::Durable)>,
) -> Result {
    // SAFETY: By the safety requirement.
    unsafe {
        let at = place(dir, dentry)?;
        let new = New::<T>::allocate(idmap, dir, mode)?;
        let (ino, durable) = commit(mount::of::<T>((*dir).i_sb), at, &new.attributes(rdev))?;
        refresh::<T>(dir, &durable);
        new.instantiate(dentry, ino, link, &durable)
    }
}

/// # Safety
///
/// As [`make`]; the VFS calls it.
unsafe extern "C" fn create<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: bindings::umode_t,
) -> c_int {
    // SAFETY: By the safety requirement.
    from_result(|| unsafe {
        make::<T>(idmap, dir, dentry, mode, 0, None, T::create)?;
        Ok(0)
    })
}

/// # Safety
///
/// As [`make`]; the VFS calls it.
unsafe extern "C" fn mknod<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: bindings::umode_t,
    rdev: bindings::dev_t,
) -> c_int {
    // SAFETY: By the safety requirement.
    from_result(|| unsafe {
        make::<T>(idmap, dir, dentry, mode, rdev, None, T::create)?;
        Ok(0)
    })
}

/// # Safety
///
/// As [`make`]; the VFS calls it.
unsafe extern "C" fn mkdir<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    mode: bindings::umode_t,
) -> *mut bindings::dentry {
    let mode = mode | inode::DIRECTORY;
    // SAFETY: By the safety requirement.
    let made = unsafe { make::<T>(idmap, dir, dentry, mode, 0, None, T::create) };
    // Null says that the dentry given is the one.
    from_result_ptr(made.map(|()| core::ptr::null_mut()))
}

/// # Safety
///
/// As [`make`]; the VFS calls it with a target that ends in NUL.
unsafe extern "C" fn symlink<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    target: *const c_char,
) -> c_int {
    // SAFETY: By the safety requirement.
    from_result(|| unsafe {
        let target = CStr::from_char_ptr(target).to_bytes();
        let link = Link::new(target)?;
        let mode = inode::SYMLINK | 0o777;
        make::<T>(idmap, dir, dentry, mode, 0, Some(link), |fs, at, new| {
            fs.symlink(at, target, new)
        })?;
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it for a file without a name in `dir`.
unsafe extern "C" fn tmpfile<T: FileSystem>(
    idmap: *mut bindings::mnt_idmap,
    dir: *mut bindings::inode,
    file: *mut bindings::file,
    mode: bindings::umode_t,
) -> c_int {
    // SAFETY: By the safety requirement.
    from_result(|| unsafe {
        let new = New::<T>::allocate(idmap, dir, mode)?;
        let (ino, durable) = mount::of::<T>((*dir).i_sb).tmpfile(&new.attributes(0))?;
        new.instantiate_nameless(file, ino, &durable)?;
        Ok(bindings::kernel_ext_finish_open_simple(file, 0))
    })
}

/// # Safety
///
/// The VFS calls it with the directory and the inode locked, for a negative dentry.
unsafe extern "C" fn link<T: FileSystem>(
    old: *mut bindings::dentry,
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> c_int {
    // SAFETY: By the safety requirement; the dentry gets a reference of its own.
    from_result(|| unsafe {
        let inode = (*old).d_inode;
        let fs = mount::of::<T>((*dir).i_sb);
        let durable = fs.link(place(dir, dentry)?, (*inode).i_ino, name::now_ns(inode))?;
        refresh::<T>(dir, &durable);
        refresh::<T>(inode, &durable);
        bindings::ihold(inode);
        bindings::d_instantiate(dentry, inode);
        Ok(0)
    })
}

/// # Safety
///
/// `dir` and the inode of `dentry`, an entry of it, are locked.
unsafe fn remove<T: FileSystem>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
    what: Removal,
) -> c_int {
    // SAFETY: By the safety requirement.
    from_result(|| unsafe {
        let fs = mount::of::<T>((*dir).i_sb);
        let durable = fs.unlink(place(dir, dentry)?, what, name::now_ns(dir))?;
        refresh::<T>(dir, &durable);
        refresh::<T>((*dentry).d_inode, &durable);
        Ok(0)
    })
}

/// # Safety
///
/// As [`remove`]; the VFS calls it.
unsafe extern "C" fn unlink<T: FileSystem>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> c_int {
    // SAFETY: By the safety requirement.
    unsafe { remove::<T>(dir, dentry, Removal::File) }
}

/// # Safety
///
/// As [`remove`]; the VFS calls it.
unsafe extern "C" fn rmdir<T: FileSystem>(
    dir: *mut bindings::inode,
    dentry: *mut bindings::dentry,
) -> c_int {
    // SAFETY: By the safety requirement.
    unsafe { remove::<T>(dir, dentry, Removal::Directory) }
}

/// # Safety
///
/// The VFS calls it with both directories locked.
unsafe extern "C" fn rename<T: FileSystem>(
    _idmap: *mut bindings::mnt_idmap,
    from_dir: *mut bindings::inode,
    from: *mut bindings::dentry,
    to_dir: *mut bindings::inode,
    to: *mut bindings::dentry,
    flags: c_uint,
) -> c_int {
    // SAFETY: By the safety requirement.
    from_result(|| unsafe {
        let existing = match flags {
            0 => Existing::Replace,
            bindings::RENAME_NOREPLACE => Existing::Keep,
            bindings::RENAME_EXCHANGE => Existing::Exchange,
            _ => return Err(EINVAL),
        };
        let durable = mount::of::<T>((*from_dir).i_sb).rename(
            place(from_dir, from)?,
            place(to_dir, to)?,
            existing,
            name::now_ns(from_dir),
        )?;
        let other_dir = match to_dir == from_dir {
            true => core::ptr::null_mut(),
            false => to_dir,
        };
        for inode in [from_dir, other_dir, (*from).d_inode, (*to).d_inode] {
            refresh::<T>(inode, &durable);
        }
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it with the directory locked.
unsafe extern "C" fn iterate<T: FileSystem>(
    file: *mut bindings::file,
    ctx: *mut bindings::dir_context,
) -> c_int {
    // SAFETY: By the safety requirement. Each name is copied, so that user memory is touched
    // without a lock of the file system.
    from_result(|| unsafe {
        if !bindings::kernel_ext_dir_emit_dots(file, ctx) {
            return Ok(0);
        }
        let dir = (*file).f_inode;
        let fs = mount::of::<T>((*dir).i_sb);
        let mut buffer = [0; NAME_MAX_BYTES];
        loop {
            let cookie = u64::try_from((*ctx).pos.saturating_sub(DOTS)).unwrap_or(0);
            let Some(entry) = fs.entry((*dir).i_ino, cookie, &mut buffer)? else {
                return Ok(0);
            };
            let name = buffer.get(..entry.name_bytes).ok_or(EUCLEAN)?;
            let len = c_int::try_from(name.len())?;
            // The position of this one is seen by whoever asks for it.
            if !bindings::kernel_ext_dir_emit(ctx, name.as_ptr().cast(), len, entry.ino, entry.mode)
            {
                return Ok(0);
            }
            (*ctx).pos = i64::try_from(entry.next)?.saturating_add(DOTS);
        }
    })
}
