// SPDX-License-Identifier: GPL-2.0

//! The trace without one of its fences or write-backs: does the check find that?

use crate::{
    sim::{crash::Limits, fault::Fault},
    stage::Stage,
};
use std::collections::BTreeMap;

/// What became of the mutants of one kind of operation.
#[derive(Default)]
struct Row {
    found: usize,
    /// Of no effect: what was left out had been so already.
    idle: usize,
    survived: usize,
}

const LIMITS: Limits = Limits {
    images: 1024,
    samples: 512,
    seed: 1,
    violations: 1,
};

/// Whether each of the operation's fences is needed for its own sake. Of the others, the last one keeps
/// another CPU from using again what is not durably free, or the kernel's copy from user space has one too
/// many.
fn needs_all_fences(verb: &str) -> bool {
    [
        "create", "mkdir", "link", "symlink", "unlink", "rmdir", "chmod", "fault", "store",
    ]
    .contains(&verb)
}

/// Whether the operation stores the line of a record that nothing else writes back.
fn needs_write_back(verb: &str) -> bool {
    let others = ["link", "symlink", "unlink", "rename", "exchange"];
    ["create", "mkdir", "rmdir"].contains(&verb) || others.contains(&verb)
}

/// Tries all mutants; returns whether the check finds those that it has to.
pub(crate) fn run(stages: &[Stage]) -> bool {
    let mut table = BTreeMap::<(&str, &str), Row>::new();
    let mut well = true;
    let changes = |stage: &&Stage| !stage.label.is_empty() && stage.before != stage.after;
    for stage in stages.iter().filter(changes) {
        let verb = stage.verb();
        let (mut fences_found, mut write_backs_found) = (0, 0);
        let fences = (0..stage.counts.fences).map(Fault::DropFence);
        let write_backs = (0..stage.counts.write_backs).map(Fault::SkipWriteBack);
        for fault in fences.chain(write_backs) {
            let kind = match fault {
                Fault::DropFence(_) => "fence",
                _ => "write-back",
            };
            let row = table.entry((kind, verb)).or_default();
            if stage.is_idle(fault) {
                row.idle += 1;
                continue;
            }
            let report = stage.explore(LIMITS, Some(fault), &mut |_, _| ());
            if report.violations.is_empty() {
                row.survived += 1;
                continue;
            }
            row.found += 1;
            match fault {
                Fault::DropFence(_) => fences_found += 1,
                _ => write_backs_found += 1,
            }
        }
        let fences_missed = needs_all_fences(verb) && fences_found < stage.counts.fences;
        if fences_missed || needs_write_back(verb) && write_backs_found == 0 {
            println!("not found: a fence or write-back less in {}", stage.label);
            well = false;
        }
    }
    for ((kind, verb), _) in table.iter().filter(|(_, row)| row.found == 0) {
        println!("not found: any {kind} less in {verb}");
        well = false;
    }
    println!("found  no effect  survive  what was left out");
    for ((kind, verb), row) in &table {
        let Row {
            found,
            idle,
            survived,
        } = row;
        println!("{found:5}  {idle:9}  {survived:7}  a {kind} of {verb}");
    }
    well
}
