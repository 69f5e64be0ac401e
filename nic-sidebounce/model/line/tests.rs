// SPDX-License-Identifier: GPL-2.0

//! What users write.

#![cfg(test)]

use super::*;

fn wrong(text: &str) -> (u32, Kind) {
    let malformed = Command::parse(text, 7).expect_err(text);
    assert_eq!(malformed.line, 7);
    (malformed.column, malformed.kind)
}

#[test]
fn a_rule_is_printed_as_it_is_read() {
    for text in [
        "add prio 0 dir rx action accept",
        "add prio 4294967295 dir tx action bounce name web-1",
        "add prio 100 dir rx dst_mac 01:00:00:00:00:00/01:00:00:00:00:00 action drop",
        "add prio 1 dir rx src_mac 02:00:00:00:00:01 vid none ethertype 0x88cc action drop",
        "add prio 1 dir rx vid 100-199 ethertype ipv6 proto tcp dst_port 22-23 action accept",
        "add prio 1 dir tx proto udp src_ip 10.0.0.0/8 dst_ip 0.0.0.0/0 src_port 53 action drop",
        "add prio 1 dir tx proto 132 action drop",
        "add prio 1 dir rx src_ip fe80::/10 action bounce",
        "add prio 1 dir rx proto icmpv6 icmp_type 135 icmp_code 0 action accept",
        "add prio 1 dir rx proto tcp tcp_flags 0x02/0x12 action bounce",
        "add prio 1 dir tx arp_op reply arp_spa 10.0.0.1/32 arp_sha 02:00:00:00:00:01 action accept",
        "add prio 1 dir rx frag later action drop",
        "add prio 1 dir rx unparsed yes action drop",
    ] {
        let Ok(Some(Command::Add(rule))) = Command::parse(text, 1) else {
            panic!("{text}");
        };
        assert_eq!(rule.to_string().replace("proto sctp", "proto 132"), text);
    }
}

#[test]
fn words_come_in_any_order_and_host_bits_are_cleared() {
    let text = "\tadd action accept  dst_ip 10.1.2.3/8 dir rx prio 5 # not for long";
    let Ok(Some(Command::Add(rule))) = Command::parse(text, 1) else {
        panic!("{text}");
    };
    assert_eq!(
        rule.to_string(),
        "add prio 5 dir rx dst_ip 10.0.0.0/8 action accept"
    );
}

#[test]
fn empty_lines_and_comments_say_nothing() {
    for text in ["", "  ", "#", " # add prio", "\t"] {
        assert_eq!(Command::parse(text, 1), Ok(None), "{text:?}");
    }
}

#[test]
fn the_other_commands_are_read() {
    assert_eq!(
        Command::parse("del prio 9", 1),
        Ok(Some(Command::Delete(9)))
    );
    assert_eq!(Command::parse("flush # all", 1), Ok(Some(Command::Flush)));
    assert_eq!(
        Command::parse("default tx drop", 1),
        Ok(Some(Command::Default(Direction::Tx, Action::Drop)))
    );
}

#[test]
fn a_mistake_is_found_at_its_word() {
    assert_eq!(wrong("ad"), (1, Kind::Syntax));
    assert_eq!(wrong(" flush now"), (8, Kind::Syntax));
    assert_eq!(wrong("del 7"), (5, Kind::Syntax));
    assert_eq!(wrong("add prio 1 dir rx"), (18, Kind::Syntax));
    assert_eq!(wrong("add prio 1 dir up action drop"), (16, Kind::Syntax));
    assert_eq!(wrong("add prio 4294967296"), (10, Kind::Range));
    assert_eq!(wrong("add dst_port 23-22"), (14, Kind::Range));
    assert_eq!(wrong("add vid 4095"), (9, Kind::Range));
    assert_eq!(wrong("add src_ip 10.0.0.0/33"), (12, Kind::Range));
    assert_eq!(wrong("add src_ip 10.0.0"), (12, Kind::Syntax));
    assert_eq!(wrong("add prio 1 prio 2"), (12, Kind::Conflict));
    assert_eq!(wrong("default rx"), (11, Kind::Syntax));
}

#[test]
fn what_no_packet_could_have_is_a_conflict() {
    for demands in [
        "src_ip 10.0.0.1 dst_ip ::1",
        "ethertype ipv6 src_ip 10.0.0.1",
        "dst_port 22",
        "proto icmp dst_port 22",
        "proto udp tcp_flags 0x02",
        "icmp_type 8",
        "proto icmp icmp_type 8 ethertype ipv6",
        "arp_op request src_ip 10.0.0.1",
        "arp_spa ::1",
        "ethertype arp proto tcp",
        "proto tcp dst_port 22 frag later",
    ] {
        let text = format!("add prio 1 dir rx {demands} action drop");
        assert_eq!(wrong(&text), (4, Kind::Conflict), "{demands}");
    }
}

#[test]
fn a_mistake_says_what_should_stand_there() {
    let malformed = Command::parse("add dst_port x", 3).expect_err("malformed");
    assert_eq!(
        malformed.to_string(),
        "line 3, column 14: malformed: expected a port (0-65535) or two as in 22-23"
    );
}
