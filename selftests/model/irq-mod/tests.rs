// SPDX-License-Identifier: GPL-2.0

//! Properties of a moderated line, whatever the device and the guest do, and of what users write.

use crate::{
    line::{Budget, Line},
    model::{
        activity::Activity,
        budget::{Limit, MAX_WAIT_NS, TOLERANCE_NS},
        glob::Glob,
        guard::Guard,
        interval::{Halted, HaltedUs, Latency, Overflow},
        name::Name,
        policy::Intervals,
        spec::{GuestSpec, GuestTarget, LineSpec, LineTarget},
    },
};
use proptest::prelude::*;
use std::rc::Rc;

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

/// Lines of one guest, and what happens to which of them.
fn lines() -> impl Strategy<Value = (usize, Vec<(usize, u64, Event)>)> {
    (1..8_usize).prop_flat_map(|count| {
        let raise = (
            0..count,
            prop_oneof![Just(0_u64), 0..300_000_u64, 0..30_000_000_u64],
        )
            .prop_map(|(line, gap_ns)| (line, gap_ns, Event::Raise));
        let change = (0..count, 0..300_000_u64, activity())
            .prop_map(|(line, gap_ns, activity)| (line, gap_ns, Event::Change(activity)));
        let events = prop::collection::vec(prop_oneof![9 => raise, 1 => change], 1..400);
        (Just(count), events)
    })
}

/// Lets time pass for all of them, in its order.
fn run_all(lines: &mut [Line], end_ns: u64) {
    while let Some(at_ns) = lines.iter().filter_map(Line::next_ns).min() {
        if at_ns > end_ns {
            break;
        }
        for line in &mut *lines {
            line.run_until(line.now_ns.max(at_ns));
        }
    }
    for line in lines {
        line.run_until(end_ns);
    }
}

fn play_all(lines: &mut [Line], events: &[(usize, u64, Event)]) {
    for &(index, gap_ns, event) in events {
        run_all(lines, lines[index].now_ns + gap_ns);
        match event {
            Event::Raise => lines[index].raise(),
            // All lines have the same guest.
            Event::Change(activity) => lines.iter_mut().for_each(|line| line.change(activity)),
        }
    }
}

fn lines_of(count: usize, intervals: Intervals, burst: u16, budget: &Rc<Budget>) -> Vec<Line> {
    (0..count)
        .map(|_| {
            let mut line = Line::new(intervals);
            line.burst_events = burst;
            line.budget = budget.clone();
            line
        })
        .collect()
}

proptest! {
    /// In no time have the lines of a guest more deliveries than the limit allows in it, its tolerance,
    /// and one that each line may have booked before. None is lost, and none waits longer than its
    /// interval or one turn of all lines.
    #[test]
    fn a_limit_is_kept_and_costs_no_more_than_a_turn_of_all_lines(
        (count, events) in lines(),
        intervals in intervals(),
        burst in burst_events(),
        limit in prop_oneof![100..=2_000_u32, Limit::MIN..=Limit::MAX],
    ) {
        let budget = Budget::new(Limit::from_irqs_per_s(limit).expect("in range"));
        let mut lines = lines_of(count, intervals, burst, &budget);
        play_all(&mut lines, &events);
        let end_ns = lines[0].now_ns + 2 * (longest_ns(&intervals) + MAX_WAIT_NS);
        run_all(&mut lines, end_ns);

        let mut deliveries_ns: Vec<_> =
            lines.iter().flat_map(|line| line.deliveries_ns.clone()).collect();
        deliveries_ns.sort_unstable();
        let period_ns = 1_000_000_000_u64.div_ceil(u64::from(limit));
        for (first, from_ns) in deliveries_ns.iter().enumerate() {
            for (last, to_ns) in deliveries_ns.iter().enumerate().skip(first) {
                let most = (to_ns - from_ns + TOLERANCE_NS) / period_ns + 1;
                let made = u64::try_from(last - first + 1).expect("fits");
                let count = u64::try_from(count).expect("fits");
                prop_assert!(made <= most + count, "{made} in {} ns", to_ns - from_ns);
            }
        }
        let turn_ns = period_ns * u64::try_from(count).expect("fits");
        for line in &lines {
            prop_assert!(line.is_served());
            prop_assert!(line.longest_wait_ns <= longest_ns(&intervals).max(turn_ns));
            prop_assert!(line.longest_hold_ns <= longest_ns(&intervals).max(turn_ns));
        }
    }

    /// However many lines there are for a limit, none waits longer than its interval or a tenth of a
    /// second.
    #[test]
    fn too_many_lines_for_a_limit_wait_for_a_tenth_of_a_second_at_most(
        count in 20..60_usize,
        rounds in 1..6_u64,
        intervals in intervals(),
    ) {
        let budget = Budget::new(Limit::from_irqs_per_s(Limit::MIN).expect("in range"));
        let mut lines = lines_of(count, intervals, 0, &budget);
        for round in 0..rounds {
            run_all(&mut lines, round * 70_000_000);
            lines.iter_mut().for_each(Line::raise);
        }
        run_all(&mut lines, 2_000_000_000);
        for line in &lines {
            prop_assert!(line.is_served());
            prop_assert!(line.longest_wait_ns <= longest_ns(&intervals).max(MAX_WAIT_NS));
        }
        prop_assert!(budget.contained.get() > 0);
        // A quiet time later they are served as ever.
        lines[0].raise();
        prop_assert!(lines[0].is_served());
    }

    /// A limit that is lifted leaves nothing but the interval.
    #[test]
    fn a_limit_that_is_lifted_releases_what_it_put_off(
        (count, events) in lines(),
        intervals in intervals(),
    ) {
        let budget = Budget::new(Limit::from_irqs_per_s(Limit::MIN).expect("in range"));
        let mut lines = lines_of(count, intervals, 0, &budget);
        play_all(&mut lines, &events);
        budget.limit.set(Limit::NONE);
        lines.iter_mut().for_each(Line::lift);
        let end_ns = lines[0].now_ns + 2 * longest_ns(&intervals);
        run_all(&mut lines, end_ns);
        prop_assert!(lines.iter().all(|line| line.window.is_empty()));
        prop_assert!(lines.iter().all(Line::is_served));
    }

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
