// SPDX-License-Identifier: GPL-2.0

//! One flow, as users name it: all that its packets have in common.
//!
//! It has the fields that its packets have, each with one value. Which these are follows from the ethertype and the
//! protocol; one that is missing, or one too many, would be a flow that no packet is of.

use super::{
    ethernet::Mac,
    field::{
        number,
        Action,
        ArpOp,
        Ethertype,
        Frag,
        Proto,
        VidMatch, //
    },
    key::{
        Direction,
        Field,
        Flags,
        Key,
        Mask, //
    },
    line::{
        Kind,
        Malformed,
        Words, //
    },
    packet,
    text, //
};
use core::{
    fmt,
    net::{
        IpAddr,
        Ipv4Addr,
        Ipv6Addr, //
    }, //
};

/// A flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Which way its packets go.
    pub(crate) direction: Direction,
    pub(crate) dst_mac: Option<Mac>,
    pub(crate) src_mac: Option<Mac>,
    /// [`None`] if its packets have no tag.
    pub(crate) vid: Option<u16>,
    /// If it is not given, that of the addresses.
    pub(crate) ethertype: Option<u16>,
    /// With ARP, the sender's.
    pub(crate) src_ip: Option<IpAddr>,
    /// With ARP, the target's.
    pub(crate) dst_ip: Option<IpAddr>,
    pub(crate) proto: Option<u8>,
    pub(crate) src_port: Option<u16>,
    pub(crate) dst_port: Option<u16>,
    pub(crate) icmp_type: Option<u8>,
    pub(crate) icmp_code: Option<u8>,
    pub(crate) arp_op: Option<u16>,
    pub(crate) arp_sha: Option<Mac>,
    pub(crate) arp_tha: Option<Mac>,
    /// Whether its packets are parts, and not the first ones: those have no ports.
    pub(crate) is_later: bool,
}

impl Flow {
    /// One of which nothing is known.
    pub(crate) const fn new(direction: Direction) -> Self {
        Self {
            direction,
            dst_mac: None,
            src_mac: None,
            vid: None,
            ethertype: None,
            src_ip: None,
            dst_ip: None,
            proto: None,
            src_port: None,
            dst_port: None,
            icmp_type: None,
            icmp_code: None,
            arp_op: None,
            arp_sha: None,
            arp_tha: None,
            is_later: false,
        }
    }

    /// The flow that a packet with this key is of.
    pub(crate) fn of(key: &Key) -> Self {
        let mut flow = Self::new(match key.has(Flags::TX) {
            true => Direction::Tx,
            false => Direction::Rx,
        });
        if key.has(Flags::MAC) {
            flow.dst_mac = Some(mac(key.get(Field::DST_MAC)));
            flow.src_mac = Some(mac(key.get(Field::SRC_MAC)));
        }
        let tag = key.get(Field::TAG);
        flow.vid = (tag & Field::TAGGED != 0).then(|| low(tag & !Field::TAGGED));
        if key.has(Flags::TYPE) {
            flow.ethertype = Some(low(key.get(Field::ETHERTYPE)));
        }
        if key.has(Flags::NET) {
            let is_ipv6 = flow.ethertype == Some(packet::ETHERTYPE_IPV6);
            let address = |high, low| match is_ipv6 {
                true => ipv6(key.get(high), key.get(low)),
                false => ipv4(key.get(high)),
            };
            flow.src_ip = Some(address(Field::SRC_HIGH, Field::SRC_LOW));
            flow.dst_ip = Some(address(Field::DST_HIGH, Field::DST_LOW));
            if flow.ethertype == Some(packet::ETHERTYPE_ARP) {
                flow.arp_op = Some(low(key.get(Field::ARP_OP)));
                flow.arp_sha = Some(mac(key.get(Field::ARP_SENDER_MAC)));
                flow.arp_tha = Some(mac(key.get(Field::ARP_TARGET_MAC)));
            }
        }
        if key.has(Flags::PROTO) {
            flow.proto = Some(byte(key.get(Field::PROTO)));
        }
        if key.has(Flags::PORTS) {
            if flow.is_icmp() {
                flow.icmp_type = Some(byte(key.get(Field::ICMP_TYPE)));
                flow.icmp_code = Some(byte(key.get(Field::ICMP_CODE)));
            } else {
                flow.src_port = Some(low(key.get(Field::SRC_PORT)));
                flow.dst_port = Some(low(key.get(Field::DST_PORT)));
            }
        }
        flow.is_later = key.has(Flags::LATER);
        flow
    }

