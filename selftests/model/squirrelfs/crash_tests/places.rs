// SPDX-License-Identifier: GPL-2.0

//! What the module asks of a file besides writing it: where bytes are, and pages for page faults.

use super::{formatted, mounted};
use crate::model::{
    data::Place,
    format,
    fs::{Error, Fs},
    inode::{mode, Attributes},
    layout::HUGE_PAGE_BYTES,
    pm::{Pm, PAGE_BYTES},
    record::Name,
    scan::{pause, resume},
};
use crate::sim::memory::Memory;

/// A file of 10 pages and a byte, all of it a hole; returns its number.
fn sparse_file(fs: &mut Fs<&Memory>) -> u64 {
    let new = Attributes {
        mode: mode::REGULAR | 0o600,
        uid: 0,
        gid: 0,
        nlink: 0,
        rdev: 0,
        now_ns: 5,
    };
    let name = Name::new(b"f").expect("a name");
    let (ino, _) = fs.create(fs.root(), name, new).expect("room");
    let _ = fs.resize(ino, 10 * PAGE_BYTES + 1, 5).expect("memory");
    ino
}

#[test]
fn a_page_fault_fills_the_page_it_is_in_and_no_other() {
    let memory = formatted();
    let mut fs = mounted(&memory);
    let ino = sparse_file(&mut fs);
    let free = fs.free().1;
    // The last page counts, too, and only the first time.
    for at_bytes in [3 * PAGE_BYTES, 3 * PAGE_BYTES + 77, 10 * PAGE_BYTES] {
        assert_eq!(fs.fill(ino, at_bytes, PAGE_BYTES), Ok(()));
    }
    assert_eq!(fs.free().1, free - 2);
    let hole = |len_bytes| Ok(Place::Hole { len_bytes });
    assert_eq!(fs.map_bytes(ino, 100, u64::MAX), hole(3 * PAGE_BYTES - 100));
    assert_eq!(fs.map_bytes(ino, 4 * PAGE_BYTES, 50), hole(50));
    let Ok(Place::Data { at, len_bytes }) = fs.map_bytes(ino, 3 * PAGE_BYTES + 8, u64::MAX) else {
        panic!("the page is not there");
    };
    assert_eq!(len_bytes, PAGE_BYTES - 8);
    assert!((0..len_bytes / 8).all(|word| memory.load(at.word(word)) == 0));
}

#[test]
fn a_huge_page_fault_is_refused_where_no_huge_page_is_free() {
    let memory = formatted();
    let mut fs = mounted(&memory);
    let ino = sparse_file(&mut fs);
    let free = fs.free();
    assert_eq!(fs.fill(ino, 0, HUGE_PAGE_BYTES), Err(Error::NoSpace));
    assert_eq!(fs.free(), free);
}

#[test]
fn behind_the_last_page_nothing_is_filled() {
    let memory = formatted();
    let mut fs = mounted(&memory);
    let ino = sparse_file(&mut fs);
    let free = fs.free();
    assert_eq!(
        fs.fill(ino, 11 * PAGE_BYTES, PAGE_BYTES),
        Err(Error::TooLarge)
    );
    assert_eq!(fs.free(), free);
}

#[test]
fn a_paused_medium_is_called_unmounted_unless_a_file_waits_for_being_closed() {
    let memory = formatted();
    let mut fs = mounted(&memory);
    let state = fs.geometry().state();
    pause(&fs);
    assert_eq!(memory.load(state), format::CLEAN);
    resume(&fs);
    assert_eq!(memory.load(state), format::MOUNTED);
    let new = Attributes {
        mode: mode::REGULAR,
        uid: 0,
        gid: 0,
        nlink: 0,
        rdev: 0,
        now_ns: 5,
    };
    let (ino, _) = fs.tmpfile(new).expect("room");
    pause(&fs);
    assert_eq!(memory.load(state), format::MOUNTED);
    fs.evict(ino);
    pause(&fs);
    assert_eq!(memory.load(state), format::CLEAN);
}
