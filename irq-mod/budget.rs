// SPDX-License-Identifier: GPL-2.0

//! What the lines of a guest share: how many deliveries they may make.

use crate::model::budget::Limit;
use kernel::sync::atomic::{
    Atomic,
    Full,
    Relaxed, //
};
use kernel_ext::sync::peek;

/// The budget of a guest. Its lines use it without a lock, from hard interrupt context.
pub(crate) struct Budget {
    /// What [`Limit::irqs_per_s`] says.
    limit: Atomic<u32>,
    /// Up to when its deliveries are paid for, in nanoseconds of the monotonic clock.
    paid_ns: Atomic<u64>,
    contained: Atomic<u64>,
}

impl Budget {
    /// Creates one without a limit.
    pub(crate) const fn new() -> Self {
        Self {
            limit: Atomic::new(0),
            paid_ns: Atomic::new(0),
            contained: Atomic::new(0),
        }
    }

    /// The most deliveries a second.
    #[inline]
    pub(crate) fn limit(&self) -> Limit {
        Limit::from_irqs_per_s(peek(&self.limit)).unwrap_or(Limit::NONE)
    }

    /// Changes the limit; what was paid for before counts no more. There is a full barrier between the
    /// change and what the caller does next.
    pub(crate) fn set(&self, limit: Limit) {
        self.limit.xchg(limit.irqs_per_s(), Full);
        // Second, so that what is booked by the former limit meanwhile is forgotten, too.
        self.paid_ns.store(0, Relaxed);
    }

    /// How many deliveries were put off.
    pub(crate) fn contained(&self) -> u64 {
        self.contained.load(Relaxed)
    }

    /// Books a delivery of an interrupt that arrived at `now_ns` and that its interval allows at
    /// `due_ns`. Returns from when on it may be made, in nanoseconds; 0 if there is no limit.
    #[inline]
    pub(crate) fn book(&self, now_ns: u64, due_ns: u64) -> u64 {
        if self.limit() == Limit::NONE {
            return 0;
        }
        let mut paid_ns = peek(&self.paid_ns);
        // The limit is read anew each time: who fails may have lost to one who changed it.
        while let Some(booking) = self.limit().book(paid_ns, now_ns) {
            // Relaxed: nothing else is published by it. Who fails has let another line book.
            match self.paid_ns.cmpxchg(paid_ns, booking.paid_ns, Relaxed) {
                Ok(_) => {
                    if booking.puts_off(now_ns, due_ns) {
                        self.contained.fetch_add(1, Relaxed);
                    }
                    return booking.at_ns;
                }
                Err(other_ns) => paid_ns = other_ns,
            }
        }
        0
    }
}
