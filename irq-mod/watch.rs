// SPDX-License-Identifier: GPL-2.0

//! Which threads belong to which guest, and what they do.
//!
//! A thread is found to be a member when its guest is added, or when it gets a CPU. There nothing can be
//! allocated, so that it is only noted down, and becomes a member a little later, in [`Settle`].

use crate::{
    guest::{
        Guest,
        Origin,
        Seat, //
    },
    model::activity::{
        Left,
        Step, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        rcu,
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::{
    queue::{
        Errand,
        Kick, //
    },
    sched::{
        self,
        Cgroup,
        Doing,
        Process,
        Task,
        Watch,
        Watcher, //
    },
    sync::{
        new_raw_spinlock,
        RawSpinLock,
        Reader,
        Table, //
    }, //
};

/// Most threads that are noted down at a time. One for which there is no room is found again when it
/// gets a CPU the next time.
const MAX_FOUND: usize = 64;
/// Most times that the threads of a new guest are looked through.
const MAX_ROUNDS: usize = 1024;
/// Most guests that are control groups, each of which is looked at for every thread that gets a CPU.
const MAX_CGROUPS: usize = 16;
/// Where those are.
const CGROUPS: u32 = 0;

/// A thread that belongs to a guest.
struct Member {
    guest: Arc<Guest>,
    /// Tells it from another thread with its number.
    address: usize,
    seat: Seat,
}

/// A guest whose members are in a control group.
#[derive(Clone)]
struct Below {
    cgroup: Arc<Cgroup>,
    guest: Arc<Guest>,
}

/// A thread that was found to belong to a guest.
#[derive(Clone)]
struct Found {
    guest: Arc<Guest>,
    tid: u32,
    address: usize,
}

/// The guests and their members.
///
/// Lock order: `control` is taken before any other; `found` with the scheduler's locks held, and
/// nothing while it is held.
#[pin_data]
pub(crate) struct Guarded {
    /// Guests that are processes, by the numbers of these.
    #[pin]
    processes: Table<Arc<Guest>>,
    /// Guests that are control groups, all of them as [`CGROUPS`]; nothing if there are none.
    #[pin]
    cgroups: Table<KVec<Below>>,
    /// Members by their numbers.
    #[pin]
    members: Table<Member>,
    #[pin]
    found: RawSpinLock<KVec<Found>>,
    /// Held by whoever changes a table.
    #[pin]
    control: Mutex<()>,
}

impl Guarded {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            processes <- Table::new(),
            cgroups <- Table::new(),
            members <- Table::new(),
            found <- new_raw_spinlock!(
                KVec::with_capacity(MAX_FOUND, GFP_KERNEL)?,
                "irq_mod::Guarded::found",
            ),
            control <- new_mutex!((), "irq_mod::Guarded::control"),
        })
    }

    /// Makes members of the threads that `guest` has, and of others as they get a CPU.
    fn add(&self, guest: &Arc<Guest>) -> Result {
        let _control = self.control.lock();
        // Numbers of processes that have ended may be those of others by now.
        self.processes.retain(|tgid, guest| guest.has_number(tgid));
        let process = |process: &Process| {
            self.processes.insert(process.tgid(), guest.clone())?;
            self.take(process, guest)
        };
        match &guest.origin {
            Origin::Vm(vm) => process(vm),
            Origin::Processes(processes) => processes.iter().try_for_each(process),
            Origin::Cgroup(cgroup) => self.add_cgroup(cgroup, guest),
        }
        .inspect_err(|_| self.remove_all(guest))
    }

    /// Makes members of the threads of a process; the caller holds `control`.
    fn take(&self, process: &Process, guest: &Arc<Guest>) -> Result {
        // Each round takes `MAX_FOUND` of them; those that come meanwhile are found when they get a CPU.
        for _ in 0..MAX_ROUNDS {
            let rcu = rcu::read_lock();
            let (mut is_any_new, mut is_any_taken) = (false, false);
            process.each_thread(&rcu, |task| {
                if !guest.takes(task) || task.is_exiting() {
                    return;
                }
                match self.member(task) {
                    Some(member) => is_any_taken |= !Arc::ptr_eq(&member.guest, guest),
                    None => is_any_new |= self.note(task, guest),
                }
            });
            drop(rcu);
            if is_any_taken {
                return Err(EEXIST);
            }
            if !is_any_new {
                break;
            }
            self.settle_found();
        }
        Ok(())
    }

    fn add_cgroup(&self, cgroup: &Arc<Cgroup>, guest: &Arc<Guest>) -> Result {
        let mut all = self.cgroups_but(guest)?;
        if all.len() >= MAX_CGROUPS {
            return Err(ENOSPC);
        }
        let below = Below {
            cgroup: cgroup.clone(),
            guest: guest.clone(),
        };
        all.push(below, GFP_KERNEL)?;
        self.cgroups.replace(CGROUPS, all)
    }

    /// A copy of the guests that are control groups, without `guest`.
    fn cgroups_but(&self, guest: &Arc<Guest>) -> Result<KVec<Below>> {
        let mut all = KVec::with_capacity(MAX_CGROUPS, GFP_KERNEL)?;
        let rcu = rcu::read_lock();
        let current = self.cgroups.get(CGROUPS, Reader::from(&rcu));
        let others = current
            .into_iter()
            .flatten()
            .filter(|below| !Arc::ptr_eq(&below.guest, guest));
        for below in others {
            all.push_within_capacity(below.clone())
                .map_err(|_| ENOMEM)?;
        }
        Ok(all)
    }

    /// Takes all threads of `guest` out.
    fn remove(&self, guest: &Arc<Guest>) {
        let _control = self.control.lock();
        self.remove_all(guest);
    }

    /// The caller holds `control`.
    fn remove_all(&self, guest: &Arc<Guest>) {
        let is_other = |other: &Arc<Guest>| !Arc::ptr_eq(other, guest);
        // None of its threads is found any more when these have returned.
        self.processes.retain(|_, other| is_other(other));
        if matches!(guest.origin, Origin::Cgroup(_)) {
            self.remove_cgroup(guest);
        }
        self.found.lock().retain(|found| is_other(&found.guest));
        self.members.retain(|_, member| {
            let is_other = is_other(&member.guest);
            if !is_other {
                member.guest.left(&member.seat);
            }
            is_other
        });
    }

    fn remove_cgroup(&self, guest: &Arc<Guest>) {
        let others = self.cgroups_but(guest);
        self.cgroups.remove(CGROUPS);
        let kept = others.and_then(|others| match others.is_empty() {
            true => Ok(()),
            false => self.cgroups.insert(CGROUPS, others),
        });
        if kept.is_err() {
            pr_err!("no memory: new threads of guests that are control groups are not followed\n");
        }
    }

    /// The guest that a thread belongs to by what it is.
    fn guest_of<'a>(&'a self, task: Task<'a>) -> Option<&'a Arc<Guest>> {
        if let Some(guest) = self.processes.get(task.tgid(), task.reader()) {
            return guest.takes(task).then_some(guest);
        }
        self.cgroups
            .get(CGROUPS, task.reader())?
            .iter()
            .find(|below| task.is_in(&below.cgroup))
            .map(|below| &below.guest)
    }

    /// Whether a thread is in the control group of a guest.
    fn is_in_any(&self, task: Task<'_>) -> bool {
        self.cgroups
            .get(CGROUPS, task.reader())
            .is_some_and(|all| all.iter().any(|below| task.is_in(&below.cgroup)))
    }

    /// The member that a thread is.
    #[inline]
    fn member<'a>(&'a self, task: Task<'a>) -> Option<&'a Member> {
        self.members
            .get(task.tid(), task.reader())
            .filter(|member| member.address == task.address())
    }

    /// Notes down that a thread belongs to `guest`; returns whether that is new.
    fn note(&self, task: Task<'_>, guest: &Arc<Guest>) -> bool {
        let mut found = self.found.lock();
        let is_known = found.iter().any(|found| found.tid == task.tid());
        let new = Found {
            guest: guest.clone(),
            tid: task.tid(),
            address: task.address(),
        };
        !is_known && found.push_within_capacity(new).is_ok()
    }

    /// The member with the number `tid` is `task` no more; returns whether it was.
    fn left(&self, tid: u32, task: Task<'_>) -> bool {
        let member = self.members.get(tid, task.reader());
        member
            .filter(|member| member.address == task.address())
            .map(|member| member.guest.left(&member.seat))
            .is_some()
    }

    /// Forgets members that have left.
    fn sweep(&self) {
        self.members.retain(|_, member| !member.seat.is_empty());
    }

    /// Makes a member of a thread that was found; if that fails, it is found again.
    fn settle(&self, found: &Found) {
        let member = Member {
            guest: found.guest.clone(),
            address: found.address,
            seat: Seat::empty(),
        };
        if self.members.insert(found.tid, member).is_err() {
            return;
        }
        let rcu = rcu::read_lock();
        let Some(member) = self.members.get(found.tid, Reader::from(&rcu)) else {
            return;
        };
        found.guest.join(&member.seat);
        let task = Task::find(found.tid, &rcu)
            .filter(|task| !task.is_exiting() && task.address() == found.address);
        match task {
            Some(task) => {
                let step = match task.doing() {
                    Doing::Runs => Step::In,
                    Doing::Waits => Step::Woken,
                    Doing::Sleeps => Step::Out(Left::Blocked),
                };
                found.guest.found(&member.seat, step);
            }
            // It has exited meanwhile, and nobody tells of it any more.
            None => found.guest.left(&member.seat),
        }
    }

    /// Makes members of the threads that were found, and forgets those that have left. The caller holds
    /// `control`.
    fn settle_found(&self) {
        self.sweep();
        // Those that are found later trigger this again.
        for _ in 0..MAX_FOUND {
            let Some(found) = self.found.lock().pop() else {
                break;
            };
            self.settle(&found);
        }
        self.sweep();
    }
}

