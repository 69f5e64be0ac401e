// SPDX-License-Identifier: GPL-2.0

//! What a window does, step by step.

#![cfg(test)]

mod budget;

use super::super::interval::{
    Halted,
    Latency,
    Overflow, //
};
use super::*;
use Activity::{
    Ready,
    Running, //
};

const INTERVALS: Intervals = intervals(100);
const OFF: Intervals = intervals(0);

/// A budget that allows everything.
const FREE: fn(u64) -> u64 = |_| 0;

const fn intervals(latency_us: u32) -> Intervals {
    Intervals {
        latency: match Latency::from_us(latency_us) {
            Some(latency) => latency,
            None => panic!(),
        },
        overflow: match Overflow::from_us(1_000) {
            Some(overflow) => overflow,
            None => panic!(),
        },
        halted: Halted::Latency,
    }
}

const HOLD: Arrival = Arrival::Hold {
    masking: Masking::Leave,
    arm_at_ns: None,
};
const HOLD_AND_MASK: Arrival = Arrival::Hold {
    masking: Masking::Mask,
    arm_at_ns: None,
};

const fn hold_until(at_ns: u64) -> Arrival {
    Arrival::Hold {
        masking: Masking::Leave,
        arm_at_ns: Some(at_ns),
    }
}

const fn replay(masking: Masking, hold_ns: u64) -> Expiry {
    Expiry::Replay { masking, hold_ns }
}

/// A window that delivered at 0.
fn delivered() -> Window {
    let mut window = Window::new();
    assert_eq!(
        window.arrive(0, &INTERVALS, Ready, 0, FREE),
        Arrival::Deliver
    );
    window
}

/// A window that delivered at 0 and holds one interrupt of 10.
fn holding() -> Window {
    let mut window = delivered();
    assert_eq!(
        window.arrive(10, &INTERVALS, Running, 0, FREE),
        hold_until(100_000)
    );
    window
}

#[test]
fn the_first_interrupt_is_delivered_at_once() {
    delivered();
}

#[test]
fn without_an_interval_every_interrupt_is_delivered() {
    let mut window = Window::new();
    for now_ns in [5, 5, 6] {
        assert_eq!(
            window.arrive(now_ns, &OFF, Running, 0, FREE),
            Arrival::Deliver
        );
    }
    assert_eq!(window.expire(10, &OFF, Running), Expiry::Nothing);
}

#[test]
fn interrupts_before_the_interval_is_over_are_held_and_the_second_masks() {
    let mut window = holding();
    assert_eq!(
        window.arrive(20, &INTERVALS, Running, 0, FREE),
        HOLD_AND_MASK
    );
    assert_eq!(window.arrive(30, &INTERVALS, Running, 0, FREE), HOLD);
    assert_eq!(window.events(), 3);
    assert_eq!(
        window.expire(100_000, &INTERVALS, Running),
        replay(Masking::Mask, 99_990)
    );
}

#[test]
fn an_interrupt_after_the_interval_is_delivered_without_a_timer() {
    let mut window = delivered();
    assert_eq!(
        window.arrive(99_999, &INTERVALS, Running, 0, FREE),
        hold_until(100_000)
    );
    let mut window = delivered();
    assert_eq!(
        window.arrive(100_000, &INTERVALS, Running, 0, FREE),
        Arrival::Deliver
    );
    assert_eq!(window.expire(200_000, &INTERVALS, Running), Expiry::Nothing);
}

#[test]
fn the_interval_is_that_of_the_moment_the_timer_expires() {
    let mut window = holding();
    assert_eq!(
        window.expire(100_000, &INTERVALS, Ready),
        Expiry::Rearm(1_000_000)
    );
    assert_eq!(window.due_ns(&INTERVALS, Running), Some(100_000));
    assert_eq!(
        window.expire(150_000, &INTERVALS, Running),
        replay(Masking::Leave, 149_990)
    );
    assert_eq!(window.due_ns(&INTERVALS, Running), None);
}

#[test]
fn an_activation_that_comes_too_soon_keeps_the_latency_interval() {
    let mut window = delivered();
    assert_eq!(
        window.arrive(10, &INTERVALS, Ready, 0, FREE),
        hold_until(1_000_000)
    );
    assert_eq!(window.due_ns(&INTERVALS, Running), Some(100_000));
    assert_eq!(
        window.expire(50_000, &INTERVALS, Running),
        Expiry::Rearm(100_000)
    );
}

#[test]
fn whatever_arrives_after_a_replay_is_delivered_once() {
    let mut window = holding();
    window.expire(100_000, &INTERVALS, Running);
    assert!(window.is_empty());
    assert_eq!(
        window.arrive(100_001, &INTERVALS, Ready, 1, FREE),
        Arrival::Deliver
    );
    // The replay itself, overtaken by an interrupt of the device.
    assert_eq!(
        window.arrive(100_002, &INTERVALS, Running, 0, FREE),
        hold_until(200_001)
    );
}

