// SPDX-License-Identifier: GPL-2.0

//! `mkfs.squirrelfs`: makes a file system.

use crate::device::{self, Device, Kind, Purpose, Refused};
use crate::image::{Changes, Image};
use crate::mkfs_args::{code, parse, Args, PROGRAM};
use crate::model::{
    format::{self, Access, Options},
    layout::{BadGeometry, Geometry, BYTES_PER_INODE, MAX_BYTES, MIN_BYTES},
    pm::PAGE_BYTES,
};
use crate::program::{complain, end, say, Failure};
use crate::signature::{self, Found};
use crate::text::{self, Name};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs the program.
pub fn main() -> ExitCode {
    end(
        PROGRAM,
        parse().and_then(|args| args.map_or(Ok(0), |args| run(&args))),
    )
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(code::FAILED, message)
}

fn run(args: &Args) -> Result<u8, Failure> {
    let kind = match device::kind(&args.path) {
        Ok(kind) => Some(kind),
        Err(Refused::Missing) => None,
        Err(refused) => return Err(failed(refused.text(&args.path))),
    };
    if kind.is_some() {
        return make(args, None).map(|()| 0);
    }
    let size_bytes = args.size_bytes.ok_or_else(|| {
        let path = args.path.display();
        failed(format!(
            "{path} does not exist; an image file is made if a size is named"
        ))
    })?;
    if args.path.starts_with("/dev") && !args.path.starts_with("/dev/shm") {
        let path = args.path.display();
        return Err(failed(format!("there is no device {path}")));
    }
    // What cannot be made does not leave a file.
    let geometry = lay_out(args, size_bytes)?;
    if args.dry_run {
        show(args, &geometry, "would make");
        return Ok(0);
    }
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.path);
    new.and_then(|file| file.set_len(size_bytes))
        .map_err(|error| failed(format!("cannot create {}: {error}", args.path.display())))
        .and_then(|()| make(args, Some(size_bytes)))
        .inspect_err(|_| drop(fs::remove_file(&args.path)))?;
    Ok(0)
}

/// Makes the file system on what is there; `created` is the size of an image file that is new.
fn make(args: &Args, created: Option<u64>) -> Result<(), Failure> {
    let purpose = if args.dry_run {
        Purpose::LookAlone
    } else {
        Purpose::Change
    };
    let mut device =
        device::open(&args.path, purpose).map_err(|refused| failed(refused.text(&args.path)))?;
    let found = match created {
        Some(_) => Vec::new(),
        None => others(args, &device)?,
    };
    let size_bytes = size(args, &device)?;
    let geometry = lay_out(args, size_bytes)?;
    if !found.is_empty() && !args.quiet {
        let verb = match args.dry_run {
            true => "would overwrite",
            false => "overwriting",
        };
        say!("{}: {verb} {}", args.path.display(), names(&found));
    }
    if args.dry_run {
        show(args, &geometry, "would make");
        return Ok(());
    }
    if size_bytes != device.size_bytes {
        let resized = device.file.set_len(size_bytes);
        resized.map_err(|error| unwritten(&args.path, &error))?;
        device.size_bytes = size_bytes;
    }
    write(args, &device, &found).map_err(|error| unwritten(&args.path, &error))?;
    show(args, &geometry, "made");
    Ok(())
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    failed(format!(
        "cannot write {}: {error}; what was on it may be lost",
        path.display()
    ))
}

/// What else is on a medium, if it may be overwritten.
fn others(args: &Args, device: &Device) -> Result<Vec<Found>, Failure> {
    let path = args.path.display();
    let found = signature::find(&device.file, device.size_bytes)
        .map_err(|error| failed(format!("cannot read {path}: {error}")))?;
    if found.is_empty() || args.force {
        return Ok(found);
    }
    let what = names(&found);
    Err(failed(format!("{path} has {what}; -f overwrites it")))
}

/// What was found, in words.
fn names(found: &[Found]) -> String {
    let mut names: Vec<&str> = found.iter().map(|found| found.what).collect();
    names.dedup();
    names.join(" and ")
}