/// Makes members of the threads that were found, and forgets those that have left.
struct Settle(Arc<Guarded>);

impl Errand for Settle {
    fn run(&self) {
        let _control = self.0.control.lock();
        self.0.settle_found();
    }
}

/// Follows the scheduler.
struct Follower {
    guarded: Arc<Guarded>,
    settle: Kick<Settle>,
}

impl Follower {
    /// What is done when one of two threads may belong to a guest.
    #[cold]
    #[inline(never)]
    fn follow(&self, prev: Task<'_>, left: sched::Left, next: Task<'_>) {
        let left = match left {
            sched::Left::Runnable => Left::Runnable,
            sched::Left::Blocked => Left::Blocked,
        };
        let (leaver, comer) = (self.guarded.member(prev), self.guarded.member(next));
        if let (Some(leaver), Some(comer)) = (leaver, comer) {
            let guest = &leaver.guest;
            if Arc::ptr_eq(guest, &comer.guest) && !guest.has_lost(prev) && !guest.has_lost(next) {
                return guest.switched(&leaver.seat, left, &comer.seat);
            }
        }
        if let Some(member) = leaver {
            if member.guest.has_lost(prev) {
                self.leave(prev.tid(), prev);
            } else {
                member.guest.moved(&member.seat, Step::Out(left));
            }
        }
        if let Some(member) = comer {
            if member.guest.has_lost(next) {
                self.leave(next.tid(), next);
            } else {
                member.guest.moved(&member.seat, Step::In);
            }
        } else if !next.is_kernel() && !next.is_exiting() {
            let guest = self.guarded.guest_of(next);
            if guest.is_some_and(|guest| self.guarded.note(next, guest)) {
                self.settle.trigger();
            }
        }
    }

