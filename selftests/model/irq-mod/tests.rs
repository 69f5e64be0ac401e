// SPDX-License-Identifier: GPL-2.0

//! Properties of a moderated line, whatever the device and the guest do, and of what users write.

use crate::{
    line::Line,
    model::{
        activity::Activity,
        glob::Glob,
        guard::Guard,
        interval::{Halted, HaltedUs, Latency, Overflow},
        name::Name,
        policy::Intervals,
        spec::{GuestSpec, GuestTarget, LineSpec, LineTarget},
    },
};
use proptest::prelude::*;

fn intervals() -> impl Strategy<Value = Intervals> {
    let halted = prop_oneof![
        Just(Halted::Latency),
        Just(Halted::Overflow),
        (0..=HaltedUs::MAX_US).prop_map(|us| Halted::Us(HaltedUs::from_us(us).expect("in range"))),
    ];
    (
        0..=Latency::MAX_US,
        Overflow::MIN_US..=Overflow::MAX_US,
        halted,
    )
        .prop_map(|(latency_us, overflow_us, halted)| Intervals {
            latency: Latency::from_us(latency_us).expect("in range"),
            overflow: Overflow::from_us(overflow_us).expect("in range"),
            halted,
        })
}

/// A burst of one would hold nothing.
fn burst_events() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0_u16), 2..20_u16]
}

fn activity() -> impl Strategy<Value = Activity> {
    prop_oneof![
        Just(Activity::Unknown),
        Just(Activity::Running),
        Just(Activity::Ready),
        Just(Activity::Halted),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Raise,
    Change(Activity),
}

/// What happens, and after how many nanoseconds: bursts as well as pauses.
fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let gap_ns = prop_oneof![0..2_000_u64, 2_000..50_000_u64, 50_000..3_000_000_u64];
    let event = prop_oneof![
        4 => Just(Event::Raise),
        1 => activity().prop_map(Event::Change),
    ];
    prop::collection::vec((gap_ns, event), 1..200)
}

fn play(line: &mut Line, events: &[(u64, Event)]) {
    for &(gap_ns, event) in events {
        line.run_until(line.now_ns + gap_ns);
        match event {
            Event::Raise => line.raise(),
            Event::Change(activity) => line.change(activity),
        }
    }
}

fn longest_ns(intervals: &Intervals) -> u64 {
    [Activity::Running, Activity::Ready, Activity::Halted]
        .map(|activity| intervals.interval_ns(activity))
        .into_iter()
        .max()
        .unwrap_or(0)
}

