// SPDX-License-Identifier: GPL-2.0

//! What a user has set for a filter, beside its rules. Read with each packet, replaced as a whole.

use crate::model::{
    budget::Budget,
    flow::Lesson,
    mark::LearnMark,
    mode::{
        BounceRate,
        Bum,
        Fail,
        TxMode, //
    },
    text::Switch, //
};
use kernel::prelude::*;

/// The settings of a filter.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) tx_mode: TxMode,
    pub(crate) bum: Bum,
    pub(crate) fail: Fail,
    /// Whether everything bounces.
    pub(crate) quarantine: Switch,
    pub(crate) bounce_rate: BounceRate,
    /// Packets that may bounce at once, 1..=[`Self::MAX_BURST`].
    pub(crate) bounce_burst: u32,
    pub(crate) learn_mark: LearnMark,
    /// For how long a mark teaches, in seconds, 1..=[`Self::MAX_LEARN_S`].
    pub(crate) learn_s: u32,
}

impl Settings {
    /// Most packets that may bounce at once.
    pub(crate) const MAX_BURST: u32 = 65_536;
    /// Longest time that a flow is learned for, in seconds.
    pub(crate) const MAX_LEARN_S: u32 = Lesson::MAX_SECONDS;

    /// Those of a new filter.
    pub(crate) const DEFAULT: Self = Self {
        tx_mode: TxMode::Capture,
        bum: Bum::Unicast,
        fail: Fail::Closed,
        quarantine: Switch::Off,
        bounce_rate: BounceRate::PerSecond(10_000),
        bounce_burst: 1_000,
        learn_mark: LearnMark::None,
        learn_s: 60,
    };

    /// Whether what the VM sends goes on without being looked at.
    #[inline]
    pub(crate) fn lets_all_go_on(&self) -> bool {
        self.tx_mode == TxMode::None && !self.quarantine.is_on()
    }

    /// How much may bounce.
    pub(crate) fn budget(&self) -> Budget {
        match self.bounce_rate {
            BounceRate::Unlimited => Budget::Unlimited,
            BounceRate::PerSecond(rate) => {
                Budget::new(rate, self.bounce_burst).unwrap_or(Budget::Nothing)
            }
        }
    }

    /// Reads a rate, `unlimited` or packets a second.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is neither, [`ERANGE`] beyond [`Budget::MAX_PER_S`].
    pub(crate) fn parse_rate(text: &str) -> Result<BounceRate> {
        if text == "unlimited" {
            return Ok(BounceRate::Unlimited);
        }
        kernel_ext::param::ranged(text, |rate| {
            (rate <= Budget::MAX_PER_S).then_some(BounceRate::PerSecond(rate))
        })
    }
}