#[test]
fn the_last_of_a_burst_is_delivered_and_nothing_is_masked() {
    let mut window = delivered();
    assert_eq!(
        window.arrive(10, &INTERVALS, Running, 3, FREE),
        hold_until(100_000)
    );
    assert_eq!(window.arrive(20, &INTERVALS, Running, 3, FREE), HOLD);
    assert_eq!(
        window.arrive(30, &INTERVALS, Running, 3, FREE),
        Arrival::DeliverEarly { hold_ns: 20 }
    );
    assert_eq!(
        window.arrive(50_000, &INTERVALS, Running, 3, FREE),
        hold_until(100_030)
    );
    // The timer was not stopped.
    assert_eq!(
        window.expire(100_000, &INTERVALS, Running),
        Expiry::Rearm(100_030)
    );
}

#[test]
fn a_burst_of_one_holds_nothing() {
    let mut window = delivered();
    for now_ns in 1..5 {
        assert_eq!(
            window.arrive(now_ns, &INTERVALS, Ready, 1, FREE),
            Arrival::Deliver
        );
    }
}

#[test]
fn a_line_that_is_masked_stays_held_when_bursts_are_turned_on() {
    let mut window = holding();
    assert_eq!(
        window.arrive(20, &INTERVALS, Running, 0, FREE),
        HOLD_AND_MASK
    );
    assert_eq!(window.arrive(30, &INTERVALS, Running, 1, FREE), HOLD);
    assert_eq!(
        window.expire(100_000, &INTERVALS, Running),
        replay(Masking::Mask, 99_990)
    );
}

#[test]
fn turning_moderation_off_makes_what_is_held_due() {
    let mut window = holding();
    assert_eq!(window.due_ns(&OFF, Running), Some(0));
    assert_eq!(window.expire(20, &OFF, Running), replay(Masking::Leave, 10));
}

#[test]
fn a_draining_window_gives_back_what_it_holds_and_holds_no_more() {
    let mut window = holding();
    window.drain();
    assert!(!window.is_empty());
    assert_eq!(window.due_ns(&INTERVALS, Ready), Some(0));
    assert_eq!(
        window.expire(20, &INTERVALS, Ready),
        replay(Masking::Leave, 10)
    );
    assert!(window.is_empty());
    for now_ns in 30..33 {
        assert_eq!(
            window.arrive(now_ns, &INTERVALS, Running, 0, FREE),
            Arrival::Deliver
        );
    }
    assert_eq!(window.expire(50, &INTERVALS, Running), Expiry::Nothing);
}

#[test]
fn an_arrival_at_a_draining_window_serves_what_it_holds_unless_the_line_is_masked() {
    let mut window = holding();
    window.drain();
    assert_eq!(
        window.arrive(20, &INTERVALS, Running, 0, FREE),
        Arrival::DeliverEarly { hold_ns: 10 }
    );
    assert!(window.is_empty());

    let mut window = holding();
    window.arrive(20, &INTERVALS, Running, 0, FREE);
    window.drain();
    assert_eq!(
        window.arrive(30, &INTERVALS, Running, 0, FREE),
        Arrival::Deliver
    );
    assert!(!window.is_empty());
    assert_eq!(
        window.expire(40, &INTERVALS, Running),
        replay(Masking::Mask, 30)
    );
}

#[test]
fn a_window_that_was_drained_holds_again_when_it_is_resumed() {
    let mut window = holding();
    window.drain();
    assert_eq!(
        window.expire(20, &INTERVALS, Running),
        replay(Masking::Leave, 10)
    );
    assert_eq!(
        window.arrive(21, &INTERVALS, Running, 0, FREE),
        Arrival::Deliver
    );
    window.resume();
    let due_ns = 21 + INTERVALS.interval_ns(Running);
    assert_eq!(
        window.arrive(22, &INTERVALS, Running, 0, FREE),
        Arrival::Hold {
            masking: Masking::Leave,
            arm_at_ns: Some(due_ns),
        }
    );

    // Resumed before the timer rang: what is held stays until it is due.
    window.drain();
    window.resume();
    assert_eq!(
        window.expire(23, &INTERVALS, Running),
        Expiry::Rearm(due_ns)
    );
}

#[test]
fn a_clock_that_seems_to_go_back_gives_no_hold_time() {
    let mut window = holding();
    window.drain();
    assert_eq!(
        window.expire(5, &INTERVALS, Running),
        replay(Masking::Leave, 0)
    );
}

#[test]
fn a_clock_at_its_end_does_not_overflow() {
    let mut window = delivered();
    window.arrive(u64::MAX - 1, &INTERVALS, Running, 0, FREE);
    assert_eq!(
        window.arrive(u64::MAX - 1, &INTERVALS, Ready, 0, FREE),
        hold_until(u64::MAX)
    );
    assert_eq!(
        window.expire(u64::MAX, &INTERVALS, Ready),
        replay(Masking::Leave, 1)
    );
}
