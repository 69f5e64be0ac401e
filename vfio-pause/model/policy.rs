// SPDX-License-Identifier: GPL-2.0

//! What a slot does by itself, and what happens to a user who touches a BAR that is not there.

use super::text::{
    decimal,
    Malformed,
    Switch, //
};
use core::fmt;

/// What a slot does when its back comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Auto {
    /// `auto_pause`: a back that goes away pauses the slot; otherwise that is an error.
    pub(crate) pause: Switch,
    /// `auto_resume`: a slot that was paused so resumes with the next back.
    pub(crate) resume: Switch,
}

impl Auto {
    /// What a new slot does.
    pub(crate) const DEFAULT: Self = Self {
        pause: Switch::On,
        resume: Switch::On,
    };
}

/// What an access to a BAR gets while its device is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultPolicy {
    /// `block`: it waits until the device is back.
    Block,
    /// `sink`: it reads all ones, and what it writes is dropped.
    Sink,
    /// `block-then-sink`: it waits for a time, then it is treated as by [`Self::Sink`].
    BlockThenSink,
}

impl FaultPolicy {
    /// What a new slot does.
    pub(crate) const DEFAULT: Self = Self::BlockThenSink;

    /// Reads the name of a policy.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "block" => Ok(Self::Block),
            "sink" => Ok(Self::Sink),
            "block-then-sink" => Ok(Self::BlockThenSink),
            _ => Err(Malformed::Syntax),
        }
    }
}

impl fmt::Display for FaultPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::Sink => "sink",
            Self::BlockThenSink => "block-then-sink",
        })
    }
}

/// How long [`FaultPolicy::BlockThenSink`] lets accesses wait, in milliseconds from the begin of the
/// pause.
///
/// # Invariants
///
/// The value is at most [`BlockMs::MAX_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockMs(u32);

impl BlockMs {
    /// Longest time, in milliseconds.
    pub(crate) const MAX_MS: u32 = 60_000;
    /// What a new slot does.
    // INVARIANT: 2000 is in range.
    pub(crate) const DEFAULT: Self = Self(2_000);

    /// Returns [`None`] if `ms` exceeds [`Self::MAX_MS`].
    pub(crate) const fn from_ms(ms: u32) -> Option<Self> {
        if ms > Self::MAX_MS {
            return None;
        }
        // INVARIANT: `ms` was checked above.
        Some(Self(ms))
    }

    /// Reads a number of milliseconds.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let ms = u32::try_from(decimal(text)?).map_err(|_| Malformed::Range)?;
        Self::from_ms(ms).ok_or(Malformed::Range)
    }

    /// The time in milliseconds.
    pub(crate) const fn ms(self) -> u32 {
        self.0
    }
}

impl fmt::Display for BlockMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why the BAR is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Away {
    /// The slot has been paused for so long; a resume will come.
    Paused {
        /// Milliseconds since the begin of the pause.
        since_ms: u64,
    },
    /// The slot is in an error; nothing will come by itself.
    Error,
}

/// Whether whoever makes the access can be made to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It faults, and may fault again later.
    CanWait,
    /// It holds locks that others need, or acts for another process.
    CannotWait,
}

/// What an access gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It waits, then asks again.
    Wait {
        /// For at most so many milliseconds.
        limit_ms: Option<u32>,
    },
    /// It gets a page of ones instead of the BAR.
    Sink,
    /// It fails.
    Refuse,
}

/// Decides about an access to a BAR that is not there.
///
/// An access that cannot wait never gets the sink page: it may be about to hand that page to a device
/// as if it was the BAR.
pub(crate) fn access(
    policy: FaultPolicy,
    block: BlockMs,
    away: Away,
    patience: Patience,
) -> Access {
    match (patience, policy, away) {
        (Patience::CannotWait, _, _) => Access::Refuse,
        (Patience::CanWait, FaultPolicy::Sink, _) => Access::Sink,
        (Patience::CanWait, FaultPolicy::Block, Away::Paused { .. }) => {
            Access::Wait { limit_ms: None }
        }
        (Patience::CanWait, FaultPolicy::Block, Away::Error) => Access::Refuse,
        (Patience::CanWait, FaultPolicy::BlockThenSink, Away::Error) => Access::Sink,
        (Patience::CanWait, FaultPolicy::BlockThenSink, Away::Paused { since_ms }) => {
            match block.rest_ms(since_ms) {
                0 => Access::Sink,
                rest_ms => Access::Wait {
                    limit_ms: Some(rest_ms),
                },
            }
        }
    }
}

