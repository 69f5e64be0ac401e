// SPDX-License-Identifier: GPL-2.0

//! Properties of a moderated line, whatever the device does.

use crate::{
    line::Line,
    model::{
        interval::Latency,
        spec::{Name, Spec},
    },
};
use proptest::prelude::*;

fn latency(us: u32) -> Latency {
    Latency::from_us(us).expect("in range")
}

/// Times between events: bursts as well as pauses, in nanoseconds.
fn gaps_ns() -> impl Strategy<Value = Vec<u64>> {
    let gap_ns = prop_oneof![0..2_000u64, 2_000..50_000u64, 50_000..3_000_000u64];
    prop::collection::vec(gap_ns, 1..200)
}

proptest! {
    /// After the last event, the line needs two intervals at most to serve everything: one for what is
    /// held, one more for what the device raised while it was masked.
    #[test]
    fn nothing_is_lost(gaps_ns in gaps_ns(), us in 0..=1_000u32) {
        let (mut line, latency) = (Line::new(), latency(us));
        for gap_ns in gaps_ns {
            line.run_until(line.now_ns + gap_ns, latency);
            line.raise(latency);
        }
        let interval_ns = u64::from(latency.effective_us()) * 1_000;
        line.run_until(line.now_ns + 2 * interval_ns, latency);
        prop_assert!(line.is_served());
    }

    /// No event waits longer than one interval.
    #[test]
    fn no_event_waits_longer_than_the_interval(gaps_ns in gaps_ns(), us in 0..=1_000u32) {
        let (mut line, latency) = (Line::new(), latency(us));
        for gap_ns in gaps_ns {
            line.run_until(line.now_ns + gap_ns, latency);
            line.raise(latency);
        }
        line.run_until(line.now_ns + 10_000_000, latency);
        prop_assert!(line.longest_wait_ns <= u64::from(latency.effective_us()) * 1_000);
    }

    /// Deliveries keep the interval between them.
    #[test]
    fn deliveries_keep_their_distance(gaps_ns in gaps_ns(), us in 1..=1_000u32) {
        let (mut line, latency) = (Line::new(), latency(us));
        for gap_ns in gaps_ns {
            line.run_until(line.now_ns + gap_ns, latency);
            line.raise(latency);
        }
        let interval_ns = u64::from(latency.effective_us()) * 1_000;
        for pair in line.deliveries_ns.windows(2) {
            prop_assert!(pair[1] - pair[0] >= interval_ns);
        }
    }

    /// Changing the interval and draining at any time lose nothing either.
    #[test]
    fn nothing_is_lost_when_the_line_is_given_back(
        steps in prop::collection::vec((0..2_000_000u64, 0..=1_000u32), 1..100),
    ) {
        let mut line = Line::new();
        for (gap_ns, us) in steps {
            line.run_until(line.now_ns + gap_ns, latency(us));
            line.raise(latency(us));
        }
        line.window.drain();
        line.expire(Latency::OFF);
        prop_assert!(line.window.is_empty());
        prop_assert!(line.is_served());
        line.raise(latency(1_000));
        prop_assert!(line.is_served(), "a drained line holds nothing");
    }

    /// Whatever is written, reading it does not panic, and a name that is accepted can be a directory.
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        if let Ok(spec) = Spec::parse(&text) {
            let name = spec.name.as_str();
            prop_assert!(!name.is_empty() && name.len() <= Name::MAX_LEN_BYTES);
            prop_assert!(!name.contains(['/', '\0', ' ', '\n']) && name != "." && name != "..");
        }
    }
}
