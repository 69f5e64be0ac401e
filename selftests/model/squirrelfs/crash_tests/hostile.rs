// SPDX-License-Identifier: GPL-2.0

//! Media that this file system did not write: bits and words of sound ones are changed at random, those in
//! the tables more often. Mounting, reading everything and using it may fail, but ends soon, stays within
//! the region and never panics.

use super::{cases::LONG, medium};
use crate::{
    model::{
        crc32c::Crc32c,
        extents::Mapping,
        format::Access,
        fs::{Error, Fs, Removal},
        inode::{mode, Attributes},
        layout::{
            inode as word, load_superblock, superblock, superblock_crc, Geometry, FILE_MAX_BYTES,
            NAME_MAX_BYTES, SYMLINK_MAX_BYTES,
        },
        pm::{load_bytes, Offset, Pm, LINE_BYTES, PAGE_BYTES, WORD_BYTES},
        record::{load_name, Name},
        rename::Existing,
        scan::{mount, Refused},
        write::{End, Zeros},
    },
    oracle::op::{create, link, mkdir, resize, symlink, write, Op, LATER_NS},
    sim::{memory::Memory, random::Random},
};
use std::collections::BTreeMap;

/// Media that are tried.
const MEDIA: u64 = 10_000;

/// Loads that mounting, reading and using a medium may take: one for each of its words.
const LOADS_PER_WORD: u64 = 1;

fn setup() -> Vec<Op> {
    vec![
        mkdir("d"),
        mkdir("d/e"),
        create("d/e/x"),
        create("a"),
        write("a", 0, 9_000),
        resize("a", 50_000),
        write("a", 30_000, 10),
        link("a", LONG),
        symlink("s", "a/target"),
        create("d/b"),
        write("d/b", 0, 100),
    ]
}

/// A part of the medium, most often one of the tables: a word of it.
fn place(geometry: &Geometry, random: &mut Random) -> Offset {
    let first = |at: Option<Offset>| at.map_or(0, |at| at.0);
    let (descriptors, pages) = (first(geometry.descriptor(0)), first(geometry.page(0)));
    let (from, len) = match random.below(10) {
        0 => (0, 65 * WORD_BYTES),
        1 => (PAGE_BYTES, 2 * LINE_BYTES),
        2..=4 => (first(geometry.inode(1)), 12 * 128),
        5 | 6 => (descriptors, 20 * 16),
        7 | 8 => (pages, 3 * PAGE_BYTES),
        _ => (0, geometry.size_bytes()),
    };
    Offset(from + random.below(len / WORD_BYTES) * WORD_BYTES)
}

/// Changes one word.
fn damage(pm: &Memory, geometry: &Geometry, random: &mut Random) {
    let at = place(geometry, random);
    let old = pm.load(at);
    let value = match random.below(6) {
        0 | 1 => old ^ (1 << random.below(64)),
        2 => random.next(),
        3 => old.wrapping_add(random.below(3)).wrapping_sub(1),
        4 => [0, u64::MAX, 1 << 63, 1 << 40, (1 << 52) - 1][random.below(5) as usize],
        _ => pm.load(place(geometry, random)),
    };
    pm.store(at, value);
}

/// Makes the checksum of the superblock right.
fn seal_superblock(pm: &Memory) {
    let words = load_superblock(pm, Offset(0));
    let at = Offset(0).word(superblock::CRC32C as u64);
    pm.store(at, superblock_crc(&words));
}

/// Arms a redo record of anything.
fn arm_redo(pm: &Memory, geometry: &Geometry, random: &mut Random) {
    let at = geometry.redo(random.below(64)).expect("a redo record");
    let mut change = || {
        let page = geometry.page(random.below(4)).expect("a page");
        (page.plus(random.below(64) * LINE_BYTES).0, random.below(40))
    };
    let (first, second) = (change(), change());
    let changes = [first.0, first.1, second.0, second.1];
    let head = pm.load(Offset(first.0).word(1));
    let lines = crate::model::record::Head::decode(head).map_or(1, |head| head.lines);
    let named = (2..lines * 8).map(|word| pm.load(Offset(first.0).word(word)));
    let words = changes.into_iter().chain([head & !(0xffff << 16)]);
    let crc = words.chain(named).fold(Crc32c::new(), Crc32c::word);
    for (index, word) in (1..).zip(changes) {
        pm.store(at.word(index), word);
    }
    pm.store(at, (0x5245_444f << 32) | u64::from(crc.finish()));
}

/// Reads everything; returns the names that were found, each with its directory and what it stands for.
fn read_all<P: Pm>(fs: &Fs<P>) -> Vec<(u64, Vec<u8>, u64)> {
    let (mut found, mut todo) = (Vec::new(), vec![fs.root()]);
    while let Some(dir) = todo.pop() {
        let mut cookie = 0;
        while let Ok(Some(entry)) = fs.entry(dir, cookie) {
            let mut buffer = [0; NAME_MAX_BYTES];
            let name = load_name(fs.pm(), entry.at, entry.name_bytes, &mut buffer);
            if let Some(name) = Name::new(name) {
                let _ = fs.lookup(dir, name);
            }
            found.push((dir, name.to_vec(), entry.ino));
            assert!(entry.next > cookie, "reading a directory does not go on");
            cookie = entry.next;
            if entry.kind == mode::DIRECTORY {
                todo.push(entry.ino);
            }
            read_contents(fs, entry.ino);
        }
    }
    found
}

