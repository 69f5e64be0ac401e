// SPDX-License-Identifier: GPL-2.0

//! Mistakes that the checker must find.

/// A mistake of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mutant {
    /// An arrival that holds does not read the activity again.
    RereadForgotten,
    /// There is no fence between publishing what is held and reading the activity again.
    HoldWithoutFence,
    /// There is no fence between publishing an activation and looking for what is held.
    ActivationWithoutFence,
    /// What is held while the guest runs is not published.
    PublishedUnlessRunning,
    /// An activation does not look for what is held.
    LookForgotten,
    /// The timer is started after the lock was released.
    ArmUnlocked,
    /// The line is masked after the lock was released.
    MaskUnlocked,
    /// `pending` is cleared after the lock was released.
    ClearedUnlocked,
    /// The timer is not started again when it expired too early.
    RearmForgotten,
    /// The timer's expiry replays without asking whether it is due.
    ExpiryUnasked,
    /// The line is not unmasked at a replay.
    UnmaskForgotten,
    /// What is held is not forgotten at a replay.
    HeldAfterReplay,
    /// A line that moves gets no replay.
    InjectionForgotten,
    /// A line is masked although bursts are counted.
    BurstMasks,
    /// A change of the intervals leaves the timer alone.
    ChangeForgotten,
    /// Nobody asks the budget.
    BudgetUnasked,
    /// A burst is delivered whatever the budget says.
    BurstUnbudgeted,
    /// The budget puts off for longer than it says.
    WaitUnbounded,
    /// Whoever lifts the limit does not look for what is held.
    LiftForgotten,
    /// There is no fence between lifting the limit and looking for what is held.
    LiftWithoutFence,
    /// An arrival that holds does not read the limit again.
    LimitRereadForgotten,
    /// An activation puts off what is held by a limit that was lifted.
    LiftUnknown,
    /// Nobody tells the window that it must hold nothing more.
    DrainForgotten,
    /// The line is given back while something is held.
    UnhookedEarly,
}
