// SPDX-License-Identifier: GPL-2.0

//! Every sequence of what can happen to a hold, up to some length, beside a list that shows what should
//! have happened.

use crate::model::hold::{Arrival, Bounds, Event, Hold, Phase, WrongPhase};
use std::collections::VecDeque;

const BOUNDS: Bounds = Bounds {
    packets: 3,
    len_bytes: 250,
    age_ns: 2,
};

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    Small,
    Large,
    Hold,
    Replay,
    Next,
    Tick,
}

const STEPS: [Step; 6] = [
    Step::Small,
    Step::Large,
    Step::Hold,
    Step::Replay,
    Step::Next,
    Step::Tick,
];

/// The list, and what became of every packet that came.
struct World {
    hold: Hold<u32>,
    waiting: VecDeque<(u32, u64, u64)>,
    now_ns: u64,
    came: u32,
    delivered: Vec<u32>,
    dropped: usize,
    /// Whether somebody was told since the VM was last away and something waits.
    is_announced: bool,
}

impl World {
    fn new() -> Self {
        Self {
            hold: Hold::new(BOUNDS).expect("memory"),
            waiting: VecDeque::new(),
            now_ns: 0,
            came: 0,
            delivered: Vec::new(),
            dropped: 0,
            is_announced: false,
        }
    }

    fn step(&mut self, step: Step) {
        let phase = self.hold.phase();
        match step {
            Step::Small => self.arrive(60),
            Step::Large => self.arrive(150),
            Step::Hold => match self.hold.hold() {
                Ok(event) => {
                    let waits = !self.waiting.is_empty();
                    assert_eq!(event == Event::Raise, waits);
                    self.is_announced = waits;
                }
                Err(WrongPhase(wrong)) => assert_eq!((wrong, phase), (phase, Phase::Holding)),
            },
            Step::Replay => assert_eq!(self.hold.replay().is_ok(), phase == Phase::Holding),
            Step::Next => {
                let next = self.hold.next();
                if phase == Phase::Replaying {
                    let expected = self.waiting.pop_front().map(|(packet, ..)| packet);
                    assert_eq!(next, expected);
                    self.delivered.extend(next);
                    assert_eq!(next.is_none(), self.hold.phase() == Phase::Serving);
                } else {
                    assert_eq!(next, None);
                }
            }
            Step::Tick => {
                self.now_ns += 1;
                while let Some(packet) = self.hold.expire(self.now_ns) {
                    let (expected, _, since_ns) = self.waiting.pop_front().expect("one that waits");
                    assert_eq!(packet, expected);
                    assert!(self.now_ns - since_ns >= BOUNDS.age_ns);
                    self.dropped += 1;
                }
            }
        }
        self.check();
    }

    fn arrive(&mut self, len_bytes: u64) {
        let packet = self.came;
        self.came += 1;
        let bytes: u64 = self.waiting.iter().map(|(_, len_bytes, _)| len_bytes).sum();
        let fits = self.waiting.len() < BOUNDS.packets && bytes + len_bytes <= BOUNDS.len_bytes;
        let phase = self.hold.phase();
        match self.hold.arrive(packet, len_bytes, self.now_ns) {
            Arrival::Pass(same) => {
                assert_eq!((same, phase), (packet, Phase::Serving));
                self.delivered.push(packet);
            }
            Arrival::Held(event) => {
                assert!(fits && phase != Phase::Serving);
                let is_first = phase == Phase::Holding && !self.is_announced;
                assert_eq!(event == Event::Raise, is_first);
                self.is_announced |= is_first;
                self.waiting.push_back((packet, len_bytes, self.now_ns));
            }
            Arrival::Overflow(same) => {
                assert!(same == packet && !fits && phase != Phase::Serving);
                self.dropped += 1;
            }
        }
    }

    fn check(&self) {
        let accounted = self.delivered.len() + self.dropped + self.waiting.len();
        assert_eq!(
            accounted, self.came as usize,
            "a packet was lost or doubled"
        );
        assert!(
            self.delivered.is_sorted(),
            "order changed: {:?}",
            self.delivered
        );
        assert_eq!(self.hold.len(), self.waiting.len());
        assert!(self.waiting.is_empty() || self.hold.phase() != Phase::Serving);
        let oldest = self
            .waiting
            .front()
            .map(|(_, _, since_ns)| since_ns + BOUNDS.age_ns);
        assert_eq!(self.hold.due_ns(), oldest);
    }
}

/// Longest sequence.
const DEPTH: u32 = 8;

#[test]
fn every_sequence_loses_only_what_the_bounds_say_and_keeps_the_order() {
    for mut number in 0..6_u32.pow(DEPTH) {
        let mut world = World::new();
        for _ in 0..DEPTH {
            world.step(STEPS[number as usize % STEPS.len()]);
            number /= 6;
        }
        // Whatever happened, the VM comes back.
        world.hold.replay().ok();
        while world.hold.phase() != Phase::Serving {
            world.step(Step::Next);
        }
        assert!(world.waiting.is_empty());
    }
}
