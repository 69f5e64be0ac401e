// SPDX-License-Identifier: GPL-2.0

//! Whether a guest runs, could run, or sleeps, as the scheduler's moves of its threads tell.
//!
//! ```text
//!             Woken             In
//!   Blocked --------> Ready --------> Running
//!      ^                ^                |
//!      |                +----------------+  Out(Runnable): preempted
//!      +---------------------------------+  Out(Blocked)
//!
//!   New: joined, not seen to move yet. Any move takes it to its place.
//! ```

/// What the threads of a guest are doing, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Activity {
    /// No member has been seen yet, or there is none. The guest is served as if it ran.
    Unknown,
    /// A member is on a CPU.
    Running,
    /// No member is on a CPU, but one could be: it was preempted, or woken and not started yet.
    Ready,
    /// All members sleep.
    Halted,
}

impl Activity {
    /// A number for an atomic variable; [`Self::from_code`] reads it.
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Running => 1,
            Self::Ready => 2,
            Self::Halted => 3,
        }
    }

    /// Reads what [`Self::code`] returned; anything else is [`Self::Unknown`].
    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Running,
            2 => Self::Ready,
            3 => Self::Halted,
            _ => Self::Unknown,
        }
    }

    /// The word a user reads.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Halted => "halted",
        }
    }
}

/// What one member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Thread {
    /// Not known: it joined and was not seen to move yet.
    New,
    /// It is on a CPU.
    Running,
    /// It could run.
    Ready,
    /// It sleeps.
    Blocked,
}

impl Thread {
    /// What it does after a step.
    const fn after(self, step: Step) -> Self {
        match (step, self) {
            (Step::In, _) => Self::Running,
            (Step::Out(Left::Runnable), _) => Self::Ready,
            (Step::Out(Left::Blocked), _) => Self::Blocked,
            (Step::Woken, Self::New | Self::Blocked) => Self::Ready,
            // Woken before it left its CPU, or woken twice.
            (Step::Woken, Self::Running | Self::Ready) => self,
        }
    }
}

/// Why a thread left its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It was preempted: it could go on.
    Runnable,
    /// It waits for something.
    Blocked,
}

/// A move of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It gets a CPU.
    In,
    /// It leaves its CPU.
    Out(Left),
    /// What it waited for has come.
    Woken,
}

/// What a move of a member means for the lines of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The guest does what it did.
    None,
    /// What lines hold for the guest may be due earlier: it runs, or waits for a CPU no more.
    Activated,
    /// It does something else, and what lines hold can wait for their timers.
    Other,
}

/// How long a guest did what, in nanoseconds. Time in [`Activity::Unknown`] is in none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// In [`Activity::Running`].
    pub(crate) active_ns: u64,
    /// In [`Activity::Ready`].
    pub(crate) ready_ns: u64,
    /// In [`Activity::Halted`].
    pub(crate) halted_ns: u64,
}

impl Spent {
    /// With `ns` more in `activity`.
    fn and(mut self, activity: Activity, ns: u64) -> Self {
        let part_ns = match activity {
            Activity::Unknown => return self,
            Activity::Running => &mut self.active_ns,
            Activity::Ready => &mut self.ready_ns,
            Activity::Halted => &mut self.halted_ns,
        };
        *part_ns = part_ns.saturating_add(ns);
        self
    }
}

/// The members of a guest, counted by what they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Census {
    new: u32,
    running: u32,
    ready: u32,
    blocked: u32,
    since_ns: u64,
    spent: Spent,
    activations: u64,
}

impl Census {
    /// Creates the census of a guest without members.
    pub(crate) const fn new() -> Self {
        Self {
            new: 0,
            running: 0,
            ready: 0,
            blocked: 0,
            since_ns: 0,
            spent: Spent {
                active_ns: 0,
                ready_ns: 0,
                halted_ns: 0,
            },
            activations: 0,
        }
    }

    /// Counts one more member and returns its state, of which nothing is known yet.
    pub(crate) fn joined(&mut self) -> Thread {
        self.new = self.new.saturating_add(1);
        Thread::New
    }

    /// Counts a member no more. `thread` is its last state; `now_ns` as in [`Self::moved`].
    pub(crate) fn left(&mut self, thread: Thread, now_ns: impl FnOnce() -> u64) -> Change {
        self.update(now_ns, |census| census.take(thread))
    }

    /// A member makes a move; `thread` is its state, which is kept up to date. `now_ns` is asked only if the
    /// guest does something else then.
    #[inline]
    pub(crate) fn moved(
        &mut self,
        thread: &mut Thread,
        step: Step,
        now_ns: impl FnOnce() -> u64,
    ) -> Change {
        let next = thread.after(step);
        if next == *thread {
            return Change::None;
        }
        self.update(now_ns, |census| census.shift(thread, next))
    }

