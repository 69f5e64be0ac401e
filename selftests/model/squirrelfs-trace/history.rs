// SPDX-License-Identifier: GPL-2.0

//! What was done to each inode so far, as far as it showed.

use super::tree::{by_id, Id, Tree, ATIME, CTIME};
use std::collections::{BTreeMap, BTreeSet};

/// The place of the time of modification among the attributes.
pub(crate) const MTIME: usize = CTIME - 1;

/// As its namesake of the simulator, which knows the operations themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    written: BTreeMap<Id, BTreeSet<u8>>,
    left: BTreeSet<(Id, usize, u64)>,
}

impl History {
    /// A byte of `page` that was never in this file.
    pub(crate) fn foreign(&self, id: Id, page: &[u8]) -> Option<u8> {
        let written = self.written.get(&id);
        let own = |byte: &u8| *byte == 0 || written.is_some_and(|all| all.contains(byte));
        page.iter().copied().find(|byte| !own(byte))
    }

    /// Whether an attribute was once `value`, and what replaced it was left to a later fence.
    pub(crate) fn left(&self, id: Id, attribute: usize, value: u64) -> bool {
        self.left.contains(&(id, attribute, value))
    }

    /// Learns from what the operation `label` did. Recovery counts links anew; that something was read, or
    /// stored to through a mapping, need not be known before it is synced.
    pub(crate) fn learn(&mut self, label: &str, before: &Tree, after: &Tree) {
        let is_mapped = label.starts_with("fault ") || label.starts_with("store ");
        for shown in before.values().chain(after.values()) {
            let bytes = shown.contents.pages().values().flatten().copied();
            self.written.entry(shown.id).or_default().extend(bytes);
        }
        let new = by_id(after);
        for (id, old) in by_id(before) {
            let Some(new) = new.get(&id) else {
                continue;
            };
            let is_changed = is_mapped || new.nlink < old.nlink;
            for (index, is_left) in [(CTIME, is_changed), (MTIME, is_mapped), (ATIME, true)] {
                let value = old.attributes[index];
                if is_left && value != new.attributes[index] {
                    self.left.insert((id, index, value));
                }
            }
        }
    }
}
