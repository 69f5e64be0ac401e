// SPDX-License-Identifier: GPL-2.0

//! What is counted for each slot.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A number that anybody may count up. Relaxed throughout: nothing depends on the order in which
/// counts become visible.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Counts one more.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// Adds; wraps around instead of panicking.
    pub(crate) fn add(&self, count: u64) {
        // Atomic additions wrap.
        self.0.fetch_add(count, Relaxed);
    }

    /// Puts a measured value in place of the last one.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Counters of one slot since it was added; they never go back. Durations are those of the latest.
pub(crate) struct Stats {
    /// Pauses, those of functions that went away included.
    pub(crate) pauses: Counter,
    /// Resumes.
    pub(crate) resumes: Counter,
    /// How long the latest pause took to take effect, in nanoseconds.
    pub(crate) pause_ns: Counter,
    /// How long the latest resume took, in nanoseconds.
    pub(crate) resume_ns: Counter,
    /// From the begin of the latest pause that has ended to its end, in nanoseconds.
    pub(crate) outage_ns: Counter,
    /// Accesses to registers that waited for a resume.
    pub(crate) blocked_faults: Counter,
    /// Accesses to registers that went to the sink.
    pub(crate) sunk_faults: Counter,
    /// Mappings made for DMA.
    pub(crate) dma_maps: Counter,
    /// Requests to undo mappings.
    pub(crate) dma_unmaps: Counter,
    /// Bytes mapped for DMA.
    pub(crate) dma_bytes: Counter,
    /// Mappings that were not given to the IOMMU.
    pub(crate) phantom_maps: Counter,
    /// Interrupts passed on.
    pub(crate) irqs: Counter,
    /// Interrupts nobody listened to.
    pub(crate) dropped_irqs: Counter,
}

impl Stats {
    /// All zero.
    pub(crate) const fn new() -> Self {
        Self {
            pauses: Counter::new(),
            resumes: Counter::new(),
            pause_ns: Counter::new(),
            resume_ns: Counter::new(),
            outage_ns: Counter::new(),
            blocked_faults: Counter::new(),
            sunk_faults: Counter::new(),
            dma_maps: Counter::new(),
            dma_unmaps: Counter::new(),
            dma_bytes: Counter::new(),
            phantom_maps: Counter::new(),
            irqs: Counter::new(),
            dropped_irqs: Counter::new(),
        }
    }
}
