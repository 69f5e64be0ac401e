// SPDX-License-Identifier: GPL-2.0

//! One guest: threads whose activity decides when interrupts are worth delivering.

use crate::{
    budget::Budget,
    ffi,
    model::{
        activity::{
            Activity,
            Census,
            Change,
            Left,
            Spent,
            Step,
            Thread, //
        },
        budget::Limit, //
    },
    waiter::Waiter, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};
use kernel_ext::{
    sched::{
        self,
        Cgroup,
        Process,
        Task, //
    },
    sync::{
        new_raw_spinlock,
        peek,
        RawSpinLock, //
    }, //
};

/// Which threads are members of a guest.
pub(crate) enum Origin {
    /// The vCPU threads of a process.
    Vm(Process),
    /// All threads of some processes.
    Processes(KVec<Process>),
    /// All threads in a control group and those below it.
    Cgroup(Arc<Cgroup>),
}

/// What changes whenever the scheduler moves a member.
struct Inner {
    census: Census,
    waiters: KVec<Arc<Waiter>>,
}

/// What a member does, as a number: 0 once it has left.
///
/// Read and written with the lock of the guest's `inner` held.
pub(crate) struct Seat(Atomic<u32>);

impl Seat {
    pub(crate) fn empty() -> Self {
        Self(Atomic::new(0))
    }

    fn thread(&self) -> Option<Thread> {
        Some(match peek(&self.0) {
            1 => Thread::New,
            2 => Thread::Running,
            3 => Thread::Ready,
            4 => Thread::Blocked,
            _ => return None,
        })
    }

    fn set(&self, thread: Option<Thread>) {
        let code = match thread {
            None => 0,
            Some(Thread::New) => 1,
            Some(Thread::Running) => 2,
            Some(Thread::Ready) => 3,
            Some(Thread::Blocked) => 4,
        };
        self.0.store(code, Relaxed);
    }

    /// Whether the member has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.thread().is_none()
    }
}

/// A guest.
///
/// Lock order: `inner` is taken with the scheduler's locks held. While it is held nothing is taken but
/// what setting an alarm takes, nothing is allocated and nothing freed.
#[pin_data]
pub(crate) struct Guest {
    name: CString,
    /// As it was written.
    pub(crate) target: CString,
    pub(crate) origin: Origin,
    #[pin]
    inner: RawSpinLock<Inner>,
    /// What `inner.census` says.
    activity: Atomic<u32>,
    /// What its lines may deliver.
    pub(crate) budget: Budget,
    /// How many lines belong to it; grows with the lock of the guests held only.
    lines: Atomic<u32>,
}

impl Guest {
    pub(crate) fn new(name: CString, target: CString, origin: Origin) -> impl PinInit<Self> {
        pin_init!(Self {
            name,
            target,
            origin,
            inner <- new_raw_spinlock!(
                Inner {
                    census: Census::new(),
                    waiters: KVec::new(),
                },
                "irq_mod::Guest",
            ),
            activity: Atomic::new(Activity::Unknown.code()),
            budget: Budget::new(),
            lines: Atomic::new(0),
        })
    }

    /// What the members do, taken together.
    #[inline]
    pub(crate) fn activity(&self) -> Activity {
        Activity::from_code(peek(&self.activity))
    }

    /// Whether all that its members could come from has ended.
    pub(crate) fn is_gone(&self) -> bool {
        match &self.origin {
            Origin::Vm(process) => !process.is_alive(),
            Origin::Processes(processes) => !processes.iter().any(Process::is_alive),
            Origin::Cgroup(cgroup) => !cgroup.is_online(),
        }
    }

    pub(crate) fn members(&self) -> u32 {
        self.inner.lock().census.members()
    }

    pub(crate) fn spent(&self) -> Spent {
        let now_ns = sched::now_ns();
        self.inner.lock().census.spent(now_ns)
    }

    pub(crate) fn activations(&self) -> u64 {
        self.inner.lock().census.activations()
    }

    /// Whether a line belongs to it.
    pub(crate) fn is_in_use(&self) -> bool {
        self.lines.load(Relaxed) != 0
    }

    /// A line belongs to it from now on.
    pub(crate) fn enlist(&self) {
        self.lines.fetch_add(1, Relaxed);
    }

    /// A line belongs to it no more.
    pub(crate) fn dismiss(&self) {
        self.lines.fetch_sub(1, Relaxed);
    }

    /// A thread becomes a member.
    pub(crate) fn join(&self, seat: &Seat) {
        let mut inner = self.inner.lock();
        seat.set(Some(inner.census.joined()));
    }

