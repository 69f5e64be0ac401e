// SPDX-License-Identifier: GPL-2.0

//! What well-known formats are recognised by, so that none is overwritten by mistake.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A format, and bytes that media in it have at a position.
struct Signature {
    what: &'static str,
    at: At,
    bytes: &'static [u8],
}

/// A position on a medium.
#[derive(Clone, Copy)]
enum At {
    Start(u64),
    End(u64),
}

use self::At::{End, Start};

const fn signature(what: &'static str, at: At, bytes: &'static [u8]) -> Signature {
    Signature { what, at, bytes }
}

/// The more specific ones first: what has a file system's may also look like a partition table.
const SIGNATURES: &[Signature] = &[
    signature("a squirrelfs file system", Start(0), b"SQRLFS1\n"),
    signature(
        "an ext2, ext3 or ext4 file system",
        Start(1080),
        b"\x53\xef",
    ),
    signature("an XFS file system", Start(0), b"XFSB"),
    signature("a Btrfs file system", Start(65_600), b"_BHRfS_M"),
    signature("an F2FS file system", Start(1024), b"\x10\x20\xf5\xf2"),
    signature(
        "a bcachefs file system",
        Start(4120),
        b"\xc6\x85\x73\xf6\x66\xce\x90\xa9",
    ),
    signature("a NOVA file system", Start(4), b"NOVA"),
    signature("an NTFS file system", Start(3), b"NTFS    "),
    signature("an exFAT file system", Start(3), b"EXFAT   "),
    signature("a FAT file system", Start(54), b"FAT1"),
    signature("a FAT file system", Start(82), b"FAT32   "),
    signature("a SquashFS file system", Start(0), b"hsqs"),
    signature("an EROFS file system", Start(1024), b"\xe2\xe1\xf5\xe0"),
    signature("an ISO 9660 file system", Start(32_769), b"CD001"),
    signature("a UDF file system", Start(32_769), b"BEA01"),
    signature("a ReiserFS file system", Start(65_588), b"ReIsEr"),
    signature("a JFS file system", Start(32_768), b"JFS1"),
    signature("a NILFS2 file system", Start(1030), b"\x34\x34"),
    signature("swap space", Start(4086), b"SWAPSPACE2"),
    signature("swap space", Start(4086), b"SWAP-SPACE"),
    signature("an encrypted volume (LUKS)", Start(0), b"LUKS\xba\xbe"),
    signature("an LVM physical volume", Start(512), b"LABELONE"),
    signature("an LVM physical volume", Start(0), b"LABELONE"),
    signature("a member of a software RAID", Start(0), b"\xfc\x4e\x2b\xa9"),
    signature(
        "a member of a software RAID",
        Start(4096),
        b"\xfc\x4e\x2b\xa9",
    ),
    signature(
        "a member of a software RAID",
        End(8192),
        b"\xfc\x4e\x2b\xa9",
    ),
    signature(
        "a bcache device",
        Start(4120),
        b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca",
    ),
    signature(
        "a namespace in sector mode (BTT)",
        Start(4096),
        b"BTT_ARENA_INFO\0",
    ),
    signature(
        "a namespace's page map (fsdax or devdax)",
        Start(4096),
        b"NVDIMM_PFN_INFO\0",
    ),
    signature("a partition table (GPT)", Start(512), b"EFI PART"),
    signature("a partition table (GPT)", End(512), b"EFI PART"),
    signature("a partition table (MBR)", Start(510), b"\x55\xaa"),
];

/// A signature that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) what: &'static str,
    at: u64,
    len: usize,
}

/// The signatures on a medium.
pub(crate) fn find(file: &File, size_bytes: u64) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for Signature { what, at, bytes } in SIGNATURES {
        let at = match *at {
            Start(at) => at,
            End(back) => size_bytes.saturating_sub(back),
        };
        let len = bytes.len();
        if at.saturating_add(len as u64) > size_bytes {
            continue;
        }
        let mut here = vec![0; len];
        file.read_exact_at(&mut here, at)?;
        if here == *bytes {
            found.push(Found { what, at, len });
        }
    }
    Ok(found)
}

/// Overwrites signatures, so that nobody takes the medium for what it was.
pub(crate) fn wipe(file: &File, found: &[Found]) -> io::Result<()> {
    for Found { at, len, .. } in found {
        file.write_all_at(&vec![0; *len], *at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_found_and_wiped() {
        const SIZE: u64 = 1 << 20;
        for Signature { what, at, bytes } in SIGNATURES {
            let file = tempfile::tempfile().unwrap();
            file.set_len(SIZE).unwrap();
            assert_eq!(find(&file, SIZE).unwrap(), []);
            let at = match *at {
                Start(at) => at,
                End(back) => SIZE - back,
            };
            file.write_all_at(bytes, at).unwrap();
            let found = find(&file, SIZE).unwrap();
            assert_eq!(found.first().map(|found| found.what), Some(*what));
            wipe(&file, &found).unwrap();
            assert_eq!(find(&file, SIZE).unwrap(), []);
        }
    }

    #[test]
    fn the_smallest_files_have_none() {
        for size in [0, 1, 511, 4096] {
            let file = tempfile::tempfile().unwrap();
            file.set_len(size).unwrap();
            assert_eq!(find(&file, size).unwrap(), []);
        }
    }
}
