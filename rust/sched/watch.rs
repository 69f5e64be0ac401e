// SPDX-License-Identifier: GPL-2.0

//! Being told what the scheduler does.

use super::{
    task::number,
    Task, //
};
use crate::{
    bindings,
    sync::Reader,
    trace::{
        Probe,
        Quiescence,
        Tracepoint, //
    }, //
};
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    ffi::{
        c_uint,
        c_void, //
    },
    prelude::*,
    sync::rcu, //
};

/// How a thread left its CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It could go on, and will when it gets a CPU: it was preempted or has yielded.
    Runnable,
    /// It waits until it is woken, or it is dead.
    Blocked,
}

/// What is done when the scheduler acts. The callbacks are called for all threads of the host, on all
/// CPUs at once, and cost each of them time.
///
/// The scheduler's locks are held: no sleeping, no allocation, no waking, no printing, and no lock but
/// those that are leaves everywhere. What needs more
/// goes into a [`Kick`](crate::queue::Kick).
///
/// All callbacks are RCU readers; see [`Task::reader`].
pub trait Watcher: Send + Sync + 'static {
    /// `prev` leaves this CPU, `next` gets it. One of them may be the idle thread.
    ///
    /// Interrupts are off, and the lock of this CPU's run queue is held.
    fn switched(&self, prev: Task<'_>, left: Left, next: Task<'_>);

    /// `task` may run from now on; it may be running already, see the [module](super).
    ///
    /// Whoever wakes it may hold any lock, such as that of an interrupt's descriptor.
    fn woken(&self, task: Task<'_>);

    /// The current thread, `task`, is exiting. It is switched some more times.
    fn exited(&self, task: Task<'_>);

    /// The current thread, `task`, was known as `old_tid` until it executed another program, and is now
    /// the only one of its process. It is not reported as exited by that number.
    fn renumbered(&self, _task: Task<'_>, _old_tid: u32) {}
}

type Switched = unsafe extern "C" fn(
    *mut c_void,
    bool,
    *mut bindings::task_struct,
    *mut bindings::task_struct,
    c_uint,
);
type Woken = unsafe extern "C" fn(*mut c_void, *mut bindings::task_struct);
type Exited = unsafe extern "C" fn(*mut c_void, *mut bindings::task_struct, bool);
type Executed = unsafe extern "C" fn(
    *mut c_void,
    *mut bindings::task_struct,
    bindings::pid_t,
    *mut bindings::linux_binprm,
);

// SAFETY: The parameters are those of the tracepoint in `include/trace/events/sched.h`.
const SWITCH: Tracepoint<Switched> = unsafe { Tracepoint::new(c"sched_switch") };
// SAFETY: As above.
const WAKEUP: Tracepoint<Woken> = unsafe { Tracepoint::new(c"sched_wakeup") };
// SAFETY: As above.
const EXIT: Tracepoint<Exited> = unsafe { Tracepoint::new(c"sched_process_exit") };
// SAFETY: As above.
const EXEC: Tracepoint<Executed> = unsafe { Tracepoint::new(c"sched_process_exec") };

/// A watcher at work; dropping it stops it, waits for callbacks that are running, and drops it.
pub struct Watch<W: Watcher> {
    // Fields drop in declaration order: the probes, then the wait for those that run, then what they
    // use.
    _probes: [Probe; 4],
    _quiescence: Quiescence,
    watcher: Pin<KBox<W>>,
}

impl<W: Watcher> Watch<W> {
    /// Starts to watch. Callbacks may come before this returns. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if this kernel has not the tracepoints, [`ENOMEM`], or what `watcher` fails with.
    pub fn new(watcher: impl PinInit<W, Error>) -> Result<Self> {
        let watcher = KBox::pin_init(watcher, GFP_KERNEL)?;
        let data = (&raw const *watcher).cast_mut().cast::<c_void>();
        // Locals drop in reverse order: if one fails, this waits for those before it.
        let quiescence = Quiescence;
        // SAFETY: The callbacks get the `W` they were instantiated for, which is pinned and, here and in
        // the result, dropped after the probes and after the wait. This holds for all four.
        let exec = unsafe { EXEC.connect(executed::<W>, data) }?;
        // SAFETY: As above.
        let exit = unsafe { EXIT.connect(exited::<W>, data) }?;
        // SAFETY: As above.
        let wakeup = unsafe { WAKEUP.connect(woken::<W>, data) }?;
        // SAFETY: As above.
        let switch = unsafe { SWITCH.connect(switched::<W>, data) }?;
        Ok(Self {
            _probes: [switch, wakeup, exit, exec],
            _quiescence: quiescence,
            watcher,
        })
    }
}

impl<W: Watcher> Deref for Watch<W> {
    type Target = W;

    fn deref(&self) -> &W {
        &self.watcher
    }
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `W`.
unsafe extern "C" fn switched<W: Watcher>(
    data: *mut c_void,
    is_preempted: bool,
    prev: *mut bindings::task_struct,
    next: *mut bindings::task_struct,
    prev_state: c_uint,
) {
    // SAFETY: By the safety requirement.
    let watcher = unsafe { &*data.cast_const().cast::<W>() };
    // SAFETY: Interrupts are off as long as this runs, so it is an RCU reader.
    let reader = unsafe { Reader::new() };
    // SAFETY: The scheduler passes two threads, which are not freed while it holds the run queue's lock.
    let (prev, next) = unsafe {
        (
            Task::new(NonNull::new_unchecked(prev), reader),
            Task::new(NonNull::new_unchecked(next), reader),
        )
    };
    // A preempted thread stays on its run queue, whatever state it has got ready for itself.
    let left = if is_preempted || prev_state == 0 {
        Left::Runnable
    } else {
        Left::Blocked
    };
    watcher.switched(prev, left, next);
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `W`.
unsafe extern "C" fn woken<W: Watcher>(data: *mut c_void, task: *mut bindings::task_struct) {
    // SAFETY: By the safety requirement.
    let watcher = unsafe { &*data.cast_const().cast::<W>() };
    // SAFETY: A thread is woken with its run queue's lock held, or by itself with preemption off; this is
    // an RCU reader either way. The thread is not freed meanwhile.
    let task = unsafe { Task::new(NonNull::new_unchecked(task), Reader::new()) };
    watcher.woken(task);
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `W`.
unsafe extern "C" fn exited<W: Watcher>(
    data: *mut c_void,
    task: *mut bindings::task_struct,
    _is_last: bool,
) {
    // SAFETY: By the safety requirement.
    let watcher = unsafe { &*data.cast_const().cast::<W>() };
    let rcu = rcu::read_lock();
    // SAFETY: The thread is the current one.
    let task = unsafe { Task::new(NonNull::new_unchecked(task), Reader::from(&rcu)) };
    watcher.exited(task);
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `W`.
unsafe extern "C" fn executed<W: Watcher>(
    data: *mut c_void,
    task: *mut bindings::task_struct,
    old_tid: bindings::pid_t,
    _program: *mut bindings::linux_binprm,
) {
    // SAFETY: By the safety requirement.
    let watcher = unsafe { &*data.cast_const().cast::<W>() };
    let rcu = rcu::read_lock();
    // SAFETY: The thread is the current one.
    let task = unsafe { Task::new(NonNull::new_unchecked(task), Reader::from(&rcu)) };
    let old_tid = number(old_tid);
    if old_tid != task.tid() {
        watcher.renumbered(task, old_tid);
    }
}
