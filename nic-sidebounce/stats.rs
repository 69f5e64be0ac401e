// SPDX-License-Identifier: GPL-2.0

//! What is counted for each filter.

use crate::model::packet::Reason;
use core::fmt;
use kernel::prelude::*;
use kernel_ext::sync::{
    Cpu,
    Tally, //
};

/// Declares the counters and their order.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// A counter, of packets.
        #[derive(Clone, Copy)]
        #[repr(usize)]
        pub(crate) enum Counter {
            $($(#[$doc])* $name,)+
        }

        impl Counter {
            const COUNT: usize = [$(Self::$name),+].len();

            #[inline]
            const fn index(self) -> usize {
                let mut index = 0;
                $(
                    if matches!(self, Self::$name) {
                        return index;
                    }
                    index += 1;
                )+
                index
            }
        }
    };
}

counters! {
    /// To the VM, accepted by level 1.
    RxAccepted,
    /// To the VM, dropped by level 1.
    RxDropped,
    /// To the VM, bounced.
    RxBounced,
    /// From the VM, accepted by level 1.
    TxAccepted,
    /// From the VM, dropped by level 1.
    TxDropped,
    /// From the VM, bounced.
    TxBounced,
    /// Dropped instead of bounced: there were too many.
    BounceLimited,
    /// Bounced while nobody was there to receive it.
    NoPort,
    /// To the VM, given back by level 2.
    InjectedRx,
    /// From the VM, given back by level 2.
    InjectedTx,
    /// Decided by a learned flow.
    LearnedHits,
    /// Decided without searching the rules.
    Cached,
    /// With a header that could not be read.
    Unparsed,
    /// Come back, or with a foreign source address, and dropped.
    Reflected,
    /// Accepted, but not sent: no memory, no route, or a full queue.
    Lost,
    /// Held for a VM that is away.
    Held,
    /// Dropped instead of held or replayed: too many or too old.
    HoldDropped,
    /// Copies of group packets made for the VF.
    Copies,
}

/// The counters of a filter.
pub(crate) struct Counters {
    packets: Tally,
    /// Of each [`Reason`].
    unparsed: Tally,
}

impl Counters {
    /// All 0.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            packets: Tally::new(Counter::COUNT)?,
            unparsed: Tally::new(Reason::ALL.len())?,
        })
    }

    /// Counts one packet; with bottom halves off.
    #[inline]
    pub(crate) fn count(&self, counter: Counter) {
        self.count_on(Cpu::current(), counter);
    }

    /// As [`Self::count`], for who knows which CPU this is.
    #[inline]
    pub(crate) fn count_on(&self, cpu: Cpu, counter: Counter) {
        self.packets.add(cpu, counter.index(), 1);
    }

    /// How many there were.
    pub(crate) fn sum(&self, counter: Counter) -> u64 {
        self.packets.sum(counter.index())
    }

    /// Counts one packet whose header could not be read.
    #[cold]
    pub(crate) fn count_unparsed(&self, reason: Reason) {
        self.count(Counter::Unparsed);
        let place = Reason::ALL.iter().position(|other| *other == reason);
        if let Some(place) = place {
            self.unparsed.add(Cpu::current(), place, 1);
        }
    }

    /// Writes why how many headers could not be read.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub(crate) fn show_unparsed(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        for (place, reason) in Reason::ALL.iter().enumerate() {
            writeln!(out, "{} {}", reason.name(), self.unparsed.sum(place))?;
        }
        Ok(())
    }
}
