// SPDX-License-Identifier: GPL-2.0

//! The command line of `mkfs.squirrelfs`.

use crate::program::{say, usage, version, Failure};
use crate::text;
use lexopt::prelude::*;
use std::path::PathBuf;
use uuid::Uuid;

pub(super) const PROGRAM: &str = "mkfs.squirrelfs";

/// Exit codes.
pub(super) mod code {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
}

/// Most bytes of a label.
const LABEL_BYTES: usize = 32;

const HELP: &str = "\
Makes a squirrelfs file system.

usage: mkfs.squirrelfs [-L LABEL] [-U UUID] [-N INODES] [-E root_owner[=UID:GID]] [-fnq] DEVICE [SIZE]

DEVICE is a block device, such as /dev/pmem0, or an image file. With SIZE, an image file that is not there
is made, and one that is gets this size. SIZE is in bytes, or has a suffix K, M, G or T.

  -L LABEL    label of the file system, up to 32 bytes
  -U UUID     its UUID: a value, 'random' (the default), or 'clear' for zeros
  -N INODES   make room for so many inodes (default: one for every 16 KiB)
  -b, --size SIZE
              the same as SIZE behind DEVICE
  -E root_owner[=UID:GID]
              owner of the root directory (default 0:0; without a value, who calls this)
  -f, --force overwrite another file system, or make an image file smaller
  -n          say what would be made, and make nothing
  -q          print only errors
  -h, --help  print this
  -V          print the version

SOURCE_DATE_EPOCH in the environment, in seconds since 1970, is taken for the present time.

exit code:
  0   the file system was made
  1   it was not
  2   wrong usage
";

/// What the user wants.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) path: PathBuf,
    pub(super) size_bytes: Option<u64>,
    pub(super) label: [u8; LABEL_BYTES],
    pub(super) uuid: Uuid,
    /// 0 for the default.
    pub(super) inode_count: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) force: bool,
    pub(super) dry_run: bool,
    pub(super) quiet: bool,
}

fn wrong(message: impl std::fmt::Display) -> Failure {
    usage(PROGRAM, code::USAGE, message)
}

/// Reads the command line; [`None`] if it only asked for help or the version.
pub(super) fn parse() -> Result<Option<Args>, Failure> {
    parse_from(lexopt::Parser::from_env())
}

fn parse_from(mut parser: lexopt::Parser) -> Result<Option<Args>, Failure> {
    let mut path = None;
    let mut args = Args {
        path: PathBuf::new(),
        size_bytes: None,
        label: [0; LABEL_BYTES],
        uuid: Uuid::new_v4(),
        inode_count: 0,
        uid: 0,
        gid: 0,
        force: false,
        dry_run: false,
        quiet: false,
    };
    while let Some(arg) = parser.next().map_err(wrong)? {
        match arg {
            Short('L') => args.label = label(&value(&mut parser)?)?,
            Short('U') => args.uuid = uuid(&value(&mut parser)?)?,
            Short('N') => {
                let count = value(&mut parser)?;
                args.inode_count = match count.parse() {
                    Ok(count) if count > 0 => count,
                    _ => return Err(wrong(format!("'{count}' is not a number of inodes"))),
                };
            }
            Short('b') | Long("size") => set_size(&mut args, &value(&mut parser)?)?,
            Short('E') => extended(&mut args, &value(&mut parser)?)?,
            Short('f' | 'F') | Long("force") => args.force = true,
            Short('n') => args.dry_run = true,
            Short('q') => args.quiet = true,
            Short('V') => {
                say!("{}", version(PROGRAM));
                return Ok(None);
            }
            Short('h') | Long("help") => {
                say!("{}", HELP.trim_end());
                return Ok(None);
            }
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            Value(value) => set_size(&mut args, &value.string().map_err(wrong)?)?,
            other => return Err(wrong(other.unexpected())),
        }
    }
    args.path = path.ok_or_else(|| wrong("no device is named"))?;
    Ok(Some(args))
}

fn value(parser: &mut lexopt::Parser) -> Result<String, Failure> {
    parser.value().and_then(|it| it.string()).map_err(wrong)
}

fn set_size(args: &mut Args, text: &str) -> Result<(), Failure> {
    let size = text::parse_size(text).ok_or_else(|| wrong(format!("'{text}' is not a size")))?;
    match args.size_bytes.replace(size) {
        Some(before) if before != size => Err(wrong("there are two sizes")),
        _ => Ok(()),
    }
}

fn label(text: &str) -> Result<[u8; LABEL_BYTES], Failure> {
    if text.chars().any(char::is_control) {
        return Err(wrong("the label has a character that cannot be printed"));
    }
    let mut label = [0; LABEL_BYTES];
    match label.get_mut(..text.len()) {
        Some(place) => place.copy_from_slice(text.as_bytes()),
        None => {
            return Err(wrong(format!(
                "the label is longer than {LABEL_BYTES} bytes"
            )))
        }
    }
    Ok(label)
}

fn uuid(text: &str) -> Result<Uuid, Failure> {
    match text {
        "clear" => Ok(Uuid::nil()),
        "random" => Ok(Uuid::new_v4()),
        _ => Uuid::parse_str(text).map_err(|_| wrong(format!("'{text}' is not a UUID"))),
    }
}

/// Reads the value of `-E`: options separated by commas.
fn extended(args: &mut Args, text: &str) -> Result<(), Failure> {
    for option in text.split(',').filter(|option| !option.is_empty()) {
        let ids = match option.split_once('=') {
            None if option == "root_owner" => Some((
                rustix::process::getuid().as_raw(),
                rustix::process::getgid().as_raw(),
            )),
            Some(("root_owner", owner)) => owner
                .split_once(':')
                .and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?))),
            _ => return Err(wrong(format!("-E knows no '{option}'"))),
        };
        let ids = ids.filter(|(uid, gid)| *uid != u32::MAX && *gid != u32::MAX);
        (args.uid, args.gid) =
            ids.ok_or_else(|| wrong(format!("'{option}' is not root_owner=UID:GID")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Args>, Failure> {
        parse_from(lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn every_option_is_understood() {
        let line = "-L data -U clear -N 100 -E root_owner=5:6 -fnq img 1M";
        let args = parsed(line).unwrap().unwrap();
        assert_eq!(&args.label[..5], b"data\0");
        assert_eq!((args.uuid, args.inode_count), (Uuid::nil(), 100));
        assert_eq!((args.uid, args.gid), (5, 6));
        assert_eq!(
            (args.path.to_str(), args.size_bytes),
            (Some("img"), Some(1 << 20))
        );
        assert!(args.force && args.dry_run && args.quiet);
        assert_eq!(
            parsed("--size=2G img").unwrap().unwrap().size_bytes,
            Some(2 << 30)
        );
        assert!(parsed("-E root_owner img").is_ok());
    }

    #[test]
    fn nonsense_is_wrong_usage() {
        for line in [
            "",
            "-x img",
            "img 1Q",
            "img 1M 2M",
            "-N 0 img",
            "-N -1 img",
            "-U abc img",
            "-E owner=1:1 img",
            "-E root_owner=1 img",
            "-E root_owner=4294967295:1 img",
            "-L 123456789012345678901234567890123 img",
            "-L a\u{7} img",
            "img -L",
        ] {
            let failure = parsed(line).expect_err(line);
            assert_eq!(failure.code, code::USAGE, "{line}: {}", failure.message);
        }
    }
}
