// SPDX-License-Identifier: GPL-2.0

//! What the VFS asks for: take the lock, ask the model, count.

use crate::{
    driver::Root,
    model::{
        self,
        attributes,
        data,
        fs::{
            op,
            Committed, //
        },
        layout::{
            self,
            Geometry, //
        },
        pm::Offset,
        record::{
            load_name,
            Name, //
        },
        rename,
        write::{
            End,
            Write,
            Written, //
        }, //
    },
    mount::{
        Mount,
        State, //
    },
    stats::Op, //
};
use kernel::prelude::*;
use kernel_ext::{
    fs::{
        Access,
        Attributes,
        Changes,
        Device,
        Entry,
        Existing,
        File,
        FileSystem,
        Guard,
        Mapping,
        Place,
        Region,
        Removal,
        Source,
        Stat,
        Usage,
        NAME_MAX_BYTES,
        TARGET_MAX_BYTES, //
    },
    sysfs::Dir, //
};

/// Evidence that an operation of the model is durable.
pub(crate) struct Durable(());

impl<Op> From<Committed<Op>> for Durable {
    fn from(_: Committed<Op>) -> Self {
        Self(())
    }
}

impl From<model::fs::Error> for Error {
    fn from(error: model::fs::Error) -> Self {
        use model::fs::Error::*;
        match error {
            NotFound => ENOENT,
            Exists => EEXIST,
            NotDirectory => ENOTDIR,
            IsDirectory => EISDIR,
            NotEmpty => ENOTEMPTY,
            NoSpace => ENOSPC,
            NoMemory => ENOMEM,
            TooManyLinks => EMLINK,
            NameTooLong => ENAMETOOLONG,
            TooLarge => EFBIG,
            Invalid => EINVAL,
            Corrupt => EUCLEAN,
        }
    }
}

impl From<&Attributes> for model::inode::Attributes {
    fn from(new: &Attributes) -> Self {
        Self {
            mode: new.mode,
            uid: new.uid,
            gid: new.gid,
            // The operation knows.
            nlink: 0,
            rdev: u64::from(new.rdev),
            now_ns: new.now_ns,
        }
    }
}

impl From<&Changes> for model::inode::Changes {
    fn from(changes: &Changes) -> Self {
        Self {
            mode: changes.mode,
            uid: changes.uid,
            gid: changes.gid,
            atime_ns: changes.atime_ns,
            mtime_ns: changes.mtime_ns,
            ctime_ns: changes.ctime_ns,
        }
    }
}

impl From<attributes::Stat> for Stat {
    fn from(stat: attributes::Stat) -> Self {
        Self {
            generation: stat.generation,
            mode: stat.mode,
            nlink: stat.nlink,
            uid: stat.uid,
            gid: stat.gid,
            size_bytes: stat.size_bytes,
            blocks: stat.pages,
            // A medium may say anything.
            rdev: u32::try_from(stat.rdev).unwrap_or(0),
            atime_ns: stat.atime_ns,
            mtime_ns: stat.mtime_ns,
            ctime_ns: stat.ctime_ns,
            btime_ns: stat.btime_ns,
        }
    }
}

impl From<Existing> for rename::Existing {
    fn from(existing: Existing) -> Self {
        match existing {
            Existing::Replace => Self::Replace,
            Existing::Keep => Self::Keep,
            Existing::Exchange => Self::Exchange,
        }
    }
}

impl From<Removal> for model::fs::Removal {
    fn from(what: Removal) -> Self {
        match what {
            Removal::File => Self::File,
            Removal::Directory => Self::Directory,
        }
    }
}

