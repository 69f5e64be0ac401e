// SPDX-License-Identifier: GPL-2.0

//! Regular files: reading, writing, and their size.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/uio.h`](srctree/include/linux/uio.h)

use crate::{
    bindings,
    fs::{
        attr,
        fault,
        inode::refresh,
        mount,
        name,
        FileSystem,
        Mapping,
        Region, //
    },
    sched, //
};
use core::marker::PhantomData;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    types::NotThreadSafe, //
};

/// Most bytes of which a writer's memory is made present at a time.
const PRESENT_BYTES: usize = 4 << 20;

/// The operations of open regular files.
struct Table<T: FileSystem>(PhantomData<T>);

impl<T: FileSystem> Table<T> {
    const FILE: bindings::file_operations = bindings::file_operations {
        open: Some(open),
        llseek: Some(llseek::<T>),
        read_iter: Some(read_iter::<T>),
        write_iter: Some(write_iter::<T>),
        splice_read: Some(bindings::copy_splice_read),
        splice_write: Some(bindings::iter_file_splice_write),
        mmap_prepare: Some(fault::mmap_prepare::<T>),
        get_unmapped_area: Some(bindings::thp_get_unmapped_area),
        fop_flags: bindings::kernel_ext_FOP_MMAP_SYNC,
        fsync: Some(fsync::<T>),
        setlease: Some(setlease),
        ..pin_init::zeroed()
    };

    const INODE: bindings::inode_operations = bindings::inode_operations {
        fiemap: Some(fault::fiemap::<T>),
        ..*attr::Table::<T>::attributes()
    };

    const MAPPING: bindings::address_space_operations = bindings::address_space_operations {
        writepages: Some(fault::writepages::<T>),
        dirty_folio: Some(bindings::noop_dirty_folio),
        ..pin_init::zeroed()
    };
}

/// Makes a new inode one of a regular file.
///
/// # Safety
///
/// `inode` is a new inode of a mounted `T`.
pub(super) unsafe fn set_operations<T: FileSystem>(inode: *mut bindings::inode) {
    // SAFETY: By the safety requirement; nobody has mapped a new inode.
    unsafe {
        (*inode).i_op = const { &Table::<T>::INODE };
        (*inode).__bindgen_anon_3.i_fop = const { &Table::<T>::FILE };
        (*(*inode).i_mapping).a_ops = const { &Table::<T>::MAPPING };
        (*inode).i_flags |= bindings::kernel_ext_S_DAX;
    }
}

/// A regular file, of which neither size nor pages change but by page faults.
///
/// # Invariants
///
/// `inode` is that of a regular file of a mounted file system, and locked for writing.
pub struct File<'a> {
    inode: *mut bindings::inode,
    _borrow: PhantomData<&'a ()>,
}

impl File<'_> {
    /// Number of its inode.
    pub fn ino(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { (*self.inode).i_ino }
    }

    /// Keeps page faults from filling holes, and from mapping what is there.
    pub fn exclude_faults(&self) -> NoFaults<'_> {
        // SAFETY: By the type invariant; after the inode is the order of these locks.
        unsafe { bindings::kernel_ext_filemap_invalidate_lock((*self.inode).i_mapping) };
        // INVARIANT: Just locked.
        NoFaults {
            file: self,
            _not_send: NotThreadSafe,
        }
    }
}

/// A time without page faults of a file.
///
/// # Invariants
///
/// The file's mapping is locked against them, by this thread.
#[must_use = "page faults go on when this is dropped"]
pub struct NoFaults<'a> {
    file: &'a File<'a>,
    _not_send: NotThreadSafe,
}

impl NoFaults<'_> {
    /// Whoever has mapped a range of nothing finds there what came instead, once this is dropped.
    pub fn invalidate(&self, at_bytes: u64, len_bytes: u64) {
        if len_bytes == 0 {
            return;
        }
        let page = bindings::PAGE_SIZE as u64;
        let last = at_bytes.saturating_add(len_bytes - 1) / page;
        let index = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
        // An error says that an entry is dirty, which those of nothing are not.
        // SAFETY: By the type invariant.
        let _ = unsafe {
            bindings::invalidate_inode_pages2_range(
                (*self.file.inode).i_mapping,
                index(at_bytes / page),
                index(last),
            )
        };
    }
}