    /// `prev` leaves a CPU that `next` gets: the guest goes on without a pause.
    #[inline]
    pub(crate) fn switched(
        &mut self,
        prev: &mut Thread,
        left: Left,
        next: &mut Thread,
        now_ns: impl FnOnce() -> u64,
    ) -> Change {
        self.update(now_ns, |census| {
            census.shift(prev, prev.after(Step::Out(left)));
            census.shift(next, next.after(Step::In));
        })
    }

    /// What the guest is doing.
    pub(crate) const fn activity(&self) -> Activity {
        if self.running > 0 {
            Activity::Running
        } else if self.ready > 0 {
            Activity::Ready
        } else if self.blocked > 0 {
            Activity::Halted
        } else {
            Activity::Unknown
        }
    }

    /// How many members there are.
    pub(crate) const fn members(&self) -> u32 {
        self.new
            .saturating_add(self.running)
            .saturating_add(self.ready)
            .saturating_add(self.blocked)
    }

    /// How long the guest did what, up to `now_ns`.
    pub(crate) fn spent(&self, now_ns: u64) -> Spent {
        let elapsed_ns = now_ns.saturating_sub(self.since_ns);
        self.spent.and(self.activity(), elapsed_ns)
    }

    /// How often the guest began to run.
    pub(crate) const fn activations(&self) -> u64 {
        self.activations
    }

    fn count(&mut self, thread: Thread) -> &mut u32 {
        match thread {
            Thread::New => &mut self.new,
            Thread::Running => &mut self.running,
            Thread::Ready => &mut self.ready,
            Thread::Blocked => &mut self.blocked,
        }
    }

    fn shift(&mut self, thread: &mut Thread, next: Thread) {
        self.take(core::mem::replace(thread, next));
        let count = self.count(next);
        *count = count.saturating_add(1);
    }

    fn take(&mut self, thread: Thread) {
        let count = self.count(thread);
        *count = count.saturating_sub(1);
    }

    /// Lets `change` change the counts and says what that means.
    #[inline]
    fn update(&mut self, now_ns: impl FnOnce() -> u64, change: impl FnOnce(&mut Self)) -> Change {
        let before = self.activity();
        change(self);
        let after = self.activity();
        if before == after {
            return Change::None;
        }
        self.turn(before, after, now_ns())
    }

