// SPDX-License-Identifier: GPL-2.0

//! A mount: what it consists of, how it begins and ends. Its operations are in [`crate::ops`].

use crate::{
    driver::Root,
    model::{
        format::{
            self,
            Unreadable, //
        },
        fs::Fs,
        layout,
        pm::Offset,
        scan::{
            self,
            Refused,
            Repairs, //
        }, //
    },
    stats::Stats,
    sysfs, //
};
use kernel::{
    prelude::*,
    str::{
        BStr,
        CString, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};
use kernel_ext::{
    fs::{
        Access,
        Device,
        Guard,
        Lock,
        Region,
        Unmappable,
        Usage, //
    },
    sysfs::{
        Dir,
        Parent, //
    }, //
};

/// How many milliseconds a change of access waits for writes that have begun.
const WAITS: usize = 10_000;

/// A mounted file system, which lives in its directory in sysfs.
pub(crate) struct Mount {
    pub(crate) dir: Dir<Mounted>,
}

/// What a mount consists of.
#[pin_data]
pub(crate) struct Mounted {
    #[pin]
    pub(crate) lock: Lock<State>,
    pub(crate) stats: Stats,
    pub(crate) identity: Identity,
}

/// What changes, under the mount's lock.
pub(crate) struct State {
    pub(crate) fs: Fs<Region>,
    pub(crate) repairs: Repairs,
    /// Writes that have begun and are not known to have ended.
    pub(crate) writes: usize,
    access: Access,
    /// How the medium was read: only when it was repaired can it be written.
    scanned: Access,
}

/// What the device and the medium are called.
pub(crate) struct Identity {
    device: CString,
    pub(crate) uuid: [u8; 16],
    pub(crate) label: [u8; 32],
}

impl Identity {
    /// Reads it from the superblock, or from its copy if that is damaged.
    fn load(region: &Region, geometry: &layout::Geometry, device: &CStr) -> Result<Self> {
        let words = layout::load_superblock(region, Offset(0));
        let crc = words.get(layout::superblock::CRC32C).copied();
        let words = match crc == Some(layout::superblock_crc(&words)) {
            true => words,
            false => layout::load_superblock(region, geometry.backup()),
        };
        let mut identity = Self {
            device: CString::try_from_fmt(fmt!("{}", BStr::from_bytes(device.to_bytes())))?,
            uuid: [0; 16],
            label: [0; 32],
        };
        let copy = |to: &mut [u8], first: usize| {
            for (bytes, word) in to.chunks_mut(8).zip(words.iter().skip(first)) {
                for (byte, from) in bytes.iter_mut().zip(word.to_le_bytes()) {
                    *byte = from;
                }
            }
        };
        copy(&mut identity.uuid, layout::superblock::UUID);
        copy(&mut identity.label, layout::superblock::LABEL);
        Ok(identity)
    }
}

impl Mounted {
    /// Counts what is free.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let state = self.lock.lock()?;
        let (free_inodes, free_blocks) = state.fs.free();
        let geometry = state.fs.geometry();
        Ok(Usage {
            blocks: geometry.data_pages(),
            free_blocks,
            // Number 0 is none.
            inodes: geometry.inode_count().saturating_sub(1),
            free_inodes,
        })
    }

    /// What the last scan has repaired.
    pub(crate) fn repairs(&self) -> Result<Repairs> {
        Ok(self.lock.lock()?.repairs)
    }
}

impl Mount {
    /// Mounts what is on `device`.
    pub(crate) fn new(root: &Dir<Root>, device: &Device<'_>, access: Access) -> Result<Self> {
        let name = BStr::from_bytes(device.name().to_bytes());
        let region = device.region().map_err(|why| not_mapped(name, why))?;
        if access == Access::ReadWrite {
            need_synchronous(name, &region)?;
        }
        let held = region.hold().ok_or(EIO)?;
        let state = State::scan(&region, access).map_err(|why| refused(name, why, &region))?;
        tell_repairs(name, &state);
        let identity = Identity::load(&region, state.fs.geometry(), device.name())?;
        let stats = Stats::new();
        let lock = Lock::new(region.clone(), state);
        let dir = Dir::new(
            Parent::Dir(&**root),
            device.name(),
            sysfs::MOUNT,
            try_pin_init!(Mounted {
                lock <- lock,
                stats: stats?,
                identity,
            }? Error),
        );
        drop(held);
        Ok(Self { dir: dir? })
    }

    /// Leaves the medium as one that was unmounted.
    pub(crate) fn end(self) {
        let region = self.dir.lock.region().clone();
        let state = self.dir.lock.close();
        // Waits until whoever reads its files has done so.
        drop(self.dir);
        // Without a device, there is nothing to leave.
        let held = region.hold();
        if let Some(state) = state.filter(|_| held.is_some()) {
            state.leave();
        }
    }

