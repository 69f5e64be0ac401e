// SPDX-License-Identifier: GPL-2.0

//! What is estimated, and whether the ring is ever full.

#![cfg(test)]

use super::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const GIGABIT_PER_S: u64 = 1_488_095;

fn terms(depth: u32) -> Terms {
    Terms {
        told: Told::This {
            ring: depth,
            speed_mbps: 1_000,
        },
        depth: DepthRule::Auto,
        hint: RateHint::NONE,
        max: Overflow::DEFAULT_MAX,
    }
}

/// A device whose guest has no CPU: its ring is emptied once each overflow interval.
struct Device {
    fill: Fill,
    terms: Terms,
    now_ns: u64,
    packets: u64,
    /// The most that ever were in the ring.
    most: u64,
}

impl Device {
    fn new(depth: u32) -> Self {
        Self {
            fill: Fill::new(),
            terms: terms(depth),
            now_ns: 0,
            packets: 0,
            most: 0,
        }
    }

    fn overflow(&mut self) -> Overflow {
        let reading = Reading {
            packets: self.packets,
            at_ns: self.now_ns,
        };
        let terms = self.terms;
        self.fill.overflow(self.now_ns, || (reading, terms))
    }

    /// So many packets a second for so long; returns the last interval.
    fn run(&mut self, per_s: u64, for_ns: u64) -> Overflow {
        let end_ns = self.now_ns + for_ns;
        let mut rest = 0;
        let mut overflow = self.overflow();
        while self.now_ns < end_ns {
            // The first packet is delivered at once, and the next an interval later.
            let wait_ns = u64::from(overflow.us()) * 1_000;
            rest += per_s * wait_ns;
            let came = rest / SECOND;
            rest %= SECOND;
            self.most = self.most.max(came);
            self.now_ns += wait_ns;
            if came > 0 {
                self.packets += came;
            }
            overflow = self.overflow();
        }
        overflow
    }

    fn pause(&mut self, for_ns: u64) {
        self.now_ns += for_ns;
    }
}

#[test]
fn half_of_a_ring_is_filled_at_a_steady_rate_and_never_all() {
    let mut device = Device::new(256);
    let overflow = device.run(50_000, SECOND);
    assert!((1_280..=2_560).contains(&overflow.us()), "{overflow:?}");
    assert!(device.most <= 128, "{}", device.most);
}

#[test]
fn a_rate_that_doubles_from_one_moment_to_the_next_never_fills_more_than_the_ring() {
    for depth in [64, 256, 1_024, 4_096] {
        let depth_packets = u64::from(depth);
        // Faster ones fill more than the ring in the shortest interval.
        for per_s in [1_000, 3_000, 10_000, 50_000, 200_000, 600_000] {
            if depth_packets * 10_000 < per_s {
                continue;
            }
            let mut device = Device::new(depth);
            for factor in [1, 2] {
                device.run(per_s * factor, 300 * MS);
                let most = device.most;
                assert!(
                    most <= depth_packets,
                    "{per_s} times {factor}: {most} of {depth}"
                );
            }
        }
    }
}

#[test]
fn twice_the_rate_after_any_silence_never_fills_more_than_the_ring() {
    for pause_ms in [
        0, 1, 5, 9, 10, 11, 50, 99, 300, 499, 500, 501, 1_000, 5_000, 100_000,
    ] {
        for trickle_ms in [0, 10, 20, 100] {
            let mut device = Device::new(256);
            device.run(50_000, 500 * MS);
            device.pause(pause_ms * MS);
            for _ in 0..20 {
                device.packets += 1;
                device.overflow();
                device.pause(trickle_ms * MS);
            }
            device.run(100_000, 100 * MS);
            assert!(device.most <= 256, "{} after {pause_ms} ms", device.most);
        }
    }
}

#[test]
fn single_packets_tell_no_rate() {
    let mut device = Device::new(256);
    for _ in 0..1_000 {
        device.packets += 1;
        device.pause(20 * MS);
        device.overflow();
    }
    assert_eq!(device.fill.per_s(device.now_ns), None);
    assert_eq!(device.overflow().us(), 57);
}

