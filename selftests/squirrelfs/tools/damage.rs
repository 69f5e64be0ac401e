// SPDX-License-Identifier: GPL-2.0

//! Images with random damage: the programs come to an end, with an exit code that they document, and what
//! is repaired is repaired.

use crate::fixture;
use crate::run::Place;

const SIZE: usize = 256 << 10;
/// Images that are tried; `RVM_LONG` tries twenty times as many.
const IMAGES: u64 = 1500;

/// A generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

/// Damages an image: flips bits where something is, or replaces whole words.
fn damage(bytes: &mut [u8], used: &[usize], random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let at = used[random.below(used.len())];
        match random.below(4) {
            0 => {
                let value = [0, 1, u64::MAX, 1 << 40, random.next()][random.below(5)];
                bytes[at / 8 * 8..at / 8 * 8 + 8].copy_from_slice(&value.to_le_bytes());
            }
            1 => {
                // A word of one place in another.
                let from = used[random.below(used.len())] / 8 * 8;
                bytes.copy_within(from..from + 8, at / 8 * 8);
            }
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
}

/// The bytes that count: those in lines that are not all zeros.
fn used(bytes: &[u8]) -> Vec<usize> {
    let lines = bytes.chunks(64).enumerate();
    lines
        .filter(|(_, line)| line.iter().any(|byte| *byte != 0))
        .flat_map(|(line, _)| line * 64..line * 64 + 64)
        .collect()
}

fn try_images(seed: u64, count: u64) {
    let place = Place::new();
    let whole = [fixture::unmounted(SIZE), fixture::crashed(SIZE)];
    let places = [used(&whole[0]), used(&whole[1])];
    let mut random = Random(seed);
    let mut seen = std::collections::BTreeMap::new();
    for number in 0..count {
        let which = random.below(2);
        let mut bytes = whole[which].clone();
        damage(&mut bytes, &places[which], &mut random);
        place.write("img", &bytes);
        let what = |step: &str| format!("{step}, seed {seed}, image {number}");

        let shown = place.dump(if number % 2 == 0 { "img" } else { "-j img" });
        assert!(
            matches!(shown.code, Some(0 | 1)),
            "{}: {shown:?}",
            what("dump")
        );
        let looked = place.fsck("-f -n img");
        assert!(
            matches!(looked.code, Some(0 | 4 | 8)),
            "{}: {looked:?}",
            what("-n")
        );
        assert!(place.read("img") == bytes, "{} wrote", what("-n"));
        *seen.entry(looked.code).or_insert(0) += 1;
        if number % 3 == 0 {
            let done = place.fsck("-f -y img");
            let again = place.fsck("-f -n img");
            let expected = match done.code {
                Some(0 | 1) => 0,
                Some(4 | 5) => 4,
                Some(8) => 8,
                _ => panic!("{}: {done:?}", what("-y")),
            };
            assert_eq!(
                again.code,
                Some(expected),
                "{}: {done:?}, {again:?}",
                what("again")
            );
        }
    }
    // Otherwise this tests nothing.
    assert!(seen.len() >= 2, "{seen:?}");
}

#[test]
fn what_a_crash_leaves_at_any_moment_is_repaired() {
    let place = Place::new();
    assert_eq!(place.mkfs("img 256K").code, Some(0));
    let moments = fixture::moments(place.read("img"));
    let mut repaired = std::collections::BTreeSet::new();
    for (number, bytes) in moments.iter().enumerate().step_by(3) {
        place.write("img", bytes);
        let looked = place.fsck("-f -n img");
        let done = place.fsck("-f -y img");
        let codes = (looked.code, done.code);
        let fits = matches!(codes, (Some(0), Some(0)) | (Some(4), Some(1)));
        assert!(fits && !done.says("corrupt"), "moment {number}: {done:?}");
        assert_eq!(
            place.fsck("-f -n img").code,
            Some(0),
            "moment {number}: {done:?}"
        );
        assert!(
            looked.out.lines().count() <= 10,
            "moment {number}: {looked:?}"
        );
        repaired.extend(
            done.out
                .lines()
                .filter_map(|line| Some(line.split_once("? yes")?.0.to_owned())),
        );
    }
    for what in [
        "has no name. Free",
        "which does not have it. Free",
        "not finished. Close",
        "should be 2. Fix",
    ] {
        assert!(
            repaired.iter().any(|line| line.ends_with(what)),
            "{what}: {repaired:#?}"
        );
    }
    if std::env::var_os("RVM_SHOW").is_some() {
        println!("{repaired:#?}");
    }
}

#[test]
fn damaged_images_are_checked_and_shown_to_the_end() {
    let long = if std::env::var_os("RVM_LONG").is_some() {
        20
    } else {
        1
    };
    std::thread::scope(|scope| {
        for seed in 1..=2 {
            scope.spawn(move || try_images(seed, IMAGES * long / 2));
        }
    });
}