fn name(at: Place<'_>) -> Result<Name<'_>> {
    Name::new(at.name).ok_or(EINVAL)
}

impl Mount {
    fn lock(&self) -> Result<Guard<'_, State>> {
        self.dir.lock.lock()
    }

    /// As [`Self::lock`], to change something.
    fn lock_to_change(&self) -> Result<Guard<'_, State>> {
        let state = self.lock()?;
        match state.is_writable() {
            true => Ok(state),
            false => Err(EROFS),
        }
    }

    fn count(&self, op: Op) {
        self.dir.stats.count(op);
    }

    /// Prepares a write that may move the end of the file.
    fn begin_write(&self, ino: u64, at_bytes: u64, len_bytes: u64) -> Result<(Write, Geometry)> {
        let mut state = self.lock_to_change()?;
        let geometry = *state.fs.geometry();
        let write = state.fs.begin_write(ino, at_bytes, len_bytes, End::Moves)?;
        state.writes = state.writes.saturating_add(1);
        Ok((write, geometry))
    }

    fn cancel_write(&self, write: Write) -> Result {
        let mut state = self.lock()?;
        state.fs.cancel_write(write);
        state.writes = state.writes.saturating_sub(1);
        Ok(())
    }

    fn note_write(&self, written: Written) -> Result<(u64, Committed<op::Write>)> {
        let mut state = self.lock()?;
        state.writes = state.writes.saturating_sub(1);
        Ok(state.fs.note_write(written))
    }
}

impl FileSystem for Mount {
    const TYPE: &'static CStr = c"squirrelfs";
    const MAGIC: u32 = u32::from_le_bytes(*b"SQRL");
    const MAX_BYTES: u64 = layout::FILE_MAX_BYTES;
    const MAX_LINKS: u32 = layout::LINK_MAX;

    type Shared = Dir<Root>;
    type Durable = Durable;

    fn mount(root: &Dir<Root>, device: &Device<'_>, access: Access) -> Result<Self> {
        Self::new(root, device, access)
    }

    fn unmount(self) {
        self.end();
    }

    fn remount(&self, access: Access) -> Result {
        self.change_access(access)
    }

    fn root(&self) -> u64 {
        layout::ROOT_INO
    }

    fn uuid(&self) -> [u8; 16] {
        self.dir.identity.uuid
    }

    fn usage(&self) -> Result<Usage> {
        self.dir.usage()
    }

    fn sync(&self) -> Result {
        let _held = self.dir.lock.region().hold().ok_or(EIO)?;
        self.dir.lock.region().fence();
        Ok(())
    }

    fn stat<R>(&self, ino: u64, then: impl FnOnce(&Stat) -> R) -> Result<R> {
        let state = self.lock()?;
        let stat = state.fs.attributes(ino)?.into();
        Ok(then(&stat))
    }

    fn change(&self, ino: u64, changes: &Changes) -> Result<Durable> {
        let done = self
            .lock_to_change()?
            .fs
            .set_attributes(ino, &changes.into())?;
        self.count(Op::Attributes);
        Ok(done.into())
    }

    fn set_times(&self, ino: u64, times: &Changes) -> Result {
        Ok(self.lock_to_change()?.fs.set_times(ino, &times.into())?)
    }

    fn target(&self, ino: u64, to: &mut [u8; TARGET_MAX_BYTES]) -> Result<usize> {
        Ok(self.lock()?.fs.target(ino, to)?.len())
    }

    fn evict(&self, ino: u64) {
        // If the device is gone, or may not be changed, the next mount frees the inode.
        if let Ok(mut state) = self.lock_to_change() {
            state.fs.evict(ino);
            self.count(Op::Evict);
        }
    }