#[test]
fn the_estimate_is_never_below_a_steady_rate_and_comes_near_it() {
    for per_s in [2_000, 7_000, 50_000, 500_000] {
        let mut device = Device::new(1_024);
        device.run(per_s, 2 * SECOND);
        let estimate = device.fill.per_s(device.now_ns).expect("known");
        let (least, most) = (per_s * 93 / 100, per_s * 11 / 10);
        assert!((least..=most).contains(&estimate), "{estimate} of {per_s}");
    }
}

#[test]
fn the_estimate_falls_by_half_in_about_a_second() {
    let mut device = Device::new(1_024);
    device.run(80_000, SECOND);
    device.run(8_000, 1_100 * MS);
    let half = device.fill.per_s(device.now_ns).expect("known");
    assert!((36_000..46_000).contains(&half), "{half}");
    device.run(8_000, 6 * SECOND);
    let low = device.fill.per_s(device.now_ns).expect("known");
    assert!((7_500..9_000).contains(&low), "{low}");
}

#[test]
fn a_rate_of_which_nothing_was_heard_for_long_is_unknown() {
    let mut device = Device::new(256);
    device.run(50_000, SECOND);
    let last_ns = device.now_ns;
    assert!(device.fill.per_s(last_ns + 490 * MS).is_some());
    assert_eq!(device.fill.per_s(last_ns + 500 * MS), None);
}

#[test]
fn an_unknown_rate_is_the_hint_or_what_the_link_carries() {
    let mut known = terms(3_000);
    assert_eq!(known.overflow(None).us(), 672);
    known.hint = RateHint::from_per_s(200_000).expect("in range");
    assert_eq!(known.overflow(None).us(), 5_000);
    assert_eq!(known.overflow(Some(1_000)).us(), 5_000);
    assert_eq!(known.overflow(Some(400_000)).us(), 2_500);
    known.hint = RateHint::NONE;
    assert_eq!(known.overflow(Some(0)), known.max);
}

/// A device of which a user knows how long its ring is, and nobody knows anything else.
fn told_by_the_user(depth: u32) -> Terms {
    Terms {
        told: Told::NO_DEVICE,
        depth: DepthRule::Fixed(Depth::new(depth).expect("in range")),
        hint: RateHint::NONE,
        max: Overflow::DEFAULT_MAX,
    }
}

#[test]
fn with_a_depth_alone_half_as_much_again_as_100_000_packets_a_second_fill_half_of_the_ring() {
    assert_eq!(told_by_the_user(256).overflow(None).us(), 853);
    assert_eq!(told_by_the_user(1_024).overflow(None).us(), 3_413);
    assert_eq!(told_by_the_user(1).overflow(None).us(), Overflow::MIN_US);
    let mut terms = told_by_the_user(256);
    terms.hint = RateHint::from_per_s(20_000).expect("in range");
    assert_eq!(terms.overflow(None).us(), 4_266);
    // A link that is down.
    terms = told_by_the_user(256);
    terms.depth = DepthRule::Auto;
    terms.told = Told::This {
        ring: 256,
        speed_mbps: 0,
    };
    assert_eq!(terms.overflow(None).us(), 853);
}

#[test]
fn as_long_as_nobody_was_asked_the_interval_is_the_shortest() {
    let mut unasked = terms(256);
    unasked.told = Told::Nothing;
    for rate in [None, Some(0), Some(1_000)] {
        assert_eq!(unasked.overflow(rate).us(), Overflow::MIN_US);
    }
    unasked.depth = DepthRule::Fixed(Depth::new(300).expect("in range"));
    assert_eq!(unasked.overflow(None).us(), Overflow::MIN_US);
    // Nothing that is missing matters.
    assert_eq!(unasked.overflow(Some(50_000)).us(), 2_000);
    unasked.hint = RateHint::from_per_s(100_000).expect("in range");
    assert_eq!(unasked.overflow(None).us(), 1_000);
}

