// SPDX-License-Identifier: GPL-2.0

//! Counters that many CPUs count.
//!
//! C header: [`include/linux/percpu.h`](srctree/include/linux/percpu.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

/// `N` counters, each with a copy for each CPU, so that counting is one instruction without a lock.
///
/// # Invariants
///
/// `first` points to `N` numbers for each CPU, which this owns.
pub struct Counters<const N: usize> {
    first: NonNull<u64>,
}

// SAFETY: The numbers belong to no thread.
unsafe impl<const N: usize> Send for Counters<N> {}
// SAFETY: Each CPU counts its own copy, and sums are loads of whole words.
unsafe impl<const N: usize> Sync for Counters<N> {}

impl<const N: usize> Counters<N> {
    /// Makes counters that are 0.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new() -> Result<Self> {
        // SAFETY: May be called in any context that may sleep.
        let first = unsafe { bindings::kernel_ext_alloc_percpu_u64(N) };
        // INVARIANT: It was just allocated for `N` numbers.
        Ok(Self {
            first: NonNull::new(first).ok_or(ENOMEM)?,
        })
    }

    fn at(&self, index: usize) -> Option<*mut u64> {
        // CAST: An offset in a per-CPU address is that in each copy.
        (index < N).then(|| self.first.as_ptr().wrapping_add(index))
    }

    /// Adds `count` to a counter; there is none at `N` or beyond.
    #[inline]
    pub fn add(&self, index: usize, count: u64) {
        if let Some(counter) = self.at(index) {
            // SAFETY: By the type invariant; the addition is on this CPU's copy, whichever that is.
            unsafe { bindings::kernel_ext_this_cpu_add_u64(counter, count) };
        }
    }

    /// The sum over all CPUs; 0 beyond the last counter.
    pub fn get(&self, index: usize) -> u64 {
        match self.at(index) {
            // SAFETY: By the type invariant.
            Some(counter) => unsafe { bindings::kernel_ext_per_cpu_sum_u64(counter) },
            None => 0,
        }
    }
}

impl<const N: usize> Drop for Counters<N> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns them, and this is the last use.
        unsafe { bindings::free_percpu(self.first.as_ptr().cast()) };
    }
}