impl Drop for NoFaults<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_filemap_invalidate_unlock((*self.file.inode).i_mapping) };
    }
}

/// The bytes that a writer gives, in its memory.
///
/// # Invariants
///
/// `iter` is a valid source.
pub struct Source<'a> {
    iter: *mut bindings::iov_iter,
    _borrow: PhantomData<&'a ()>,
}

impl Source<'_> {
    /// Stores the next `len_bytes` bytes past the cache at `at`. Returns how many there were: less if
    /// the writer's memory is not present, which this does not change.
    pub fn store(&mut self, region: &Region, at: u64, len_bytes: u64) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { region.copy_in(at, len_bytes, self.iter) }
    }

    fn len_bytes(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { bindings::kernel_ext_iov_iter_count(self.iter) }
    }

    /// Makes memory present; returns how many bytes are, at most `most`.
    fn make_present(&self, most: usize) -> usize {
        let wanted = most.min(self.len_bytes());
        // SAFETY: By the type invariant; user memory may be touched here.
        let absent = unsafe { bindings::fault_in_iov_iter_readable(self.iter, wanted) };
        wanted.saturating_sub(absent)
    }
}

/// # Safety
///
/// The VFS calls it; both pointers are valid.
unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // Every access is direct.
    // SAFETY: By the safety requirement; nobody else has the file yet.
    unsafe {
        (*file).f_mode |= bindings::kernel_ext_FMODE_CAN_ODIRECT;
        bindings::generic_file_open(inode, file)
    }
}

/// # Safety
///
/// The VFS calls it; all pointers are valid.
unsafe extern "C" fn setlease(
    file: *mut bindings::file,
    arg: c_int,
    lease: *mut *mut kernel::bindings::file_lease,
    private: *mut *mut c_void,
) -> c_int {
    // SAFETY: By the safety requirement; our own binding describes the same type.
    unsafe { bindings::generic_setlease(file, arg, lease.cast(), private) }
}

/// # Safety
///
/// The VFS calls it; the file is valid.
pub(super) unsafe extern "C" fn fsync<T: FileSystem>(
    file: *mut bindings::file,
    start: i64,
    end: i64,
    _data_only: c_int,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let fs = unsafe {
            // What was stored through mappings.
            to_result(bindings::file_write_and_wait_range(file, start, end))?;
            mount::of::<T>((*(*file).f_inode).i_sb)
        };
        fs.sync()?;
        Ok(0)
    })
}

/// # Safety
///
/// The VFS calls it; the file is valid.
unsafe extern "C" fn llseek<T: FileSystem>(
    file: *mut bindings::file,
    offset: i64,
    whence: c_int,
) -> i64 {
    // SAFETY: By the safety requirement.
    unsafe {
        let inode = (*(*file).f_mapping).host;
        let ops = fault::iomap_operations::<T>();
        let found = match u32::try_from(whence) {
            Ok(bindings::SEEK_HOLE) => {
                bindings::kernel_ext_inode_lock_shared(inode);
                let found = bindings::iomap_seek_hole(inode, offset, ops);
                bindings::kernel_ext_inode_unlock_shared(inode);
                found
            }
            Ok(bindings::SEEK_DATA) => {
                bindings::kernel_ext_inode_lock_shared(inode);
                let found = bindings::iomap_seek_data(inode, offset, ops);
                bindings::kernel_ext_inode_unlock_shared(inode);
                found
            }
            _ => return bindings::generic_file_llseek(file, offset, whence),
        };
        match found {
            ..0 => found,
            _ => bindings::vfs_setpos(file, found, (*(*inode).i_sb).s_maxbytes),
        }
    }
}