    const fn is_icmp(&self) -> bool {
        matches!(self.proto, Some(proto) if proto == Proto::ICMP.0 || proto == Proto::ICMPV6.0)
    }

    /// What the keys of its packets have in common, or what the flow lacks.
    pub(crate) fn key(&self) -> Result<Key, &'static str> {
        let mut flow = *self;
        let family = match self.src_ip {
            Some(IpAddr::V4(_)) => Some(packet::ETHERTYPE_IPV4),
            Some(IpAddr::V6(_)) => Some(packet::ETHERTYPE_IPV6),
            None => None,
        };
        let ethertype = self.ethertype.or(family).ok_or("ethertype")?;
        flow.ethertype = Some(ethertype);
        let mut key = Key::new(self.direction);
        key.set(Field::DST_MAC, self.dst_mac.ok_or("dst_mac")?.bits());
        key.set(Field::SRC_MAC, self.src_mac.ok_or("src_mac")?.bits());
        if let Some(vid) = self.vid {
            key.set(Field::TAG, Field::TAGGED | u64::from(vid));
        }
        key.set(Field::ETHERTYPE, u64::from(ethertype));
        key.mark(Flags::MAC.with(Flags::TYPE));
        match ethertype {
            packet::ETHERTYPE_ARP => self.set_arp(&mut key)?,
            packet::ETHERTYPE_IPV4 | packet::ETHERTYPE_IPV6 => self.set_ip(&mut key)?,
            _ => {}
        }
        if Self::of(&key) != flow {
            return Err("no other fields with that ethertype and protocol");
        }
        Ok(key.masked(&Mask::FLOW))
    }

    fn set_arp(&self, key: &mut Key) -> Result<(), &'static str> {
        self.set_addresses(key)?;
        key.set(Field::ARP_OP, u64::from(self.arp_op.ok_or("arp_op")?));
        key.set(Field::ARP_SENDER_MAC, self.arp_sha.ok_or("arp_sha")?.bits());
        key.set(Field::ARP_TARGET_MAC, self.arp_tha.ok_or("arp_tha")?.bits());
        Ok(())
    }

    fn set_ip(&self, key: &mut Key) -> Result<(), &'static str> {
        self.set_addresses(key)?;
        if self.is_later {
            key.mark(Flags::FRAGMENT.with(Flags::LATER));
        }
        let Some(proto) = self.proto else {
            // What such a part begins with may be unknown.
            let is_ipv6 = matches!(self.src_ip, Some(IpAddr::V6(_)));
            return match is_ipv6 && self.is_later {
                true => Ok(()),
                false => Err("proto"),
            };
        };
        key.set(Field::PROTO, u64::from(proto));
        key.mark(Flags::PROTO);
        if self.is_later {
            return Ok(());
        }
        if self.is_icmp() {
            let (kind, code) = (self.icmp_type.ok_or("icmp_type")?, self.icmp_code);
            key.set(Field::ICMP_TYPE, u64::from(kind));
            key.set(Field::ICMP_CODE, u64::from(code.ok_or("icmp_code")?));
            key.mark(Flags::PORTS);
        } else if Proto(proto).has_ports() {
            let (source, destination) = (self.src_port.ok_or("src_port")?, self.dst_port);
            key.set(Field::SRC_PORT, u64::from(source));
            key.set(Field::DST_PORT, u64::from(destination.ok_or("dst_port")?));
            key.mark(Flags::PORTS);
        }
        Ok(())
    }

    fn set_addresses(&self, key: &mut Key) -> Result<(), &'static str> {
        let source = [Field::SRC_HIGH, Field::SRC_LOW];
        let destination = [Field::DST_HIGH, Field::DST_LOW];
        for ([high, low], address, missing) in [
            (source, self.src_ip, "src_ip"),
            (destination, self.dst_ip, "dst_ip"),
        ] {
            match address.ok_or(missing)? {
                IpAddr::V4(address) => key.set(high, u64::from(address.to_bits()) << 32),
                IpAddr::V6(address) => {
                    let bits = address.to_bits();
                    key.set(high, half(bits >> 64));
                    key.set(low, half(bits));
                }
            }
        }
        key.mark(Flags::NET);
        Ok(())
    }

    /// Reads the rest of a line: pairs of a word and a value, in any order.
    pub(crate) fn read(direction: Direction, words: &mut Words<'_>) -> Result<Self, Malformed> {
        let start = words.end();
        let mut f = Self::new(direction);
        let (mut vid, mut ethertype, mut proto, mut frag) = (None, None, None, None);
        while let Some(word) = words.next() {
            match word.text {
                "dst_mac" => words.fill(&word, &mut f.dst_mac, MAC, Mac::parse)?,
                "src_mac" => words.fill(&word, &mut f.src_mac, MAC, Mac::parse)?,
                "vid" => words.fill(&word, &mut vid, "none or a VID (0-4095)", tag)?,
                "ethertype" => {
                    let expected = "ip, ipv6, arp or 0x and four digits";
                    words.fill(&word, &mut ethertype, expected, Ethertype::parse)?;
                }
                "proto" => {
                    let expected = "tcp, udp, sctp, icmp, icmpv6 or a number (0-255)";
                    words.fill(&word, &mut proto, expected, Proto::parse)?;
                }
                "src_ip" | "arp_spa" => words.fill(&word, &mut f.src_ip, IP, ip)?,
                "dst_ip" | "arp_tpa" => words.fill(&word, &mut f.dst_ip, IP, ip)?,
                "src_port" => words.fill(&word, &mut f.src_port, PORT, number)?,
                "dst_port" => words.fill(&word, &mut f.dst_port, PORT, number)?,
                "icmp_type" => words.fill(&word, &mut f.icmp_type, BYTE, number)?,
                "icmp_code" => words.fill(&word, &mut f.icmp_code, BYTE, number)?,
                "arp_op" => {
                    words.fill(&word, &mut f.arp_op, "request, reply or a number", arp_op)?;
                }
                "arp_sha" => words.fill(&word, &mut f.arp_sha, MAC, Mac::parse)?,
                "arp_tha" => words.fill(&word, &mut f.arp_tha, MAC, Mac::parse)?,
                "frag" => words.fill(&word, &mut frag, "later", later)?,
                _ => return Err(word.wrong(Kind::Syntax, "a field of a flow")),
            }
        }
        f.vid = vid.flatten();
        f.ethertype = ethertype.map(|Ethertype(ethertype)| ethertype);
        f.proto = proto.map(|Proto(proto)| proto);
        f.is_later = frag.is_some();
        match f.key() {
            Ok(_) => Ok(f),
            Err(expected) => Err(start.wrong(Kind::Conflict, expected)),
        }
    }
}

