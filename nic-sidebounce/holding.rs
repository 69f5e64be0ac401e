// SPDX-License-Identifier: GPL-2.0

//! Packets that are held for a VM which is away.

use crate::model::hold::{
    Arrival,
    Bounds,
    Event,
    Hold,
    Phase, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    }, //
};
use kernel_ext::{
    net::{
        DropReason,
        Frame, //
    },
    sched::now_ns,
    sync::{
        new_raw_spinlock,
        RawSpinLock, //
    }, //
};

/// What has become of a frame for the VM.
pub(crate) enum Kept {
    /// It is to be delivered.
    No(Frame),
    /// It waits.
    Yes,
    /// It waits, and is the first: somebody is to be told.
    First,
    /// It was dropped: too many wait.
    Overflow,
}

/// The frames that wait, and whether any do.
#[pin_data]
pub(crate) struct Holding {
    #[pin]
    hold: RawSpinLock<Hold<Frame>>,
    /// Whether frames pass, so that the lock is spared.
    is_serving: Atomic<bool>,
    /// Whether a first one has arrived that nobody was told of yet.
    is_due: Atomic<bool>,
}

impl Holding {
    /// Most bytes that may be held.
    pub(crate) const MAX_LEN_BYTES: u64 = 64 << 20;
    /// Longest time that a packet may be held, in milliseconds.
    pub(crate) const MAX_AGE_MS: u32 = 3_600_000;
    /// For a new filter.
    pub(crate) const DEFAULT: Bounds = Bounds {
        packets: 1024,
        len_bytes: 1 << 20,
        age_ns: 30_000_000_000,
    };

    /// Frames pass.
    pub(crate) fn new() -> Result<impl PinInit<Self, Error>> {
        let hold = Hold::new(Self::DEFAULT)?;
        Ok(try_pin_init!(Self {
            hold <- new_raw_spinlock!(hold, "nic_sidebounce::Holding"),
            is_serving: Atomic::new(true),
            is_due: Atomic::new(false),
        }))
    }

    /// What happens to frames.
    pub(crate) fn phase(&self) -> Phase {
        self.hold.lock().phase()
    }

    /// How many frames wait.
    pub(crate) fn len(&self) -> usize {
        self.hold.lock().len()
    }

    /// How many bytes they have.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.hold.lock().len_bytes()
    }

    /// How much may be held.
    pub(crate) fn bounds(&self) -> Bounds {
        self.hold.lock().bounds()
    }

    /// Changes how much may be held. One at a time.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] while frames are held, [`ENOMEM`].
    pub(crate) fn set_bounds(&self, change: impl FnOnce(Bounds) -> Bounds) -> Result {
        let mut new = Hold::new(change(self.bounds()))?;
        let mut hold = self.hold.lock();
        if hold.phase() != Phase::Serving {
            return Err(EBUSY);
        }
        core::mem::swap(&mut *hold, &mut new);
        // Its memory is given back with the lock free.
        drop(hold);
        Ok(())
    }

    /// Whether frames pass.
    #[inline]
    pub(crate) fn is_serving(&self) -> bool {
        self.is_serving.load(Acquire)
    }

    /// A frame is on its way to the VM.
    pub(crate) fn arrive(&self, frame: Frame) -> Kept {
        let len_bytes = u64::from(frame.len_bytes());
        let arrival = self.hold.lock().arrive(frame, len_bytes, now_ns());
        match arrival {
            Arrival::Pass(frame) => Kept::No(frame),
            Arrival::Held(Event::None) => Kept::Yes,
            Arrival::Held(Event::Raise) => {
                self.is_due.store(true, Release);
                Kept::First
            }
            Arrival::Overflow(frame) => {
                frame.drop_with(DropReason::Limit);
                Kept::Overflow
            }
        }
    }

    /// The VM is away: frames wait from now on.
    pub(crate) fn hold(&self) {
        let mut hold = self.hold.lock();
        if let Ok(Event::Raise) = hold.hold() {
            self.is_due.store(true, Release);
        }
        self.is_serving.store(false, Release);
    }

    /// The VM is back: what waits is to be handed over, by [`Self::next`].
    pub(crate) fn replay(&self) {
        // Nothing to be done in other phases.
        let _ = self.hold.lock().replay();
    }

    /// The next frame to hand over. The former one must have been.
    pub(crate) fn next(&self) -> Option<Frame> {
        let mut hold = self.hold.lock();
        let next = hold.next();
        if hold.phase() == Phase::Serving {
            self.is_serving.store(true, Release);
        }
        next
    }

    /// The next frame to drop, since the filter goes. Once there is none, frames pass.
    pub(crate) fn abandon(&self) -> Option<Frame> {
        let mut hold = self.hold.lock();
        let next = hold.abandon();
        if next.is_none() {
            self.is_serving.store(true, Release);
        }
        next
    }

    /// A frame that has waited for too long.
    pub(crate) fn expire(&self) -> Option<Frame> {
        self.hold.lock().expire(now_ns())
    }

    /// In how many milliseconds the oldest frame is too old; [`None`] if none waits.
    pub(crate) fn due_ms(&self) -> Option<u32> {
        let due_ns = self.hold.lock().due_ns()?;
        let rest_ms = due_ns.saturating_sub(now_ns()) / 1_000_000;
        Some(u32::try_from(rest_ms).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// Whether somebody is to be told of the first frame, which this takes as done.
    pub(crate) fn take_due(&self) -> bool {
        self.is_due.load(Relaxed) && self.is_due.xchg(false, Acquire)
    }
}
