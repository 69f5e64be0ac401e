// SPDX-License-Identifier: GPL-2.0

//! Every crash state of every short sequence of operations.
//!
//! Each operation of a sequence runs on another CPU than the one before, so that what one leaves to a later
//! fence stays pending while the next runs. All data pages of a fresh medium are full of [`POISON`].

mod budgets;
mod cases;
mod features;
mod hostile;
mod mutants;
mod parts;
mod places;
mod recovery;
mod sequences;

use crate::{
    model::{
        format::{self, Access, Options},
        fs::Fs,
        layout::Geometry,
        pm::{Pm, PAGE_BYTES},
        scan::{mount, unmount},
    },
    oracle::{
        compare::difference,
        op::{create, Op, LATER_NS},
        session::{History, Session},
        tree::{by_id, tree, Tree},
    },
    sim::{
        crash::Limits,
        fault::{Counts, Fault},
        memory::{Memory, CPUS},
        trace::{explore_within, Moment, Report, Violation},
    },
};

/// A byte that nobody writes.
const POISON: u8 = 0xee;

/// How far to go with a mutant, of which one violation is enough.
const OF_MUTANTS: Limits = Limits {
    images: 1 << 10,
    samples: 1 << 8,
    seed: 1,
    violations: 1,
};

fn options() -> Options {
    Options {
        inode_count: 32,
        uuid: [7; 16],
        label: [0; 32],
        uid: 0,
        gid: 0,
        now_ns: 1,
    }
}

fn formatted() -> Memory {
    let memory = Memory::new(40 * PAGE_BYTES);
    let geometry = format::format(&memory, &options()).expect("large enough");
    poison(&memory, &geometry);
    memory.fence();
    memory
}

fn poison(memory: &Memory, geometry: &Geometry) {
    for page in (0..geometry.data_pages()).filter_map(|page| geometry.page(page)) {
        memory.copy(page, &[POISON; PAGE_BYTES as usize]);
    }
}

fn mounted(memory: &Memory) -> Fs<&Memory> {
    mount(memory, Access::ReadWrite).expect("sound").0
}

/// The file system as loads see it, without a store.
fn visible(memory: &Memory) -> Fs<&Memory> {
    mount(memory, Access::ReadOnly).expect("sound").0
}

/// A medium on which `setup` was done, all of it durable; it is marked as mounted, so that reading it stores
/// nothing.
fn medium(setup: &[Op]) -> Memory {
    let memory = formatted();
    let mut session = Session::new(mounted(&memory));
    for (now_ns, op) in (100..).zip(setup) {
        let done = session.apply(op, now_ns);
        done.unwrap_or_else(|error| panic!("{op:?}: {error:?}"));
    }
    unmount(session.fs);
    drop(mounted(&memory));
    assert_eq!(memory.pending_lines(), 0, "something is not durable");
    memory
}

/// What an operation may leave.
struct Promise {
    before: Tree,
    after: Tree,
    history: History,
}

impl Promise {
    /// Recovers an image as a machine does that starts with it, and compares: the tree is that before or
    /// after the operation, and surely the latter once it had returned. Then uses it.
    fn check(&self, image: &Memory, moment: Moment) -> Result<(), String> {
        let (fs, _) = mount(image, Access::ReadWrite).map_err(|error| format!("{error:?}"))?;
        self.check_mounted(fs, moment)?;
        match image.defects().is_empty() {
            true => Ok(()),
            false => Err(format!("{:?}", image.defects())),
        }
    }

    /// As [`Self::check`], of what was just mounted.
    fn check_mounted<P: Pm>(&self, fs: Fs<P>, moment: Moment) -> Result<(), String> {
        let found = tree(&fs);
        let returned = moment == Moment::After;
        let reason = difference(&found, &self.before, &self.after, &self.history, returned);
        if let Some(reason) = reason {
            return Err(reason);
        }
        is_sound(&fs, &found)?;
        use_again(fs, &found)
    }
}

/// A second mount finds the same and nothing to repair, and nothing is lost.
fn is_sound<P: Pm>(fs: &Fs<P>, found: &Tree) -> Result<(), String> {
    let (again, repairs) =
        mount(fs.pm(), Access::ReadOnly).map_err(|error| format!("again: {error:?}"))?;
    if !repairs.is_none() {
        return Err(format!("recovery left {repairs:?}"));
    }
    if again.free() != fs.free() || tree(&again) != *found {
        return Err("a second mount finds something else".into());
    }
    let inodes = by_id(found);
    let used: u64 = inodes.values().map(|shown| shown.pages).sum();
    let geometry = fs.geometry();
    let free = (
        geometry.inode_count() - 1 - inodes.len() as u64,
        geometry.data_pages() - used,
    );
    match fs.free() == free {
        true => Ok(()),
        false => Err(format!("free: {:?} instead of {free:?}", fs.free())),
    }
}

