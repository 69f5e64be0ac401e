// SPDX-License-Identifier: GPL-2.0

//! Changing the number of virtual functions of a physical function, as one transaction.
//!
//! ```text
//!   PauseSlots -> Disable -> Enable(wanted) -> ResumeSlots -> Done
//!        |           |            | failed          ^
//!        |           |            +-> Enable(old) --+
//!        |           |                 whether or not it failed
//!        +-----------+------------------------------+
//!          failed: the count stays
//! ```
//!
//! Nothing is enabled for a count of 0, nothing disabled if there was none, and nothing is done at all
//! for the count that is there.

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Pause what runs on a virtual function of the physical one.
    PauseSlots,
    /// Take all virtual functions away.
    Disable,
    /// Make so many of them.
    Enable(u16),
    /// Give back to each slot that was paused what is there; a slot whose device is not stays paused.
    ResumeSlots,
    /// Nothing.
    Done(Verdict),
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should.
    Done,
    /// It had no effect, or only a part of it.
    Failed,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A slot could not be paused; nothing was changed.
    Pause,
    /// The virtual functions could not be taken away.
    Disable,
    /// The number wanted could not be had; the old one is there again.
    Enable,
    /// Neither the number wanted nor the old one could be had.
    Rollback,
    /// A slot could not be resumed.
    Resume,
}

/// How the transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The number of virtual functions there are now.
    pub(crate) count: u16,
    /// The first failure; [`Failure::Rollback`] goes before the failure that it was to undo.
    pub(crate) failure: Option<Failure>,
}

/// A transaction: [`Plan::step`] says what to do, [`Plan::after`] hears how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    old: u16,
    wanted: u16,
    stage: Stage,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pause,
    Disable,
    Enable,
    Rollback,
    Resume,
    Done,
}

impl Plan {
    /// Plans the way from `old` virtual functions to `wanted`.
    pub(crate) const fn new(old: u16, wanted: u16) -> Self {
        Self {
            old,
            wanted,
            stage: if old == wanted {
                Stage::Done
            } else {
                Stage::Pause
            },
            verdict: Verdict {
                count: old,
                failure: None,
            },
        }
    }

    /// What is to be done next.
    pub(crate) const fn step(&self) -> Step {
        match self.stage {
            Stage::Pause => Step::PauseSlots,
            Stage::Disable => Step::Disable,
            Stage::Enable => Step::Enable(self.wanted),
            Stage::Rollback => Step::Enable(self.old),
            Stage::Resume => Step::ResumeSlots,
            Stage::Done => Step::Done(self.verdict),
        }
    }

    /// Whether neither the number wanted nor the old one could be had.
    pub(crate) const fn is_lost(&self) -> bool {
        matches!(self.verdict.failure, Some(Failure::Rollback))
    }

