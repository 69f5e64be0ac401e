// SPDX-License-Identifier: GPL-2.0

//! One operation of the module: what was there before it, what it did, and every crash on the way.

use crate::{
    model::{
        format::Access,
        layout::{superblock, MAGIC},
        pm::{Offset, Pm, PAGE_BYTES, WORD_BYTES},
        scan::{mount, Repairs},
    },
    oracle::{
        compare::difference,
        session::History,
        tree::{by_id, tree, Contents, Shown, Tree},
    },
    reader::{Event, Section},
    replay::{replay, Cost},
    sim::{
        crash::Limits,
        fault::{Counts, Fault},
        memory::Memory,
        trace::{explore_within, Moment, Report},
    },
};

/// A section with the medium in front of it, and what it may leave of that.
pub(crate) struct Stage {
    /// The operation; of what happened between two, an empty text.
    pub(crate) label: String,
    pub(crate) events: Vec<Event>,
    pub(crate) cost: Cost,
    /// What was asked of the simulated memory.
    pub(crate) counts: Counts,
    pub(crate) before: Tree,
    pub(crate) after: Tree,
    /// What is in front of it, with what the operations before it left to a later fence.
    memory: Memory,
    history: History,
}

/// Replays a trace upon an image, all of which is durable. Returns its stages.
pub(crate) fn stages(image: &[u8], sections: Vec<Section>) -> Result<Vec<Stage>, String> {
    let memory = Memory::new(image.len() as u64);
    memory.copy(Offset(0), image);
    memory.fence();
    let mut before = visible(&memory)?;
    let mut history = History::default();
    let mut stages = Vec::new();
    for Section { label, events } in sections {
        let label = label.unwrap_or_default();
        let (start, counts) = (memory.clone(), memory.counts());
        replay(&memory, &events);
        let after = visible(&memory).map_err(|reason| format!("after '{label}': {reason}"))?;
        history.learn(&label, &before, &after);
        stages.push(Stage {
            cost: Cost::of(&events),
            counts: memory.counts().since(counts),
            before: std::mem::replace(&mut before, after.clone()),
            after,
            memory: start,
            history: history.clone(),
            label,
            events,
        });
    }
    match memory.defects().first() {
        None => Ok(stages),
        Some(defect) => Err(format!("outside of the file system: {defect:?}")),
    }
}