/// Everything can be used: files grow, a new one is made, and all are removed.
fn use_again<P: Pm>(fs: Fs<P>, found: &Tree) -> Result<(), String> {
    let mut session = Session::new(fs);
    session.grow_all()?;
    if !found.contains_key("new") {
        let made = session.apply(&create("new"), LATER_NS);
        made.map_err(|error| format!("no new file: {error:?}"))?;
    }
    session.remove_all()?;
    let (empty, repairs) =
        mount(session.fs.pm(), Access::ReadOnly).map_err(|error| format!("emptied: {error:?}"))?;
    // The link count of the root is a leftover of the last rmdir until something fences.
    if tree(&empty).len() > 1 || repairs.orphans + repairs.pages > 0 {
        return Err(format!("not empty: {:?}, {repairs:?}", tree(&empty)));
    }
    Ok(())
}

/// What came of a sequence.
struct Explored {
    report: Report,
    /// What was asked of the medium by each operation.
    counts: Vec<Counts>,
    /// What the fault hit.
    hit: Option<String>,
    /// Whether that changed nothing.
    idle: bool,
}

/// Does `ops` on a copy of `medium`, and explores the crash states of those from number `first` on, with a
/// fault in one of them or without.
fn explore_ops(
    medium: &Memory,
    ops: &[Op],
    first: usize,
    fault: Option<(usize, Fault)>,
    check: &mut dyn FnMut(&Promise, Memory, Moment) -> Result<(), String>,
) -> Explored {
    let sound = medium.clone();
    let mut oracle = Session::new(visible(&sound));
    let memory = medium.clone().apart();
    let mut session = Session::new(visible(&memory));
    let limits = match fault {
        Some(_) => OF_MUTANTS,
        None => Limits::default(),
    };
    let mut total = Report {
        states: 0,
        exhaustive: true,
        violations: Vec::new(),
    };
    let mut counts = Vec::new();
    for ((index, op), now_ns) in ops.iter().enumerate().zip(200..) {
        memory.run_on(index % CPUS);
        let before = oracle.tree();
        let _ = oracle.apply(op, now_ns);
        let after = oracle.tree();
        if let Some(reason) = oracle.history.contradiction(&after) {
            panic!("{ops:?}, {index}: {reason}");
        }
        oracle.note_left(op, &before, &after);
        let promise = Promise {
            before,
            after,
            history: oracle.history.clone(),
        };
        if let Some((_, fault)) = fault.filter(|(at, _)| *at == index) {
            memory.arm(fault);
        }
        let start = memory.counts();
        if index < first {
            let _ = session.apply(op, now_ns);
        } else {
            let report = explore_within(
                limits,
                &memory,
                |_| {
                    let _ = session.apply(op, now_ns);
                },
                |image, moment| check(&promise, image, moment),
            );
            total.states += report.states;
            total.exhaustive &= report.exhaustive;
            total.violations.extend(report.violations);
        }
        counts.push(memory.counts().since(start));
        if let Some(reason) = session.history.contradiction(&session.tree()) {
            total.violations.push(Violation {
                moment: Moment::After,
                epoch: 0,
                reason,
                arrived: "no crash".into(),
            });
        }
        if !total.violations.is_empty() {
            break;
        }
    }
    let defects = memory.defects();
    assert!(fault.is_some() || defects.is_empty(), "{defects:?}");
    let hit = memory.fault_place().zip(fault).map(|(at, (index, fault))| {
        let is_line = matches!(fault, Fault::SkipWriteBack(_));
        match fault {
            Fault::DropFence(_) => ops[index].name(),
            _ => parts::describe(session.fs.geometry(), &memory, at, is_line),
        }
    });
    Explored {
        report: total,
        counts,
        hit,
        idle: memory.fault_was_idle(),
    }
}

/// As [`explore_ops`], with the usual check of every image.
fn explore_all(
    medium: &Memory,
    ops: &[Op],
    first: usize,
    fault: Option<(usize, Fault)>,
) -> Explored {
    explore_ops(medium, ops, first, fault, &mut |promise, image, moment| {
        promise.check(&image, moment)
    })
}
