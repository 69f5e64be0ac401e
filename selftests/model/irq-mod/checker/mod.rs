// SPDX-License-Identifier: GPL-2.0

//! Every interleaving of what can happen to a moderated line, up to a number of events.

mod booking;
mod explore;
mod mutant;
mod world;

use crate::model::{
    activity::Activity,
    interval::{Halted, HaltedUs, Latency, Overflow},
    policy::Intervals,
};
use explore::{explore, Violation};
use mutant::Mutant;
use world::{Scenario, World};

/// More states than this are a mistake of the test.
const LIMIT: usize = 4_000_000;

fn intervals(latency_us: u32, overflow_us: u32, halted: Halted) -> Intervals {
    Intervals {
        latency: Latency::from_us(latency_us).expect("in range"),
        overflow: Overflow::from_us(overflow_us).expect("in range"),
        halted,
    }
}

fn halted_us(us: u32) -> Halted {
    Halted::Us(HaltedUs::from_us(us).expect("in range"))
}

/// A guest that runs, waits and sleeps; nothing else happens.
fn guest() -> Scenario {
    Scenario {
        intervals: vec![intervals(10, 50, halted_us(20))],
        burst_events: 0,
        events: 4,
        last_event: 3,
        moves: 3,
        activity: Activity::Ready,
        disables: 0,
        detaches: false,
        puts_off: 0,
        lifts: false,
        mutant: None,
    }
}

/// Another line of the guest uses up what its limit allows.
fn limited() -> Scenario {
    Scenario {
        puts_off: 3,
        events: 3,
        moves: 2,
        ..guest()
    }
}

fn check(name: &str, scenario: Scenario) {
    let visited =
        explore(World::new(scenario), LIMIT).unwrap_or_else(|Violation { promise, trace }| {
            panic!("{name}: \"{promise}\" is broken by {}", trace.join(", "))
        });
    println!("{name}: {visited:?}");
    assert!(visited.states > 100_000, "{name} leaves out much");
}

/// Asserts that the mistake is found, and as the breach of this promise.
fn check_mutant(mutant: Mutant, scenario: Scenario, promise: &str) {
    let mutant = Some(mutant);
    match explore(World::new(Scenario { mutant, ..scenario }), LIMIT) {
        Ok(visited) => panic!("{mutant:?} is not found in {visited:?}"),
        Err(violation) => {
            println!("{mutant:?}: {}", violation.trace.join(", "));
            assert_eq!(violation.promise, promise, "{mutant:?}");
        }
    }
}

#[test]
fn a_guest_that_comes_and_goes_misses_nothing() {
    check(
        "moves",
        Scenario {
            moves: 5,
            events: 3,
            ..guest()
        },
    );
    check(
        "events",
        Scenario {
            moves: 2,
            events: 6,
            ..guest()
        },
    );
    check(
        "time",
        Scenario {
            events: 3,
            moves: 4,
            last_event: 5,
            ..guest()
        },
    );
}

#[test]
fn bursts_lose_nothing() {
    check(
        "bursts",
        Scenario {
            burst_events: 2,
            events: 5,
            ..guest()
        },
    );
    check(
        "longer bursts",
        Scenario {
            burst_events: 3,
            events: 6,
            moves: 2,
            ..guest()
        },
    );
}

#[test]
fn changes_of_the_intervals_lose_nothing() {
    let off = intervals(0, 50, Halted::Latency);
    let long = intervals(30, 70, Halted::Overflow);
    check(
        "changes",
        Scenario {
            intervals: vec![long, off, guest().intervals[0]],
            moves: 2,
            ..guest()
        },
    );
}

#[test]
fn a_driver_that_disables_its_line_misses_nothing() {
    check(
        "disables",
        Scenario {
            disables: 2,
            moves: 1,
            events: 4,
            ..guest()
        },
    );
}

