// SPDX-License-Identifier: GPL-2.0

//! What is counted for each filter.

use kernel::prelude::*;
use kernel_ext::sync::Tally;

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
    /// Bounced while the pair was not up.
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
pub(crate) struct Counters(Tally);

impl Counters {
    /// All 0.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Self> {
        Tally::new(Counter::COUNT).map(Self)
    }

    /// Counts one packet; with bottom halves off.
    #[inline]
    pub(crate) fn count(&self, counter: Counter) {
        self.0.add(counter.index(), 1);
    }

    /// How many there were.
    pub(crate) fn sum(&self, counter: Counter) -> u64 {
        self.0.sum(counter.index())
    }
}
