// SPDX-License-Identifier: GPL-2.0

//! A dump as JSON, written as it is read: it may be much larger than memory.

use crate::dump::Medium;
use crate::tree::Walk;
use crate::view::{Bytes, Counts, EntryView, GeometryView, InodeView, SuperblockView};
use serde::{Serialize, Serializer};
use std::cell::Cell;
use std::io::{self, Write};

/// A sequence that is made while it is written.
struct Stream<I>(Cell<Option<I>>);

impl<I> Stream<I> {
    fn new(items: impl IntoIterator<IntoIter = I>) -> Self {
        Self(Cell::new(Some(items.into_iter())))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for Stream<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.take().into_iter().flatten())
    }
}

#[derive(Serialize)]
struct Whole<T: Serialize, O: Serialize, L: Serialize, P: Serialize> {
    superblock: SuperblockView,
    geometry: GeometryView,
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<T>,
    orphan_inodes: O,
    orphan_pages: L,
    problems: P,
}

/// A path with its inode, which is missing on a corrupt medium.
#[derive(Serialize)]
struct Node {
    path: Bytes,
    ino: u64,
    inode: Option<InodeView>,
}

#[derive(Serialize)]
struct One {
    #[serde(flatten)]
    inode: InodeView,
    names: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<Vec<EntryView>>,
}

fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Writes the whole medium, or all but its tree.
pub(crate) fn medium(out: &mut impl Write, it: &Medium<'_>, only_orphans: bool) -> io::Result<()> {
    let nodes = || {
        Walk::new(&it.survey, it.image).map(|node| Node {
            path: Bytes::new(&node.path),
            ino: node.ino,
            inode: it.inode(node.ino),
        })
    };
    let orphans = it.survey.orphans();
    let whole = Whole {
        superblock: it.superblock(),
        geometry: it.geometry(),
        counts: it.counts(),
        tree: (!only_orphans).then(|| Stream::new(nodes())),
        orphan_inodes: Stream::new(orphans.filter_map(|(ino, _)| it.inode(ino))),
        orphan_pages: &it.survey.lost_pages,
        problems: Stream::new(it.survey.problems.iter().map(ToString::to_string)),
    };
    write(out, &whole)
}

/// Writes one inode.
pub(crate) fn inode(out: &mut impl Write, it: &Medium<'_>, ino: u64) -> io::Result<()> {
    let Some((inode, node)) = it.inode(ino).zip(it.survey.inodes.get(&ino)) else {
        return Ok(());
    };
    let one = One {
        inode,
        names: node.names,
        entries: node.is_dir().then(|| it.entries(ino)),
    };
    write(out, &one)
}