impl BlockMs {
    /// What is left of the time after `since_ms`.
    fn rest_ms(self, since_ms: u64) -> u32 {
        u32::try_from(since_ms).map_or(0, |since_ms| self.0.saturating_sub(since_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICIES: [FaultPolicy; 3] = [
        FaultPolicy::Block,
        FaultPolicy::Sink,
        FaultPolicy::BlockThenSink,
    ];

    fn paused(policy: FaultPolicy, since_ms: u64) -> Access {
        let away = Away::Paused { since_ms };
        access(policy, BlockMs::DEFAULT, away, Patience::CanWait)
    }

    #[test]
    fn a_policy_is_printed_as_it_is_read() {
        for policy in POLICIES {
            assert_eq!(FaultPolicy::parse(&policy.to_string()), Ok(policy));
        }
        for text in ["", "Block", "block ", "block-then", "0"] {
            assert_eq!(FaultPolicy::parse(text), Err(Malformed::Syntax), "{text:?}");
        }
    }

    #[test]
    fn a_time_to_wait_is_at_most_a_minute() {
        assert_eq!(BlockMs::parse("0").map(BlockMs::ms), Ok(0));
        assert_eq!(BlockMs::parse("60000").map(BlockMs::ms), Ok(60_000));
        assert_eq!(BlockMs::parse("60001"), Err(Malformed::Range));
        assert_eq!(BlockMs::parse("4294967296"), Err(Malformed::Range));
        assert_eq!(BlockMs::parse("2s"), Err(Malformed::Syntax));
        assert_eq!(BlockMs::DEFAULT.to_string(), "2000");
    }

    #[test]
    fn blocked_accesses_wait_for_as_long_as_it_takes() {
        for since_ms in [0, 2_000, u64::MAX] {
            let access = paused(FaultPolicy::Block, since_ms);
            assert_eq!(access, Access::Wait { limit_ms: None });
        }
    }

    #[test]
    fn sunk_accesses_do_not_wait() {
        assert_eq!(paused(FaultPolicy::Sink, 0), Access::Sink);
    }

    #[test]
    fn the_time_to_wait_counts_from_the_begin_of_the_pause() {
        let limit = |since_ms| paused(FaultPolicy::BlockThenSink, since_ms);
        let wait = |limit_ms| Access::Wait {
            limit_ms: Some(limit_ms),
        };
        assert_eq!(limit(0), wait(2_000));
        assert_eq!(limit(1_999), wait(1));
        assert_eq!(limit(2_000), Access::Sink);
        assert_eq!(limit(u64::MAX), Access::Sink);
    }

    #[test]
    fn nobody_waits_for_a_slot_in_an_error() {
        let error = |policy| access(policy, BlockMs::DEFAULT, Away::Error, Patience::CanWait);
        assert_eq!(error(FaultPolicy::Block), Access::Refuse);
        assert_eq!(error(FaultPolicy::Sink), Access::Sink);
        assert_eq!(error(FaultPolicy::BlockThenSink), Access::Sink);
    }

    #[test]
    fn who_cannot_wait_is_refused_under_every_policy() {
        for policy in POLICIES {
            for away in [
                Away::Error,
                Away::Paused { since_ms: 0 },
                Away::Paused { since_ms: 5_000 },
            ] {
                let access = access(policy, BlockMs::DEFAULT, away, Patience::CannotWait);
                assert_eq!(access, Access::Refuse);
            }
        }
    }
}
