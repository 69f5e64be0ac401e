// SPDX-License-Identifier: GPL-2.0

//! Where packets go.

#![cfg(test)]

use super::*;

const PF: Mac = Mac([2, 0, 0, 0, 0, 0xff]);
const PEER: Mac = Mac([2, 0, 0, 0, 0, 0xee]);
const ADDRESSES: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];

fn ports() -> [Port; 2] {
    [(0, 4001), (1, 4002)].map(|(vf, service)| Port {
        vf,
        service: Vid::new(service).unwrap(),
        mac: ADDRESSES[usize::from(vf)],
    })
}

fn frame(vid: u16, src: Mac, dst: Mac) -> Frame {
    let tag = (vid != 0).then_some(Tag(vid));
    Frame {
        tag,
        dst,
        src,
        ethertype: 0x0800,
    }
}

/// Each outcome in short: `vf0`, `host`, `wire`, or the loss.
fn words(outcomes: impl FnOnce(&Switch<'_>, &mut dyn FnMut(Outcome))) -> String {
    let ports = ports();
    let switch = Switch {
        ports: &ports,
        mac: PF,
        above: Above::Nobody,
    };
    let mut words = Vec::new();
    outcomes(&switch, &mut |outcome| {
        words.push(match outcome {
            Outcome::ToVf(port) => format!("vf{}", port.vf),
            Outcome::ToHost => "host".into(),
            Outcome::ToWire => "wire".into(),
            Outcome::Lost(lost) => format!("{lost:?}"),
        });
    });
    words.join(" ")
}

/// As a packet is treated that comes in on the PF.
fn arrive(switch: &Switch<'_>, frame: &Frame, mut give: &mut dyn FnMut(Outcome)) {
    match switch.origin(frame) {
        Origin::Elsewhere => switch.received(frame, &mut give),
        Origin::Vf(port) => switch.sent_by(
            port,
            &Frame {
                tag: None,
                ..*frame
            },
            &mut give,
        ),
        Origin::Lost(_, lost) => give(Outcome::Lost(lost)),
    }
}

fn forward(vid: u16, src: Mac, dst: Mac) -> String {
    words(|switch, give| arrive(switch, &frame(vid, src, dst), give))
}

#[test]
fn what_comes_for_a_vf_goes_to_it_and_the_rest_to_the_host() {
    assert_eq!(forward(0, PEER, ADDRESSES[1]), "vf1");
    assert_eq!(forward(0, PEER, PF), "host");
    assert_eq!(forward(0, PEER, PEER), "host");
    assert_eq!(forward(0, PEER, Mac::BROADCAST), "vf0 vf1 host");
    assert_eq!(forward(7, PEER, ADDRESSES[1]), "host");
}

#[test]
fn what_a_vf_sends_goes_where_it_should() {
    assert_eq!(forward(4001, ADDRESSES[0], PEER), "wire");
    assert_eq!(forward(4001, ADDRESSES[0], PF), "host");
    assert_eq!(forward(4001, ADDRESSES[0], ADDRESSES[1]), "vf1");
    assert_eq!(forward(4001, ADDRESSES[0], Mac::BROADCAST), "vf1 wire host");
}

#[test]
fn what_was_sent_before_is_not_sent_again() {
    for (vid, src, dst) in [
        (4001, PEER, ADDRESSES[0]),
        (4001, ADDRESSES[1], Mac::BROADCAST),
        (4001, ADDRESSES[0], ADDRESSES[0]),
        (0, ADDRESSES[0], Mac::BROADCAST),
        (0, ADDRESSES[0], PEER),
        (0, PF, Mac::BROADCAST),
    ] {
        assert_eq!(forward(vid, src, dst), "Reflection", "{vid} {src} {dst}");
    }
}

#[test]
fn what_bridges_keep_to_themselves_is_not_forwarded() {
    let lldp = Mac([1, 0x80, 0xc2, 0, 0, 0x0e]);
    assert_eq!(forward(0, PEER, lldp), "host");
    assert_eq!(forward(4001, ADDRESSES[0], lldp), "LinkLocal");
    let pause = Frame {
        ethertype: ETHERTYPE_MAC_CONTROL,
        ..frame(4001, ADDRESSES[0], PEER)
    };
    assert_eq!(
        words(|switch, give| arrive(switch, &pause, give)),
        "LinkLocal"
    );
}

#[test]
fn what_the_host_sends_reaches_vfs_once() {
    let egress = |vid, src, dst| words(|switch, give| switch.egress(&frame(vid, src, dst), give));
    assert_eq!(egress(0, PF, ADDRESSES[0]), "vf0");
    assert_eq!(egress(0, PF, PEER), "wire");
    assert_eq!(egress(0, PF, Mac::BROADCAST), "vf0 vf1 wire");
    assert_eq!(egress(4001, PEER, ADDRESSES[0]), "Reflection");
    // What a VF has sent.
    assert_eq!(egress(0, ADDRESSES[0], Mac::BROADCAST), "wire");
}

#[test]
fn the_rules_of_the_vf_that_sends_come_first() {
    let ports = ports();
    let switch = Switch {
        ports: &ports,
        mac: PF,
        above: Above::Nobody,
    };
    let from_vf = frame(4002, ADDRESSES[1], PEER);
    assert_eq!(switch.origin(&from_vf), Origin::Vf(&ports[1]));
    assert_eq!(switch.origin(&frame(0, PEER, PF)), Origin::Elsewhere);
}

#[test]
fn group_packets_are_readdressed_unless_the_vf_is_flooded() {
    let [port, _] = ports();
    let readdressed = port.delivery(Mac::BROADCAST, Bum::Unicast);
    assert_eq!(readdressed, Delivery::To(port.mac));
    assert_eq!(port.delivery(Mac::BROADCAST, Bum::Flood), Delivery::AsIs);
}

#[test]
fn a_vf_gets_nothing_that_is_not_for_it() {
    let [port, other] = ports();
    let unknown = Port {
        mac: Mac::UNKNOWN,
        ..port
    };
    for bum in [Bum::Unicast, Bum::Flood] {
        assert_eq!(port.delivery(port.mac, bum), Delivery::AsIs);
        for dst in [PEER, PF, other.mac, Mac::UNKNOWN] {
            assert_eq!(port.delivery(dst, bum), Delivery::Nowhere);
        }
        for last in 0..=0x0f {
            let dst = Mac([0x01, 0x80, 0xc2, 0, 0, last]);
            assert_eq!(port.delivery(dst, bum), Delivery::Nowhere);
        }
        for dst in [port.mac, PEER, Mac::BROADCAST, Mac::UNKNOWN] {
            assert_eq!(unknown.delivery(dst, bum), Delivery::Nowhere);
        }
    }
}

#[test]
fn level_2_cannot_send_as_somebody_else_than_the_vf() {
    let [port, _] = ports();
    let sent = |src| words(|switch, give| switch.sent_by(&port, &frame(0, src, PEER), give));
    assert_eq!(sent(ADDRESSES[0]), "wire");
    assert_eq!(sent(PEER), "Reflection");
}

#[test]
fn a_vf_cannot_smuggle_the_service_tag_of_another_one() {
    let [port, other] = ports();
    let sent =
        |vid, dst| words(|switch, give| switch.sent_by(&port, &frame(vid, port.mac, dst), give));
    for dst in [PEER, Mac::BROADCAST, other.mac, PF] {
        assert_eq!(sent(other.service.get(), dst), "Reflection");
        assert_eq!(sent(port.service.get(), dst), "Reflection");
    }
    assert_eq!(sent(5, PEER), "wire");
}

#[test]
fn what_the_card_brings_back_is_for_others_on_top_of_the_pf_only() {
    let ports = ports();
    let switch = Switch {
        ports: &ports,
        mac: PF,
        above: Above::Others,
    };
    let back = |dst| {
        let mut outcomes = Vec::new();
        switch.received(&frame(0, ADDRESSES[0], dst), |outcome| {
            outcomes.push(outcome)
        });
        outcomes
    };
    assert_eq!(back(PEER), [Outcome::ToHost]);
    for dst in [PF, ADDRESSES[1], Mac::BROADCAST] {
        assert_eq!(back(dst), [Outcome::Lost(Lost::Reflection)]);
    }
    assert_eq!(forward(0, ADDRESSES[0], PEER), "Reflection");
    for dst in [PF, ADDRESSES[1], Mac::BROADCAST] {
        assert_eq!(forward(0, ADDRESSES[0], dst), "Reflection");
    }
}

#[test]
fn a_vf_whose_address_is_not_known_neither_gets_nor_sends_anything() {
    let mut ports = ports();
    ports[0].mac = Mac::UNKNOWN;
    let switch = Switch {
        ports: &ports,
        mac: PF,
        above: Above::Nobody,
    };
    let from = frame(4001, Mac::UNKNOWN, PEER);
    assert_eq!(
        switch.origin(&from),
        Origin::Lost(&ports[0], Lost::Reflection)
    );
    switch.received(&frame(0, PEER, Mac::UNKNOWN), |outcome| {
        assert_eq!(outcome, Outcome::ToHost)
    });
    let mut outcomes = 0;
    switch.received(&frame(0, PEER, Mac::BROADCAST), |_| outcomes += 1);
    assert_eq!(outcomes, 2);
}

#[test]
fn a_vf_with_the_address_of_the_pf_takes_nothing_away() {
    let mut ports = ports();
    ports[0].mac = PF;
    let switch = Switch {
        ports: &ports,
        mac: PF,
        above: Above::Nobody,
    };
    switch.received(&frame(0, PEER, PF), |outcome| {
        assert_eq!(outcome, Outcome::ToHost)
    });
    switch.egress(&frame(0, PEER, PF), |outcome| {
        assert_eq!(outcome, Outcome::ToWire)
    });
}

#[test]
fn a_vf_does_not_register_with_the_switch() {
    let mvrp = Mac([0x01, 0x80, 0xc2, 0, 0, 0x21]);
    assert_eq!(forward(4001, ADDRESSES[0], mvrp), "LinkLocal");
}
