// SPDX-License-Identifier: GPL-2.0

//! A file system on persistent memory, as a trait.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/fs_context.h`](srctree/include/linux/fs_context.h),
//! [`include/linux/dax.h`](srctree/include/linux/dax.h)
//!
//! A [`FileSystem`] knows inode numbers, names and attributes. This module knows the VFS: it finds
//! and fills inodes, keeps dentries in step and maps owners. A [`Region`] is the device as mapped
//! memory, a [`Lock`] protects what is known about it.
//!
//! # What the VFS guarantees and what it asks for
//!
//! - A directory is not changed by two operations at once, and neither are the inodes that an
//!   operation names. Operations on different directories run at the same time.
//! - Nothing is cached: what an operation did is durable when it returns. It gives evidence of
//!   that, [`FileSystem::Durable`], without which no inode is refreshed and no dentry gets one.
//! - [`FileSystem::evict`] is called at any time, by memory reclaim as well. A [`Lock`] keeps
//!   reclaim from file systems while it is held.
//!
//! # Lock order
//!
//! The VFS's locks of inodes and dentries, then that of a file's mapping ([`NoFaults`]), then a [`Lock`],
//! then nothing: no user memory is touched under the last two, since a page fault may need them.
//!
//! # Not supported
//!
//! Mount options of its own, extended attributes, access control lists, quotas, export over NFS,
//! mounting in a user namespace.

use kernel::prelude::*;

mod attr;
mod counters;
mod dir;
mod fault;
mod file;
mod inode;
mod link;
mod lock;
mod mount;
mod name;
mod region;

pub use self::{
    counters::Counters,
    file::{
        File,
        NoFaults,
        Source, //
    },
    lock::{
        Guard,
        Lock, //
    },
    mount::{
        Device,
        Registration, //
    },
    region::{
        Held,
        Region,
        Unmappable, //
    }, //
};

/// Longest name in bytes.
pub const NAME_MAX_BYTES: usize = 255;
/// Longest target of a symlink in bytes.
pub const TARGET_MAX_BYTES: usize = 4095;
/// Size of a block in bytes, in which space is counted.
pub const BLOCK_BYTES: usize = 4096;

/// Whether a mount may change the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It must not.
    ReadOnly,
    /// It may.
    ReadWrite,
}

/// What is to be taken from a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Anything but a directory.
    File,
    /// An empty directory.
    Directory,
}

/// What happens to an entry that has the new name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced, in the same instant.
    Replace,
    /// It stays, and the operation fails with [`EEXIST`].
    Keep,
    /// It must exist and gets the old name, in the same instant.
    Exchange,
}

/// A name in a directory, given by its inode number.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The directory.
    pub dir: u64,
    /// 1 to [`NAME_MAX_BYTES`] bytes.
    pub name: &'a [u8],
}

/// What a new inode is to be. Times are in nanoseconds since 1970, devices encoded as in
/// `stat(2)`.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    /// Type and permissions.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// What a device's inode stands for, otherwise 0.
    pub rdev: u32,
    /// All its times.
    pub now_ns: i64,
}

/// What an inode is; units as in [`Attributes`].
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    /// Counts the lives of the inode number.
    pub generation: u32,
    /// Type and permissions.
    pub mode: u16,
    /// Links; 0 for one that is freed when nobody uses it any more.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Blocks it has.
    pub blocks: u64,
    /// The device it stands for.
    pub rdev: u32,
    /// Last access.
    pub atime_ns: i64,
    /// Last change of its contents.
    pub mtime_ns: i64,
    /// Last change of anything.
    pub ctime_ns: i64,
    /// Its creation.
    pub btime_ns: i64,
}

/// What of an inode is to be changed; units as in [`Attributes`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Type, which stays the same, and permissions.
    pub mode: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last access.
    pub atime_ns: Option<i64>,
    /// Last change of its contents.
    pub mtime_ns: Option<i64>,
    /// Last change of anything.
    pub ctime_ns: Option<i64>,
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The inode.
    pub ino: u64,
    /// Its mode, of which only the type counts.
    pub mode: u16,
    /// Length of the name.
    pub name_bytes: usize,
    /// The cookie at which reading goes on.
    pub next: u64,
}

/// What is at some place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// So many bytes of the region.
    Data {
        /// Where they begin.
        at: u64,
        /// How many follow each other.
        len_bytes: u64,
    },
    /// So many bytes of nothing, read as zeros.
    Hole {
        /// How many.
        len_bytes: u64,
    },
}

/// What there is and what is free, in blocks of [`BLOCK_BYTES`] and in inodes.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Blocks for files and directories.
    pub blocks: u64,
    /// Of these, free.
    pub free_blocks: u64,
    /// Inodes.
    pub inodes: u64,
    /// Of these, free.
    pub free_inodes: u64,
}