#[test]
fn a_ring_that_cannot_be_read_for_a_moment_keeps_its_length() {
    let this = |ring, speed_mbps| Told::This { ring, speed_mbps };
    let known = this(256, 1_000);
    assert_eq!(known.learn(Answer::Later, Answer::Later), known);
    assert_eq!(known.learn(Answer::Is(64), Answer::Later), this(64, 1_000));
    assert_eq!(known.learn(Answer::Later, Answer::Is(10)), this(256, 10));
    // Its driver does not know, or it is gone; its link is down.
    assert_eq!(
        known.learn(Answer::Unknown, Answer::Unknown),
        this(0, 1_000)
    );
}

#[test]
fn a_device_that_cannot_be_asked_at_first_has_told_nothing() {
    let is = Answer::Is(1_000);
    for (ring, speed) in [
        (Answer::Later, Answer::Later),
        (is, Answer::Later),
        (Answer::Later, is),
    ] {
        assert_eq!(Told::Nothing.learn(ring, speed), Told::Nothing);
    }
    let told = Told::Nothing.learn(is, Answer::Unknown);
    assert_eq!((told.ring(), told.is_complete()), (1_000, false));
    assert!(told.learn(is, is).is_complete());
    assert!(!Told::Nothing.is_complete() && !Told::NO_DEVICE.is_complete());
    assert_eq!(Told::Nothing.ring(), 0);
}

#[test]
fn what_is_not_known_is_asked_for_again_ever_more_rarely_and_then_never() {
    let mut sum_ms = 0;
    for tries in 0..6 {
        let ms = retry_ms(tries).expect("again");
        assert!(ms > sum_ms);
        sum_ms += ms;
    }
    assert_eq!(sum_ms, 63_000);
    for tries in [6, 7, 31, 32, u32::MAX] {
        assert_eq!(retry_ms(tries), None);
    }
}

#[test]
fn without_a_depth_the_interval_is_the_default_or_the_greatest() {
    let mut known = terms(0);
    assert_eq!(known.overflow(Some(1_000_000)), Overflow::DEFAULT);
    known.max = Overflow::nearest(700);
    assert_eq!(known.overflow(None), known.max);
    known.depth = DepthRule::Fixed(Depth::new(1 << 20).expect("in range"));
    assert_eq!(known.overflow(Some(1_000)), known.max);
    assert_eq!(known.overflow(Some(u64::MAX)).us(), Overflow::MIN_US);
}

#[test]
fn what_changes_counts_at_once_after_a_disturbance() {
    let mut device = Device::new(256);
    device.run(50_000, SECOND);
    let before = device.overflow();
    device.terms.depth = DepthRule::Fixed(Depth::new(1_024).expect("in range"));
    assert_eq!(device.overflow(), before);
    device.fill.disturb();
    let after = device.overflow();
    assert!(after.us() >= before.us() * 4, "{before:?} {after:?}");
}

#[test]
fn a_gigabit_link_carries_a_million_and_a_half_packets_a_second() {
    assert_eq!(line_rate_per_s(1_000), GIGABIT_PER_S);
    assert_eq!(line_rate_per_s(0), 0);
    assert!(line_rate_per_s(u32::MAX) > 0);
}

#[test]
fn a_depth_is_printed_as_it_is_read() {
    for text in ["auto", "1", "1048576"] {
        let rule = DepthRule::parse(text).map(|rule| rule.to_string());
        assert_eq!(rule, Ok(text.into()));
    }
    for text in ["", "Auto", "-1", "0x10"] {
        assert_eq!(DepthRule::parse(text), Err(Malformed::Syntax), "{text:?}");
    }
    for text in ["0", "1048577", "4294967297"] {
        assert_eq!(DepthRule::parse(text), Err(Malformed::Range), "{text:?}");
    }
}

#[test]
fn a_hint_beyond_the_range_is_refused() {
    let hint = |per_s| RateHint::from_per_s(per_s).map(RateHint::per_s);
    assert_eq!(hint(0), Some(0));
    assert_eq!(hint(1_000_000_000), Some(1_000_000_000));
    assert_eq!(hint(1_000_000_001), None);
}
