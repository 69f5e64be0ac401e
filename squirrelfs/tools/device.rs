// SPDX-License-Identifier: GPL-2.0

//! Opening what a file system is on, so that nobody else has it open.

use rustix::fs::{fadvise, flock, Advice, FlockOperation, OFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BlockDevice,
    ImageFile,
}

/// What it is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To read it, whoever else has it.
    Look,
    /// To read it, while nobody changes it.
    LookAlone,
    /// To change it, which nobody else does.
    Change,
}

/// A device or an image file that is open.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) file: File,
    pub(crate) kind: Kind,
    pub(crate) size_bytes: u64,
}

/// Why one was not opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// There is nothing of this name.
    Missing,
    /// It is mounted or otherwise in use.
    Busy(String),
    Other(String),
}

/// What `path` leads to.
pub(crate) fn kind(path: &Path) -> Result<Kind, Refused> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refused::Missing,
        _ => Refused::Other(error.to_string()),
    })?;
    let kind = metadata.file_type();
    if kind.is_block_device() {
        Ok(Kind::BlockDevice)
    } else if kind.is_file() {
        Ok(Kind::ImageFile)
    } else {
        let what = "it is neither a block device nor a regular file";
        Err(Refused::Other(what.into()))
    }
}

/// Opens `path`.
pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<Device, Refused> {
    let kind = kind(path)?;
    if kind == Kind::BlockDevice && purpose == Purpose::Change && is_write_protected(path) {
        return Err(Refused::Other("it is write-protected".into()));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(purpose == Purpose::Change);
    if kind == Kind::BlockDevice && purpose != Purpose::Look {
        // Of a block device this is the kernel's claim, which a mount has too.
        options.custom_flags(OFlags::EXCL.bits().try_into().unwrap_or_default());
    }
    let mut file = options
        .open(path)
        .map_err(|error| match (error.kind(), purpose) {
            (io::ErrorKind::ResourceBusy, _) => {
                Refused::Busy("it is mounted, or another program has claimed it".into())
            }
            (io::ErrorKind::PermissionDenied, Purpose::Change) => {
                Refused::Other(format!("{error}; writing it may need root"))
            }
            _ => Refused::Other(error.to_string()),
        })?;
    if kind == Kind::ImageFile && purpose != Purpose::Look {
        claim(path, &file)?;
    }
    let size_bytes = file
        .seek(SeekFrom::End(0))
        .map_err(|error| Refused::Other(format!("its size is not known: {error}")))?;
    if kind == Kind::BlockDevice && purpose != Purpose::Change {
        // A mounted file system changes the medium behind the page cache's back.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
    }
    Ok(Device {
        file,
        kind,
        size_bytes,
    })
}

/// Whether a block device says so; opening it for writing may succeed all the same.
fn is_write_protected(path: &Path) -> bool {
    let number = fs::metadata(path).map_or(0, |metadata| metadata.rdev());
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let ro = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/ro"));
    ro.is_ok_and(|ro| ro.trim_end() == "1")
}

/// Makes sure that no other tool and no loop device uses an image file.
fn claim(path: &Path, file: &File) -> Result<(), Refused> {
    if flock(file, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK) {
        return Err(Refused::Busy("another program has locked it".into()));
    }
    match loop_device(path) {
        Some(name) => Err(Refused::Busy(format!("it is attached to /dev/{name}"))),
        None => Ok(()),
    }
}

/// The name of the loop device whose backing file this is.
fn loop_device(path: &Path) -> Option<String> {
    let path = fs::canonicalize(path).ok()?;
    fs::read_dir("/sys/block")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let backing = fs::read_to_string(entry.path().join("loop/backing_file")).ok()?;
            (PathBuf::from(backing.trim_end_matches('\n')) == path)
                .then(|| entry.file_name().to_string_lossy().into_owned())
        })
}

impl Refused {
    /// The sentence for the user.
    pub(crate) fn text(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Missing => format!("{path} does not exist"),
            Self::Busy(why) => format!("{path} is in use: {why}"),
            Self::Other(why) => format!("cannot open {path}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_file_is_claimed_once() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let first = open(image.path(), Purpose::Change).unwrap();
        let second = open(image.path(), Purpose::Change);
        assert!(matches!(second, Err(Refused::Busy(_))));
        assert!(open(image.path(), Purpose::Look).is_ok());
        assert_eq!((first.kind, first.size_bytes), (Kind::ImageFile, 0));
        drop(first);
        assert!(open(image.path(), Purpose::LookAlone).is_ok());
    }

    #[test]
    fn what_is_no_medium_is_refused() {
        assert!(matches!(kind(Path::new("/")), Err(Refused::Other(_))));
        assert!(matches!(
            kind(Path::new("/dev/null")),
            Err(Refused::Other(_))
        ));
        assert!(matches!(kind(Path::new("/nothing")), Err(Refused::Missing)));
    }
}