/// A mounted file system; see the [module documentation](self).
///
/// Every operation fails with [`EIO`] once the device is gone. One that fails has changed nothing.
pub trait FileSystem: Sized + Send + Sync + 'static {
    /// The name that `mount -t` takes.
    const TYPE: &'static CStr;
    /// What `statfs(2)` calls its type.
    const MAGIC: u32;
    /// Largest file in bytes.
    const MAX_BYTES: u64;
    /// Most links of an inode.
    const MAX_LINKS: u32;

    /// What all mounts share.
    type Shared: Send + Sync;
    /// Evidence that an operation is durable.
    type Durable;

    /// Mounts what is on `device`.
    ///
    /// # Errors
    ///
    /// What the caller of `mount(2)` gets.
    fn mount(shared: &Self::Shared, device: &Device<'_>, access: Access) -> Result<Self>;

    /// Leaves the medium as one that was unmounted.
    fn unmount(self);

    /// Changes what the mount may do; called only if that is not so yet.
    ///
    /// # Errors
    ///
    /// What the caller gets; the access stays as it was.
    fn remount(&self, access: Access) -> Result;

    /// The inode of the root directory.
    fn root(&self) -> u64;

    /// Identifies the medium.
    fn uuid(&self) -> [u8; 16];

    /// Counts what is free.
    ///
    /// # Errors
    ///
    /// [`EIO`].
    fn usage(&self) -> Result<Usage>;

    /// Makes durable what was left to a later operation.
    ///
    /// # Errors
    ///
    /// [`EIO`].
    fn sync(&self) -> Result;

    /// Hands what the inode `ino` is to `then`, before anything changes it again. `then` must not
    /// call back.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such inode.
    fn stat<R>(&self, ino: u64, then: impl FnOnce(&Stat) -> R) -> Result<R>;

    /// Changes attributes of the inode `ino`.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such inode.
    fn change(&self, ino: u64, changes: &Changes) -> Result<Self::Durable>;

    /// Sets times of the inode `ino` that need not be durable when this returns: those that reading
    /// it, and writing through a mapping, set by the way.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such inode.
    fn set_times(&self, ino: u64, times: &Changes) -> Result;

    /// Copies the target of the symlink `ino` into `to`; returns its length.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such inode, [`EINVAL`] if it is no symlink.
    fn target(&self, ino: u64, to: &mut [u8; TARGET_MAX_BYTES]) -> Result<usize>;

    /// Nobody uses the inode `ino`, which has no links, any more.
    fn evict(&self, ino: u64);

    /// The inode that a name stands for.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    fn lookup(&self, at: Place<'_>) -> Result<Option<u64>>;

    /// The first entry of the directory `dir` at or behind `cookie`, where 0 begins, without `.`
    /// and `..`. Cookies stay valid while entries come and go.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such directory.
    fn entry(
        &self,
        dir: u64,
        cookie: u64,
        name: &mut [u8; NAME_MAX_BYTES],
    ) -> Result<Option<Entry>>;

    /// Makes an inode of any type but symlink.
    ///
    /// # Errors
    ///
    /// [`EEXIST`], [`ENOSPC`], [`EMLINK`], [`ENOMEM`].
    fn create(&self, at: Place<'_>, new: &Attributes) -> Result<(u64, Self::Durable)>;

    /// Makes a symlink to `target`, 1 to [`TARGET_MAX_BYTES`] bytes.
    ///
    /// # Errors
    ///
    /// [`EEXIST`], [`ENOSPC`], [`ENOMEM`].
    fn symlink(
        &self,
        at: Place<'_>,
        target: &[u8],
        new: &Attributes,
    ) -> Result<(u64, Self::Durable)>;

    /// Makes a regular file without a name.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`], [`ENOMEM`].
    fn tmpfile(&self, new: &Attributes) -> Result<(u64, Self::Durable)>;

    /// Names the inode `ino` once more.
    ///
    /// # Errors
    ///
    /// [`EEXIST`], [`ENOSPC`], [`EMLINK`], [`EPERM`] for a directory, [`ENOMEM`].
    fn link(&self, at: Place<'_>, ino: u64, now_ns: i64) -> Result<Self::Durable>;

    /// Takes a name from its inode, which then lives until [`Self::evict`] if it was the last.
    ///
    /// # Errors
    ///
    /// [`ENOENT`], [`EISDIR`], [`ENOTDIR`], [`ENOTEMPTY`].
    fn unlink(&self, at: Place<'_>, what: Removal, now_ns: i64) -> Result<Self::Durable>;

    /// Gives the inode at `from` the name `to` instead.
    ///
    /// # Errors
    ///
    /// As [`Self::create`] and [`Self::unlink`]; [`EINVAL`] for a directory that would be in
    /// itself.
    fn rename(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        existing: Existing,
        now_ns: i64,
    ) -> Result<Self::Durable>;

    /// The region that it is on.
    fn region(&self) -> &Region;

    /// What is at the byte `at_bytes` of the regular file `ino`, up to `len_bytes` bytes of it.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such inode, [`EINVAL`] if it is no regular file.
    fn map(&self, ino: u64, at_bytes: u64, len_bytes: u64) -> Result<Mapping>;

    /// Writes up to `len_bytes` bytes from `source` at the byte `at_bytes` of a file; less if there
    /// is no space for more. Returns how many; they are durable.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`], [`EFBIG`], [`ENOMEM`].
    fn write(
        &self,
        file: &File<'_>,
        at_bytes: u64,
        len_bytes: u64,
        source: &mut Source<'_>,
        now_ns: i64,
    ) -> Result<(u64, Self::Durable)>;

    /// Fills holes of the regular file `ino` with pages of zeros, beginning at the byte `at_bytes`,
    /// and durably; as many as it likes of `len_bytes` bytes. Called while a page fault has the
    /// range for itself.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`], [`EFBIG`] behind the end, [`ENOMEM`].
    fn fill(&self, ino: u64, at_bytes: u64, len_bytes: u64) -> Result;

    /// Moves the end of the regular file `ino`. Nobody uses or has mapped what then lies behind it.
    ///
    /// # Errors
    ///
    /// [`EFBIG`], [`ENOMEM`].
    fn resize(&self, ino: u64, size_bytes: u64, now_ns: i64) -> Result<Self::Durable>;
}