/// The size that a medium's superblock says.
pub(crate) fn size_bytes(image: &[u8]) -> Option<usize> {
    let word = |index: usize| {
        let bytes = image.get(index * WORD_BYTES as usize..)?.get(..8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let size = usize::try_from(word(superblock::SIZE_BYTES)?).ok()?;
    (word(superblock::MAGIC) == Some(MAGIC)).then_some(size)
}

/// The same but for words of a file's pages that have some bytes of before and some of after: they are
/// made those of after. The kernel's copy from user space, and a program that stores through a mapping, do
/// the ends of an unaligned piece in parts of words; the core's own are whole.
fn with_whole_words(found: &Tree, before: &Tree, after: &Tree) -> Tree {
    let (old, new) = (by_id(before), by_id(after));
    let mut whole = found.clone();
    for it in whole.values_mut() {
        let (Some(old), Some(new)) = (old.get(&it.id), new.get(&it.id)) else {
            continue;
        };
        let (end, old, new) = (old.size(), old.contents.pages(), new.contents.pages());
        let Contents::Pages(pages) = &mut it.contents else {
            continue;
        };
        for (index, page) in pages {
            let (Some(old), Some(new)) = (old.get(index), new.get(index)) else {
                continue;
            };
            let end = end.saturating_sub(index * PAGE_BYTES).min(PAGE_BYTES) as usize;
            let bytes = page.iter_mut().zip(old.iter().zip(new)).take(end);
            for (byte, (_, new)) in bytes.filter(|(byte, (old, _))| *byte == *old) {
                *byte = *new;
            }
        }
    }
    whole
}

/// What the file system shows while it runs. Nothing is to be repaired then but what is left to a later
/// fence, all of which has been stored.
fn visible(memory: &Memory) -> Result<Tree, String> {
    let (fs, repairs) = mount(memory, Access::ReadOnly).map_err(|error| format!("{error:?}"))?;
    match repairs.is_none() {
        true => Ok(tree(&fs)),
        false => Err(format!(
            "without a crash there is something to repair: {repairs:?}"
        )),
    }
}

impl Stage {
    /// The first word of the operation.
    pub(crate) fn verb(&self) -> &str {
        self.label.split(' ').next().unwrap_or("")
    }

    /// Checks what crashes leave, with a fault in the trace or without. `visit` sees each image that is
    /// right, and what recovery repairs of it.
    pub(crate) fn explore(
        &self,
        limits: Limits,
        fault: Option<Fault>,
        visit: &mut dyn FnMut(&Memory, &Repairs),
    ) -> Report {
        let memory = self.memory.clone().apart();
        if let Some(fault) = fault {
            memory.arm(fault);
        }
        explore_within(
            limits,
            &memory,
            |memory| replay(memory, &self.events),
            |image, moment| {
                let found = image.clone();
                let repairs = self.check(&image, moment)?;
                visit(&found, &repairs);
                Ok(())
            },
        )
    }

    /// Whether a fault leaves out only what had been so already, durably.
    pub(crate) fn is_idle(&self, fault: Fault) -> bool {
        let memory = self.memory.clone().apart();
        memory.arm(fault);
        replay(&memory, &self.events);
        memory.fault_was_idle()
    }

    /// Recovers an image as a machine does that starts with it, and compares. Then looks again.
    fn check(&self, image: &Memory, moment: Moment) -> Result<Repairs, String> {
        let (fs, repaired) =
            mount(image, Access::ReadWrite).map_err(|error| format!("{error:?}"))?;
        let found = tree(&fs);
        let returned = moment == Moment::After;
        let (before, after) = (&self.before, &self.after);
        let expected = found == *after || !returned && found == *before;
        if let Some(reason) = (!expected)
            .then(|| self.difference(&found, returned))
            .flatten()
        {
            return Err(reason);
        }
        let (again, repairs) =
            mount(image, Access::ReadOnly).map_err(|error| format!("again: {error:?}"))?;
        if !repairs.is_none() {
            return Err(format!("recovery left {repairs:?}"));
        }
        if again.free() != fs.free() || tree(&again) != found {
            return Err("a second mount finds something else".into());
        }
        let inodes = by_id(&found);
        let used: u64 = inodes.values().map(|shown| shown.pages).sum();
        let (geometry, count) = (fs.geometry(), inodes.len() as u64);
        let free = (
            geometry.inode_count() - 1 - count,
            geometry.data_pages() - used,
        );
        if fs.free() != free {
            return Err(format!("free: {:?} instead of {free:?}", fs.free()));
        }
        match image.defects().first() {
            None => Ok(repaired),
            Some(defect) => Err(format!("{defect:?}")),
        }
    }

    /// What is neither as before nor as after the operation.
    fn difference(&self, found: &Tree, returned: bool) -> Option<String> {
        let (before, after) = (&self.before, &self.after);
        if returned {
            return difference(found, before, after, &self.history, true);
        }
        let found = with_whole_words(found, before, after);
        difference(&found, before, after, &self.history, false)
    }

    /// The most fences that the operation may take; [`None`] if nothing was promised.
    pub(crate) fn budget(&self) -> Option<u64> {
        let (old, new) = (by_id(&self.before), by_id(&self.after));
        let changed = |is: &dyn Fn(&Shown, &Shown) -> bool| {
            let mut both = old
                .iter()
                .filter_map(|(id, old)| Some((*old, *new.get(id)?)));
            u64::from(both.any(|(old, new)| is(old, new)))
        };
        let grew = changed(&|old: &Shown, new: &Shown| new.size() > old.size());
        let filled = changed(&|old: &Shown, new: &Shown| {
            let pages = new.contents.pages().keys();
            let mut fresh = pages.filter(|index| !old.contents.pages().contains_key(index));
            fresh.any(|index| *index * PAGE_BYTES < old.size())
        });
        let dir_grew = changed(&|old: &Shown, new: &Shown| {
            new.contents.pages().is_empty() && new.pages > old.pages
        });
        Some(match self.verb() {
            "create" | "mkdir" | "link" | "symlink" | "append" | "truncate" | "fault" => 2,
            "unlink" | "rmdir" | "chmod" | "fsync" | "store" | "msync" => 1,
            "rename" => 3 + 2 * dir_grew,
            "exchange" => 3,
            "write" => 1 + grew + filled,
            _ => return None,
        })
    }
}