#[test]
fn a_line_that_is_given_back_owes_nothing() {
    check(
        "detach",
        Scenario {
            detaches: true,
            moves: 2,
            events: 4,
            ..guest()
        },
    );
    check(
        "all",
        Scenario {
            detaches: true,
            moves: 2,
            events: 3,
            disables: 1,
            last_event: 2,
            intervals: vec![guest().intervals[0], intervals(0, 50, Halted::Latency)],
            ..guest()
        },
    );
}

#[test]
fn a_guest_with_a_limit_misses_nothing() {
    check("limit", limited());
    check(
        "limit, longer than the intervals",
        Scenario {
            puts_off: 7,
            moves: 2,
            last_event: 2,
            ..limited()
        },
    );
    check(
        "limit and bursts",
        Scenario {
            burst_events: 2,
            events: 4,
            puts_off: 2,
            ..limited()
        },
    );
    check(
        "limit and end",
        Scenario {
            detaches: true,
            moves: 1,
            puts_off: 2,
            ..limited()
        },
    );
}

#[test]
fn a_limit_that_is_lifted_holds_nothing_back() {
    check(
        "lift",
        Scenario {
            lifts: true,
            moves: 1,
            ..limited()
        },
    );
    check(
        "lift without an interval",
        Scenario {
            lifts: true,
            intervals: vec![intervals(0, 50, Halted::Latency)],
            puts_off: 2,
            ..limited()
        },
    );
}

#[test]
fn every_mistake_is_found() {
    let bursts = Scenario {
        burst_events: 3,
        ..guest()
    };
    let changes = Scenario {
        intervals: vec![intervals(30, 70, Halted::Overflow), guest().intervals[0]],
        activity: Activity::Running,
        ..guest()
    };
    let detach = Scenario {
        detaches: true,
        ..guest()
    };
    let limited_bursts = Scenario {
        burst_events: 2,
        ..limited()
    };
    let lift = Scenario {
        lifts: true,
        moves: 1,
        activity: Activity::Running,
        ..limited()
    };
    let early = "no delivery is made before the budget allows it";
    let lifted = "what a limit put off is due when it is lifted";
    let slow = "a running guest does not wait for the overflow interval";
    let masked = "a masked line has a timer that unmasks it";
    for (mutant, scenario, promise) in [
        (Mutant::RereadForgotten, guest(), slow),
        (Mutant::HoldWithoutFence, guest(), slow),
        (Mutant::ActivationWithoutFence, guest(), slow),
        (Mutant::PublishedUnlessRunning, guest(), slow),
        (Mutant::LookForgotten, guest(), slow),
        (Mutant::ArmUnlocked, guest(), slow),
        (Mutant::MaskUnlocked, guest(), masked),
        (Mutant::ClearedUnlocked, guest(), slow),
        (Mutant::RearmForgotten, guest(), "what is held has a timer"),
        (
            Mutant::ExpiryUnasked,
            guest(),
            "deliveries keep the interval",
        ),
        (Mutant::UnmaskForgotten, guest(), masked),
        (Mutant::HeldAfterReplay, guest(), "what is held has a timer"),
        (
            Mutant::InjectionForgotten,
            guest(),
            "an event waits for the longest interval at most",
        ),
        (Mutant::BurstMasks, bursts, masked),
        (Mutant::ChangeForgotten, changes, slow),
        (Mutant::BudgetUnasked, limited(), early),
        (Mutant::BurstUnbudgeted, limited_bursts, early),
        (
            Mutant::WaitUnbounded,
            limited(),
            "an event waits for the longest interval at most",
        ),
        (Mutant::LiftForgotten, lift.clone(), lifted),
        (Mutant::LiftWithoutFence, lift.clone(), lifted),
        (Mutant::LimitRereadForgotten, lift.clone(), lifted),
        (
            Mutant::LiftUnknown,
            Scenario {
                activity: Activity::Ready,
                ..lift
            },
            lifted,
        ),
        (
            Mutant::DrainForgotten,
            detach.clone(),
            "a draining line holds nothing more",
        ),
        (
            Mutant::UnhookedEarly,
            detach,
            "a line that is given back is not masked",
        ),
    ] {
        check_mutant(mutant, scenario, promise);
    }
}
