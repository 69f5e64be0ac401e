// SPDX-License-Identifier: GPL-2.0

//! What recovery changes on a medium, in words: found by looking at the words it has changed, so that it
//! is what was done, and not what somebody thinks it does.

use crate::image::Changed;
use crate::model::{
    inode::Head,
    layout::{
        descriptor, inode as word, record as record_word, redo, superblock, Geometry,
        DESCRIPTOR_BYTES, INODE_BYTES, NAME_MAX_BYTES, REDO_RECORDS,
    },
    page::Owner,
    pm::{Offset, Pm, LINE_BYTES, WORD_BYTES},
    record::{load_name, Head as RecordHead},
};
use crate::text::{self, Name};

/// A repair: what is wrong, and what is done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repair {
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

fn repair(what: String, remedy: &'static str) -> Option<Repair> {
    Some(Repair { what, remedy })
}

/// The repairs that `changed` consists of. `pm` is the medium after them.
pub(crate) fn describe(pm: &impl Pm, geometry: &Geometry, changed: &[Changed]) -> Vec<Repair> {
    let is_freed = |ino: &u64| {
        let at = geometry.inode(*ino).map(|at| at.word(word::HEAD));
        let found = at.map(|at| changed.binary_search_by_key(&at, |it| it.at));
        matches!(found, Some(Ok(index)) if changed[index].new == 0)
    };
    let mut repairs = Vec::new();
    let mut freed = Vec::new();
    for it in changed {
        let page = freed_page(geometry, it);
        match page {
            // That the inode goes says it.
            Some((_, ino)) if is_freed(&ino) => {}
            Some(page) => freed.push(page),
            None => repairs.extend(
                of_redo(geometry, it)
                    .or_else(|| of_inode(geometry, it, is_freed))
                    .or_else(|| of_descriptor(geometry, it))
                    .or_else(|| of_data(pm, geometry, it))
                    .unwrap_or_else(|| of_something(it)),
            ),
        }
    }
    let follows = |(page, ino): &(u64, u64), next: &(u64, u64)| (page + 1, *ino) == *next;
    repairs.extend(freed.chunk_by(follows).filter_map(of_freed_pages));
    repairs.dedup();
    repairs
}

/// A word of a table of entries that are `bytes` large: the entry's number, and the word's in it.
fn place(at: Offset, table: Option<Offset>, bytes: u64, entries: u64) -> Option<(u64, u64)> {
    let distance = at.0.checked_sub(table?.0)?;
    let entry = distance / bytes;
    (entry < entries).then_some((entry, distance % bytes / WORD_BYTES))
}

fn of_redo(geometry: &Geometry, it: &Changed) -> Option<Option<Repair>> {
    let (index, word) = place(it.at, geometry.redo(0), LINE_BYTES, REDO_RECORDS)?;
    Some(match word {
        redo::HEAD => repair(
            format!("Redo record {index} is of a rename that was not finished"),
            "Close",
        ),
        _ => None,
    })
}

fn of_inode(
    geometry: &Geometry,
    it: &Changed,
    is_freed: impl Fn(&u64) -> bool,
) -> Option<Option<Repair>> {
    let first = geometry.inode(1)?;
    let (index, word) = place(it.at, Some(first), INODE_BYTES, geometry.inode_count() - 1)?;
    let ino = index + 1;
    Some(match word {
        word::HEAD if it.new == 0 => {
            let kind = Head::decode(it.old).map_or("object", |head| text::kind(head.mode));
            repair(format!("Inode {ino}, a {kind}, has no name"), "Free")
        }
        _ if is_freed(&ino) => None,
        word::NLINK => repair(
            format!(
                "Inode {ino} has the link count {}, should be {}",
                it.old, it.new
            ),
            "Fix",
        ),
        word::SIZE => repair(
            format!("Inode {ino} has the size {}, should be {}", it.old, it.new),
            "Fix",
        ),
        word::CTIME_NS | word::MTIME_NS => None,
        _ => repair(
            format!(
                "Inode {ino} has {:#x} in word {word}, should be {:#x}",
                it.old, it.new
            ),
            "Fix",
        ),
    })
}

/// The page whose owner word was cleared, and its owner.
fn freed_page(geometry: &Geometry, it: &Changed) -> Option<(u64, u64)> {
    let table = geometry.descriptor(0);
    let (page, word) = place(it.at, table, DESCRIPTOR_BYTES, geometry.data_pages())?;
    let owner = Owner::decode(it.old)?;
    (word == descriptor::OWNER && it.new == 0).then_some((page, owner.ino))
}

fn of_freed_pages(pages: &[(u64, u64)]) -> Option<Repair> {
    match pages {
        [(page, ino)] => repair(
            format!("Page {page} belongs to inode {ino}, which does not have it"),
            "Free",
        ),
        [(first, ino), .., (last, _)] => repair(
            format!("Pages {first} to {last} belong to inode {ino}, which does not have them"),
            "Free",
        ),
        [] => None,
    }
}

fn of_descriptor(geometry: &Geometry, it: &Changed) -> Option<Option<Repair>> {
    let table = geometry.descriptor(0);
    let (page, word) = place(it.at, table, DESCRIPTOR_BYTES, geometry.data_pages())?;
    let (old, new) = (it.old, it.new);
    Some(repair(
        format!("Page {page} has {old:#x} in word {word}, should be {new:#x}"),
        "Fix",
    ))
}

fn of_data(pm: &impl Pm, geometry: &Geometry, it: &Changed) -> Option<Option<Repair>> {
    let page = geometry.page_of(it.at)?;
    let owner = geometry.descriptor(page)?.word(descriptor::OWNER);
    let ino = Owner::decode(pm.load(owner)).map_or(0, |owner| owner.ino);
    let record = it.at.line();
    let Some(head) = RecordHead::decode(pm.load(record.word(record_word::HEAD))) else {
        return Some(repair(
            format!("Page {page} of inode {ino} has contents that are not its own"),
            "Clear",
        ));
    };
    if it.at != record.word(record_word::INO) {
        return Some(None);
    }
    let mut buffer = [0; NAME_MAX_BYTES];
    let name = Name(load_name(pm, record, head.name_bytes, &mut buffer));
    let names = |ino: u64| match ino {
        0 => String::from("nothing"),
        ino => format!("inode {ino}"),
    };
    let (old, new) = (names(it.old), names(it.new));
    Some(repair(
        format!("Name '{name}' in directory {ino} is for {old}, should be for {new}"),
        "Fix",
    ))
}

/// Whatever else: only the state word is nothing to speak of.
fn of_something(it: &Changed) -> Option<Repair> {
    if it.at == Offset(0).word(superblock::STATE) {
        return None;
    }
    let (at, old, new) = (it.at.0, it.old, it.new);
    repair(format!("At {at:#x} is {old:#x}, should be {new:#x}"), "Fix")
}
