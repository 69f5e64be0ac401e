// SPDX-License-Identifier: GPL-2.0

//! The classifier finds what a linear search finds, within its bounds.

use crate::{
    model::{
        cache::{FlowCache, Generation},
        classifier::{Options, Table},
        key::{Direction, Key},
        packet::{parse, Tag},
        ruleset::{Limits, RuleSet},
    },
    oracle,
    rulegen::{self, Random},
};
use proptest::prelude::*;

fn rule_set(random: &mut Random, count: u64) -> RuleSet {
    let text: String = (0..count)
        .map(|_| {
            let priority = random.below(count / 2 + 1);
            rulegen::rule(random, priority)
        })
        .collect();
    let limits = Limits {
        max_patterns: 1 << 20,
        ..Limits::DEFAULT
    };
    RuleSet::new(limits)
        .changed(&text, || false)
        .expect("well-formed")
}

fn key(random: &mut Random, direction: Direction) -> Key {
    let tag = (random.below(16) == 0).then_some(Tag(5));
    *parse(&rulegen::packet(random)[..], tag, direction).key()
}

fn table(rules: &RuleSet, direction: Direction, max_masks: usize) -> Table {
    let options = Options {
        max_masks,
        ..Options::new(42)
    };
    Table::build(rules.rules(), direction, options).expect("memory")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_classifier_agrees_with_a_linear_search(
        seed in any::<u64>(),
        count in prop_oneof![0..40_u64, 40..600_u64],
        max_masks in prop_oneof![Just(1_usize), Just(2), Just(5), Just(16), Just(64)],
    ) {
        let random = &mut Random::new(seed);
        let rules = rule_set(random, count);
        for direction in [Direction::Rx, Direction::Tx] {
            let table = table(&rules, direction, max_masks);
            prop_assert!(table.tuple_count() <= max_masks);
            for _ in 0..300 {
                let key = key(random, direction);
                let mut probes = 0;
                let hit = table.lookup_counting(&key, || probes += 1);
                prop_assert!(probes <= max_masks);
                let expected = oracle::lookup(rules.rules(), direction, &key);
                prop_assert_eq!(hit.map(|hit| hit.rule), expected);
                let action = expected.map(|rule| rules.rules()[rule as usize].action);
                prop_assert_eq!(hit.map(|hit| hit.action), action);
                // What the cache takes for the same is the same.
                let masked = key.masked(table.relevant());
                prop_assert_eq!(table.lookup(&masked), hit);
            }
        }
    }

    #[test]
    fn the_cache_never_gives_what_older_rules_said(
        seed in any::<u64>(),
        flows in 1..200_usize,
    ) {
        let random = &mut Random::new(seed);
        let mut cache = FlowCache::new(flows, seed).expect("memory");
        let keys: Vec<_> = (0..100).map(|_| key(random, Direction::Rx)).collect();
        let mut generation = Generation::FIRST;
        let mut rules = rule_set(random, 20);
        let mut table = table(&rules, Direction::Rx, 64);
        let mut known = 0;
        for _ in 0..2_000 {
            if random.below(100) == 0 {
                rules = rule_set(random, 20);
                table = self::table(&rules, Direction::Rx, 64);
                generation = generation.next();
            }
            let key = &keys[random.below(100) as usize];
            let place = cache.place(key, table.relevant());
            let hit = table.lookup(key);
            match cache.lookup(&place, generation) {
                Some(cached) => {
                    prop_assert_eq!(cached, hit);
                    known += 1;
                }
                None => cache.insert(&place, generation, hit),
            }
        }
        prop_assert!(known > 0);
    }
}

/// `count` rules for one address each, or for prefixes of 16 lengths, in front of a default.
fn benchmark_rules(count: u32, lengths: u32) -> RuleSet {
    let lines: Vec<_> = (0..count)
        .map(|index| {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + index * 256 * 9);
            let len = 32 - index % lengths;
            let demands = format!("proto udp dst_ip {address}/{len} dst_port 9");
            format!("add prio {index} dir rx {demands} action drop\n")
        })
        .collect();
    let text = lines.concat();
    RuleSet::new(Limits::DEFAULT)
        .changed(&text, || false)
        .expect("well-formed")
}

/// The most tuples that any of many packets of the kind that the rules are for makes the table probe, and the
/// mean in hundredths.
fn probes(table: &Table, random: &mut Random, packets: u32) -> (u32, u32) {
    let (mut most, mut all) = (0, 0);
    for _ in 0..packets {
        let mut bytes = vec![2; 12];
        bytes.extend([8, 0]);
        bytes.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4]);
        bytes.extend((0x0a00_0000 + random.below(1 << 24) as u32).to_be_bytes());
        bytes.extend([0, 1, 0, 9, 0, 8, 0, 0]);
        let mut count = 0;
        table.lookup_counting(parse(&bytes[..], None, Direction::Rx).key(), || count += 1);
        most = most.max(count);
        all += count;
    }
    (most, all * 100 / packets)
}

#[test]
fn a_lookup_probes_few_tuples_however_many_rules_there_are() {
    for (lengths, limit) in [(1, 1), (16, 7)] {
        for count in [1, 100, 1_000, 10_000] {
            let rules = benchmark_rules(count, lengths);
            let table = table(&rules, Direction::Rx, 64);
            let (most, mean) = probes(&table, &mut Random::new(1), 2_000);
            println!(
                "{count} rules, {lengths} masks: {} tuples, probed {most} at most, {}.{:02} on average, \
                 longest chain {}, {} kB",
                table.tuple_count(),
                mean / 100,
                mean % 100,
                table.longest_chain(),
                table.len_bytes() / 1024,
            );
            assert!(most <= limit, "{count} rules, {lengths} masks: {most}");
        }
    }
}

#[test]
fn ten_thousand_rules_of_all_kinds_are_searched_within_the_bounds() {
    let random = &mut Random::new(7);
    let rules = rule_set(random, 10_000);
    let start = std::time::Instant::now();
    let table = table(&rules, Direction::Rx, 64);
    let built = start.elapsed();
    let (mut most, mut all) = (0, 0);
    for _ in 0..2_000 {
        let key = key(random, Direction::Rx);
        let mut probes = 0;
        let hit = table.lookup_counting(&key, || probes += 1);
        most = most.max(probes);
        all += probes;
        if all % 20 == 0 {
            let expected = oracle::lookup(rules.rules(), Direction::Rx, &key);
            assert_eq!(hit.map(|hit| hit.rule), expected);
        }
    }
    println!(
        "10,000 rules of all kinds: {} patterns, {} tuples, probed {most} at most, {} on average, longest \
         chain {}, {} kB, built in {built:?}",
        table.pattern_count(),
        table.tuple_count(),
        all / 2_000,
        table.longest_chain(),
        table.len_bytes() / 1024,
    );
    assert!(table.tuple_count() <= 64 && most <= 40 && table.longest_chain() <= 1_000);
}
