// SPDX-License-Identifier: GPL-2.0

//! What templates let pass.

use crate::model::{
    classifier::{Options, Table},
    field::Action,
    key::Direction,
    packet::{parse, Tag},
    ruleset::{Limits, RuleSet},
};
use etherparse::PacketBuilder;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn action(text: &str, direction: Direction, bytes: &[u8], vid: Option<u16>) -> Option<Action> {
    let rules = RuleSet::new(Limits::DEFAULT)
        .changed(text, || false)
        .expect("well-formed");
    let table = Table::build(rules.rules(), direction, Options::new(1)).expect("memory");
    let header = parse(bytes, vid.map(Tag), direction);
    table.lookup(header.key()).map(|hit| hit.action)
}

fn udp(mac: [u8; 6], source: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2(mac, OTHER).ipv4(source, [10, 0, 0, 9], 64);
    let builder = builder.udp(ports[0], ports[1]);
    builder.write(&mut bytes, b"payload").expect("well-formed");
    bytes
}

fn udp6(mac: [u8; 6], source: [u8; 16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ethernet2(mac, OTHER).ipv6(source, [0xfe; 16], 64);
    builder
        .udp(1, 2)
        .write(&mut bytes, b"payload")
        .expect("well-formed");
    bytes
}

fn arp(mac: [u8; 6], sender_mac: [u8; 6], sender: [u8; 4]) -> Vec<u8> {
    let head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1];
    let target = [0, 0, 0, 0, 0, 0, 10, 0, 0, 9];
    [&[0xff; 6], &mac[..], &head, &sender_mac, &sender, &target].concat()
}

#[test]
fn clean_traffic_lets_a_vm_send_with_its_own_addresses_only() {
    let text = "template clean-traffic mac 02:00:00:00:00:01 ip 10.0.0.1 ip 2001:db8::1";
    let mut own6 = [0; 16];
    own6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    own6[15] = 1;
    let link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
    let (own, any) = ([10, 0, 0, 1], [0; 4]);
    let accepted = [
        udp(MAC, own, [1, 2]),
        udp(MAC, any, [68, 67]),
        udp6(MAC, own6),
        udp6(MAC, link_local),
        udp6(MAC, [0; 16]),
        arp(MAC, MAC, own),
        arp(MAC, MAC, any),
    ];
    for bytes in accepted {
        let action = action(text, Direction::Tx, &bytes, None);
        assert_eq!(action, Some(Action::Accept), "{bytes:02x?}");
    }
    let mut bpdu = vec![2; 60];
    bpdu[6..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 0, 38]);
    let dropped = [
        udp(OTHER, own, [1, 2]),
        udp(MAC, [10, 0, 0, 2], [1, 2]),
        udp(MAC, any, [1, 2]),
        udp6(MAC, [7; 16]),
        udp6(OTHER, own6),
        arp(MAC, OTHER, own),
        arp(OTHER, MAC, own),
        arp(MAC, MAC, [10, 0, 0, 2]),
        bpdu,
    ];
    for bytes in dropped {
        let action = action(text, Direction::Tx, &bytes, None);
        assert_eq!(action, Some(Action::Drop), "{bytes:02x?}");
    }
    // It says nothing about what the VM receives.
    let received = action(text, Direction::Rx, &udp(OTHER, own, [1, 2]), None);
    assert_eq!(received, None);
}

#[test]
fn a_trunk_drops_foreign_tags_even_of_clean_traffic() {
    let text = "template trunk 5,100-199,150-160\n\
                template clean-traffic mac 02:00:00:00:00:01 ip 10.0.0.1";
    let bytes = udp(MAC, [10, 0, 0, 1], [1, 2]);
    let foreign = udp(MAC, [10, 0, 0, 2], [1, 2]);
    for (vid, expected) in [
        (0, Action::Drop),
        (4, Action::Drop),
        (5, Action::Accept),
        (6, Action::Drop),
        (100, Action::Accept),
        (199, Action::Accept),
        (200, Action::Drop),
        (4094, Action::Drop),
    ] {
        let sent = action(text, Direction::Tx, &bytes, Some(vid));
        assert_eq!(sent, Some(expected), "{vid}");
        let received = action(text, Direction::Rx, &bytes, Some(vid));
        assert_eq!(received, Some(expected), "{vid}");
        let spoofed = action(text, Direction::Tx, &foreign, Some(vid));
        assert_eq!(spoofed, Some(Action::Drop), "{vid}");
    }
    assert_eq!(action(text, Direction::Rx, &bytes, None), None);
}

#[test]
fn dhcp_is_allowed_between_client_and_server_ports_only() {
    let text = "template allow-dhcp";
    let any = [0; 4];
    for (direction, ports, expected) in [
        (Direction::Tx, [68, 67], Some(Action::Accept)),
        (Direction::Rx, [67, 68], Some(Action::Accept)),
        (Direction::Tx, [67, 68], None),
        (Direction::Rx, [547, 546], None),
    ] {
        assert_eq!(
            action(text, direction, &udp(MAC, any, ports), None),
            expected
        );
    }
}
