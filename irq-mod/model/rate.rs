// SPDX-License-Identifier: GPL-2.0

//! How fast packets come, and how long a ring of descriptors lasts at that.
//!
//! The rate is estimated from above: it follows a growth at once and falls slowly, by half in about a
//! second. Where nothing is known of it the most that the link can carry is assumed, or 100,000 packets a
//! second if nothing is known of the link, so that the first packets after a silence find an interval that is
//! too short rather than too long.

use super::{
    interval::Overflow,
    text::{
        decimal,
        Malformed, //
    },
};
use core::{
    fmt,
    num::NonZero, //
};

mod told;

pub(crate) use told::{
    retry_ms,
    Answer,
    Told, //
};

/// Over how many nanoseconds as many packets tell a rate: many soon, since they may fill a ring, and few
/// later, since a sender that was late catches up.
const SAMPLES: [(u64, u64); 2] = [(1_000_000, 32), (4_000_000, 16)];
/// Between two polls that are further apart there was a pause, unless deliveries were, too.
const PAUSE_NS: u64 = 10_000_000;
/// How often the estimate falls by a sixteenth, in nanoseconds.
const DECAY_NS: u64 = 100_000_000;
/// How long an estimate counts without a sample: it has not fallen so far by then that the ring would
/// not last for twice the rate.
const FORGET_NS: u64 = 500_000_000;
/// How many samples tell a rate: the first may have begun before a burst did.
const ENOUGH_SAMPLES: u8 = 2;

/// Descriptors of a ring.
///
/// # Invariants
///
/// The value lies in `1..=`[`Depth::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth(NonZero<u32>);

impl Depth {
    /// Longest ring.
    pub(crate) const MAX: u32 = 1 << 20;

    /// Creates a depth, or returns [`None`] if `descriptors` is out of range.
    pub(crate) fn new(descriptors: u32) -> Option<Self> {
        // INVARIANT: The value is checked here.
        NonZero::new(descriptors)
            .filter(|depth| depth.get() <= Self::MAX)
            .map(Self)
    }
}

/// Where a line's depth comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DepthRule {
    /// From the device's driver.
    Auto,
    /// From the user.
    Fixed(Depth),
}

impl DepthRule {
    /// Reads `auto` or a number of descriptors.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        match text {
            "auto" => Ok(Self::Auto),
            number => u32::try_from(decimal(number)?)
                .ok()
                .and_then(Depth::new)
                .map(Self::Fixed)
                .ok_or(Malformed::Range),
        }
    }
}

impl fmt::Display for DepthRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(Depth(descriptors)) => write!(f, "{descriptors}"),
        }
    }
}

/// The least rate that is assumed, in packets a second; 0 for none.
///
/// # Invariants
///
/// The value is at most [`RateHint::MAX_PER_S`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateHint(u32);

impl RateHint {
    /// Greatest rate, in packets a second.
    pub(crate) const MAX_PER_S: u32 = 1_000_000_000;
    /// No rate.
    // INVARIANT: 0 is in range.
    pub(crate) const NONE: Self = Self(0);

    /// Creates a rate, or returns [`None`] if it exceeds [`Self::MAX_PER_S`].
    pub(crate) const fn from_per_s(per_s: u32) -> Option<Self> {
        if per_s > Self::MAX_PER_S {
            return None;
        }
        // INVARIANT: `per_s` was checked above.
        Some(Self(per_s))
    }

    /// The rate in packets a second.
    pub(crate) const fn per_s(self) -> u32 {
        self.0
    }
}

/// The most packets a second that a link of `mbps` megabits a second carries: one of 64 bytes takes
/// 84 bytes of its time.
fn line_rate_per_s(mbps: u32) -> u64 {
    u64::from(mbps).saturating_mul(1_000_000) / (84 * 8)
}

/// What is known of a device, and what the user says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What the device's driver says.
    pub(crate) told: Told,
    /// Where the length of the ring is taken from.
    pub(crate) depth: DepthRule,
    /// The least rate that is assumed.
    pub(crate) hint: RateHint,
    /// The longest interval.
    pub(crate) max: Overflow,
}

impl Terms {
    /// The interval for `rate_per_s` packets a second, or for an unknown rate: half of the ring lasts
    /// as long if half as many more come, and all of it if three times as many do. As long as nobody was asked
    /// for what it depends on it is the shortest one.
    pub(crate) fn overflow(&self, rate_per_s: Option<u64>) -> Overflow {
        let hint_per_s = Some(u64::from(self.hint.per_s())).filter(|per_s| *per_s != 0);
        let (depth, per_s) = match (self.depth, rate_per_s.max(hint_per_s), self.told) {
            (DepthRule::Fixed(depth), Some(per_s), _) => (Some(depth), per_s),
            (_, _, Told::Nothing) => return Overflow::nearest(0),
            (rule, per_s, Told::This { ring, speed_mbps }) => {
                let depth = match rule {
                    DepthRule::Fixed(depth) => Some(depth),
                    DepthRule::Auto => told::depth(ring),
                };
                (depth, per_s.unwrap_or(told::most_per_s(speed_mbps)))
            }
        };
        let Some(Depth(depth)) = depth else {
            return Overflow::DEFAULT.min(self.max);
        };
        // Half of the ring, by half as many more: a third.
        let us = u64::from(depth.get())
            .saturating_mul(1_000_000)
            .checked_div(per_s.saturating_mul(3))
            .unwrap_or(u64::MAX);
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        Overflow::nearest(us).min(self.max)
    }
}