/// The size to be used of a device.
fn size(args: &Args, device: &Device) -> Result<u64, Failure> {
    let path = args.path.display();
    let (is, wanted) = (
        device.size_bytes,
        args.size_bytes.unwrap_or(device.size_bytes),
    );
    match device.kind {
        Kind::BlockDevice if wanted > is => Err(failed(format!(
            "{path} has {}, which is less than {}",
            text::size(is),
            text::size(wanted)
        ))),
        // The copy of the superblock is looked for at the end.
        Kind::BlockDevice if wanted < is => Err(failed(format!(
            "{path} has {}, and a file system takes all of it",
            text::size(is)
        ))),
        Kind::ImageFile if wanted < is && !args.force => Err(failed(format!(
            "{path} has {} already; -f makes it smaller",
            text::size(is)
        ))),
        _ => Ok(wanted),
    }
}

fn lay_out(args: &Args, size_bytes: u64) -> Result<Geometry, Failure> {
    let inodes = match args.inode_count {
        0 => size_bytes / BYTES_PER_INODE,
        count => count,
    };
    Geometry::new(size_bytes, inodes).map_err(|why| {
        let path = args.path.display();
        let size = text::size(size_bytes);
        failed(match why {
            BadGeometry::TooSmall if size_bytes < MIN_BYTES => {
                format!("{path} has {size}; the least is {}", text::size(MIN_BYTES))
            }
            BadGeometry::TooLarge if size_bytes > MAX_BYTES => {
                format!("{path} has {size}; the most is {}", text::size(MAX_BYTES))
            }
            _ => format!("{inodes} inodes do not fit into {size}; choose fewer with -N"),
        })
    })
}

fn write(args: &Args, device: &Device, found: &[Found]) -> io::Result<()> {
    // First, so that nothing half made is taken for what was there.
    signature::wipe(&device.file, found)?;
    let image = Image::new(&device.file, device.size_bytes, Changes::Written);
    let options = Options {
        inode_count: args.inode_count,
        uuid: args.uuid.into_bytes(),
        label: args.label,
        uid: args.uid,
        gid: args.gid,
        now_ns: now_ns(),
    };
    let made = format::format(&image, &options);
    image.check()?;
    device.file.sync_all()?;
    // Seen by who reads it next, and not only by who wrote it.
    let again = Image::new(&device.file, device.size_bytes, Changes::Kept);
    let read = format::read(&again, Access::ReadWrite);
    again.check()?;
    match (made, read) {
        (Ok(made), Ok(read)) if made == read => Ok(()),
        _ => Err(io::Error::other("what was written is not what is read")),
    }
}

/// Nanoseconds since 1970.
fn now_ns() -> i64 {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        match epoch
            .parse::<i64>()
            .ok()
            .and_then(|s| s.checked_mul(1_000_000_000))
        {
            Some(ns) => return ns,
            None => complain(
                PROGRAM,
                "SOURCE_DATE_EPOCH is not a number of seconds; ignored",
            ),
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.as_nanos().try_into().unwrap_or(i64::MAX)
}

fn show(args: &Args, geometry: &Geometry, verb: &str) {
    if args.quiet {
        return;
    }
    let label: Vec<u8> = args
        .label
        .iter()
        .copied()
        .take_while(|it| *it != 0)
        .collect();
    say!(
        "{}: {verb} a squirrelfs of {}",
        args.path.display(),
        text::size(geometry.size_bytes())
    );
    say!("  UUID   {}", args.uuid);
    if !label.is_empty() {
        say!("  label  {}", Name(&label));
    }
    say!("  room   {} inodes", geometry.inode_count() - 1);
    let data_bytes = geometry.data_pages() * PAGE_BYTES;
    say!(
        "         {} data pages ({} of {})",
        geometry.data_pages(),
        percent(data_bytes, geometry.size_bytes()),
        text::size(geometry.size_bytes())
    );
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}