fn read_contents<P: Pm>(fs: &Fs<P>, ino: u64) {
    let Ok(stat) = fs.attributes(ino) else {
        return;
    };
    let _ = fs.target(ino, &mut [0; SYMLINK_MAX_BYTES]);
    let (mut index, end) = (0, stat.size_bytes.div_ceil(PAGE_BYTES));
    while index < end {
        index += match fs.map(ino, index, end - index) {
            Ok(Mapping::Hole { pages }) => pages,
            Ok(Mapping::Data(run)) => {
                let at = fs.position(run).expect("a page that was given to a file");
                load_bytes(fs.pm(), at, &mut [0; 16]);
                run.pages
            }
            Err(_) => return,
        };
    }
}

/// Does something with a name that was found.
fn use_one<P: Pm>(fs: &mut Fs<P>, names: &[(u64, Vec<u8>, u64)], random: &mut Random) {
    let mut any = || &names[random.below(names.len() as u64) as usize];
    let ((dir, bytes, ino), (to_dir, to_bytes, _)) = (any(), any());
    let (Some(name), Some(to)) = (Name::new(bytes), Name::new(to_bytes)) else {
        return;
    };
    let now_ns = LATER_NS;
    let new = |mode| Attributes {
        mode,
        uid: 0,
        gid: 0,
        nlink: 0,
        rdev: 0,
        now_ns,
    };
    let fresh = Name::new(b"fresh").expect("a name");
    match random.below(10) {
        0 => drop(fs.create(*dir, fresh, new(mode::REGULAR | 0o644))),
        1 => drop(fs.create(*dir, fresh, new(mode::DIRECTORY | 0o755))),
        2 => drop(fs.symlink(*dir, fresh, b"target", new(0o777))),
        3 => drop(fs.link(*dir, fresh, *ino, now_ns)),
        4 => drop(fs.rename((*dir, name), (*to_dir, fresh), Existing::Keep, now_ns)),
        5 => drop(fs.rename((*dir, name), (*to_dir, to), Existing::Replace, now_ns)),
        6 => drop(fs.rename((*dir, name), (*to_dir, to), Existing::Exchange, now_ns)),
        7 => drop(fs.resize(*ino, random.below(2 * FILE_MAX_BYTES), now_ns)),
        8 => {
            let bits = random.below(50);
            let at = random.below(1 << bits);
            let end = [End::Moves, End::Stays][random.below(2) as usize];
            if let Ok(write) = fs.begin_write(*ino, at, 1 + random.below(20_000), end) {
                let geometry = *fs.geometry();
                let written = write.commit(fs.pm(), &geometry, &mut Zeros, now_ns);
                let _ = fs.note_write(written);
            }
        }
        _ => {
            let kind = [Removal::File, Removal::Directory][random.below(2) as usize];
            if let Ok((ino, _)) = fs.unlink(*dir, name, kind, now_ns) {
                fs.evict(ino);
            }
        }
    }
}

#[test]
fn only_files_have_an_end() {
    let memory = medium(&setup());
    let mut fs = super::visible(&memory);
    let name = |text: &'static str| Name::new(text.as_bytes()).expect("a name");
    let symlink = fs.lookup(fs.root(), name("s")).expect("it was made");
    let root = fs.root();
    // What is no file may have any number where a file has its size.
    let at = fs.geometry().inode(root).expect("an inode");
    memory.store(at.word(word::SIZE), u64::MAX - 1);
    let stores = memory.counts().stores;
    assert_eq!(fs.resize(root, 9, 1).err(), Some(Error::IsDirectory));
    assert_eq!(fs.resize(symlink, 9, 1).err(), Some(Error::Invalid));
    let written = fs.begin_write(root, 0, 9, End::Stays);
    assert_eq!(written.err(), Some(Error::IsDirectory));
    assert_eq!(memory.counts().stores, stores);
}

#[test]
fn hostile_media_are_refused_or_used_without_a_panic_an_endless_loop_or_a_stray_store() {
    let sound = medium(&setup());
    let geometry = *super::visible(&sound).geometry();
    let most = sound.size_bytes() / WORD_BYTES * LOADS_PER_WORD;
    let (mut outcomes, mut worst) = (BTreeMap::<String, u32>::new(), 0);
    for seed in 0..MEDIA {
        let mut random = Random::new(seed);
        let damaged = sound.clone();
        for _ in 0..1 + random.below(4) {
            damage(&damaged, &geometry, &mut random);
        }
        if random.below(8) == 0 {
            arm_redo(&damaged, &geometry, &mut random);
        }
        if random.below(2) == 0 {
            seal_superblock(&damaged);
        }
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let memory = damaged.clone().apart();
            let loads = memory.loads();
            let outcome = match mount(&memory, access) {
                Err(Refused::Corrupt(what)) => {
                    let what = format!("{what:?}");
                    what.split(' ').next().unwrap_or("").to_string()
                }
                Err(error) => format!("{error:?}"),
                Ok((mut fs, repairs)) => {
                    let names = read_all(&fs);
                    let steps = if access == Access::ReadWrite { 12 } else { 0 };
                    for _ in 0..steps * names.len().min(1) {
                        use_one(&mut fs, &names, &mut random);
                    }
                    read_all(&fs);
                    let repaired = if repairs.is_none() { "" } else { ", repaired" };
                    format!("mounted{repaired}")
                }
            };
            *outcomes.entry(outcome).or_default() += 1;
            let loads = memory.loads() - loads;
            worst = worst.max(loads);
            assert!(loads < most, "seed {seed}, {access:?}: {loads} loads");
            assert_eq!(memory.defects(), [], "seed {seed}, {access:?}");
        }
    }
    println!("{outcomes:?}; at most {worst} loads");
}
