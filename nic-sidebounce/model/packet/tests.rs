// SPDX-License-Identifier: GPL-2.0

//! What is read of a packet, and what is not.

#![cfg(test)]

use super::*;

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const TCP_HEADER: [u8; 20] = [
    0, 22, 0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
];

fn frame(ethertype: u16, body: &[u8]) -> Vec<u8> {
    [&MACS, &ethertype.to_be_bytes()[..], body].concat()
}

fn ipv4(flags: u16, proto: u8, body: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let [f0, f1] = flags.to_be_bytes();
    let header = [
        0x45, 0, total[0], total[1], 0, 0, f0, f1, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    frame(ETHERTYPE_IPV4, &[&header, body].concat())
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    frame(ETHERTYPE_IPV6, &[&header, body].concat())
}

fn read(bytes: &[u8]) -> Header {
    parse(bytes, None, Direction::Rx)
}

fn reason(bytes: &[u8]) -> Option<Reason> {
    read(bytes).unparsed()
}

#[test]
fn what_is_read_at_a_glance_is_what_is_read_step_by_step() {
    let udp = [0, 53, 0x12, 0x34, 0, 30, 0, 0];
    let padded = |body: &[u8]| [body, &[7; 40]].concat();
    let (mut glances, mut steps) = (0_u32, 0_u32);
    for base in [
        ipv4(0x4000, 6, &padded(&TCP_HEADER)),
        ipv4(0, 17, &padded(&udp)),
        ipv4(0, 1, &padded(&udp)),
        ipv6(17, &padded(&udp)),
    ] {
        // Each byte of the headers takes on each value, and the packet ends at each place.
        let changed = (0..60).flat_map(|at| (0..=255).map(move |byte| (at, byte)));
        let frames = changed.map(|(at, byte)| {
            let mut frame = base.clone();
            frame[at] = byte;
            frame
        });
        let cut = (0..base.len()).map(|len| base[..len].to_vec());
        for frame in frames.chain(cut) {
            for tag in [None, Some(Tag(0xe123))] {
                for direction in [Direction::Rx, Direction::Tx] {
                    let slow = parse_slowly(&frame[..], tag, direction);
                    assert_eq!(parse(&frame[..], tag, direction), slow, "{frame:x?}");
                    let mut fresh = Key::new(direction);
                    if let Some(tag) = tag {
                        fresh.set(Field::TAG, tag.bits());
                    }
                    let quick = frame
                        .front()
                        .and_then(|front| quick::read(&front, &fresh, None));
                    match quick {
                        Some(key) => {
                            assert_eq!((key, None), (*slow.key(), slow.unparsed()));
                            glances += 1;
                        }
                        None => steps += 1,
                    }
                }
            }
        }
    }
    assert!(glances > 50_000 && steps > 50_000, "{glances} {steps}");
}

#[test]
fn a_tcp_packet_is_read_with_its_ports_and_flags() {
    let header = read(&ipv4(0, 6, &TCP_HEADER));
    let key = header.key();
    assert_eq!(header.unparsed(), None);
    assert_eq!(key.get(Field::SRC_HIGH), 0x0a00_0001_0000_0000);
    assert_eq!(key.get(Field::SRC_PORT), 22);
    assert_eq!(key.get(Field::DST_PORT), 0x1234);
    assert_eq!(key.get(Field::TCP_FLAGS), 2);
    assert!(key.has(Flags::NET.with(Flags::PROTO).with(Flags::PORTS)));
    assert!(!key.has(Flags::UNPARSED) && !key.has(Flags::FRAGMENT));
}

#[test]
fn padding_is_no_header() {
    let mut short = ipv4(0, 6, &TCP_HEADER[..8]);
    short.resize(60, 0);
    assert_eq!(reason(&short), Some(Reason::Length));
    assert!(!read(&short).key().has(Flags::PORTS));
}

#[test]
fn a_part_that_ends_or_begins_within_the_transport_header_is_refused() {
    assert_eq!(reason(&ipv4(0x2000, 6, &TCP_HEADER)), None);
    let tiny = Some(Reason::TinyFragment);
    assert_eq!(reason(&ipv4(0x2000, 6, &TCP_HEADER[..16])), tiny);
    assert_eq!(reason(&ipv4(0x0001, 6, &[0; 24])), tiny);
    assert_eq!(reason(&ipv4(0x0002, 6, &[0; 24])), tiny);
    let later = read(&ipv4(0x0003, 6, &[0; 24]));
    assert_eq!(later.unparsed(), None);
    let parts = Flags::FRAGMENT.with(Flags::LATER).with(Flags::PROTO);
    assert!(later.key().has(parts) && !later.key().has(Flags::PORTS));
    let fragment = [6, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(
        reason(&ipv6(44, &[&fragment, &TCP_HEADER[..8]].concat())),
        tiny
    );
}

#[test]
fn a_part_that_lies_beyond_the_longest_packet_is_refused() {
    assert_eq!(reason(&ipv4(0x1fff, 17, &[0; 100])), Some(Reason::Length));
}

#[test]
fn extension_headers_are_followed_as_far_as_the_bound() {
    let option = [60, 0, 1, 4, 0, 0, 0, 0];
    for (count, expected) in [(1, None), (6, None), (7, Some(Reason::Extensions))] {
        let mut body = option.repeat(count);
        body[(count - 1) * 8] = 6;
        let header = read(&ipv6(60, &[&body[..], &TCP_HEADER].concat()));
        assert_eq!(header.unparsed(), expected, "{count}");
        assert_eq!(header.key().has(Flags::PORTS), expected.is_none());
    }
    let long = [&[6, 64][..], &[0; 518], &TCP_HEADER].concat();
    assert_eq!(reason(&ipv6(60, &long)), Some(Reason::Extensions));
}

#[test]
fn extension_headers_out_of_order_are_refused() {
    let hop = [0, 0, 1, 4, 0, 0, 0, 0];
    assert_eq!(reason(&ipv6(60, &hop.repeat(2))), Some(Reason::Order));
    let first = [44, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(reason(&ipv6(44, &first.repeat(2))), Some(Reason::Order));
    let route = [6, 2, 0, 1, 0, 0, 0, 0];
    assert_eq!(reason(&ipv6(43, &route)), Some(Reason::SourceRoute));
}

#[test]
fn a_whole_packet_with_a_fragment_header_is_whole() {
    let atomic = [6, 0, 0, 0, 0, 0, 0, 0];
    let header = read(&ipv6(44, &[&atomic[..], &TCP_HEADER].concat()));
    assert_eq!(header.unparsed(), None);
    assert!(header.key().has(Flags::PORTS) && !header.key().has(Flags::FRAGMENT));
}

#[test]
fn the_outermost_tag_counts_and_the_innermost_ethertype() {
    let inner = [&[0x00, 0x07, 0x81, 0x00, 0x00, 0x09][..], &[0x88, 0xcc]].concat();
    let tagged = frame(0x88a8, &inner);
    let header = read(&tagged);
    assert_eq!(header.unparsed(), None);
    assert_eq!(header.key().get(Field::TAG), 0x1007);
    assert_eq!(header.key().get(Field::ETHERTYPE), 0x88cc);
    let outer = parse(&tagged[..], Some(Tag(0xf00b)), Direction::Rx);
    assert_eq!(outer.key().get(Field::TAG), 0x100b);
    let third = frame(0x8100, &[0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0]);
    assert_eq!(reason(&third), Some(Reason::Tags));
}

#[test]
fn arp_is_read_if_it_is_for_ipv4() {
    let mut body = vec![0, 1, 8, 0, 6, 4, 0, 2];
    body.extend([2, 0, 0, 0, 0, 2, 10, 0, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 2]);
    let header = read(&frame(ETHERTYPE_ARP, &body));
    assert_eq!(header.unparsed(), None);
    assert_eq!(header.key().get(Field::ARP_OP), 2);
    assert_eq!(header.key().get(Field::ARP_SENDER_MAC), 0x0200_0000_0002);
    assert_eq!(header.key().get(Field::DST_HIGH), 0x0a00_0002_0000_0000);
    body[1] = 6;
    assert_eq!(reason(&frame(ETHERTYPE_ARP, &body)), Some(Reason::Arp));
}

#[test]
fn ip_hidden_in_snap_is_refused_and_spanning_tree_is_not() {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    assert_eq!(reason(&frame(8, &snap)), Some(Reason::Snap));
    let bpdu = read(&frame(38, &[0x42, 0x42, 3, 0, 0, 0, 0, 0]));
    assert_eq!(bpdu.unparsed(), None);
    assert_eq!(bpdu.key().get(Field::ETHERTYPE), 4);
}

#[test]
fn lengths_and_versions_that_cannot_be_are_refused() {
    let good = ipv4(0, 17, &[0, 53, 0, 53, 0, 8, 0, 0]);
    assert_eq!(reason(&good), None);
    for (at, byte, expected) in [
        (14, 0x65, Reason::Version),
        (14, 0x44, Reason::Length),
        (14, 0x4f, Reason::Length),
        (17, 19, Reason::Length),
        (39, 7, Reason::Length),
        (39, 9, Reason::Length),
    ] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert_eq!(reason(&bad), Some(expected), "{at}");
    }
    let mut tcp = ipv4(0, 6, &TCP_HEADER);
    tcp[14 + 20 + 12] = 0x40;
    assert_eq!(reason(&tcp), Some(Reason::Length));
}

/// A packet whose checksum is to be written at some place.
struct Unfinished<'a>(&'a [u8], usize);

impl Bytes for Unfinished<'_> {
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.at(offset)
    }

    fn pending(&self) -> Option<usize> {
        Some(self.1)
    }

    fn front(&self) -> Option<Front> {
        self.0.front()
    }
}

