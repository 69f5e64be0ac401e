// SPDX-License-Identifier: GPL-2.0

//! All images that a crash may leave, or a fair choice if they are too many.
//!
//! The images of a crash point are the product of the states of its [units](super::unit), in the order of
//! a [plan](super::plan).
//!
//! No image comes twice out of one [`Seen`].

use super::image::Image;
use super::memory::{Defect, Memory};
use super::plan::Plan;
use super::random::Random;
use super::region::Lines;
use super::unit::Unit;
use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A crash point with at most so many images is tried exhaustively.
    pub(crate) images: u64,
    /// Random images of a crash point with more.
    pub(crate) samples: u64,
    /// What the random choices depend on.
    pub(crate) seed: u64,
    /// An exploration ends after so many violations.
    pub(crate) violations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 1 << 16,
            samples: 1 << 12,
            seed: 1,
            violations: 8,
        }
    }
}

/// The images that were given out already.
#[derive(Default)]
pub(crate) struct Seen(HashSet<u128, BuildHasherDefault<Identity>>);

impl Seen {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The hash of a hash.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole hashes are hashed");
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A moment and all that a crash then may leave.
#[derive(Clone)]
pub(crate) struct CrashPoint {
    durable: Image,
    lines: Lines,
    defects: Rc<RefCell<Vec<Defect>>>,
}

impl CrashPoint {
    pub(super) fn new(durable: Image, lines: Lines, defects: Rc<RefCell<Vec<Defect>>>) -> Self {
        Self {
            durable,
            lines,
            defects,
        }
    }

    /// Its independent parts.
    pub(super) fn units(&self, random: &mut Random) -> Vec<Unit> {
        Unit::all_of(&self.durable, &self.lines, random)
    }

    /// The images that are not in `seen` yet, each as a machine finds it that starts with it.
    pub(crate) fn images<'a>(&self, limits: Limits, seen: &'a mut Seen) -> Images<'a> {
        let mut random = Random::new(limits.seed);
        let units = self.units(&mut random);
        Images {
            plan: Plan::new(&units, limits, random),
            image: self.durable.clone(),
            now: vec![0; units.len()],
            next: vec![0; units.len()],
            units,
            defects: Rc::clone(&self.defects),
            seen,
        }
    }
}

/// The images of a crash point. See [`CrashPoint::images`].
pub(crate) struct Images<'a> {
    units: Vec<Unit>,
    plan: Plan,
    /// The image in which each unit is in the state that `now` names. Only units whose state changes are
    /// put anew, and while nobody keeps an image, its pages are not copied.
    image: Image,
    now: Vec<usize>,
    next: Vec<usize>,
    defects: Rc<RefCell<Vec<Defect>>>,
    seen: &'a mut Seen,
}

impl Images<'_> {
    /// Whether all images come.
    pub(crate) fn exhaustive(&self) -> bool {
        self.plan.exhaustive()
    }

    /// Describes the last image that came: what of it is not as durable.
    pub(crate) fn describe(&self) -> String {
        let units = self.units.iter().zip(&self.now);
        let parts: Vec<_> = units
            .filter(|(_, &state)| state != 0)
            .map(|(unit, &state)| unit.describe(state))
            .collect();
        if parts.is_empty() {
            return "nothing pending arrived".into();
        }
        parts.join("; ")
    }
}

