// SPDX-License-Identifier: GPL-2.0

//! What a crash may leave of an operation.
//!
//! Names, links, types and targets are all those before the operation or all those after it. What an inode
//! has, attributes and data, is compared with the same inode before and after, whatever its names:
//!
//! - Each attribute is old or new. A change of the owner may besides leave the mode without its set-ID
//!   bits, but never with them and the other owner.
//! - Each word of a page that the file had is old or new. A page that fills a hole is there with all its
//!   bytes or not at all. What lies between the old end and the new one is there with all its bytes if the
//!   size says so.
//! - What lies behind the end in the last page is seen through a mapping only. While the file system runs,
//!   it is zeros. A crash may leave bytes there that were once written to this file, or were about to be:
//!   an append that did not happen, or the end that was cut off. They are no secret to anybody who can read
//!   the file, and become zeros before the end moves over them.
//! - No page of a file ever has a byte that was not written to this file.
//!
//! Once the operation has returned, everything is new, but for times that are left to a later fence.

use super::{
    session::History,
    tree::{by_id, Contents, Shown, Tree, ATTRIBUTES, HEAD, OWNER},
};
use crate::model::pm::{PAGE_BYTES, WORD_BYTES};
use std::ops::Range;

/// Set-user-ID and set-group-ID in a head.
const SET_IDS: u64 = 0o6000;

/// What `found` shows that an operation from `before` to `after` cannot leave; `returned`: it had returned.
pub(crate) fn difference(
    found: &Tree,
    before: &Tree,
    after: &Tree,
    history: &History,
    returned: bool,
) -> Option<String> {
    let is = |tree| structure(found).eq(structure(tree));
    if !is(after) && (returned || !is(before)) {
        let found: Vec<_> = structure(found).collect();
        return Some(format!("names and links: {found:?}"));
    }
    let (old, new) = (by_id(before), by_id(after));
    found.iter().find_map(|(path, it)| {
        let (old, new) = (old.get(&it.id).copied(), new.get(&it.id).copied());
        // Nothing is new of what is gone; nothing was old of what is new.
        let new = new.or(old)?;
        let old = match returned {
            true => new,
            false => old.unwrap_or(new),
        };
        let reason = attributes(it, old, new, history).or_else(|| data(it, old, new, history));
        reason.map(|reason| format!("'{path}': {reason}"))
    })
}

/// What a crash leaves wholly before or wholly after the operation.
fn structure(tree: &Tree) -> impl Iterator<Item = impl PartialEq + std::fmt::Debug + '_> {
    tree.iter().map(|(path, it)| {
        let target = match &it.contents {
            Contents::Target(target) => &target[..],
            _ => &[],
        };
        (path, it.id, it.kind, it.nlink, target)
    })
}

fn attributes(it: &Shown, old: &Shown, new: &Shown, history: &History) -> Option<String> {
    (0..ATTRIBUTES.len()).find_map(|index| {
        let of = |shown: &Shown| shown.attributes[index];
        let value = of(it);
        let known = value == of(new) || value == of(old) || history.left(it.id, index, value);
        let allowed = match index {
            HEAD => is_mode_allowed(it, old, new),
            _ => known,
        };
        (!allowed).then(|| {
            let (old, new) = (of(old), of(new));
            format!("attribute {index} is {value:#x}, was {old:#x}, becomes {new:#x}")
        })
    })
}

fn is_mode_allowed(it: &Shown, old: &Shown, new: &Shown) -> bool {
    let (head, owner) = (it.attributes[HEAD], it.attributes[OWNER]);
    let same = |other: &Shown| head == other.attributes[HEAD];
    if old.attributes[OWNER] == new.attributes[OWNER] {
        return same(old) || same(new);
    }
    if head & SET_IDS != 0 {
        let whole = |other: &Shown| same(other) && owner == other.attributes[OWNER];
        return whole(old) || whole(new);
    }
    let bare = |other: &Shown| head == other.attributes[HEAD] & !SET_IDS;
    bare(old) || bare(new)
}

fn data(it: &Shown, old: &Shown, new: &Shown, history: &History) -> Option<String> {
    let pages = it.contents.pages();
    let (old_pages, new_pages) = (old.contents.pages(), new.contents.pages());
    for (index, page) in pages {
        let had = old_pages.get(index);
        // Both were compared with what had been written when the operation was done without a crash.
        if Some(page) == new_pages.get(index) || Some(page) == had && it.size() <= old.size() {
            continue;
        }
        if let Some(byte) = history.foreign(it.id, page) {
            return Some(format!("{byte:#x} in page {index} is of no write to it"));
        }
        let start = index * PAGE_BYTES;
        let end = |shown: &Shown| shown.size().saturating_sub(start).min(PAGE_BYTES);
        for word in (0..PAGE_BYTES).step_by(WORD_BYTES as usize) {
            let behind = word + WORD_BYTES;
            let within = word..behind.min(end(it)).min(end(old));
            let appended = word.max(end(old))..behind.min(end(it));
            let is = |other: &Shown, mut bytes: Range<u64>| {
                bytes.all(|at| page[at as usize] == other.byte(*index, at as usize))
            };
            let allowed =
                is(new, appended) && (is(new, within.clone()) || had.is_some() && is(old, within));
            if !allowed {
                let word = start + word;
                return Some(format!("the word at byte {word} is neither old nor new"));
            }
        }
    }
    let mut holes = (0..it.size().div_ceil(PAGE_BYTES)).filter(|index| !pages.contains_key(index));
    let lost = holes.find(|index| {
        let was_hole = !old_pages.contains_key(index);
        let stays = !new_pages.contains_key(index);
        !(was_hole && (stays || it.size() <= old.size()))
    });
    lost.map(|index| format!("page {index} is lost"))
}
