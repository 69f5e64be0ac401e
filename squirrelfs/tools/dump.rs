// SPDX-License-Identifier: GPL-2.0

//! `dump.squirrelfs`: shows what is on a medium.

use crate::device::{self, Purpose, Refused};
use crate::image::{Changes, Image};
use crate::model::format::Access;
use crate::problem;
use crate::program::{complain, end, say, usage, version, Failure};
use crate::superblock::{Copies, Superblock};
use crate::survey::Survey;
use crate::{dump_json, dump_text};
use lexopt::prelude::*;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

const PROGRAM: &str = "dump.squirrelfs";
const FAILED: u8 = 1;
const USAGE: u8 = 2;

const HELP: &str = "\
Shows what is on a squirrelfs file system: superblock, geometry, counts, and every path. Changes nothing.

usage: dump.squirrelfs [--json] [--orphans | --inode INO | --path PATH] DEVICE

DEVICE is a block device or an image file. What is mounted may change while it is read. Of a damaged file
system, what makes sense is shown, with a list of what does not.

  -j, --json        the same as JSON; numbers with a unit say so in their name
  -o, --orphans     only inodes without a name and pages without an owner
  -i, --inode INO   one inode, with its words, extents and, of a directory, names
  -p, --path PATH   the same, of the inode that PATH leads to
  -h, --help        print this
  -V, --version     print the version

In names, what cannot be printed is shown as \\u{...}, and bytes that are not UTF-8 as \\x... .

exit code:
  0   it was shown, damaged or not
  1   it cannot be read, is not a squirrelfs, or there is no such inode or path
  2   wrong usage
";

/// What of the medium is shown.
#[derive(Debug)]
enum Part {
    All,
    Orphans,
    Inode(u64),
    Path(OsString),
}

/// Runs the program.
pub fn main() -> ExitCode {
    end(PROGRAM, run())
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(FAILED, message)
}

fn parse() -> Result<Option<(bool, Part, PathBuf)>, Failure> {
    let wrong = |message: lexopt::Error| usage(PROGRAM, USAGE, message);
    let mut parser = lexopt::Parser::from_env();
    let (mut json, mut parts, mut path) = (false, Vec::new(), None);
    while let Some(arg) = parser.next().map_err(wrong)? {
        match arg {
            Short('j') | Long("json") => json = true,
            Short('o') | Long("orphans") => parts.push(Part::Orphans),
            Short('i') | Long("inode") => {
                let value = parser.value().and_then(|it| it.parse()).map_err(wrong)?;
                parts.push(Part::Inode(value));
            }
            Short('p') | Long("path") => {
                parts.push(Part::Path(parser.value().map_err(wrong)?));
            }
            Short('V') | Long("version") => {
                say!("{}", version(PROGRAM));
                return Ok(None);
            }
            Short('h') | Long("help") => {
                say!("{}", HELP.trim_end());
                return Ok(None);
            }
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(wrong(other.unexpected())),
        }
    }
    if parts.len() > 1 {
        let why = "--orphans, --inode and --path exclude each other";
        return Err(usage(PROGRAM, USAGE, why));
    }
    let path = path.ok_or_else(|| usage(PROGRAM, USAGE, "no device is named"))?;
    Ok(Some((json, parts.pop().unwrap_or(Part::All), path)))
}

/// A medium, read as far as it makes sense.
pub(crate) struct Medium<'a> {
    pub(crate) image: &'a Image<'a>,
    pub(crate) superblock: Superblock,
    pub(crate) copies: Copies,
    pub(crate) survey: Survey,
}

fn run() -> Result<u8, Failure> {
    let Some((json, part, path)) = parse()? else {
        return Ok(0);
    };
    let name = path.display();
    let device = match device::open(&path, Purpose::LookAlone) {
        Err(refused @ Refused::Busy(_)) => {
            complain(PROGRAM, format!("warning: {}", refused.text(&path)));
            device::open(&path, Purpose::Look)
        }
        other => other,
    };
    let device = device.map_err(|refused| failed(refused.text(&path)))?;
    let unread = |error: io::Error| failed(format!("cannot read {name}: {error}"));
    let copies = Copies::read(&device.file, device.size_bytes, Access::ReadOnly).map_err(unread)?;
    let at = copies.valid_at().map_err(|why| {
        failed(format!(
            "the superblock of {name} {}",
            problem::unreadable(why)
        ))
    })?;
    let image = Image::new(&device.file, device.size_bytes, Changes::Kept);
    let geometry = copies
        .geometry()
        .ok_or_else(|| failed(format!("{name} has no geometry")))?;
    let medium = Medium {
        superblock: Superblock::load(&image, at),
        copies,
        survey: Survey::read(&image, geometry),
        image: &image,
    };
    image.check().map_err(unread)?;

    let out = &mut BufWriter::new(io::stdout().lock());
    let ino = match &part {
        Part::Inode(ino) => Some(*ino),
        Part::Path(path) => {
            let found = medium.survey.resolve(&image, path.as_bytes());
            let text = path.to_string_lossy();
            Some(found.ok_or_else(|| failed(format!("{name} has no path {text}")))?)
        }
        _ => None,
    };
    let written = match (ino, json) {
        (Some(ino), _) if !medium.survey.inodes.contains_key(&ino) => {
            return Err(failed(format!("{name} has no inode {ino}")));
        }
        (Some(ino), true) => dump_json::inode(out, &medium, ino),
        (Some(ino), false) => dump_text::inode(out, &medium, ino),
        (None, true) => dump_json::medium(out, &medium, matches!(part, Part::Orphans)),
        (None, false) if matches!(part, Part::Orphans) => dump_text::orphans(out, &medium),
        (None, false) => dump_text::medium(out, &medium),
    };
    match written.and_then(|()| out.flush()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(FAILED),
        other => other.map_err(|error| failed(format!("cannot write: {error}")))?,
    }
    image.check().map_err(unread)?;
    Ok(0)
}