    fn lookup(&self, at: Place<'_>) -> Result<Option<u64>> {
        match self.lock()?.fs.lookup(at.dir, name(at)?) {
            Ok(ino) => Ok(Some(ino)),
            Err(model::fs::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn entry(
        &self,
        dir: u64,
        cookie: u64,
        name: &mut [u8; NAME_MAX_BYTES],
    ) -> Result<Option<Entry>> {
        let state = self.lock()?;
        let Some(entry) = state.fs.entry(dir, cookie)? else {
            return Ok(None);
        };
        let name_bytes = load_name(state.fs.pm(), entry.at, entry.name_bytes, name).len();
        Ok(Some(Entry {
            ino: entry.ino,
            mode: entry.kind,
            name_bytes,
            next: entry.next,
        }))
    }

    fn create(&self, at: Place<'_>, new: &Attributes) -> Result<(u64, Durable)> {
        let (ino, done) = self
            .lock_to_change()?
            .fs
            .create(at.dir, name(at)?, new.into())?;
        self.count(
            match new.mode & model::inode::mode::FORMAT == model::inode::mode::DIRECTORY {
                true => Op::Mkdir,
                false => Op::Create,
            },
        );
        Ok((ino, done.into()))
    }

    fn symlink(&self, at: Place<'_>, target: &[u8], new: &Attributes) -> Result<(u64, Durable)> {
        let mut state = self.lock_to_change()?;
        let (ino, done) = state.fs.symlink(at.dir, name(at)?, target, new.into())?;
        self.count(Op::Symlink);
        Ok((ino, done.into()))
    }

    fn tmpfile(&self, new: &Attributes) -> Result<(u64, Durable)> {
        let (ino, done) = self.lock_to_change()?.fs.tmpfile(new.into())?;
        self.count(Op::Tmpfile);
        Ok((ino, done.into()))
    }

    fn link(&self, at: Place<'_>, ino: u64, now_ns: i64) -> Result<Durable> {
        let done = self
            .lock_to_change()?
            .fs
            .link(at.dir, name(at)?, ino, now_ns)?;
        self.count(Op::Link);
        Ok(done.into())
    }

    fn unlink(&self, at: Place<'_>, what: Removal, now_ns: i64) -> Result<Durable> {
        let mut state = self.lock_to_change()?;
        let (_, done) = state.fs.unlink(at.dir, name(at)?, what.into(), now_ns)?;
        self.count(match what {
            Removal::File => Op::Unlink,
            Removal::Directory => Op::Rmdir,
        });
        Ok(done.into())
    }

    fn rename(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        existing: Existing,
        now_ns: i64,
    ) -> Result<Durable> {
        let from = (from.dir, name(from)?);
        let to = (to.dir, name(to)?);
        let mut state = self.lock_to_change()?;
        let done = state.fs.rename(from, to, existing.into(), now_ns)?;
        self.count(Op::Rename);
        Ok(done.into())
    }

    fn region(&self) -> &Region {
        self.dir.lock.region()
    }

    fn map(&self, ino: u64, at_bytes: u64, len_bytes: u64) -> Result<Mapping> {
        let state = self.lock()?;
        Ok(state.fs.map_bytes(ino, at_bytes, len_bytes)?.into())
    }

    fn write(
        &self,
        file: &File<'_>,
        at_bytes: u64,
        len_bytes: u64,
        source: &mut Source<'_>,
        now_ns: i64,
    ) -> Result<(u64, Durable)> {
        // Before anything is counted that only its end uncounts.
        let region = self.dir.lock.region();
        let held = region.hold().ok_or(EIO)?;
        let begin = || self.begin_write(file.ino(), at_bytes, len_bytes);
        let (mut write, mut geometry) = begin()?;
        let faults = match write.fills_holes() {
            true => {
                // A page fault may have filled them by the time that it is kept from that.
                self.cancel_write(write)?;
                let faults = file.exclude_faults();
                (write, geometry) = begin()?;
                Some(faults)
            }
            false => None,
        };
        let mut source = FromWriter(source);
        let written = write.commit(region, &geometry, &mut source, now_ns);
        if let Some(faults) = &faults {
            for (at_bytes, len_bytes) in written.filled() {
                faults.invalidate(at_bytes, len_bytes);
            }
        }
        let (len_bytes, done) = self.note_write(written)?;
        drop((held, faults));
        self.count(Op::Write);
        Ok((len_bytes, done.into()))
    }

    fn fill(&self, ino: u64, at_bytes: u64, len_bytes: u64) -> Result {
        let mut state = self.lock_to_change()?;
        state.fs.fill(ino, at_bytes, len_bytes)?;
        self.count(Op::Fill);
        Ok(())
    }

    fn resize(&self, ino: u64, size_bytes: u64, now_ns: i64) -> Result<Durable> {
        let done = self.lock_to_change()?.fs.resize(ino, size_bytes, now_ns)?;
        self.count(Op::Resize);
        Ok(done.into())
    }
}

/// A writer's bytes, as the model takes them.
struct FromWriter<'a, 'b>(&'a mut Source<'b>);

impl model::write::Source<Region> for FromWriter<'_, '_> {
    fn store(&mut self, region: &Region, at: Offset, len_bytes: u64) -> u64 {
        self.0.store(region, at.0, len_bytes)
    }
}

impl From<data::Place> for Mapping {
    fn from(place: data::Place) -> Self {
        match place {
            data::Place::Data { at, len_bytes } => Self::Data {
                at: at.0,
                len_bytes,
            },
            data::Place::Hole { len_bytes } => Self::Hole { len_bytes },
        }
    }
}
