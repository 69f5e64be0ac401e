// SPDX-License-Identifier: GPL-2.0

//! Values and counters of which each CPU has its own.
//!
//! C header: [`include/linux/smp.h`](srctree/include/linux/smp.h)

use super::peek;
use crate::bindings;
use core::cell::UnsafeCell;
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

    /// Calls `act` with this CPU's value; [`None`] if that is in use, by what was interrupted or calls this.
    #[inline]
    pub fn try_with<R>(&self, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let slot = self.slots.get(current()?)?;
        if slot.state.xchg(TAKEN, Acquire) != FREE {
            return None;
        }
        // SAFETY: By the invariant of `Slot`; it was just taken.
        let result = act(unsafe { &mut *slot.value.get() });
        // INVARIANT: The reference is gone.
        slot.state.store(FREE, Release);
        Some(result)
    }
}

fn current() -> Option<usize> {
    usize::try_from(CpuId::current().as_u32()).ok()
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

    /// Adds `amount` to a counter of this CPU; nothing if there is no such counter.
    ///
    /// With bottom halves off nothing is lost. Otherwise another one that adds to the same counter on the same
    /// CPU meanwhile may be.
    #[inline]
    pub fn add(&self, index: usize, amount: u64) {
        let counter = current().and_then(|cpu| self.counter(cpu, index));
        if let Some(counter) = counter {
            let sum = peek(counter).wrapping_add(amount);
            // SAFETY: The pointer is that of an `Atomic`, whose types are those that are written in one piece.
            unsafe { counter.as_ptr().write_volatile(sum) };
        }
    }

    /// What all CPUs have added to a counter.
    pub fn sum(&self, index: usize) -> u64 {
        let cpus = (0..).map_while(|cpu| self.counter(cpu, index));
        cpus.fold(0, |sum, counter| sum.wrapping_add(peek(counter)))
    }

    #[inline]
    fn counter(&self, cpu: usize, index: usize) -> Option<&Atomic<u64>> {
        let line = index / PER_LINE;
        if line >= self.lines_per_cpu {
            return None;
        }
        let first = cpu.wrapping_mul(self.lines_per_cpu);
        let line = self.lines.get(first.wrapping_add(line))?;
        line.0.get(index % PER_LINE)
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