/// # Safety
///
/// The VFS calls it; both pointers are valid.
unsafe extern "C" fn read_iter<T: FileSystem>(
    iocb: *mut bindings::kiocb,
    to: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: By the safety requirement.
    unsafe {
        let file = (*iocb).ki_filp;
        let inode = (*(*file).f_mapping).host;
        if bindings::kernel_ext_iov_iter_count(to) == 0 {
            return 0;
        }
        if i64::from((*iocb).ki_flags) & i64::from(bindings::kernel_ext_IOCB_NOWAIT) != 0 {
            return EAGAIN.to_errno() as isize;
        }
        bindings::kernel_ext_inode_lock_shared(inode);
        let result = read::<T>(inode, (*iocb).ki_pos, to);
        bindings::kernel_ext_inode_unlock_shared(inode);
        bindings::kernel_ext_file_accessed(file);
        match result {
            Ok(done) => {
                (*iocb).ki_pos = (*iocb).ki_pos.saturating_add_unsigned(done);
                isize::try_from(done).unwrap_or(isize::MAX)
            }
            Err(error) => error.to_errno() as isize,
        }
    }
}

/// Reads from the position `pos`; returns how many bytes.
///
/// # Safety
///
/// `inode` is that of a regular file of a mounted `T`, locked; `to` is a valid destination.
unsafe fn read<T: FileSystem>(
    inode: *mut bindings::inode,
    pos: i64,
    to: *mut bindings::iov_iter,
) -> Result<u64> {
    // SAFETY: By the safety requirement.
    let (fs, ino, size, mut left) = unsafe {
        let size = bindings::kernel_ext_i_size_read(inode);
        let left = bindings::kernel_ext_iov_iter_count(to) as u64;
        (mount::of::<T>((*inode).i_sb), (*inode).i_ino, size, left)
    };
    let start = u64::try_from(pos).map_err(|_| EINVAL)?;
    let size = u64::try_from(size).map_err(|_| EIO)?;
    left = left.min(size.saturating_sub(start));
    let region = fs.region();
    let _held = region.hold().ok_or(EIO)?;
    let mut done: u64 = 0;
    while left > 0 {
        let (wanted, copied) = match fs.map(ino, start.saturating_add(done), left)? {
            Mapping::Data { at, len_bytes } => {
                let wanted = len_bytes.min(left);
                // SAFETY: By the safety requirement; the region is held.
                (wanted, unsafe { region.copy_out(at, wanted, to) })
            }
            Mapping::Hole { len_bytes } => {
                let wanted = len_bytes.min(left);
                let bytes = usize::try_from(wanted).unwrap_or(usize::MAX);
                // SAFETY: By the safety requirement.
                (wanted, unsafe { bindings::iov_iter_zero(bytes, to) } as u64)
            }
        };
        done = done.saturating_add(copied);
        left = left.saturating_sub(copied);
        if copied < wanted || wanted == 0 {
            break;
        }
    }
    match (done, left) {
        (0, 1..) => Err(EFAULT),
        _ => Ok(done),
    }
}

/// # Safety
///
/// The VFS calls it; both pointers are valid.
unsafe extern "C" fn write_iter<T: FileSystem>(
    iocb: *mut bindings::kiocb,
    from: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: By the safety requirement.
    unsafe {
        let inode = (*(*(*iocb).ki_filp).f_mapping).host;
        if i64::from((*iocb).ki_flags) & i64::from(bindings::kernel_ext_IOCB_NOWAIT) != 0 {
            return EAGAIN.to_errno() as isize;
        }
        bindings::kernel_ext_inode_lock(inode);
        let result = write::<T>(inode, iocb, from);
        bindings::kernel_ext_inode_unlock(inode);
        match result {
            Ok(done) => isize::try_from(done).unwrap_or(isize::MAX),
            Err(error) => error.to_errno() as isize,
        }
    }
}