const MAC: &str = "a MAC address";
const IP: &str = "an IP address";
const PORT: &str = "a port (0-65535)";
const BYTE: &str = "a number (0-255)";

fn ip(text: &str) -> Result<IpAddr, text::Malformed> {
    text.parse().map_err(|_| text::Malformed::Syntax)
}

/// A tag of a packet may have the VID that is reserved.
fn tag(text: &str) -> Result<Option<u16>, text::Malformed> {
    if text == "none" {
        return Ok(None);
    }
    let vid = number(text)?;
    match vid {
        0..=0x0fff => Ok(Some(vid)),
        _ => Err(text::Malformed::Range),
    }
}

const ARP_REQUEST: u16 = 1;
const ARP_REPLY: u16 = 2;

fn arp_op(text: &str) -> Result<u16, text::Malformed> {
    match ArpOp::parse(text) {
        Ok(ArpOp::Request) => Ok(ARP_REQUEST),
        Ok(ArpOp::Reply) => Ok(ARP_REPLY),
        Err(_) => number(text),
    }
}

fn later(text: &str) -> Result<(), text::Malformed> {
    match Frag::parse(text)? {
        Frag::Later => Ok(()),
        Frag::Yes | Frag::No | Frag::First => Err(text::Malformed::Syntax),
    }
}

