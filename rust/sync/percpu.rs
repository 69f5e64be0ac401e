// SPDX-License-Identifier: GPL-2.0

//! Values and counters of which each CPU has its own.
//!
//! C header: [`include/linux/smp.h`](srctree/include/linux/smp.h)

use super::peek;
use crate::bindings;
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::{
    alloc::KVVec,
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Release, //
    }, //
};

/// Which CPU this was, to be found out once for all that is done there. It may be another one since.
#[derive(Clone, Copy)]
pub struct Cpu(usize);

impl Cpu {
    /// This one.
    #[inline]
    pub fn current() -> Self {
        // A CPU has nothing that it cannot be found by; the number of one that does not exist finds nothing.
        Self(usize::try_from(CpuId::current().as_u32()).unwrap_or(usize::MAX))
    }
}

const FREE: i32 = 0;
const TAKEN: i32 = 1;

/// The value of one CPU, in cache lines of its own.
///
/// # Invariants
///
/// Only who has changed `state` from [`FREE`] to [`TAKEN`] refers to `value`.
#[repr(align(64))]
struct Slot<T> {
    state: Atomic<i32>,
    value: UnsafeCell<T>,
}

/// A value for each CPU.
pub struct PerCpu<T> {
    slots: KVVec<Slot<T>>,
}

// SAFETY: It owns values that may be sent.
unsafe impl<T: Send> Send for PerCpu<T> {}
// SAFETY: Only one at a time refers to a value, by the invariant of `Slot`.
unsafe impl<T: Send> Sync for PerCpu<T> {}

impl<T> PerCpu<T> {
    /// Makes a value for each CPU that there may ever be.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or what `make` fails with.
    pub fn new(mut make: impl FnMut() -> Result<T>) -> Result<Self> {
        let cpus = usize::try_from(nr_cpu_ids())?;
        let mut slots = KVVec::with_capacity(cpus, GFP_KERNEL)?;
        for _ in 0..cpus {
            let slot = Slot {
                state: Atomic::new(FREE),
                value: UnsafeCell::new(make()?),
            };
            slots.push(slot, GFP_KERNEL)?;
        }
        Ok(Self { slots })
    }

    /// The CPU's value; [`None`] if that is in use, by what was interrupted or calls this.
    #[inline]
    pub fn try_take(&self, Cpu(cpu): Cpu) -> Option<Taken<'_, T>> {
        let slot = self.slots.get(cpu)?;
        if slot.state.xchg(TAKEN, Acquire) != FREE {
            return None;
        }
        // INVARIANT: It was just taken.
        Some(Taken(slot))
    }
}

/// The value of a CPU, as long as this is there.
///
/// # Invariants
///
/// The slot was taken for this.
pub struct Taken<'a, T>(&'a Slot<T>);

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the invariants of this and of `Slot`.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the invariants of this and of `Slot`.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // INVARIANT: Nobody refers to the value any more.
        self.0.state.store(FREE, Release);
    }
}

/// Counters in one cache line.
const PER_LINE: usize = 8;

#[repr(align(64))]
struct Line([Atomic<u64>; PER_LINE]);

/// A row of counters for each CPU. They begin at 0, wrap, and are read as sums.
pub struct Tally {
    lines: KVVec<Line>,
    lines_per_cpu: usize,
}

impl Tally {
    /// A row of `len` counters for each CPU that there may ever be.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(len: usize) -> Result<Self> {
        let lines_per_cpu = len.div_ceil(PER_LINE);
        let count = usize::try_from(nr_cpu_ids())?
            .checked_mul(lines_per_cpu)
            .ok_or(ENOMEM)?;
        let mut lines = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            let line = Line([const { Atomic::new(0) }; PER_LINE]);
            lines.push(line, GFP_KERNEL)?;
        }
        Ok(Self {
            lines,
            lines_per_cpu,
        })
    }

    /// Adds `amount` to a counter of the CPU; nothing if there is no such counter.
    ///
    /// With bottom halves off nothing is lost. Otherwise another one that adds to the same counter on the same
    /// CPU meanwhile may be.
    #[inline]
    pub fn add(&self, Cpu(cpu): Cpu, index: usize, amount: u64) {
        if let Some(counter) = self.counter(cpu, index) {
            increase(counter, amount);
        }
    }

    /// As [`Self::add`], for the two counters from `2 * pair` on, which lie side by side.
    #[inline]
    pub fn add_pair(&self, Cpu(cpu): Cpu, pair: usize, first: u64, second: u64) {
        let Some(line) = self.line(cpu, pair / (PER_LINE / 2)) else {
            return;
        };
        let at = pair % (PER_LINE / 2) * 2;
        if let (Some(one), Some(other)) = (line.0.get(at), line.0.get(at.wrapping_add(1))) {
            increase(one, first);
            increase(other, second);
        }
    }

    /// What all CPUs have added to a counter.
    pub fn sum(&self, index: usize) -> u64 {
        let cpus = (0..).map_while(|cpu| self.counter(cpu, index));
        cpus.fold(0, |sum, counter| sum.wrapping_add(peek(counter)))
    }

    #[inline]
    fn counter(&self, cpu: usize, index: usize) -> Option<&Atomic<u64>> {
        self.line(cpu, index / PER_LINE)?.0.get(index % PER_LINE)
    }

    #[inline]
    fn line(&self, cpu: usize, line: usize) -> Option<&Line> {
        if line >= self.lines_per_cpu {
            return None;
        }
        let first = cpu.wrapping_mul(self.lines_per_cpu);
        self.lines.get(first.wrapping_add(line))
    }
}

/// Calls `act` with bottom halves off on this CPU, as they are where packets pass.
pub fn with_bottom_halves_off<R>(act: impl FnOnce() -> R) -> R {
    // SAFETY: Callable in process context and in bottom halves; undone below.
    unsafe { bindings::kernel_ext_local_bh_disable() };
    let result = act();
    // SAFETY: Disabled above, on this CPU.
    unsafe { bindings::kernel_ext_local_bh_enable() };
    result
}

#[inline]
fn increase(counter: &Atomic<u64>, amount: u64) {
    let sum = peek(counter).wrapping_add(amount);
    // SAFETY: The pointer is that of an `Atomic`, whose types are those that are written in one piece.
    unsafe { counter.as_ptr().write_volatile(sum) };
}
