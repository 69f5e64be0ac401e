// SPDX-License-Identifier: GPL-2.0

//! Pages of a file as words.

use crate::model::pm::{word_of, PAGE_BYTES, WORD_BYTES};
use rustix::fs::{fallocate, FallocateFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt};

pub(crate) const PAGE_WORDS: usize = (PAGE_BYTES / WORD_BYTES) as usize;
/// What is written at a time where a range cannot be zeroed at once.
const ZEROS_BYTES: usize = 1 << 20;

/// The contents of a page.
pub(crate) type Page = [u64; PAGE_WORDS];

/// Reads a page; what is behind the end of the image is zero.
pub(crate) fn read_page(file: &File, size_bytes: u64, page: u64) -> io::Result<Box<Page>> {
    let mut bytes = [0; PAGE_BYTES as usize];
    let at = page * PAGE_BYTES;
    let here = usize::try_from(size_bytes.saturating_sub(at)).unwrap_or(usize::MAX);
    let len = bytes.len().min(here);
    file.read_exact_at(&mut bytes[..len], at)?;
    let mut words = Box::new([0; PAGE_WORDS]);
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = word_of(chunk);
    }
    Ok(words)
}

/// Makes a range of the file read as zeros, without writing them if that can be helped.
pub(crate) fn zero_range(file: &File, at: u64, len_bytes: u64) -> io::Result<()> {
    // Of a file, the blocks need not even exist; of a device, they must not be lost.
    let flags = if file.metadata()?.file_type().is_block_device() {
        FallocateFlags::ZERO_RANGE
    } else {
        FallocateFlags::PUNCH_HOLE
    };
    let flags = flags | FallocateFlags::KEEP_SIZE;
    match fallocate(file, flags, at, len_bytes) {
        // Not every file system has it, squirrelfs for one.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
        done => return Ok(done?),
    }
    let zeros = vec![0; ZEROS_BYTES];
    let mut done = 0;
    while done < len_bytes {
        let count = usize::try_from(len_bytes - done)
            .unwrap_or(usize::MAX)
            .min(ZEROS_BYTES);
        file.write_all_at(&zeros[..count], at + done)?;
        done += count as u64;
    }
    Ok(())
}