fn mac(bits: u64) -> Mac {
    let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
    Mac([a, b, c, d, e, f])
}

fn ipv4(high: u64) -> IpAddr {
    let [a, b, c, d, ..] = high.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn ipv6(high: u64, low: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(
        u128::from(high) << 64 | u128::from(low),
    ))
}

/// The lower half.
fn half(bits: u128) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = bits.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The lower 16 bits.
fn low(bits: u64) -> u16 {
    let [.., a, b] = bits.to_be_bytes();
    u16::from_be_bytes([a, b])
}

/// The lower 8 bits.
fn byte(bits: u64) -> u8 {
    let [.., byte] = bits.to_be_bytes();
    byte
}

/// What a user says of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lesson {
    /// Which one.
    pub(crate) key: Key,
    /// Not [`Action::Bounce`].
    pub(crate) action: Action,
    /// From 1 to [`Self::MAX_SECONDS`].
    pub(crate) seconds: u32,
}

impl Lesson {
    /// A day.
    pub(crate) const MAX_SECONDS: u32 = 86_400;

    /// Reads `rx|tx SECONDS accept|drop FLOW`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut words = Words::new(text, 1);
        let direction = words.value("rx or tx", Direction::parse)?;
        let word = words.word("seconds")?;
        let seconds = word.read("seconds", number)?;
        if !(1..=Self::MAX_SECONDS).contains(&seconds) {
            return Err(word.wrong(Kind::Range, "1 to 86400 seconds"));
        }
        let word = words.word("accept or drop")?;
        let action = word.read("accept or drop", Action::parse)?;
        if action == Action::Bounce {
            return Err(word.wrong(Kind::Syntax, "accept or drop"));
        }
        let start = words.end();
        let flow = Flow::read(direction, &mut words)?;
        let key = flow.key().map_err(|why| start.wrong(Kind::Conflict, why))?;
        Ok(Self {
            key,
            action,
            seconds,
        })
    }
}

impl fmt::Display for Flow {
    /// Writes the words that [`Self::read`] reads, without the direction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_arp = self.ethertype == Some(packet::ETHERTYPE_ARP);
        let addresses = match is_arp {
            true => ["arp_spa", "arp_tpa"],
            false => ["src_ip", "dst_ip"],
        };
        let mut separator = "";
        let mut pair = |word: &str, value: Option<&dyn fmt::Display>| {
            let Some(value) = value else {
                return Ok(());
            };
            write!(f, "{separator}{word} {value}")?;
            separator = " ";
            Ok(())
        };
        let [source, destination] = addresses;
        pair("dst_mac", show(&self.dst_mac))?;
        pair("src_mac", show(&self.src_mac))?;
        match &self.vid {
            Some(vid) => pair("vid", Some(vid))?,
            None => pair("vid", Some(&VidMatch::Untagged))?,
        }
        pair("ethertype", show(&self.ethertype.map(Ethertype)))?;
        pair("proto", show(&self.proto.map(Proto)))?;
        pair(source, show(&self.src_ip))?;
        pair(destination, show(&self.dst_ip))?;
        pair("src_port", show(&self.src_port))?;
        pair("dst_port", show(&self.dst_port))?;
        pair("icmp_type", show(&self.icmp_type))?;
        pair("icmp_code", show(&self.icmp_code))?;
        match self.arp_op {
            Some(ARP_REQUEST) => pair("arp_op", Some(&ArpOp::Request))?,
            Some(ARP_REPLY) => pair("arp_op", Some(&ArpOp::Reply))?,
            _ => pair("arp_op", show(&self.arp_op))?,
        }
        pair("arp_sha", show(&self.arp_sha))?;
        pair("arp_tha", show(&self.arp_tha))?;
        pair("frag", show(&self.is_later.then_some(Frag::Later)))
    }
}

fn show<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
    match value {
        Some(value) => Some(value),
        None => None,
    }
}

mod tests;
