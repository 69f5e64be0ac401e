// SPDX-License-Identifier: GPL-2.0

//! Threads, as long as they are known to exist.

use super::Cgroup;
use crate::{
    bindings,
    sync::Reader, //
};
use core::ptr::NonNull;
use kernel::sync::{
    barrier::{
        smp_mb,
        Full, //
    },
    rcu, //
};

/// A thread: one that a [`Watcher`](super::Watcher) is told of, or one that was [found](Self::find).
/// All numbers are those of the initial namespace of process numbers.
///
/// # Invariants
///
/// `ptr` points to an initialised `task_struct` that is not freed throughout `'a`.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    ptr: NonNull<bindings::task_struct>,
    reader: Reader<'a>,
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It is on a CPU.
    Runs,
    /// It could run, and waits for a CPU.
    Waits,
    /// It sleeps, or is about to.
    Sleeps,
}

impl<'a> Task<'a> {
    /// # Safety
    ///
    /// `ptr` points to an initialised `task_struct` that is not freed as long as `reader` is one.
    #[inline]
    pub(super) unsafe fn new(ptr: NonNull<bindings::task_struct>, reader: Reader<'a>) -> Self {
        // INVARIANT: By the safety requirement.
        Self { ptr, reader }
    }

    /// Returns the thread whose number is `tid`.
    ///
    /// For those who keep what they know of threads in a [`Table`](crate::sync::Table): between the
    /// call that told them of a thread and the moment they have made its entry, it may have exited.
    /// If after that it is found and is not [exiting](Self::is_exiting), a
    /// [`Watcher::exited`](super::Watcher::exited) is still to come and sees the entry.
    pub fn find(tid: u32, rcu: &'a rcu::Guard) -> Option<Self> {
        // Between the entry, which the caller has made, and the flag that tells that the thread is
        // exiting. On the other side there are several between the flag and the tracepoint.
        smp_mb(Full);
        let tid = bindings::pid_t::try_from(tid).ok()?;
        // SAFETY: Any number may be looked up; the initial namespace always exists. The guard makes this
        // an RCU reader.
        let task = unsafe {
            let pid = bindings::find_pid_ns(tid, &raw mut bindings::init_pid_ns);
            bindings::pid_task(pid, bindings::pid_type_PIDTYPE_PID)
        };
        let ptr = NonNull::new(task)?;
        // SAFETY: A thread that has a number is not freed for RCU readers.
        Some(unsafe { Self::new(ptr, Reader::from(rcu)) })
    }

    pub(super) fn as_ptr(self) -> *mut bindings::task_struct {
        self.ptr.as_ptr()
    }

    /// What it is doing, which may have changed since.
    pub fn doing(self) -> Doing {
        let task = self.ptr.as_ptr();
        // SAFETY: By the type invariant; both fields may be changing.
        let (state, on_cpu) = unsafe {
            (
                (&raw const (*task).__state).read_volatile(),
                (&raw const (*task).on_cpu).read_volatile(),
            )
        };
        match (state, on_cpu) {
            (0, 0) => Doing::Waits,
            (0, _) => Doing::Runs,
            _ => Doing::Sleeps,
        }
    }

    /// The number of the thread; 0 for the idle thread of any CPU.
    #[inline]
    pub fn tid(self) -> u32 {
        // SAFETY: By the type invariant. It may be changing, in `execve`.
        number(unsafe { (&raw const (*self.ptr.as_ptr()).pid).read_volatile() })
    }

    /// The number of the thread's process, which is that of its first thread.
    #[inline]
    pub fn tgid(self) -> u32 {
        // SAFETY: By the type invariant; the number never changes.
        number(unsafe { (*self.ptr.as_ptr()).tgid })
    }

    /// Whether the thread runs a virtual CPU: it has preempt notifiers, and only KVM uses those.
    ///
    /// It has them while it is in an ioctl of the virtual CPU, not while its program emulates a
    /// device. So remember a thread that has had them.
    #[inline]
    pub fn is_vcpu(self) -> bool {
        // SAFETY: By the type invariant. The thread itself may be changing the list, of which only
        // the head is looked at.
        unsafe {
            let first = &raw const (*self.ptr.as_ptr()).preempt_notifiers.first;
            !first.read_volatile().is_null()
        }
    }

    /// Whether the thread is exiting; from [`Watcher::exited`](super::Watcher::exited) on it is.
    #[inline]
    pub fn is_exiting(self) -> bool {
        self.flags() & bindings::PF_EXITING != 0
    }

    /// Whether the thread is one of the kernel's own, such as an idle thread.
    #[inline]
    pub fn is_kernel(self) -> bool {
        self.flags() & bindings::PF_KTHREAD != 0
    }

    /// Whether the thread is in `cgroup` or below it.
    #[inline]
    pub fn is_in(self, cgroup: &Cgroup) -> bool {
        // SAFETY: By the type invariant. What the pointer leads to is freed by RCU.
        let css_set = unsafe { (&raw const (*self.ptr.as_ptr()).cgroups).read_volatile() };
        // SAFETY: A thread always has a set, and the set holds a reference to its cgroup of the
        // default hierarchy. `self.reader` says that neither is freed.
        unsafe { cgroup.has_below((*css_set).dfl_cgrp) }
    }

    /// What tells the thread from all others that there are at the same time, whatever its number.
    #[inline]
    pub fn address(self) -> usize {
        self.ptr.as_ptr().addr()
    }

    /// Evidence that the current CPU is an RCU reader: all callbacks of a watcher are.
    #[inline]
    pub fn reader(self) -> Reader<'a> {
        self.reader
    }

    #[inline]
    fn flags(self) -> u32 {
        // SAFETY: By the type invariant. Only the thread itself changes its flags.
        unsafe { (&raw const (*self.ptr.as_ptr()).flags).read_volatile() }
    }
}

/// The number of a thread or process, which is never negative.
#[inline]
pub(super) fn number(pid: bindings::pid_t) -> u32 {
    u32::from_ne_bytes(pid.to_ne_bytes())
}