    /// Changes what the mount may do. A medium that was only read so far is read anew and repaired.
    pub(crate) fn change_access(&self, access: Access) -> Result {
        let mut state = self.lock_without_writes()?;
        let region = self.dir.lock.region();
        let name = BStr::from_bytes(self.dir.identity.device.to_bytes());
        if access == Access::ReadWrite {
            need_synchronous(name, region)?;
        }
        match (access, state.scanned) {
            (Access::ReadOnly, _) => scan::pause(&state.fs),
            (Access::ReadWrite, Access::ReadWrite) => scan::resume(&state.fs),
            (Access::ReadWrite, Access::ReadOnly) => {
                let new = State::scan(region, access).map_err(|why| refused(name, why, region))?;
                tell_repairs(name, &new);
                *state = new;
            }
        }
        state.access = access;
        Ok(())
    }

    /// Takes the lock when no write is under way. The VFS keeps new ones from beginning, unless somebody
    /// forces a mount to be read-only.
    fn lock_without_writes(&self) -> Result<Guard<'_, State>> {
        for _ in 0..WAITS {
            let state = self.dir.lock.lock()?;
            if state.writes == 0 {
                return Ok(state);
            }
            drop(state);
            fsleep(Delta::from_millis(1));
        }
        Err(EBUSY)
    }
}

impl State {
    fn scan(region: &Region, access: Access) -> Result<Self, Refused> {
        let (fs, repairs) = scan::mount(region.clone(), access.into())?;
        Ok(Self {
            fs,
            repairs,
            writes: 0,
            access,
            scanned: access,
        })
    }

    /// Whether the medium may be changed.
    pub(crate) fn is_writable(&self) -> bool {
        self.access == Access::ReadWrite
    }

    fn leave(self) {
        if self.access == Access::ReadWrite {
            scan::unmount(self.fs);
        }
    }
}

impl From<Access> for format::Access {
    fn from(access: Access) -> Self {
        match access {
            Access::ReadOnly => Self::ReadOnly,
            Access::ReadWrite => Self::ReadWrite,
        }
    }
}

/// Says why a device cannot be used; returns what the caller of mount gets.
fn not_mapped(name: &BStr, why: Unmappable) -> Error {
    match why {
        Unmappable::NotDax => pr_err!(
            "{name}: has no DAX in whole pages; an NVDIMM's namespace must be in mode fsdax\n"
        ),
        Unmappable::NotWhole => pr_err!("{name}: not mapped in one piece, has it bad blocks?\n"),
        Unmappable::NoMemory => return ENOMEM,
    }
    EOPNOTSUPP
}

/// Refuses to write to a device on which fences make nothing durable.
fn need_synchronous(name: &BStr, region: &Region) -> Result {
    if region.is_synchronous() {
        return Ok(());
    }
    pr_err!("{name}: the device is not synchronous, so nothing could be made durable; mount it with -o ro\n");
    Err(EOPNOTSUPP)
}

/// Says why a medium is refused; returns what the caller of mount gets.
fn refused(name: &BStr, why: Refused, region: &Region) -> Error {
    match why {
        Refused::Unreadable(Unreadable::NotSquirrelfs) => {
            pr_err!("{name}: no squirrelfs on it\n");
            EINVAL
        }
        Refused::Unreadable(Unreadable::Unsupported) => {
            if format::read(region, format::Access::ReadOnly).is_ok() {
                pr_err!("{name}: has features that are only supported with -o ro\n");
                return EROFS;
            }
            pr_err!("{name}: of a later version, or has features that are not supported\n");
            EOPNOTSUPP
        }
        Refused::Unreadable(Unreadable::Corrupt) => {
            pr_err!("{name}: the superblock is damaged, or the device was larger\n");
            EUCLEAN
        }
        Refused::Corrupt(what) => {
            pr_err!("{name}: corrupt: {what:?}; run fsck.squirrelfs\n");
            EUCLEAN
        }
        Refused::NeedsRecovery => {
            pr_err!("{name}: must be mounted without -o ro once to recover\n");
            EROFS
        }
        Refused::NoMemory => ENOMEM,
    }
}

/// Says what a crash has left, if one has.
fn tell_repairs(name: &BStr, state: &State) {
    let Repairs {
        unclean,
        orphans,
        pages,
        link_counts,
        renames,
    } = state.repairs;
    if !unclean && state.repairs.is_none() {
        return;
    }
    let why = match unclean {
        true => "was not unmounted",
        false => "was damaged while it was not mounted",
    };
    let done = match state.access {
        Access::ReadWrite => "repaired",
        Access::ReadOnly => "to be repaired",
    };
    pr_warn!(
        "{name}: {why}; {done}: {orphans} orphans, {pages} pages, {link_counts} link counts, {renames} renames\n"
    );
}
