// SPDX-License-Identifier: GPL-2.0

//! Whatever is written, reading it does not panic, and what is read is printed as it was meant.

use crate::{
    model::{
        line::Command,
        ruleset::{Limits, RuleSet},
    },
    rulegen::{self, Random},
};
use proptest::prelude::*;

/// Lines that come close to what is meant, and others.
fn lines() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "add",
        "del",
        "flush",
        "default",
        "template",
        "prio",
        "dir",
        "rx",
        "tx",
        "action",
        "accept",
        "drop",
        "bounce",
        "name",
        "web",
        "dst_mac",
        "src_mac",
        "02:00:00:00:00:01",
        "ff:ff:ff:ff:ff:ff/01:00:00:00:00:00",
        "vid",
        "none",
        "5",
        "100-199",
        "4095",
        "ethertype",
        "ip",
        "ipv6",
        "arp",
        "0x88cc",
        "0x",
        "proto",
        "tcp",
        "udp",
        "sctp",
        "icmp",
        "icmpv6",
        "src_ip",
        "dst_ip",
        "10.0.0.0/8",
        "10.0.0.0/33",
        "fe80::/10",
        "::/0",
        "src_port",
        "dst_port",
        "22",
        "22-23",
        "23-22",
        "65536",
        "icmp_type",
        "icmp_code",
        "tcp_flags",
        "0x02/0x12",
        "arp_op",
        "request",
        "reply",
        "arp_spa",
        "arp_sha",
        "arp_tpa",
        "arp_tha",
        "frag",
        "yes",
        "no",
        "first",
        "later",
        "unparsed",
        "clean-traffic",
        "mac",
        "ip",
        "10.0.0.1",
        "allow-dhcp",
        "trunk",
        "1,5-7",
        "0-4094",
        "#",
        "\t",
    ]);
    let near = prop::collection::vec(words, 0..16).prop_map(|words| words.join(" "));
    let pairs = prop::sample::select(vec![
        "dst_mac 02:00:00:00:00:01",
        "src_mac 02:00:00:00:00:01/ff:ff:ff:00:00:00",
        "vid none",
        "vid 7-9",
        "ethertype ip",
        "ethertype ipv6",
        "proto tcp",
        "proto udp",
        "proto 89",
        "src_ip 10.1.2.3/9",
        "dst_ip 2001:db8::/33",
        "dst_ip 10.0.0.0/0",
        "src_port 1-65534",
        "dst_port 22",
        "icmp_type 8",
        "proto icmpv6",
        "icmp_code 0",
        "tcp_flags 0x10",
        "arp_op reply",
        "arp_spa 10.0.0.0/8",
        "arp_sha 02:00:00:00:00:01",
        "frag later",
        "frag no",
        "unparsed yes",
        "name x.y",
    ]);
    let rules = prop::collection::vec(pairs, 0..5)
        .prop_map(|pairs| format!("add prio 7 dir tx {} action drop", pairs.join(" ")));
    prop_oneof![near, rules, ".{0,80}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_line_is_read_or_refused_and_a_rule_is_printed_as_it_was_meant(line in lines()) {
        match Command::parse(&line, 3) {
            Ok(Some(Command::Add(rule))) => {
                let again = Command::parse(&rule.to_string(), 1);
                prop_assert_eq!(again, Ok(Some(Command::Add(rule))));
                let mut count = 0;
                let counted: Result<(), ()> = rule.patterns(|_| { count += 1; Ok(()) });
                prop_assert_eq!(counted, Ok(()));
                prop_assert_eq!(count, rule.pattern_count());
            }
            Ok(_) => {}
            Err(malformed) => {
                prop_assert_eq!(malformed.line, 3);
                let column = usize::try_from(malformed.column).unwrap();
                prop_assert!((1..=line.len() + 1).contains(&column));
            }
        }
    }

    #[test]
    fn any_text_makes_rules_or_leaves_them(text in prop::collection::vec(lines(), 0..6)) {
        let set = RuleSet::new(Limits::DEFAULT);
        if let Ok(set) = set.changed(&text.join("\n"), || false) {
            let again = RuleSet::new(Limits::DEFAULT).changed(&set.to_string(), || false).expect("well-formed");
            prop_assert_eq!(again.rules(), set.rules());
            prop_assert_eq!(again.pattern_count(), set.pattern_count());
        }
    }

    #[test]
    fn rules_that_resemble_real_ones_are_printed_as_they_are_read(seed in any::<u64>()) {
        let random = &mut Random::new(seed);
        for _ in 0..20 {
            let line = rulegen::rule(random, 7);
            let Ok(Some(Command::Add(rule))) = Command::parse(line.trim_end(), 1) else {
                panic!("{line}");
            };
            prop_assert_eq!(Command::parse(&rule.to_string(), 1), Ok(Some(Command::Add(rule))));
        }
    }
}