/// Writes at the position of `iocb` and moves it; returns how many bytes. All are durable.
///
/// # Safety
///
/// `inode` is that of a regular file of a mounted `T`, locked, and both others are valid for writing
/// to it.
unsafe fn write<T: FileSystem>(
    inode: *mut bindings::inode,
    iocb: *mut bindings::kiocb,
    from: *mut bindings::iov_iter,
) -> Result<u64> {
    // SAFETY: By the safety requirement.
    let (fs, now_ns) = unsafe {
        let checked = bindings::generic_write_checks(iocb, from);
        if checked <= 0 {
            to_result(c_int::try_from(checked).unwrap_or(0))?;
            return Ok(0);
        }
        // The times are set by the write itself.
        to_result(bindings::file_remove_privs((*iocb).ki_filp))?;
        (mount::of::<T>((*inode).i_sb), name::now_ns(inode))
    };
    // INVARIANT: By the safety requirement.
    let file = File {
        inode,
        _borrow: PhantomData,
    };
    // INVARIANT: By the safety requirement.
    let mut source = Source {
        iter: from,
        _borrow: PhantomData,
    };
    let mut done: u64 = 0;
    while source.len_bytes() > 0 {
        // Under the locks of a write no page fault may occur.
        let present = source.make_present(PRESENT_BYTES);
        if present == 0 {
            return if done > 0 { Ok(done) } else { Err(EFAULT) };
        }
        // SAFETY: By the safety requirement.
        let at_bytes = u64::try_from(unsafe { (*iocb).ki_pos }).map_err(|_| EINVAL)?;
        let (written, durable) =
            match fs.write(&file, at_bytes, present as u64, &mut source, now_ns) {
                Ok(done) => done,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            };
        done = done.saturating_add(written);
        // SAFETY: By the safety requirement.
        unsafe {
            (*iocb).ki_pos = (*iocb).ki_pos.saturating_add_unsigned(written);
            if (*iocb).ki_pos > bindings::kernel_ext_i_size_read(inode) {
                bindings::kernel_ext_i_size_write(inode, (*iocb).ki_pos);
            }
            refresh::<T>(inode, &durable);
        }
        if sched::is_killed() {
            return if done > 0 { Ok(done) } else { Err(EINTR) };
        }
    }
    Ok(done)
}

/// Moves the end of a regular file, and sets the times of its changes to `now_ns`.
///
/// # Safety
///
/// `inode` is that of a regular file of a mounted `T`, locked.
pub(super) unsafe fn set_size<T: FileSystem>(
    inode: *mut bindings::inode,
    size: i64,
    now_ns: i64,
) -> Result {
    let size_bytes = u64::try_from(size).map_err(|_| EINVAL)?;
    // SAFETY: By the safety requirement; the order of the locks is the inode, then its mapping.
    unsafe {
        let mapping = (*inode).i_mapping;
        bindings::kernel_ext_filemap_invalidate_lock(mapping);
        let result = set_size_locked::<T>(inode, size, size_bytes, now_ns);
        bindings::kernel_ext_filemap_invalidate_unlock(mapping);
        result
    }
}

/// As [`set_size`].
///
/// # Safety
///
/// As [`set_size`]; the mapping is locked as well.
unsafe fn set_size_locked<T: FileSystem>(
    inode: *mut bindings::inode,
    size: i64,
    size_bytes: u64,
    now_ns: i64,
) -> Result {
    // SAFETY: By the safety requirement.
    let (fs, ino, old) = unsafe {
        let old = bindings::kernel_ext_i_size_read(inode);
        (mount::of::<T>((*inode).i_sb), (*inode).i_ino, old)
    };
    // Nobody may use or see pages that are given up.
    if size < old {
        // SAFETY: By the safety requirement.
        unsafe {
            to_result(bindings::kernel_ext_break_layout_behind(inode, size))?;
            bindings::truncate_setsize(inode, size);
        }
    }
    let durable = fs.resize(ino, size_bytes, now_ns).inspect_err(|_| {
        // SAFETY: By the safety requirement; the medium has the old size.
        unsafe { bindings::kernel_ext_i_size_write(inode, old) };
    })?;
    // SAFETY: By the safety requirement.
    unsafe {
        bindings::kernel_ext_i_size_write(inode, size);
        refresh::<T>(inode, &durable);
    }
    Ok(())
}
