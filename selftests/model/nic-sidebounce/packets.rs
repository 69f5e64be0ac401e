// SPDX-License-Identifier: GPL-2.0

//! Any bytes are read as far as they go, and well-formed ones as another parser reads them.

use crate::{
    model::{
        key::{Direction, Field, Flags, Key},
        packet::{parse, Header, Reason, Tag},
    },
    rulegen::{self, Random},
};
use etherparse::{LinkExtSlice, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Header {
    parse(bytes, None, Direction::Rx)
}

/// Whether nothing is in `less` that is not in `more`, but for the flag that says that something is missing.
fn is_part(less: &Key, more: &Key) -> bool {
    let mut flag = Key::new(Direction::Rx);
    flag.mark(Flags::UNPARSED);
    let words = less.words().iter().zip(more.words()).zip(flag.words());
    words
        .into_iter()
        .all(|((less, more), flag)| less & more & !flag == less & !flag)
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Compares what both read; returns whether that includes ports.
fn compare(header: &Header, theirs: &SlicedPacket<'_>, bytes: &[u8]) -> bool {
    let key = header.key();
    assert_eq!(key.get(Field::DST_MAC), number(&bytes[..6]));
    assert_eq!(key.get(Field::SRC_MAC), number(&bytes[6..12]));
    let tag = theirs.link_exts.iter().find_map(|ext| match ext {
        LinkExtSlice::Vlan(tag) => Some(0x1000 | u64::from(tag.vlan_identifier().value())),
        LinkExtSlice::Macsec(_) => None,
    });
    assert_eq!(key.get(Field::TAG), tag.unwrap_or(0));
    match &theirs.net {
        Some(NetSlice::Ipv4(ip)) => {
            let ip = ip.header();
            assert_eq!(key.get(Field::ETHERTYPE), 0x0800);
            assert_eq!(key.get(Field::SRC_HIGH) >> 32, number(&ip.source()));
            assert_eq!(key.get(Field::DST_HIGH) >> 32, number(&ip.destination()));
            assert_eq!(key.get(Field::PROTO), u64::from(ip.protocol().0));
            assert_eq!(key.has(Flags::FRAGMENT), ip.is_fragmenting_payload());
            let is_later = ip.fragments_offset().value() != 0;
            assert_eq!(key.has(Flags::LATER), is_later);
        }
        Some(NetSlice::Ipv6(ip)) => {
            assert_eq!(key.get(Field::ETHERTYPE), 0x86dd);
            assert_eq!(key.get(Field::SRC_HIGH), number(&ip.header().source()[..8]));
            assert_eq!(key.get(Field::SRC_LOW), number(&ip.header().source()[8..]));
            assert_eq!(
                key.get(Field::DST_LOW),
                number(&ip.header().destination()[8..])
            );
            assert_eq!(key.get(Field::PROTO), u64::from(ip.payload().ip_number.0));
        }
        Some(NetSlice::Arp(arp)) => {
            assert_eq!(key.get(Field::ETHERTYPE), 0x0806);
            assert_eq!(key.get(Field::ARP_OP), u64::from(arp.operation().0));
            assert_eq!(
                key.get(Field::SRC_HIGH) >> 32,
                number(arp.sender_protocol_addr())
            );
            assert_eq!(key.get(Field::ARP_TARGET_MAC), number(arp.target_hw_addr()));
        }
        None => assert!(!key.has(Flags::NET)),
    }
    let ports = match &theirs.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            let flags = key.get(Field::TCP_FLAGS);
            assert_eq!(
                (flags & 0x02 != 0, flags & 0x10 != 0),
                (tcp.syn(), tcp.ack())
            );
            Some((tcp.source_port(), tcp.destination_port()))
        }
        Some(TransportSlice::Udp(udp)) => Some((udp.source_port(), udp.destination_port())),
        Some(TransportSlice::Icmpv4(icmp)) => {
            Some((u16::from_be_bytes([icmp.type_u8(), icmp.code_u8()]), 0))
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            Some((u16::from_be_bytes([icmp.type_u8(), icmp.code_u8()]), 0))
        }
        None => None,
    };
    let is_odd_pair = matches!(
        (&theirs.net, key.get(Field::PROTO)),
        (Some(NetSlice::Ipv4(_)), 51)
    );
    if let Some((source, destination)) = ports.filter(|_| !is_odd_pair) {
        assert!(key.has(Flags::PORTS));
        assert_eq!(key.get(Field::SRC_PORT), u64::from(source));
        assert_eq!(key.get(Field::DST_PORT), u64::from(destination));
    }
    ports.is_some()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_read_as_far_as_they_go(
        mut bytes in prop::collection::vec(any::<u8>(), 0..160),
        ethertype in prop::sample::select(vec![0x0800_u16, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x0026]),
        version in prop::sample::select(vec![0x45_u8, 0x46, 0x60, 0x00]),
        next in prop::sample::select(vec![0_u8, 6, 17, 43, 44, 51, 60, 58, 59, 132]),
        tag in prop::option::of(any::<u16>().prop_map(Tag)),
    ) {
        for (at, byte) in [(12, (ethertype >> 8) as u8), (13, ethertype as u8), (14, version), (20, next)] {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let full = parse(&bytes[..], tag, Direction::Tx);
        prop_assert_eq!(full.unparsed().is_some(), full.key().has(Flags::UNPARSED));
        for end in 0..bytes.len() {
            let cut = parse(&bytes[..end], tag, Direction::Tx);
            prop_assert!(is_part(cut.key(), full.key()), "{end}");
            // What ends too early ends for that reason or as it would have anyway.
            let reason = cut.unparsed();
            prop_assert!(reason == Some(Reason::Cut) || cut == full, "{end}: {reason:?}");
        }
    }

    #[test]
    fn what_another_parser_reads_is_read_alike(seed in any::<u64>()) {
        let random = &mut Random::new(seed);
        for _ in 0..100 {
            let bytes = rulegen::packet(random);
            let header = read(&bytes);
            let Ok(theirs) = SlicedPacket::from_ethernet(&bytes) else {
                continue;
            };
            match header.unparsed() {
                // They know an older kind of tag that Linux does not.
                None if header.key().get(Field::ETHERTYPE) == 0x9100 => {}
                None => {
                    compare(&header, &theirs, &bytes);
                }
                Some(reason) if theirs.transport.is_some() => {
                    prop_assert!(
                        !matches!(reason, Reason::Cut | Reason::Version | Reason::TinyFragment),
                        "{reason:?} {bytes:02x?}"
                    );
                }
                Some(_) => {}
            }
        }
    }

    #[test]
    fn what_another_writer_writes_is_read_to_the_end(
        [source, destination] in any::<[[u8; 16]; 2]>(),
        ports in any::<[u16; 2]>(),
        kind in 0..6_u8,
        payload in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let [source4, destination4] = [source, destination].map(|a| [a[0], a[1], a[2], a[3]]);
        let ip = match kind % 2 {
            0 => builder.ipv4(source4, destination4, 64),
            _ => builder.ipv6(source, destination, 64),
        };
        let mut bytes = Vec::new();
        match kind {
            0 | 1 => ip.tcp(ports[0], ports[1], 7, 1024).syn().write(&mut bytes, &payload),
            2 | 3 => ip.udp(ports[0], ports[1]).write(&mut bytes, &payload),
            4 => ip.icmpv4_echo_request(1, 2).write(&mut bytes, &payload),
            _ => ip.icmpv6_echo_request(1, 2).write(&mut bytes, &payload),
        }
        .expect("well-formed");
        bytes.resize(bytes.len().max(60), 0);
        let header = read(&bytes);
        prop_assert_eq!(header.unparsed(), None);
        let theirs = SlicedPacket::from_ethernet(&bytes).expect("well-formed");
        prop_assert!(compare(&header, &theirs, &bytes));
    }

    #[test]
    fn a_chain_of_extension_headers_is_followed_to_the_bound_and_no_further(
        chain in prop::collection::vec((prop::sample::select(vec![43_u8, 51, 60]), 0..16_u8), 0..9),
        cut in 0..24_usize,
    ) {
        let mut body = Vec::new();
        for (at, (kind, units)) in chain.iter().enumerate() {
            let next = chain.get(at + 1).map_or(6, |(kind, _)| *kind);
            let (field, len) = match kind {
                51 => (2 * units, 8 + 8 * usize::from(*units)),
                _ => (*units, 8 + 8 * usize::from(*units)),
            };
            let start = body.len();
            body.extend([next, field, 4]);
            body.resize(start + len, 0);
        }
        let extensions = body.len();
        body.extend([0, 22, 0, 23, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
        let first = chain.first().map_or(6, |(kind, _)| *kind);
        let mut bytes = vec![2; 12];
        bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend([first, 64]);
        bytes.extend([0xfe; 32]);
        bytes.extend(body);
        let expected = (chain.len() > 6 || extensions > 512).then_some(Reason::Extensions);
        let header = read(&bytes);
        prop_assert_eq!(header.unparsed(), expected);
        prop_assert_eq!(header.key().has(Flags::PORTS), expected.is_none());
        // Cut within the transport header, nothing of it is known.
        bytes.truncate(bytes.len() - cut.clamp(1, 20));
        prop_assert!(!read(&bytes).key().has(Flags::PORTS));
    }
}
