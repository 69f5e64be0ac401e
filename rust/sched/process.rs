// SPDX-License-Identifier: GPL-2.0

//! Processes, whether they still live or not.
//!
//! C header: [`include/linux/pid.h`](srctree/include/linux/pid.h)

use super::{
    task::number,
    Task, //
};
use crate::{
    bindings,
    sync::Reader, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// A process of user space. Its number may be given to another one when it has ended.
///
/// # Invariants
///
/// `pid` is, or was, the number of a process, to which this owns a reference.
pub struct Process {
    pid: NonNull<bindings::pid>,
}

// SAFETY: A reference to a number belongs to no thread.
unsafe impl Send for Process {}
// SAFETY: The methods only read: what never changes, or as RCU readers.
unsafe impl Sync for Process {}

impl Process {
    /// Returns the process whose number is `pid` for the calling process.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for 0 and 1, a thread of the kernel, and a thread that is not its process's first;
    /// [`ESRCH`] if there is none, or only what its parent has not yet waited for.
    pub fn of(pid: u32) -> Result<Self> {
        if pid <= 1 {
            return Err(EINVAL);
        }
        let pid = bindings::pid_t::try_from(pid).map_err(|_| ESRCH)?;
        // SAFETY: Any number may be looked up.
        let pid = NonNull::new(unsafe { bindings::find_get_pid(pid) }).ok_or(ESRCH)?;
        // INVARIANT: The reference was just taken, and nobody gets this unless it passes what follows.
        let process = Self { pid };
        let rcu = rcu::read_lock();
        let thread = process
            .task(bindings::pid_type_PIDTYPE_PID, &rcu)
            .ok_or(ESRCH)?;
        // SAFETY: `task` returns one that lives as long as the guard.
        let thread = unsafe { Task::new(thread, Reader::from(&rcu)) };
        if thread.is_kernel() {
            return Err(EINVAL);
        }
        if process
            .task(bindings::pid_type_PIDTYPE_TGID, &rcu)
            .is_none()
        {
            return Err(EINVAL);
        }
        drop(rcu);
        if !process.is_alive() {
            return Err(ESRCH);
        }
        Ok(process)
    }

    /// The number of the process in the initial namespace.
    pub fn tgid(&self) -> u32 {
        // SAFETY: By the type invariant. There is a number for each level, and the first is that of
        // the initial namespace; they never change.
        number(unsafe {
            let numbers = &raw const (*self.pid.as_ptr()).numbers;
            (*numbers.cast::<bindings::upid>()).nr
        })
    }

    /// Whether `task` is a thread of it.
    pub fn has(&self, task: Task<'_>) -> bool {
        // SAFETY: By the type invariant of `Task` the thread is not freed, and so is not what all threads
        // of its process share. The number may be changing.
        let pid = unsafe {
            let signal = (*task.as_ptr()).signal;
            (&raw const (*signal).pids[bindings::pid_type_PIDTYPE_TGID as usize]).read_volatile()
        };
        pid == self.pid.as_ptr()
    }

    /// Whether any of its threads has not exited: no more in the [`Watcher::exited`](super::Watcher::exited)
    /// of the last one.
    pub fn is_alive(&self) -> bool {
        let rcu = rcu::read_lock();
        let Some(leader) = self.task(bindings::pid_type_PIDTYPE_TGID, &rcu) else {
            return false;
        };
        // SAFETY: `task` returns one that lives as long as the guard, and so does what all threads of
        // a process share. The counter may be changing.
        let live = unsafe {
            let signal = (*leader.as_ptr()).signal;
            (&raw const (*signal).live.counter).read_volatile()
        };
        live > 0
    }

    /// Calls `visit` with its threads, those that come or go meanwhile perhaps not.
    pub fn each_thread<'a>(&self, rcu: &'a rcu::Guard, mut visit: impl FnMut(Task<'a>)) {
        let mut next = self.task(bindings::pid_type_PIDTYPE_TGID, rcu);
        while let Some(thread) = next {
            // SAFETY: It was found by this RCU reader, which is one throughout `'a`.
            visit(unsafe { Task::new(thread, Reader::from(rcu)) });
            // SAFETY: As above; the list may be followed by an RCU reader.
            next = NonNull::new(unsafe { bindings::kernel_ext_next_thread(thread.as_ptr()) });
        }
    }

    /// The first thread that uses the number as `kind` says; not freed as long as `rcu` exists.
    fn task(
        &self,
        kind: bindings::pid_type,
        _rcu: &rcu::Guard,
    ) -> Option<NonNull<bindings::task_struct>> {
        // SAFETY: By the type invariant; the guard makes this an RCU reader.
        NonNull::new(unsafe { bindings::pid_task(self.pid.as_ptr(), kind) })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns the reference.
        unsafe { bindings::put_pid(self.pid.as_ptr()) };
    }
}