    /// The plan once the step was tried.
    #[must_use]
    pub(crate) const fn after(self, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => self.after_success(),
            Outcome::Failed => self.after_failure(),
        }
    }

    const fn after_success(self) -> Self {
        match self.stage {
            Stage::Pause if self.old > 0 => self.at(Stage::Disable),
            Stage::Pause => self.at(Stage::Enable),
            Stage::Disable if self.wanted > 0 => self.having(0).at(Stage::Enable),
            Stage::Disable => self.having(0).at(Stage::Resume),
            Stage::Enable => self.having(self.wanted).at(Stage::Resume),
            Stage::Rollback => self.having(self.old).at(Stage::Resume),
            Stage::Resume | Stage::Done => self.at(Stage::Done),
        }
    }

    const fn after_failure(self) -> Self {
        match self.stage {
            Stage::Pause => self.failed(Failure::Pause).at(Stage::Resume),
            Stage::Disable => self.failed(Failure::Disable).at(Stage::Resume),
            Stage::Enable if self.old > 0 => self.failed(Failure::Enable).at(Stage::Rollback),
            Stage::Enable => self.failed(Failure::Enable).at(Stage::Resume),
            Stage::Rollback => self.failed(Failure::Rollback).at(Stage::Resume),
            Stage::Resume => self.failed(Failure::Resume).at(Stage::Done),
            Stage::Done => self,
        }
    }

    const fn at(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    const fn having(mut self, count: u16) -> Self {
        self.verdict.count = count;
        self
    }

    const fn failed(mut self, failure: Failure) -> Self {
        if self.verdict.failure.is_none() || matches!(failure, Failure::Rollback) {
            self.verdict.failure = Some(failure);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a plan whose steps fail as the bits of `failures` say, the lowest first, and returns them.
    fn run(old: u16, wanted: u16, mut failures: u32) -> (Vec<Step>, Verdict) {
        let (mut plan, mut steps) = (Plan::new(old, wanted), Vec::new());
        loop {
            if let Step::Done(verdict) = plan.step() {
                assert_eq!(plan.after(Outcome::Failed), plan, "it stays done");
                return (steps, verdict);
            }
            steps.push(plan.step());
            assert!(steps.len() <= 6, "{steps:?}");
            plan = plan.after(match failures & 1 {
                0 => Outcome::Done,
                _ => Outcome::Failed,
            });
            failures >>= 1;
        }
    }

    #[test]
    fn a_change_pauses_replaces_and_resumes() {
        let (steps, verdict) = run(2, 3, 0);
        assert_eq!(
            steps,
            [
                Step::PauseSlots,
                Step::Disable,
                Step::Enable(3),
                Step::ResumeSlots
            ]
        );
        assert_eq!((verdict.count, verdict.failure), (3, None));
    }

    #[test]
    fn a_count_of_none_is_only_taken_away_and_only_made() {
        let (steps, verdict) = run(2, 0, 0);
        assert_eq!(steps, [Step::PauseSlots, Step::Disable, Step::ResumeSlots]);
        assert_eq!((verdict.count, verdict.failure), (0, None));
        let (steps, _) = run(0, 2, 0);
        assert!(!steps.contains(&Step::Disable));
    }

    #[test]
    fn the_count_that_is_there_costs_nothing() {
        for count in [0, 1, u16::MAX] {
            let (steps, verdict) = run(count, count, u32::MAX);
            assert_eq!(steps, []);
            assert_eq!((verdict.count, verdict.failure), (count, None));
        }
    }

    #[test]
    fn the_old_count_comes_back_if_the_wanted_one_cannot_be_had() {
        let (steps, verdict) = run(2, 200, 0b100);
        assert_eq!(
            steps,
            [
                Step::PauseSlots,
                Step::Disable,
                Step::Enable(200),
                Step::Enable(2),
                Step::ResumeSlots
            ]
        );
        assert_eq!((verdict.count, verdict.failure), (2, Some(Failure::Enable)));
        let (_, verdict) = run(2, 200, 0b1100);
        assert_eq!(
            (verdict.count, verdict.failure),
            (0, Some(Failure::Rollback))
        );
    }

    #[test]
    fn whatever_fails_the_verdict_is_true_and_slots_are_given_a_chance() {
        for old in 0..3 {
            for wanted in 0..3 {
                for failures in 0..1 << 6 {
                    let (steps, verdict) = run(old, wanted, failures);
                    let failed = |i: usize| (failures >> i) & 1 == 1;
                    let mut count = old;
                    for (i, step) in steps.iter().enumerate() {
                        match step {
                            Step::Disable if !failed(i) => count = 0,
                            Step::Enable(new) => {
                                assert_eq!(count, 0, "a change goes through none");
                                assert!(*new > 0);
                                count = if failed(i) { 0 } else { *new };
                            }
                            _ => {}
                        }
                    }
                    assert_eq!(verdict.count, count);
                    let some_failed = (0..steps.len()).any(failed);
                    assert_eq!(verdict.failure.is_some(), some_failed);
                    assert_eq!(verdict.failure.is_none(), count == wanted && !some_failed);
                    if old != wanted {
                        assert_eq!(steps.first(), Some(&Step::PauseSlots));
                        assert_eq!(steps.last(), Some(&Step::ResumeSlots));
                    }
                }
            }
        }
    }
}