    /// A member was seen to have made `step` some time ago. It counts unless a move was seen since it
    /// joined, which then is newer.
    pub(crate) fn found(&self, seat: &Seat, step: Step) {
        let mut inner = self.inner.lock();
        if let Some(mut thread @ Thread::New) = seat.thread() {
            let change = inner.census.moved(&mut thread, step, sched::now_ns);
            seat.set(Some(thread));
            self.announce(&inner, change);
        }
    }

    /// Whether it is a control group that `task` is not in.
    pub(crate) fn has_lost(&self, task: Task<'_>) -> bool {
        matches!(&self.origin, Origin::Cgroup(cgroup) if !task.is_in(cgroup))
    }

    /// Whether `task` is a thread of its processes that is to be a member.
    pub(crate) fn takes(&self, task: Task<'_>) -> bool {
        match &self.origin {
            Origin::Vm(process) => process.has(task) && task.is_vcpu(),
            Origin::Processes(processes) => processes.iter().any(|process| process.has(task)),
            Origin::Cgroup(_) => false,
        }
    }

    /// Whether `tgid` still is the number of one of its processes.
    pub(crate) fn has_number(&self, tgid: u32) -> bool {
        let has = |process: &Process| process.tgid() == tgid && process.is_alive();
        match &self.origin {
            Origin::Vm(process) => has(process),
            Origin::Processes(processes) => processes.iter().any(has),
            Origin::Cgroup(_) => false,
        }
    }

    /// A member makes a step. Callable with the scheduler's locks held.
    pub(crate) fn moved(&self, seat: &Seat, step: Step) {
        let mut inner = self.inner.lock();
        let Some(mut thread) = seat.thread() else {
            return;
        };
        let change = inner.census.moved(&mut thread, step, sched::now_ns);
        seat.set(Some(thread));
        self.announce(&inner, change);
    }

    /// One member leaves a CPU that another one gets. Called with the scheduler's locks held.
    pub(crate) fn switched(&self, prev: &Seat, left: Left, next: &Seat) {
        let mut inner = self.inner.lock();
        let (Some(mut leaver), Some(mut comer)) = (prev.thread(), next.thread()) else {
            drop(inner);
            self.moved(prev, Step::Out(left));
            self.moved(next, Step::In);
            return;
        };
        let census = &mut inner.census;
        let change = census.switched(&mut leaver, left, &mut comer, sched::now_ns);
        prev.set(Some(leaver));
        next.set(Some(comer));
        self.announce(&inner, change);
    }

    /// A member leaves; nothing happens if it has left already.
    pub(crate) fn left(&self, seat: &Seat) {
        let mut inner = self.inner.lock();
        let Some(thread) = seat.thread() else {
            return;
        };
        seat.set(None);
        let change = inner.census.left(thread, sched::now_ns);
        self.announce(&inner, change);
    }

    /// Lets the lines know of a change, see [`Waiter`].
    #[inline]
    fn announce(&self, inner: &Inner, change: Change) {
        if change != Change::None {
            self.announce_some(inner, change);
        }
    }

    fn announce_some(&self, inner: &Inner, change: Change) {
        let activity = inner.census.activity();
        self.activity.xchg(activity.code(), Full);
        ffi::trace_activity(&self.name, activity);
        if change == Change::Activated {
            let limit = self.budget.limit();
            for waiter in &inner.waiters {
                waiter.hurry(limit);
            }
        }
    }

    /// Changes how many deliveries its lines may make. Without a limit, what the former one put off is
    /// delivered as soon as its interval allows.
    pub(crate) fn set_limit(&self, limit: Limit) {
        self.budget.set(limit);
        if limit == Limit::NONE {
            // With the lock held, so that whoever hurries afterwards knows of the new limit.
            for waiter in &self.inner.lock().waiters {
                waiter.look_again();
            }
        }
    }

    /// Lets `waiter` know when the guest becomes active.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn link(&self, waiter: &Arc<Waiter>) -> Result {
        loop {
            let len = self.inner.lock().waiters.len();
            let mut longer = KVec::with_capacity(len.saturating_add(1), GFP_KERNEL)?;
            let mut inner = self.inner.lock();
            if inner.waiters.len() != len {
                continue;
            }
            for other in Iterator::chain(inner.waiters.iter(), [waiter]) {
                longer
                    .push_within_capacity(other.clone())
                    .map_err(|_| ENOMEM)?;
            }
            let shorter = core::mem::replace(&mut inner.waiters, longer);
            // Freed after the lock is released.
            drop(inner);
            drop(shorter);
            return Ok(());
        }
    }

    /// Takes back what [`Self::link`] did.
    pub(crate) fn unlink(&self, waiter: &Arc<Waiter>) {
        let mut inner = self.inner.lock();
        let index = inner
            .waiters
            .iter()
            .position(|other| Arc::ptr_eq(other, waiter));
        let forgotten = index.and_then(|index| inner.waiters.remove(index).ok());
        drop(inner);
        drop(forgotten);
    }
}
