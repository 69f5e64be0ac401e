// SPDX-License-Identifier: GPL-2.0

//! The simulator against the semantics taken literally: between any two steps of a program, any line may
//! send its oldest pending store to the medium, and a crash leaves what the medium has. All of that is
//! tried, for random programs on a tiny region.

use super::memory::{Memory, CPUS};
use super::random::Random;
use super::trace::{explore, Moment};
use crate::model::pm::{Offset, Pm, LINE_BYTES};
use std::collections::{BTreeSet, VecDeque};

const LINES: usize = 3;
const LINE_WORDS: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Step {
    Store(usize, usize, u64),
    WriteBack(usize),
    Zero(usize),
    Fence,
    RunOn(usize),
}

fn program(random: &mut Random) -> Vec<Step> {
    let mut below = |bound: usize| random.below(bound as u64) as usize;
    let mut step = || match below(9) {
        8 => Step::RunOn(below(CPUS)),
        0 | 1 => Step::WriteBack(below(LINES)),
        2 => Step::Fence,
        3 => Step::Zero(below(LINES)),
        _ => Step::Store(below(LINES), below(LINE_WORDS), below(3) as u64),
    };
    (0..9).map(|_| step()).collect()
}

fn run(pm: &Memory, steps: &[Step]) {
    let at = |line: usize| Offset(line as u64 * LINE_BYTES);
    for step in steps {
        match *step {
            Step::Store(line, word, value) => pm.store(at(line).word(word as u64), value),
            Step::WriteBack(line) => pm.write_back(at(line)),
            Step::Zero(line) => pm.zero(at(line), LINE_BYTES),
            Step::Fence => pm.fence(),
            Step::RunOn(cpu) => pm.run_on(cpu),
        }
    }
}

/// What the medium has.
type Medium = [[u64; LINE_WORDS]; LINES];

/// A line's pending stores: the word, the value, and whether each CPU's next fence waits for it.
type Queue = VecDeque<(usize, u64, [bool; CPUS])>;

#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Machine {
    medium: Medium,
    queues: [Queue; LINES],
    cpu: usize,
}

impl Machine {
    fn arrive(&mut self, line: usize) -> bool {
        let arrived = self.queues[line].pop_front();
        if let Some((word, value, _)) = arrived {
            self.medium[line][word] = value;
        }
        arrived.is_some()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Store(line, word, value) => {
                self.queues[line].push_back((word, value, [false; CPUS]))
            }
            Step::WriteBack(line) => self.queues[line]
                .iter_mut()
                .for_each(|store| store.2[self.cpu] = true),
            Step::Zero(line) => {
                (0..LINE_WORDS)
                    .for_each(|word| self.queues[line].push_back((word, 0, [false; CPUS])));
                self.step(Step::WriteBack(line));
            }
            Step::Fence => {
                for line in 0..LINES {
                    let waits = |machine: &Self| {
                        let oldest = machine.queues[line].front();
                        oldest.is_some_and(|store| store.2[machine.cpu])
                    };
                    while waits(self) {
                        self.arrive(line);
                    }
                }
            }
            Step::RunOn(cpu) => self.cpu = cpu,
        }
    }
}

/// All machines that come of `machines` as stores arrive.
fn closure(machines: BTreeSet<Machine>) -> BTreeSet<Machine> {
    let mut found = machines.clone();
    let mut fresh: Vec<_> = machines.into_iter().collect();
    while let Some(machine) = fresh.pop() {
        for line in 0..LINES {
            let mut next = machine.clone();
            if next.arrive(line) && found.insert(next.clone()) {
                fresh.push(next);
            }
        }
    }
    found
}

/// What a crash may leave at any time of the program, and what after it.
fn expected(steps: &[Step]) -> (BTreeSet<Medium>, BTreeSet<Medium>) {
    let media = |machines: &BTreeSet<Machine>| {
        let media = machines.iter().map(|machine| machine.medium);
        media.collect::<BTreeSet<_>>()
    };
    let mut machines = closure(BTreeSet::from([Machine::default()]));
    let mut ever = media(&machines);
    for &step in steps {
        let stepped = machines.into_iter().map(|mut machine| {
            machine.step(step);
            machine
        });
        machines = closure(stepped.collect());
        ever.extend(media(&machines));
    }
    (ever, media(&machines))
}

#[test]
fn exactly_the_images_come_that_the_semantics_allow() {
    let mut random = Random::new(5);
    for _ in 0..300 {
        let steps = program(&mut random);
        let (mut ever, mut after) = (BTreeSet::new(), BTreeSet::new());
        let medium = |image: &Memory| {
            let at = |line: usize| Offset(line as u64 * LINE_BYTES);
            let word = |line, word| image.load(at(line).word(word as u64));
            std::array::from_fn(|line| std::array::from_fn(|index| word(line, index)))
        };
        let report = explore(
            &Memory::new(4096),
            |pm| run(pm, &steps),
            |image, moment| {
                ever.insert(medium(&image));
                if moment == Moment::After {
                    after.insert(medium(&image));
                }
                Ok(())
            },
        );
        assert!(report.exhaustive);
        assert_eq!((ever, after), expected(&steps), "{steps:?}");
    }
}
