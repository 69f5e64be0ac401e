// SPDX-License-Identifier: GPL-2.0

//! In which order the product of the states of all units is walked, and what of it if it is too large.
//!
//! A product up to the limit is walked wholly. Of a larger one, every pair of units is tried in all its
//! states, with the other units at first wholly durable and then wholly arrived; after that come random
//! members. If even the pairs exceed the limit, random ones are taken.

use super::crash::Limits;
use super::random::Random;
use super::unit::Unit;

/// Which images of the product come next.
pub(super) enum Plan {
    /// All, as one counts: the first unit changes fastest.
    Product { index: u64, total: u64 },
    /// Those of the units `first` and `second`, and of all pairs after these; then `samples`.
    Pairs {
        first: usize,
        second: usize,
        index: usize,
        samples: u64,
        random: Random,
    },
    /// So many pairs by chance, then so many members of the product.
    Samples {
        pairs: u64,
        samples: u64,
        random: Random,
    },
}

impl Plan {
    pub(super) fn new(units: &[Unit], limits: Limits, random: Random) -> Self {
        let states = || units.iter().map(|unit| unit.states() as u64);
        let total = states().fold(1, u64::saturating_mul);
        if total <= limits.images || units.len() < 2 {
            return Self::Product { index: 0, total };
        }
        // Twice the sum of all products of two: the square of the sum less the sum of the squares.
        let sum = states().sum::<u64>();
        let squares = states().map(|count| count * count).sum::<u64>();
        let samples = limits.samples;
        if sum.saturating_mul(sum) - squares > limits.images {
            let pairs = limits.images;
            return Self::Samples {
                pairs,
                samples,
                random,
            };
        }
        Self::Pairs {
            first: 0,
            second: 1,
            index: 0,
            samples,
            random,
        }
    }

    /// Whether it comes to all members.
    pub(super) fn exhaustive(&self) -> bool {
        matches!(self, Self::Product { .. })
    }

    /// Writes the next image's states to `next`, or returns `false` after the last.
    pub(super) fn next(&mut self, units: &[Unit], next: &mut [usize]) -> bool {
        match self {
            Self::Product { index, total } => {
                if index == total {
                    return false;
                }
                let mut rest = *index;
                for (state, unit) in next.iter_mut().zip(units) {
                    let count = unit.states() as u64;
                    *state = (rest % count) as usize;
                    rest /= count;
                }
                *index += 1;
            }
            Self::Pairs {
                first,
                second,
                index,
                samples,
                random,
            } => {
                if *index == 2 * units[*first].states() * units[*second].states() {
                    (*index, *second) = (0, *second + 1);
                }
                if *second == units.len() {
                    (*first, *second) = (*first + 1, *first + 2);
                }
                if *second >= units.len() {
                    let (samples, random) = (*samples, random.clone());
                    *self = Self::Samples {
                        pairs: 0,
                        samples,
                        random,
                    };
                    return self.next(units, next);
                }
                put_pair(units, next, (*first, *second), *index);
                *index += 1;
            }
            Self::Samples {
                pairs: 0,
                samples: 0,
                ..
            } => return false,
            Self::Samples {
                pairs: 0,
                samples,
                random,
            } => {
                *samples -= 1;
                for (state, unit) in next.iter_mut().zip(units) {
                    *state = random.below(unit.states() as u64) as usize;
                }
            }
            Self::Samples { pairs, random, .. } => {
                *pairs -= 1;
                let mut below = |bound: usize| random.below(bound as u64) as usize;
                let first = below(units.len());
                let second = (first + 1 + below(units.len() - 1)) % units.len();
                let index = below(2 * units[first].states() * units[second].states());
                put_pair(units, next, (first, second), index);
            }
        }
        true
    }
}

/// Writes the `index`-th image of a pair to `next`: all states of the two, with the others first durable
/// and then arrived.
fn put_pair(units: &[Unit], next: &mut [usize], (first, second): (usize, usize), index: usize) {
    let (count, other) = (units[first].states(), units[second].states());
    let arrived = index >= count * other;
    for (state, unit) in next.iter_mut().zip(units) {
        *state = if arrived { unit.all() } else { 0 };
    }
    next[first] = index % count;
    next[second] = index / count % other;
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;
    use crate::model::pm::{Offset, Pm, LINE_BYTES};
    use std::collections::HashSet;

    const LINES: usize = 7;
    const SAMPLES: u64 = 50;

    /// The members that a plan for seven lines with two pending stores each comes to, and whether all.
    fn walk(images: u64) -> (Vec<[usize; LINES]>, bool) {
        let memory = Memory::new(4096);
        for line in 0..LINES as u64 {
            memory.store(Offset(line * LINE_BYTES), 1);
            memory.store(Offset(line * LINE_BYTES), 2);
        }
        let mut random = Random::new(1);
        let units = memory.crash_point().units(&mut random);
        let limits = Limits {
            images,
            samples: SAMPLES,
            ..Limits::default()
        };
        let mut plan = Plan::new(&units, limits, random);
        let exhaustive = plan.exhaustive();
        let (mut members, mut next) = (Vec::new(), [0; LINES]);
        while plan.next(&units, &mut next) {
            members.push(next);
        }
        (members, exhaustive)
    }

    /// Whether all lines but two are durable, or all but two have arrived.
    fn is_of_a_pair(member: &[usize; LINES]) -> bool {
        let with = |state| member.iter().filter(|&&other| other == state).count();
        with(0).max(with(2)) >= LINES - 2
    }

    #[test]
    fn up_to_the_limit_each_member_comes_once() {
        let (members, exhaustive) = walk(2187);
        let different: HashSet<_> = members.iter().collect();
        assert_eq!(
            (members.len(), different.len(), exhaustive),
            (2187, 2187, true)
        );
    }

    #[test]
    fn above_the_limit_all_states_of_all_pairs_come_and_random_members() {
        let (members, exhaustive) = walk(2186);
        assert!(!exhaustive);
        let (of_pairs, random): (Vec<_>, Vec<_>) = members.into_iter().partition(is_of_a_pair);
        // For each background: 21 pairs with both lines off it, 7 single lines, and itself.
        let different: HashSet<_> = of_pairs.into_iter().collect();
        assert_eq!(different.len(), 2 * (21 * 4 + 7 * 2 + 1));
        assert!(random.len() as u64 > SAMPLES / 2, "{}", random.len());
    }

    #[test]
    fn pairs_are_all_taken_if_they_do_not_exceed_the_limit() {
        let pairs = 21 * 2 * 9;
        assert_eq!(walk(pairs).0.len() as u64, pairs + SAMPLES);
        let (members, exhaustive) = walk(pairs - 1);
        assert_eq!(
            (members.len() as u64, exhaustive),
            (pairs - 1 + SAMPLES, false)
        );
        assert!(members[..pairs as usize - 1].iter().all(is_of_a_pair));
    }
}