    /// What is done when `next` can only belong to a guest by its control group.
    #[inline(never)]
    fn meet(&self, prev: Task<'_>, left: sched::Left, next: Task<'_>) {
        if self.guarded.is_in_any(next) {
            self.follow(prev, left, next);
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self, task: Task<'_>) {
        if let Some(member) = self.guarded.member(task) {
            member.guest.moved(&member.seat, Step::Woken);
        }
    }

    /// The member with the number `tid` is `task` no more.
    fn leave(&self, tid: u32, task: Task<'_>) {
        if self.guarded.left(tid, task) {
            self.settle.trigger();
        }
    }
}

impl Watcher for Follower {
    // Called for each context switch of the host, nearly all of which are of no concern.
    #[inline]
    fn switched(&self, prev: Task<'_>, left: sched::Left, next: Task<'_>) {
        let guarded = &*self.guarded;
        let is_of_concern = guarded.members.may_have(prev.tid())
            || guarded.members.may_have(next.tid())
            || guarded.processes.may_have(next.tgid());
        if is_of_concern {
            self.follow(prev, left, next);
        } else if guarded.cgroups.may_have(CGROUPS) {
            self.meet(prev, left, next);
        }
    }

    #[inline]
    fn woken(&self, task: Task<'_>) {
        if self.guarded.members.may_have(task.tid()) {
            self.wake(task);
        }
    }

    fn exited(&self, task: Task<'_>) {
        self.leave(task.tid(), task);
    }

    fn renumbered(&self, task: Task<'_>, old_tid: u32) {
        self.leave(old_tid, task);
    }
}

/// The members of all guests, watched as long as this lives.
pub(crate) struct Tracking {
    watch: Watch<Follower>,
}

impl Tracking {
    /// Starts to watch the scheduler.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if this kernel has not the tracepoints, [`ENOMEM`].
    pub(crate) fn new() -> Result<Self> {
        let guarded = Arc::pin_init(Guarded::new(), GFP_KERNEL)?;
        let settle = Kick::new(Ok(Settle(guarded.clone())))?;
        let watch = Watch::new(Ok(Follower { guarded, settle }))?;
        Ok(Self { watch })
    }

    /// Lets the threads of `guest` become members as they get a CPU.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] if one of its processes belongs to another guest, [`ENOSPC`] for too many control
    /// groups, [`ENOMEM`].
    pub(crate) fn add(&self, guest: &Arc<Guest>) -> Result {
        self.watch.guarded.add(guest)
    }

    /// Forgets all threads of `guest`.
    pub(crate) fn remove(&self, guest: &Arc<Guest>) {
        self.watch.guarded.remove(guest);
    }
}
