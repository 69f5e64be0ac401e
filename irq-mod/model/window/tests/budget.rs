// SPDX-License-Identifier: GPL-2.0

//! What a window does when the guest's budget puts deliveries off.

use super::*;

/// One that allows a delivery half a millisecond after the beginning.
const LATE: fn(u64) -> u64 = |_| 500_000;
/// One that must not be asked.
const PAID: fn(u64) -> u64 = |_| panic!("one delivery is booked twice");

#[test]
fn a_delivery_that_the_budget_puts_off_is_held_whatever_the_interval() {
    let mut window = Window::new();
    assert_eq!(
        window.arrive(0, &OFF, Running, 0, LATE),
        hold_until(500_000)
    );
    assert_eq!(window.due_ns(&OFF, Running), Some(500_000));
    assert_eq!(
        window.expire(400_000, &OFF, Running),
        Expiry::Rearm(500_000)
    );
    assert_eq!(
        window.expire(500_000, &OFF, Running),
        replay(Masking::Leave, 500_000)
    );
    assert_eq!(
        window.arrive(500_001, &OFF, Running, 0, PAID),
        Arrival::Deliver
    );
}

#[test]
fn the_later_of_interval_and_budget_counts_at_the_moment_of_the_expiry() {
    let mut window = delivered();
    assert_eq!(
        window.arrive(10, &INTERVALS, Running, 0, LATE),
        hold_until(500_000)
    );
    assert_eq!(window.due_ns(&INTERVALS, Ready), Some(1_000_000));
    assert_eq!(
        window.expire(500_000, &INTERVALS, Ready),
        Expiry::Rearm(1_000_000)
    );
    assert_eq!(window.due_ns(&INTERVALS, Running), Some(500_000));
}

#[test]
fn the_budget_is_told_when_the_interval_would_allow_the_delivery() {
    let mut window = delivered();
    let mut due_ns = None;
    window.arrive(10, &INTERVALS, Ready, 0, |interval_ns| {
        due_ns = Some(interval_ns);
        0
    });
    assert_eq!(due_ns, Some(1_000_000));
}

#[test]
fn a_window_books_once_and_a_replay_is_booked_already() {
    let mut window = delivered();
    assert_eq!(
        window.arrive(10, &INTERVALS, Running, 0, FREE),
        hold_until(100_000)
    );
    assert_eq!(
        window.arrive(20, &INTERVALS, Running, 0, PAID),
        HOLD_AND_MASK
    );
    assert_eq!(window.arrive(30, &INTERVALS, Running, 0, PAID), HOLD);
    window.expire(100_000, &INTERVALS, Running);
    assert_eq!(
        window.arrive(100_001, &INTERVALS, Running, 0, PAID),
        Arrival::Deliver
    );
}

#[test]
fn a_burst_is_not_early_while_the_budget_forbids_it_and_the_second_masks_then() {
    let mut window = Window::new();
    assert_eq!(
        window.arrive(0, &OFF, Running, 1, LATE),
        hold_until(500_000)
    );
    assert_eq!(window.arrive(10, &OFF, Running, 1, PAID), HOLD_AND_MASK);
    assert_eq!(
        window.expire(500_000, &OFF, Running),
        replay(Masking::Mask, 500_000)
    );

    let mut window = delivered();
    assert_eq!(
        window.arrive(10, &INTERVALS, Ready, 2, LATE),
        hold_until(1_000_000)
    );
    assert_eq!(
        window.arrive(500_000, &INTERVALS, Ready, 2, PAID),
        Arrival::DeliverEarly { hold_ns: 499_990 }
    );
}

#[test]
fn a_budget_that_is_lifted_leaves_the_interval() {
    let mut window = delivered();
    assert!(!window.unbook());
    window.arrive(10, &INTERVALS, Running, 0, LATE);
    assert!(window.unbook());
    assert!(!window.unbook());
    assert_eq!(window.due_ns(&INTERVALS, Running), Some(100_000));
    assert_eq!(
        window.expire(100_000, &INTERVALS, Running),
        replay(Masking::Leave, 99_990)
    );
}

#[test]
fn a_draining_window_asks_no_budget() {
    let mut window = Window::new();
    window.arrive(0, &OFF, Running, 0, LATE);
    window.drain();
    assert_eq!(window.due_ns(&OFF, Running), Some(0));
    assert_eq!(window.expire(10, &OFF, Running), replay(Masking::Leave, 10));
    for now_ns in 20..23 {
        assert_eq!(
            window.arrive(now_ns, &OFF, Running, 0, PAID),
            Arrival::Deliver
        );
    }
}
