// SPDX-License-Identifier: GPL-2.0

//! The paths of a medium, one after the other.

use crate::model::{
    layout::{PageKind, ROOT_INO, SYMLINK_MAX_BYTES},
    num,
    pm::{load_bytes, Pm},
};
use crate::survey::{Entry, Extent, Survey};
use std::collections::HashSet;

/// A path and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) path: Vec<u8>,
    /// May be free, on a corrupt medium.
    pub(crate) ino: u64,
}

/// Gives every path, a directory before what is in it. Memory grows with the depth, not with the number
/// of paths, and a directory that can be reached twice is entered once.
pub(crate) struct Walk<'a, P: Pm> {
    survey: &'a Survey,
    pm: &'a P,
    /// Length of each directory's path, and what is still to come in it.
    todo: Vec<(usize, std::vec::IntoIter<Entry>)>,
    path: Vec<u8>,
    entered: HashSet<u64>,
}

impl<'a, P: Pm> Walk<'a, P> {
    pub(crate) fn new(survey: &'a Survey, pm: &'a P) -> Self {
        Self {
            survey,
            pm,
            todo: Vec::new(),
            path: Vec::new(),
            entered: HashSet::new(),
        }
    }

    fn enter(&mut self, dir: u64) {
        let is_dir = self.survey.inodes.get(&dir).is_some_and(|it| it.is_dir());
        if is_dir && self.entered.insert(dir) {
            let (entries, _) = self.survey.entries(self.pm, dir);
            self.todo.push((self.path.len(), entries.into_iter()));
        }
    }
}

impl<P: Pm> Iterator for Walk<'_, P> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        if self.entered.is_empty() {
            self.enter(ROOT_INO);
            // So that it comes once even if there is no root.
            self.entered.insert(ROOT_INO);
            return Some(Node {
                path: b"/".into(),
                ino: ROOT_INO,
            });
        }
        let entry = loop {
            let (len, entries) = self.todo.last_mut()?;
            self.path.truncate(*len);
            match entries.next() {
                Some(entry) => break entry,
                None => drop(self.todo.pop()),
            }
        };
        self.path.push(b'/');
        self.path.extend(&entry.name);
        let node = Node {
            path: self.path.clone(),
            ino: entry.ino,
        };
        self.enter(entry.ino);
        Some(node)
    }
}

/// The target of a symlink; [`None`] of anything else.
pub(crate) fn target(survey: &Survey, pm: &impl Pm, ino: u64, size: u64) -> Option<Vec<u8>> {
    let first = |extent: &&Extent| extent.kind == PageKind::Symlink && extent.index == 0;
    let extent = survey.inodes.get(&ino)?.extents.iter().find(first)?;
    let mut target = vec![0; num::index(size).min(SYMLINK_MAX_BYTES)];
    load_bytes(pm, survey.geometry.page(extent.page)?, &mut target);
    Some(target)
}
