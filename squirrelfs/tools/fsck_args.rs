// SPDX-License-Identifier: GPL-2.0

//! The command line of `fsck.squirrelfs`.

use crate::program::{say, usage, version, Failure};
use lexopt::prelude::*;
use std::path::PathBuf;

pub(super) const PROGRAM: &str = "fsck.squirrelfs";

/// Exit codes of fsck(8), which are added up.
pub(super) mod code {
    pub(crate) const CORRECTED: u8 = 1;
    pub(crate) const UNCORRECTED: u8 = 4;
    pub(crate) const FAILED: u8 = 8;
    pub(crate) const USAGE: u8 = 16;
    pub(crate) const CANCELLED: u8 = 32;
}

const HELP: &str = "\
Checks a squirrelfs file system and repairs what a crash has left.

usage: fsck.squirrelfs [-n | -p | -y] [-fv] DEVICE

DEVICE is a block device or an image file. A mounted file system is only looked at, and only with -n.

  -n          change nothing; every question is answered by no
  -p, -a      repair without asking
  -y          the same; every question is answered by yes
  -f          check even if the file system was unmounted cleanly
  -v          say more: identity, sizes, and what was looked at
  -C FD       accepted and ignored
  -h, --help  print this
  -V          print the version

Without -n, -p or -y it asks before it repairs.

A crash leaves inodes without a name, pages without an owner, link counts that are too high, and renames
that are committed but not finished. All of that is repaired, here or by the next mount. A damaged
superblock is restored from its copy, and a damaged copy from the superblock. Anything else is corruption,
which is reported and, as yet, not repaired: copy what can be read and make a new file system.

exit code (the sum of):
  0   no errors
  1   errors were corrected
  4   errors are left
  8   the check failed: not a squirrelfs, in use, unreadable, out of memory
  16  wrong usage
  32  cancelled
";

/// What to do about errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Ask,
    No,
    Yes,
}

/// What the user wants.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) answer: Answer,
    pub(super) force: bool,
    pub(super) verbose: bool,
    pub(super) path: PathBuf,
}

/// Reads the command line; [`None`] if it only asked for help or the version.
pub(super) fn parse() -> Result<Option<Args>, Failure> {
    let wrong = |message: String| usage(PROGRAM, code::USAGE, message);
    let mut parser = lexopt::Parser::from_env();
    let (mut answer, mut force, mut verbose, mut path) = (None, false, false, None);
    while let Some(arg) = parser.next().map_err(|error| wrong(error.to_string()))? {
        match arg {
            Short('n' | 'p' | 'a' | 'y') => {
                let wanted = if arg == Short('n') {
                    Answer::No
                } else {
                    Answer::Yes
                };
                if answer.is_some_and(|answer| answer != wanted) {
                    return Err(wrong("-n excludes -p, -a and -y".into()));
                }
                answer = Some(wanted);
            }
            Short('f') => force = true,
            Short('v') => verbose = true,
            Short('C') => drop(parser.value().map_err(|error| wrong(error.to_string()))?),
            Short('V') => {
                say!("{}", version(PROGRAM));
                return Ok(None);
            }
            Short('h') | Long("help") => {
                say!("{}", HELP.trim_end());
                return Ok(None);
            }
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(wrong(other.unexpected().to_string())),
        }
    }
    let path = path.ok_or_else(|| wrong("no device is named".into()))?;
    let answer = answer.unwrap_or(Answer::Ask);
    Ok(Some(Args {
        answer,
        force,
        verbose,
        path,
    }))
}