/// How many packets a vector had when, since its device came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Packets so far.
    pub(crate) packets: u64,
    /// When the last of them were taken from the ring, in nanoseconds.
    pub(crate) at_ns: u64,
}

/// An estimate of packets a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Where the present sample begins.
    begin: Option<Reading>,
    last: Option<Reading>,
    peak_per_s: u64,
    /// Until when the peak has fallen, in nanoseconds.
    fallen_ns: u64,
    /// When the last sample ended, in nanoseconds.
    sampled_ns: u64,
    samples: u8,
}

impl Rate {
    /// Creates an estimate that knows nothing.
    pub(crate) const fn new() -> Self {
        Self {
            begin: None,
            last: None,
            peak_per_s: 0,
            fallen_ns: 0,
            sampled_ns: 0,
            samples: 0,
        }
    }

    /// Learns how many packets there were, while deliveries were `interval` apart or less.
    pub(crate) fn observe(&mut self, reading: Reading, interval: Overflow) {
        if self.last == Some(reading) {
            return;
        }
        let last = self.last.replace(reading);
        let (Some(begin), Some(last)) = (self.begin, last) else {
            self.begin = Some(reading);
            return;
        };
        let pause_ns = u64::from(interval.us()).saturating_mul(2_000);
        if reading.at_ns.saturating_sub(last.at_ns) >= pause_ns.max(PAUSE_NS) {
            self.begin = Some(reading);
            return;
        }
        let elapsed_ns = reading.at_ns.saturating_sub(begin.at_ns);
        let packets = reading.packets.wrapping_sub(begin.packets);
        let is_enough = SAMPLES
            .iter()
            .any(|(least_ns, least)| elapsed_ns >= *least_ns && packets >= *least);
        if is_enough {
            self.begin = Some(reading);
            self.sample(packets, elapsed_ns, reading.at_ns);
        }
    }

    /// The estimate at `now_ns` in packets a second, [`None`] if nothing is known.
    pub(crate) fn per_s(&self, now_ns: u64) -> Option<u64> {
        let mut now = self.clone();
        now.fall(now_ns);
        (now.samples >= ENOUGH_SAMPLES).then_some(now.peak_per_s)
    }

    fn sample(&mut self, packets: u64, elapsed_ns: u64, now_ns: u64) {
        let per_s = packets
            .saturating_mul(1_000_000_000)
            .checked_div(elapsed_ns)
            .unwrap_or(0);
        self.fall(now_ns);
        self.peak_per_s = self.peak_per_s.max(per_s);
        self.sampled_ns = now_ns;
        self.samples = self.samples.saturating_add(1);
    }

    /// Lets the peak fall, or forgets it, as the time that has passed says.
    fn fall(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.sampled_ns) >= FORGET_NS {
            self.samples = 0;
        }
        if self.samples == 0 {
            self.peak_per_s = 0;
            self.fallen_ns = now_ns;
        }
        // No more than within `FORGET_NS`, since samples come more often, or nothing is known.
        while now_ns.saturating_sub(self.fallen_ns) >= DECAY_NS && self.peak_per_s > 0 {
            self.peak_per_s = self.peak_per_s.saturating_sub(self.peak_per_s.div_ceil(16));
            self.fallen_ns = self.fallen_ns.saturating_add(DECAY_NS);
        }
    }
}

/// How often an interval that follows the rate is looked at again, in nanoseconds.
const LOOK_NS: u64 = 1_000_000;

/// The overflow interval of a vector whose rule is [`super::interval::OverflowRule::Auto`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    rate: Rate,
    overflow: Overflow,
    /// When the interval was computed, in nanoseconds, if it still counts.
    looked_ns: Option<u64>,
}

impl Fill {
    /// Creates one that knows nothing.
    pub(crate) const fn new() -> Self {
        Self {
            rate: Rate::new(),
            overflow: Overflow::DEFAULT,
            looked_ns: None,
        }
    }

    /// The interval at `now_ns`; `look` is asked only now and then.
    #[inline]
    pub(crate) fn overflow(
        &mut self,
        now_ns: u64,
        look: impl FnOnce() -> (Reading, Terms),
    ) -> Overflow {
        let is_known = self
            .looked_ns
            .is_some_and(|looked_ns| now_ns.saturating_sub(looked_ns) < LOOK_NS);
        if !is_known {
            let (reading, terms) = look();
            self.look(now_ns, reading, &terms);
        }
        self.overflow
    }

    /// Makes the next [`Self::overflow`] look again.
    pub(crate) fn disturb(&mut self) {
        self.looked_ns = None;
    }

    /// The estimated rate at `now_ns`, in packets a second.
    pub(crate) fn per_s(&self, now_ns: u64) -> Option<u64> {
        self.rate.per_s(now_ns)
    }

    #[inline(never)]
    fn look(&mut self, now_ns: u64, reading: Reading, terms: &Terms) {
        self.rate.observe(reading, self.overflow);
        self.overflow = terms.overflow(self.rate.per_s(now_ns));
        self.looked_ns = Some(now_ns);
    }
}

mod tests;
