// SPDX-License-Identifier: GPL-2.0

//! All that crashes may leave while an operation runs, and after it has returned.
//!
//! # Which moments count
//!
//! The moments just before a fence takes effect, and the end of the operation. Between two fences nothing
//! becomes durable for certain, while each line's list of pending stores only grows at its end. A crash
//! leaves a prefix of each list, and what was a prefix once remains one. So every image of an earlier
//! moment of an epoch is also an image of its last moment. (Random arrivals of what was
//! streamed are the exception: they are chosen anew at each moment.)
//!
//! The last epoch's images are those after the operation. They are checked as such, which asks for more:
//! what holds once the operation has returned may also hold just before that.

use super::crash::{CrashPoint, Limits, Seen};
use super::memory::Memory;
use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// When the crash was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// While the operation ran: the image is as before or as after it.
    During,
    /// When it had returned: what it promised is durable.
    After,
}

/// An image that the check refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) moment: Moment,
    /// How many fences of the operation had taken effect.
    pub(crate) epoch: usize,
    /// What the check said, or with what it panicked.
    pub(crate) reason: String,
    /// What of the pending stores had arrived.
    pub(crate) arrived: String,
}

/// What an exploration found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Images that were checked.
    pub(crate) states: u64,
    /// Whether these were all. Not if some crash point exceeded the limit, or if there were so many
    /// violations that the exploration ended.
    pub(crate) exhaustive: bool,
    pub(crate) violations: Vec<Violation>,
}

impl Report {
    /// Panics, showing the violations, if there are any.
    pub(crate) fn assert_clean(&self) {
        let lines = self.violations.iter().map(|violation| {
            let Violation {
                moment,
                epoch,
                reason,
                arrived,
            } = violation;
            format!("\n{moment:?}, epoch {epoch}: {reason}\n    {arrived}")
        });
        let (states, lines) = (self.states, lines.collect::<String>());
        assert!(lines.is_empty(), "after {states} images:{lines}");
    }
}

/// Runs `op` and then calls `visit` with each moment that counts, in order. Ends the memory's fault with
/// the operation.
pub(crate) fn run<T>(
    memory: &Memory,
    op: impl FnOnce(&Memory) -> T,
    mut visit: impl FnMut(&CrashPoint, Moment),
) -> T {
    memory.start_trace();
    let result = op(memory);
    memory.disarm();
    for point in memory.take_trace() {
        visit(&point, Moment::During);
    }
    visit(&memory.crash_point(), Moment::After);
    result
}

/// Runs `op` and checks every image that a crash may leave, within [`Limits::default`].
///
/// `check` gets the image as a machine finds it that starts with it, may change it, and may itself
/// explore what it does. If it panics, that is a violation.
pub(crate) fn explore(
    memory: &Memory,
    op: impl FnOnce(&Memory),
    check: impl FnMut(Memory, Moment) -> Result<(), String>,
) -> Report {
    explore_within(Limits::default(), memory, op, check)
}

