// SPDX-License-Identifier: GPL-2.0

//! Flows are what their packets have in common.

#![cfg(test)]

use super::{
    super::packet::{
        parse,
        Tag, //
    },
    *,
};

const UDP: [u8; 8] = [0, 53, 0x12, 0x34, 0, 8, 0, 0];
const PING: [u8; 8] = [8, 0, 0, 0, 0, 1, 0, 1];
const MACS: &str = "dst_mac 02:00:00:00:00:01 src_mac 02:00:00:00:00:02";

fn frame(ethertype: u16, body: &[u8]) -> Vec<u8> {
    let macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    [&macs, &ethertype.to_be_bytes()[..], body].concat()
}

fn ipv4(fragment: u16, proto: u8, body: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let [f0, f1] = fragment.to_be_bytes();
    let header = [
        0x45, 0, total[0], total[1], 0, 0, f0, f1, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    frame(0x0800, &[&header, body].concat())
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    frame(0x86dd, &[&header, body].concat())
}

/// The key that is learned from a packet.
fn key(bytes: &[u8], tag: Option<u16>) -> Key {
    let header = parse(bytes, tag.map(Tag), Direction::Tx);
    assert_eq!(header.unparsed(), None);
    header.key().masked(&Mask::FLOW)
}

fn read(text: &str) -> Result<Flow, Malformed> {
    Flow::read(Direction::Tx, &mut Words::new(text, 1))
}

#[test]
fn what_is_written_of_a_packet_is_read_as_its_flow() {
    let arp = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
    ];
    // Not known to be any protocol, since it says that headers follow and has none.
    let unknown = [[60, 0, 0, 9, 0, 0, 0, 1], [0; 8]].concat();
    for (bytes, tag, fields) in [
        (
            ipv4(0, 17, &UDP),
            None,
            "vid none ethertype ip proto udp src_ip 10.0.0.1 dst_ip 10.0.0.2 src_port 53 dst_port 4660",
        ),
        (
            ipv6(17, &UDP),
            Some(0xe007),
            "vid 7 ethertype ipv6 proto udp src_ip fe80::1 dst_ip fe80::2 src_port 53 dst_port 4660",
        ),
        (
            ipv4(0, 1, &PING),
            Some(0),
            "vid 0 ethertype ip proto icmp src_ip 10.0.0.1 dst_ip 10.0.0.2 icmp_type 8 icmp_code 0",
        ),
        (
            ipv4(0, 47, &UDP),
            None,
            "vid none ethertype ip proto 47 src_ip 10.0.0.1 dst_ip 10.0.0.2",
        ),
        (
            ipv4(0x2000, 17, &UDP),
            None,
            "vid none ethertype ip proto udp src_ip 10.0.0.1 dst_ip 10.0.0.2 src_port 53 dst_port 4660",
        ),
        (
            ipv4(1, 17, &UDP),
            None,
            "vid none ethertype ip proto udp src_ip 10.0.0.1 dst_ip 10.0.0.2 frag later",
        ),
        (
            ipv6(44, &unknown),
            None,
            "vid none ethertype ipv6 src_ip fe80::1 dst_ip fe80::2 frag later",
        ),
        (
            frame(0x0806, &arp),
            None,
            "vid none ethertype arp arp_spa 10.0.0.1 arp_tpa 10.0.0.2 arp_op request \
             arp_sha 02:00:00:00:00:02 arp_tha 00:00:00:00:00:00",
        ),
        (frame(0x88cc, &[0; 46]), None, "vid none ethertype 0x88cc"),
        (frame(46, &[0; 46]), None, "vid none ethertype 0x0004"),
    ] {
        let key = key(&bytes, tag);
        let flow = Flow::of(&key);
        assert_eq!(flow.key(), Ok(key));
        let text = format!("{MACS} {fields}");
        assert_eq!(flow.to_string(), text);
        assert_eq!(read(&text), Ok(flow));
    }
}

#[test]
fn the_ethertype_follows_from_the_addresses() {
    let short = read(&format!("{MACS} src_ip 10.0.0.1 dst_ip 10.0.0.2 proto 47"));
    let key = key(&ipv4(0, 47, &UDP), None);
    assert_eq!(short.map(|flow| flow.key()), Ok(Ok(key)));
}

#[test]
fn a_flow_that_no_packet_is_of_is_refused() {
    let ip = "src_ip 10.0.0.1 dst_ip 10.0.0.2";
    for (fields, expected) in [
        ("", "ethertype"),
        ("ethertype ip", "src_ip"),
        ("src_ip 10.0.0.1", "dst_ip"),
        (ip, "proto"),
        (&format!("{ip} frag later"), "proto"),
        (&format!("{ip} proto tcp"), "src_port"),
        (&format!("{ip} proto tcp src_port 1"), "dst_port"),
        (&format!("{ip} proto icmp"), "icmp_type"),
        (&format!("{ip} proto icmp icmp_type 8"), "icmp_code"),
        ("ethertype arp src_ip 10.0.0.1 dst_ip 10.0.0.2", "arp_op"),
    ] {
        let refused = read(&format!("{MACS} {fields}")).unwrap_err();
        assert_eq!((refused.kind, refused.expected), (Kind::Conflict, expected));
    }
    for fields in [
        &format!("{ip} proto 47 src_port 1"),
        &format!("{ip} proto tcp src_port 1 dst_port 2 icmp_type 8"),
        &format!("{ip} proto tcp src_port 1 dst_port 2 frag later"),
        &format!("{ip} proto tcp src_port 1 dst_port 2 arp_op reply"),
        &format!("{ip} ethertype ipv6 proto 47"),
        "src_ip 10.0.0.1 dst_ip fe80::1 proto 47",
        "src_ip fe80::1 dst_ip 10.0.0.1 proto 47",
        "ethertype 0x88cc proto tcp",
        "ethertype 0x88cc frag later",
        "ethertype arp src_ip fe80::1 dst_ip fe80::2 arp_op request \
         arp_sha 02:00:00:00:00:02 arp_tha 00:00:00:00:00:00",
    ] {
        let refused = read(&format!("{MACS} {fields}")).unwrap_err();
        assert_eq!(refused.kind, Kind::Conflict, "{fields}");
    }
    assert_eq!(read("ethertype 0x88cc").unwrap_err().expected, "dst_mac");
}

#[test]
fn a_word_that_is_wrong_is_pointed_at() {
    for (text, kind, column) in [
        ("dst_mac 02:00:00:00:00", Kind::Syntax, 9),
        ("vid 4096", Kind::Range, 5),
        ("proto 256", Kind::Range, 7),
        ("src_ip 10.0.0.0/8", Kind::Syntax, 8),
        ("frag first", Kind::Syntax, 6),
        ("vid 1 vid 2", Kind::Conflict, 7),
        ("tcp_flags 0x02", Kind::Syntax, 1),
        ("arp_op 65536", Kind::Range, 8),
    ] {
        let refused = read(text).unwrap_err();
        assert_eq!((refused.kind, refused.column), (kind, column), "{text}");
    }
}