impl Iterator for Images<'_> {
    type Item = Memory;

    fn next(&mut self) -> Option<Memory> {
        while self.plan.next(&self.units, &mut self.next) {
            let states = self.now.iter_mut().zip(&self.next);
            for (unit, (now, &next)) in self.units.iter().zip(states) {
                if *now != next {
                    unit.put(next, &mut self.image);
                    *now = next;
                }
            }
            if self.seen.0.insert(self.image.hash()) {
                let defects = Rc::clone(&self.defects);
                return Some(Memory::restarted(self.image.clone(), defects));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pm::{Offset, Pm, LINE_BYTES};

    const LIMITS: Limits = Limits {
        images: 200,
        samples: 50,
        seed: 1,
        violations: 8,
    };

    /// A memory with `count` lines, to each of which two stores are pending.
    fn with_pending_lines(count: u64) -> Memory {
        let memory = Memory::new(count.max(1) * LINE_BYTES);
        for line in 0..count {
            memory.store(Offset(line * LINE_BYTES), 1);
            memory.store(Offset(line * LINE_BYTES).word(1), 2);
        }
        memory
    }

    /// How many stores to each line the image has.
    fn states(image: &Memory) -> Vec<u64> {
        let lines = 0..image.size_bytes() / LINE_BYTES;
        let word = |at: Offset| u64::from(image.load(at) != 0);
        lines
            .map(|line| Offset(line * LINE_BYTES))
            .map(|at| word(at) + word(at.word(1)))
            .collect()
    }

    #[test]
    fn without_pending_stores_there_is_one_image() {
        let mut seen = Seen::default();
        let memory = with_pending_lines(0);
        let images = memory.crash_point().images(LIMITS, &mut seen);
        assert!(images.exhaustive());
        assert_eq!(images.count(), 1);
    }

    #[test]
    fn a_small_product_is_exhaustive_and_without_repetition() {
        let mut seen = Seen::default();
        let point = with_pending_lines(4).crash_point();
        let images = point.images(LIMITS, &mut seen);
        assert!(images.exhaustive());
        let mut found: Vec<_> = images.map(|image| states(&image)).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!((found.len(), seen.len()), (81, 81));
    }

    #[test]
    fn above_even_that_limit_as_many_come_as_were_asked_for() {
        let mut seen = Seen::default();
        let point = with_pending_lines(40).crash_point();
        let images = point.images(LIMITS, &mut seen);
        assert!(!images.exhaustive());
        let found = images.count() as u64;
        assert!(
            (LIMITS.images / 2..=LIMITS.images + LIMITS.samples).contains(&found),
            "{found}"
        );
    }

    #[test]
    fn a_seed_gives_one_choice() {
        let point = with_pending_lines(40).crash_point();
        let choice = |seed| {
            let images = Limits { seed, ..LIMITS };
            let mut seen = Seen::default();
            let images = point.images(images, &mut seen);
            images.map(|image| states(&image)).collect::<Vec<_>>()
        };
        assert_eq!(choice(1), choice(1));
        assert_ne!(choice(1), choice(2));
    }

    #[test]
    fn an_image_comes_once_even_if_two_crash_points_leave_it() {
        let mut seen = Seen::default();
        let memory = with_pending_lines(2);
        assert_eq!(memory.crash_point().images(LIMITS, &mut seen).count(), 9);
        memory.write_back(Offset(0));
        memory.fence();
        assert_eq!(memory.crash_point().images(LIMITS, &mut seen).count(), 0);
        memory.store(Offset(0), 3);
        assert_eq!(memory.crash_point().images(LIMITS, &mut seen).count(), 3);
    }

    #[test]
    fn an_image_that_is_kept_does_not_change() {
        let mut seen = Seen::default();
        let point = with_pending_lines(3).crash_point();
        let images: Vec<_> = point.images(LIMITS, &mut seen).collect();
        let found: HashSet<_> = images.iter().map(states).collect();
        assert_eq!(found.len(), 27);
    }

    #[test]
    fn an_image_is_described_by_what_arrived() {
        let mut seen = Seen::default();
        let point = with_pending_lines(2).crash_point();
        let mut images = point.images(LIMITS, &mut seen);
        images.next();
        assert_eq!(images.describe(), "nothing pending arrived");
        images.nth(4);
        assert_eq!(
            images.describe(),
            "line 0x0: 2/2 [0]=0x1 [1]=0x2; line 0x40: 1/2 [0]=0x1"
        );
    }
}