/// As [`explore`], within `limits`.
pub(crate) fn explore_within(
    limits: Limits,
    memory: &Memory,
    op: impl FnOnce(&Memory),
    mut check: impl FnMut(Memory, Moment) -> Result<(), String>,
) -> Report {
    let mut report = Report {
        states: 0,
        exhaustive: true,
        violations: Vec::new(),
    };
    // What may be left during the operation may not be left after it: an image is checked for each.
    let (mut seen, mut seen_after) = (Seen::default(), Seen::default());
    let mut epoch = 0;
    run(memory, op, |point, moment| {
        let seen = match moment {
            Moment::During => &mut seen,
            Moment::After => &mut seen_after,
        };
        let mut images = point.images(limits, seen);
        report.exhaustive &= images.exhaustive();
        while report.violations.len() < limits.violations {
            let Some(image) = images.next() else {
                break;
            };
            report.states += 1;
            let result = catch_unwind(AssertUnwindSafe(|| check(image, moment)));
            if let Err(reason) = result.unwrap_or_else(|panic| Err(message(panic.as_ref()))) {
                report.violations.push(Violation {
                    moment,
                    epoch,
                    reason,
                    arrived: images.describe(),
                });
            }
        }
        epoch += 1;
    });
    report.exhaustive &= report.violations.len() < limits.violations;
    report
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("(no message)"))
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;
    use crate::model::pm::{Offset, Pm, LINE_BYTES, PAGE_BYTES};

    const POINTER: Offset = Offset(0);
    const POINTEE: Offset = Offset(128);

    /// Fills the pointee, which has two words, and makes the pointer name it.
    fn publish(pm: &Memory) {
        pm.store(POINTEE, 7);
        pm.store(POINTEE.word(1), 8);
        pm.write_back(POINTEE);
        pm.fence();
        pm.store(POINTER, POINTEE.0);
        pm.write_back(POINTER);
        pm.fence();
    }

    /// The classic bug: nothing keeps the pointer from becoming durable first.
    fn publish_without_order(pm: &Memory) {
        pm.store(POINTEE, 7);
        pm.store(POINTEE.word(1), 8);
        pm.write_back(POINTEE);
        pm.store(POINTER, POINTEE.0);
        pm.write_back(POINTER);
        pm.fence();
    }

    fn check(image: Memory, moment: Moment) -> Result<(), String> {
        let pointee = (image.load(POINTEE), image.load(POINTEE.word(1)));
        match (image.load(POINTER), moment) {
            (0, Moment::During) => Ok(()),
            (0, Moment::After) => Err("lost".into()),
            _ if pointee == (7, 8) => Ok(()),
            _ => Err(format!("the pointee is {pointee:?}")),
        }
    }

    #[test]
    fn the_right_order_is_accepted() {
        let memory = Memory::new(4096);
        let report = explore(&memory, publish, check);
        report.assert_clean();
        // During: 3 states of the pointee, then the pointer. After: one.
        assert_eq!((report.states, report.exhaustive), (5, true));
        assert_eq!(memory.defects(), []);
    }

    #[test]
    fn a_pointer_that_is_durable_before_its_pointee_is_found() {
        let memory = Memory::new(4096);
        let report = explore(&memory, publish_without_order, check);
        let expected = |words: &str, arrived: &str| Violation {
            moment: Moment::During,
            epoch: 0,
            reason: format!("the pointee is {words}"),
            arrived: format!("line 0x0: 1/1 [0]=0x80{arrived}"),
        };
        let expected = [
            expected("(0, 0)", ""),
            expected("(7, 0)", "; line 0x80: 1/2 [0]=0x7"),
        ];
        assert_eq!(report.violations, expected);
        assert!(report.exhaustive);
    }

    #[test]
    fn every_fault_of_the_right_order_is_found() {
        let memory = Memory::new(4096);
        let program = memory.clone();
        publish(&program);
        let faults = program.counts().since(memory.counts()).faults();
        assert_eq!(faults.len(), 9);
        for fault in faults {
            let memory = memory.clone().with_fault(fault);
            let report = explore(&memory, publish, check);
            assert!(memory.fault_fired(), "{fault:?}");
            // The pointee's two words may be stored in either order.
            let harmless = fault == Fault::SwapStores(0);
            assert_eq!(report.violations.is_empty(), harmless, "{fault:?}");
        }
    }

    #[test]
    fn what_is_not_durable_at_the_return_is_found() {
        let memory = Memory::new(4096).with_fault(Fault::DropFence(1));
        let report = explore(&memory, publish, check);
        let found: Vec<_> = report
            .violations
            .iter()
            .map(|found| (found.moment, found.epoch))
            .collect();
        assert_eq!(found, [(Moment::After, 1)]);
        assert_eq!(report.violations[0].reason, "lost");
    }

    #[test]
    #[should_panic(expected = "the pointee is (0, 0)")]
    fn violations_are_shown() {
        explore(&Memory::new(4096), publish_without_order, check).assert_clean();
    }

    #[test]
    fn a_panic_is_a_violation() {
        let report = explore(&Memory::new(4096), publish, |image, _| {
            assert_eq!(image.load(POINTER), 0, "published");
            Ok(())
        });
        let reason = &report.violations[0].reason;
        assert!(
            reason.starts_with("panicked: ") && reason.contains("published"),
            "{reason}"
        );
    }

    #[test]
    fn enough_violations_end_the_exploration() {
        let limits = Limits {
            violations: 2,
            ..Limits::default()
        };
        let memory = Memory::new(4096);
        let report = explore_within(limits, &memory, publish, |_, _| Err("no".into()));
        assert_eq!(
            (report.states, report.exhaustive, report.violations.len()),
            (2, false, 2)
        );
    }

    #[test]
    fn an_operation_that_asks_for_too_much_is_explored_in_part() {
        let fill = |pm: &Memory| (0..32).for_each(|line| pm.store(Offset(line * LINE_BYTES), 1));
        let report = explore(&Memory::new(4096), fill, |_, _| Ok(()));
        assert!(!report.exhaustive && report.states > 4096);
    }

    #[test]
    fn the_visitor_sees_each_epoch_and_the_end() {
        let mut moments = Vec::new();
        let result = run(
            &Memory::new(4096),
            |pm| (publish(pm), 5).1,
            |_, moment| moments.push(moment),
        );
        assert_eq!(result, 5);
        assert_eq!(moments, [Moment::During, Moment::During, Moment::After]);
    }

    #[test]
    fn a_check_may_explore_what_it_does_itself() {
        let mut inner = 0;
        let report = explore(&Memory::new(4096), publish, |image, _| {
            let repair = |pm: &Memory| {
                pm.store(POINTEE, 7);
                pm.store(POINTEE.word(1), 8);
                pm.write_back(POINTEE);
                pm.fence();
            };
            let report = explore(&image, repair, |_, _| Ok(()));
            inner += report.states;
            Ok(())
        });
        assert_eq!(report.states, 5);
        // 3 + 1 from nothing, 2 + 1 from one word, 1 + 1 from each of the three others.
        assert_eq!(inner, 13);
    }

    /// Six lines: parent, name in two lines, inode in two lines, and the entry's commit word.
    fn create(pm: &Memory) {
        let (parent, inode, entry) = (Offset(0), Offset(64 * 1024), Offset(512 * 1024));
        (0..2).for_each(|word| pm.store(parent.word(word), 5));
        for line in [
            inode,
            inode.plus(LINE_BYTES),
            entry.plus(LINE_BYTES),
            entry.plus(PAGE_BYTES),
        ] {
            (0..5).for_each(|word| pm.store(line.word(word), 6));
            pm.write_back(line);
        }
        (1..7).for_each(|word| pm.store(entry.word(word), 8));
        pm.write_back(entry);
        pm.write_back(parent);
        pm.fence();
        pm.store(entry, 9);
        pm.write_back(entry);
        pm.fence();
    }

    /// Prints how many images come in a second. `cargo test --release -- --nocapture images_per_second`
    #[test]
    fn images_per_second() {
        let memory = Memory::new(1 << 20);
        let start = std::time::Instant::now();
        let report = explore(&memory, create, |image, _| {
            match image.load(Offset(1 << 19)) {
                0 | 9 => Ok(()),
                _ => Err("torn".into()),
            }
        });
        let seconds = start.elapsed().as_secs_f64();
        report.assert_clean();
        let states = report.states;
        println!("{states} images, {:.0} per second", states as f64 / seconds);
        assert_eq!(
            (states, report.exhaustive),
            (3 * 6_u64.pow(4) * 7 + 2, true)
        );
    }
}