#[test]
fn a_checksum_is_written_where_there_is_one_or_behind_the_header_and_nowhere_else() {
    let padded = |body: &[u8]| [body, &[0; 40]].concat();
    let udp = padded(&[0, 53, 0, 7, 0, 48, 0, 0]);
    for (bytes, transport, field, header) in [
        (ipv4(0, 6, &padded(&TCP_HEADER)), 34, 16, 20),
        (ipv4(0, 17, &udp), 34, 6, 8),
        (ipv4(0, 1, &udp), 34, 2, 8),
        (ipv6(17, &udp), 54, 6, 8),
        (ipv4(0, 47, &udp), 34, 0, 0),
        (frame(ETHERTYPE_ARP, &[0; 46]), 60, 0, 0),
    ] {
        let read = |pending| parse(&Unfinished(&bytes, pending), None, Direction::Tx).unparsed();
        let is_arp = transport == 60;
        for pending in 0..bytes.len() {
            let is_fine =
                !is_arp && (pending == transport + field || pending >= transport + header);
            assert_eq!(read(pending).is_none(), is_fine, "{bytes:?} {pending}");
        }
    }
    let quick = parse(&Unfinished(&ipv4(0, 17, &udp), 40), None, Direction::Tx);
    assert_eq!(
        quick.key(),
        parse(&ipv4(0, 17, &udp)[..], None, Direction::Tx).key()
    );
}