proptest! {
    /// After the last event, the line needs two of its longest intervals to serve everything: one for
    /// what is held, one more for what the device raised while it was masked.
    #[test]
    fn nothing_is_lost(events in events(), intervals in intervals(), burst in burst_events()) {
        let mut line = Line::new(intervals);
        line.burst_events = burst;
        play(&mut line, &events);
        line.run_until(line.now_ns + 2 * longest_ns(&intervals));
        prop_assert!(line.is_served());
    }

    /// No event waits longer than the longest interval.
    #[test]
    fn no_event_waits_longer_than_the_longest_interval(
        events in events(),
        intervals in intervals(),
        burst in burst_events(),
    ) {
        let mut line = Line::new(intervals);
        line.burst_events = burst;
        play(&mut line, &events);
        line.run_until(line.now_ns + 1_000_000_000);
        prop_assert!(line.longest_wait_ns <= longest_ns(&intervals));
        prop_assert!(line.longest_hold_ns <= longest_ns(&intervals));
    }

    /// A guest that runs all the time gets no more interrupts than its latency interval allows, and
    /// none later.
    #[test]
    fn deliveries_keep_their_distance(events in events(), intervals in intervals()) {
        let events: Vec<_> = events
            .into_iter()
            .map(|(gap_ns, _)| (gap_ns, Event::Raise))
            .collect();
        let mut line = Line::new(intervals);
        line.change(Activity::Running);
        play(&mut line, &events);
        line.run_until(line.now_ns + 10_000_000);
        let interval_ns = intervals.interval_ns(Activity::Running);
        for pair in line.deliveries_ns.windows(2) {
            prop_assert!(pair[1] - pair[0] >= interval_ns);
        }
        prop_assert!(line.longest_wait_ns <= interval_ns);
    }

    /// A guest that is activated has what was held after its latency interval at most.
    #[test]
    fn an_activated_guest_is_served_promptly(events in events(), intervals in intervals()) {
        let mut line = Line::new(intervals);
        play(&mut line, &events);
        let (since_ns, is_owed) = (line.now_ns, !line.window.is_empty());
        line.change(Activity::Running);
        line.run_until(since_ns + intervals.interval_ns(Activity::Running));
        let is_served = line.deliveries_ns.last().is_some_and(|&at_ns| at_ns >= since_ns);
        prop_assert!(is_served || !is_owed);
    }

    /// Never as many interrupts are held as a burst has.
    #[test]
    fn a_burst_is_delivered(events in events(), intervals in intervals(), burst in 1..20_u16) {
        let mut line = Line::new(intervals);
        line.burst_events = burst;
        for event in events {
            play(&mut line, &[event]);
            prop_assert!(line.held < u32::from(burst));
        }
    }

    /// A system that sleeps and wakes loses nothing either, and no event waits while it is about to sleep.
    #[test]
    fn nothing_is_lost_when_the_system_sleeps(
        rounds in prop::collection::vec((events(), events()), 1..5),
        intervals in intervals(),
        burst in burst_events(),
    ) {
        let mut line = Line::new(intervals);
        line.burst_events = burst;
        for (before, meanwhile) in rounds {
            play(&mut line, &before);
            line.window.drain();
            line.expire();
            prop_assert!(line.window.is_empty());
            for event in meanwhile {
                play(&mut line, &[event]);
                prop_assert!(line.is_served(), "a drained line holds nothing");
            }
            line.window.resume();
        }
        line.run_until(line.now_ns + 2 * longest_ns(&intervals));
        prop_assert!(line.is_served());
    }

    /// Changing the intervals and draining at any time lose nothing either.
    #[test]
    fn nothing_is_lost_when_the_line_is_given_back(
        rounds in prop::collection::vec((events(), intervals(), burst_events()), 1..5),
    ) {
        let mut line = Line::new(rounds[0].1);
        for (events, intervals, burst) in rounds {
            line.intervals = intervals;
            line.burst_events = burst;
            line.move_timer();
            play(&mut line, &events);
        }
        line.window.drain();
        line.expire();
        prop_assert!(line.window.is_empty());
        prop_assert!(line.is_served());
        line.raise();
        prop_assert!(line.is_served(), "a drained line holds nothing");
    }

    /// Whatever is written, reading it does not panic; what is accepted is printed as it means, and a
    /// name can be a directory.
    #[test]
    fn any_text_is_read_or_refused(
        text in prop_oneof![
            ".{0,80}",
            "[a-z]{1,3} (irq|name|pci|vm|pids|cgroup):[0-9a-f:./,*?\\[\\] ]{0,20}",
        ],
    ) {
        let name = |name: Name<'_>| {
            let name = name.as_str();
            !name.is_empty() && name.len() <= Name::MAX_LEN_BYTES
                && !name.contains(['/', '\0', ' ', '\n']) && name != "." && name != ".."
        };
        if let Ok(spec) = LineSpec::parse(&text) {
            prop_assert!(name(spec.name));
            let printed = spec.target.to_string();
            prop_assert_eq!(LineTarget::parse(&printed), Ok(spec.target));
        }
        if let Ok(spec) = GuestSpec::parse(&text) {
            prop_assert!(name(spec.name));
            let printed = spec.target.to_string();
            prop_assert_eq!(GuestTarget::parse(&printed), Ok(spec.target));
        }
    }

    /// A pattern stands for what a slow, obvious reading of it stands for.
    #[test]
    fn a_pattern_is_matched(pattern in "[ab*?]{1,8}", name in "[abc]{0,8}") {
        fn matches(pattern: &[u8], name: &[u8]) -> bool {
            match pattern.split_first() {
                None => name.is_empty(),
                Some((b'*', rest)) => (0..=name.len()).any(|at| matches(rest, &name[at..])),
                Some((&wanted, rest)) => name.split_first().is_some_and(|(&byte, name)| {
                    (wanted == b'?' || wanted == byte) && matches(rest, name)
                }),
            }
        }
        let glob = Glob::new(&pattern).expect("not empty");
        prop_assert_eq!(
            glob.matches(name.as_bytes()),
            matches(pattern.as_bytes(), name.as_bytes())
        );
    }

    /// The guard uses what its user set, or nothing.
    #[test]
    fn a_guard_has_no_interval_of_its_own(
        windows in prop::collection::vec((0..4_u32, 0..50_000_000_u64, 0..=Latency::MAX_US), 1..500),
    ) {
        let mut guard = Guard::new();
        let mut now_ns = 0;
        for (events, gap_ns, set_us) in windows {
            now_ns += gap_ns;
            let set = Latency::from_us(set_us).expect("in range");
            guard.ended(events, now_ns);
            let interval = guard.interval(now_ns, set);
            prop_assert!(interval == set || interval == Latency::OFF);
        }
    }
}