    /// The guest did `before` and does `after` from `now_ns` on.
    fn turn(&mut self, before: Activity, after: Activity, now_ns: u64) -> Change {
        let elapsed_ns = now_ns.saturating_sub(self.since_ns);
        self.spent = self.spent.and(before, elapsed_ns);
        // CPUs' clocks may differ by a little: time that was counted is not counted again.
        self.since_ns = self.since_ns.max(now_ns);
        match (before, after) {
            (_, Activity::Running) => {
                self.activations = self.activations.wrapping_add(1);
                Change::Activated
            }
            (_, Activity::Unknown) | (Activity::Ready, Activity::Halted) => Change::Activated,
            (_, Activity::Ready | Activity::Halted) => Change::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{
        In,
        Out,
        Woken, //
    };

    const PREEMPTED: Step = Out(Left::Runnable);
    const BLOCKED: Step = Out(Left::Blocked);

    #[test]
    fn an_activity_survives_being_a_number() {
        let survivors = [0, 1, 2, 3, 99].map(|code| Activity::from_code(code).code());
        assert_eq!(survivors, [0, 1, 2, 3, 0]);
    }

    #[test]
    fn one_thread_leads_its_guest_through_all_activities() {
        let mut census = Census::new();
        let mut thread = census.joined();
        assert_eq!(census.activity(), Activity::Unknown);
        let mut now_ns = 0;
        for (step, change, activity) in [
            (In, Change::Activated, Activity::Running),
            (Woken, Change::None, Activity::Running),
            (PREEMPTED, Change::Other, Activity::Ready),
            (Woken, Change::None, Activity::Ready),
            (In, Change::Activated, Activity::Running),
            (BLOCKED, Change::Other, Activity::Halted),
            (Woken, Change::Other, Activity::Ready),
            (In, Change::Activated, Activity::Running),
        ] {
            now_ns += 10;
            assert_eq!(
                census.moved(&mut thread, step, || now_ns),
                change,
                "{step:?}"
            );
            assert_eq!(census.activity(), activity, "{step:?}");
        }
        assert_eq!(census.activations(), 3);
        assert_eq!(
            census.spent(100),
            Spent {
                active_ns: 20 + 10 + 20,
                ready_ns: 20 + 10,
                halted_ns: 10,
            }
        );
        assert_eq!(census.left(thread, || 100), Change::Activated);
        assert_eq!(
            (census.activity(), census.members()),
            (Activity::Unknown, 0)
        );
        assert_eq!(census.spent(1_000), census.spent(100));
    }

    #[test]
    fn the_busiest_thread_speaks_for_the_guest() {
        let mut census = Census::new();
        let [mut one, mut two] = [census.joined(), census.joined()];
        assert_eq!(census.moved(&mut one, In, || 1), Change::Activated);
        assert_eq!(census.moved(&mut two, In, || 2), Change::None);
        assert_eq!(census.moved(&mut one, BLOCKED, || 3), Change::None);
        assert_eq!(census.moved(&mut two, PREEMPTED, || 4), Change::Other);
        assert_eq!(census.activity(), Activity::Ready);
        assert_eq!(census.left(two, || 5), Change::Activated);
        assert_eq!(census.activity(), Activity::Halted);
    }

    #[test]
    fn a_guest_whose_members_take_turns_on_a_cpu_runs_all_the_time() {
        let mut census = Census::new();
        let [mut one, mut two] = [census.joined(), census.joined()];
        census.moved(&mut one, In, || 1);
        census.moved(&mut two, BLOCKED, || 2);
        let change = census.switched(&mut one, Left::Blocked, &mut two, || unreachable!());
        assert_eq!(
            (change, one, two),
            (Change::None, Thread::Blocked, Thread::Running)
        );
        let change = census.switched(&mut two, Left::Runnable, &mut one, || unreachable!());
        assert_eq!(
            (change, one, two),
            (Change::None, Thread::Running, Thread::Ready)
        );
        assert_eq!((census.activations(), census.spent(11).active_ns), (1, 10));
    }

    #[test]
    fn a_thread_that_was_not_seen_yet_says_nothing() {
        let mut census = Census::new();
        let [mut seen, unseen] = [census.joined(), census.joined()];
        census.moved(&mut seen, BLOCKED, || 1);
        assert_eq!(census.activity(), Activity::Halted);
        assert_eq!(census.left(unseen, || 2), Change::None);
        assert_eq!(census.members(), 1);
    }

    #[test]
    fn a_wake_up_before_the_first_move_makes_a_thread_ready() {
        let mut census = Census::new();
        let mut thread = census.joined();
        assert_eq!(census.moved(&mut thread, Woken, || 1), Change::Other);
        assert_eq!(census.activity(), Activity::Ready);
    }

    #[test]
    fn counts_that_do_not_fit_the_moves_do_not_panic() {
        let mut census = Census::new();
        for thread in [Thread::New, Thread::Running, Thread::Ready, Thread::Blocked] {
            assert_eq!(census.left(thread, || 0), Change::None);
        }
        assert_eq!(census.members(), 0);
    }

    /// Every sequence of moves of three threads, up to a length: the counts are those of the threads,
    /// all time is somewhere, and an activation is told when there is one.
    #[test]
    fn no_sequence_of_moves_is_miscounted() {
        const STEPS: [Step; 4] = [In, PREEMPTED, BLOCKED, Woken];
        const THREADS: usize = 3;
        const LENGTH: u32 = 6;
        for mut code in 0..(STEPS.len() * THREADS).pow(LENGTH) {
            let mut census = Census::new();
            let mut threads = [(); THREADS].map(|()| census.joined());
            let mut known_since_ns = None;
            for now_ns in 1..=u64::from(LENGTH) {
                let step = STEPS[code % STEPS.len()];
                code /= STEPS.len();
                let thread = &mut threads[code % THREADS];
                code /= THREADS;
                let before = census.activity();
                let change = census.moved(thread, step, || now_ns);
                let after = census.activity();
                let runs = threads.contains(&Thread::Running);
                let waits = threads.contains(&Thread::Ready);
                let sleeps = threads.contains(&Thread::Blocked);
                assert_eq!(
                    after,
                    match (runs, waits, sleeps) {
                        (true, _, _) => Activity::Running,
                        (false, true, _) => Activity::Ready,
                        (false, false, true) => Activity::Halted,
                        (false, false, false) => Activity::Unknown,
                    }
                );
                assert_eq!(change == Change::None, before == after);
                if after == Activity::Running && before != Activity::Running {
                    assert_eq!(change, Change::Activated);
                }
                if after != Activity::Unknown {
                    known_since_ns.get_or_insert(now_ns);
                }
            }
            let spent = census.spent(100);
            assert_eq!(
                spent.active_ns + spent.ready_ns + spent.halted_ns,
                known_since_ns.map_or(0, |since_ns| 100 - since_ns)
            );
            assert_eq!(census.members(), 3);
        }
    }
}
