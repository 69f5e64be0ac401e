// SPDX-License-Identifier: GPL-2.0

//! Which rule is found, and how many tuples that takes.

#![cfg(test)]

use super::{
    super::{
        key::{Field, Flags},
        ruleset::{Limits, RuleSet},
    },
    *,
};

fn rules(text: &str) -> RuleSet {
    RuleSet::new(Limits::DEFAULT)
        .changed(text, || false)
        .unwrap()
}

fn table(set: &RuleSet, max_masks: usize) -> Table {
    let options = Options {
        max_masks,
        ..Options::new(1)
    };
    Table::build(set.rules(), Direction::Rx, options).unwrap()
}

fn udp(destination: u32, port: u16) -> Key {
    let mut key = Key::new(Direction::Rx);
    key.set(Field::ETHERTYPE, 0x0800);
    key.set(Field::DST_HIGH, u64::from(destination) << 32);
    key.set(Field::PROTO, 17);
    key.set(Field::DST_PORT, u64::from(port));
    let network = Flags::MAC.with(Flags::TYPE).with(Flags::NET);
    key.mark(network.with(Flags::PROTO).with(Flags::PORTS));
    key
}

fn hit(table: &Table, key: &Key) -> Option<u32> {
    table.lookup(key).map(|hit| hit.rule)
}

#[test]
fn the_lowest_priority_number_decides_and_then_the_earlier_rule() {
    let set = rules(
        "add prio 9 dir rx proto udp action drop\n\
         add prio 5 dir rx dst_ip 10.0.0.0/8 action accept\n\
         add prio 5 dir rx dst_ip 10.1.0.0/16 action bounce\n\
         add prio 1 dir tx action drop\n",
    );
    let table = table(&set, 64);
    assert_eq!(hit(&table, &udp(0x0a01_0001, 9)), Some(1));
    assert_eq!(hit(&table, &udp(0x0b01_0001, 9)), Some(0));
    assert_eq!(hit(&table, &Key::new(Direction::Rx)), None);
}

#[test]
fn nothing_is_found_in_no_rules() {
    let table = table(&rules(""), 64);
    assert_eq!(hit(&table, &udp(1, 1)), None);
    assert_eq!((table.tuple_count(), table.longest_chain()), (0, 0));
}

/// 1,000 rules for addresses of 10.0.0.0/8, whose lengths take turns.
fn prefixes(lengths: &[u32]) -> RuleSet {
    let lines: Vec<_> = (0..1_000_u32)
        .zip(lengths.iter().cycle())
        .map(|(index, len)| {
            let address = 0x0a00_0000 | (index.wrapping_mul(0x9e37_79b9) >> 8);
            let address = core::net::Ipv4Addr::from(address);
            format!(
                "add prio {index} dir rx proto udp dst_ip {address}/{len} dst_port 9 action drop\n"
            )
        })
        .collect();
    rules(&lines.concat())
}

#[test]
fn rules_of_one_mask_share_a_tuple_and_alike_masks_share_few() {
    for (lengths, most) in [
        (vec![32], 1),
        (vec![20], 1),
        ((17..33).collect::<Vec<_>>(), 6),
    ] {
        let table = table(&prefixes(&lengths), 64);
        assert!(
            table.tuple_count() <= most,
            "{lengths:?}: {}",
            table.tuple_count()
        );
        assert!(
            table.longest_chain() <= 12,
            "{lengths:?}: {}",
            table.longest_chain()
        );
    }
}

#[test]
fn every_rule_is_found_however_few_tuples_there_may_be() {
    let set = prefixes(&(8..33).collect::<Vec<_>>());
    let many = table(&set, 64);
    for max_masks in [1, 2, 3, 8] {
        let few = table(&set, max_masks);
        assert!(few.tuple_count() <= max_masks);
        for address in (0..0x0100_0000).step_by(65_537) {
            let key = udp(0x0a00_0000 | address, 9);
            assert_eq!(hit(&few, &key), hit(&many, &key));
        }
    }
}

#[test]
fn what_accepts_does_not_match_what_could_not_be_read() {
    let set = rules(
        "add prio 1 dir rx action accept\n\
         add prio 2 dir rx unparsed yes ethertype ip action accept\n\
         add prio 3 dir rx action drop\n",
    );
    let table = table(&set, 64);
    let mut key = udp(1, 1);
    assert_eq!(hit(&table, &key), Some(0));
    key.mark(Flags::UNPARSED);
    assert_eq!(hit(&table, &key), Some(1));
    let mut key = Key::new(Direction::Rx);
    key.mark(Flags::UNPARSED);
    assert_eq!(hit(&table, &key), Some(2));
}
