// SPDX-License-Identifier: GPL-2.0

//! What the driver of a device has told, and when to ask it again.

use super::{
    line_rate_per_s,
    Depth, //
};

/// What a driver says when it is asked for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This, more than 0.
    Is(u32),
    /// That it does not know, or nobody knows.
    Unknown,
    /// Nothing: it cannot be asked at the moment.
    Later,
}

/// What a driver has told of a ring and of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nobody could be asked yet.
    Nothing,
    /// This; 0 where it does not know.
    This {
        /// Descriptors.
        ring: u32,
        /// In Mbit/s.
        speed_mbps: u32,
    },
}

impl Told {
    /// What is told where there is nobody to ask.
    pub(crate) const NO_DEVICE: Self = Self::This {
        ring: 0,
        speed_mbps: 0,
    };

    /// What is known after the same device was asked once more. A link that is down has no speed, and comes
    /// back as it was, as far as anybody knows.
    pub(crate) fn learn(self, ring: Answer, speed_mbps: Answer) -> Self {
        let (known_ring, known_mbps) = match self {
            Self::Nothing if ring == Answer::Later || speed_mbps == Answer::Later => return self,
            Self::Nothing => (0, 0),
            Self::This { ring, speed_mbps } => (ring, speed_mbps),
        };
        Self::This {
            ring: match ring {
                Answer::Is(ring) => ring,
                Answer::Unknown => 0,
                Answer::Later => known_ring,
            },
            speed_mbps: match speed_mbps {
                Answer::Is(speed_mbps) => speed_mbps,
                Answer::Unknown | Answer::Later => known_mbps,
            },
        }
    }

    /// Whether nothing is left to ask for.
    pub(crate) fn is_complete(self) -> bool {
        !matches!(
            self,
            Self::Nothing | Self::This { ring: 0, .. } | Self::This { speed_mbps: 0, .. }
        )
    }

    /// Descriptors of the ring, 0 if that is not known.
    pub(crate) fn ring(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::This { ring, .. } => ring,
        }
    }
}

/// The depth of a ring of so many descriptors, if it is known.
pub(super) fn depth(ring: u32) -> Option<Depth> {
    Depth::new(ring.min(Depth::MAX))
}

/// What is assumed of a link of which nothing is known, in packets a second.
const ASSUMED_PER_S: u64 = 100_000;

/// The most packets a second that are expected of a link of so many Mbit/s, 0 if that is not known.
pub(super) fn most_per_s(speed_mbps: u32) -> u64 {
    match speed_mbps {
        0 => ASSUMED_PER_S,
        mbps => line_rate_per_s(mbps),
    }
}

/// How often in a row it is asked for what is not known, once each twice as long after the last time: a
/// network device may be registered, and its link come up, long after its interrupts were requested.
const MAX_TRIES: u32 = 6;

/// After how many milliseconds to ask again, after `tries` times; [`None`] if that is enough.
pub(crate) fn retry_ms(tries: u32) -> Option<u32> {
    1_000_u32.checked_shl(tries).filter(|_| tries < MAX_TRIES)
}
