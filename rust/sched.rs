// SPDX-License-Identifier: GPL-2.0

//! Watching which threads run, wait for a CPU, or sleep.
//!
//! C headers: [`include/trace/events/sched.h`](srctree/include/trace/events/sched.h),
//! [`include/linux/sched.h`](srctree/include/linux/sched.h)
//!
//! A [`Watcher`] is called for every thread of the host:
//!
//! ```text
//!                    switched (next)
//!            Ready ------------------> Running --- exited --> Running, until it
//!              ^  <------------------     |                   blocks for good
//!              |   switched (prev,        |
//!        woken |   Left::Runnable)        | switched (prev, Left::Blocked)
//!              |                          v
//!              +---------------------- Blocked
//! ```
//!
//! For one thread the calls come in the order in which things happen, except that a thread that
//! goes to sleep may be woken, by itself or by another, before it does: `woken` is then called for a
//! thread that is running. A new thread is first seen when it starts to run.
//!
//! A thread is known by its number. When a thread other than the first executes a program, the others
//! exit and it takes over the number of its process: [`Watcher::renumbered`].

mod cgroup;
mod process;
mod task;
mod watch;

pub use cgroup::Cgroup;
pub use process::Process;
pub use task::{
    Doing,
    Task, //
};
pub use watch::{
    Left,
    Watch,
    Watcher, //
};

/// Whether the current process is being killed, so that what takes long for it is in vain. Process context.
pub fn is_killed() -> bool {
    // SAFETY: Any process may be asked about itself.
    unsafe { crate::bindings::kernel_ext_fatal_signal_pending() }
}

/// Nanoseconds since boot, without the time that was spent in suspend. Callable from any context; it may
/// differ by some microseconds from the monotonic clock, and go back by as much.
#[inline]
pub fn now_ns() -> u64 {
    // SAFETY: Callable from any context.
    unsafe { crate::bindings::ktime_get_mono_fast_ns() }
}
