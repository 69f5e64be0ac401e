// SPDX-License-Identifier: GPL-2.0

//! Rule sets and packets that resemble real ones, in the manner of ClassBench ("ClassBench: a packet
//! classification benchmark", INFOCOM 2005): few networks that many rules share, prefix lengths with peaks,
//! and five classes of ports.

/// A generator of numbers that can be repeated (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

const LENGTHS: [u32; 16] = [
    32, 32, 32, 32, 32, 30, 29, 28, 27, 26, 24, 24, 24, 22, 16, 8,
];
const SERVICES: [u16; 8] = [22, 25, 53, 80, 123, 443, 3306, 8080];

/// An address out of few networks.
pub(crate) fn address(random: &mut Random) -> u32 {
    let network = random.below(6) as u32;
    let skewed = random.below(256).min(random.below(256)) as u32;
    0x0a00_0000 | (network << 16) | (skewed << 8) | random.below(256) as u32
}

fn prefix(random: &mut Random) -> Option<String> {
    let address = std::net::Ipv4Addr::from(address(random));
    let len = random.pick(&LENGTHS);
    (random.below(8) != 0).then(|| format!("{address}/{len}"))
}

/// Any, a service, an arbitrary port, high or low ports, an arbitrary range.
fn ports(random: &mut Random) -> Option<String> {
    match random.below(8) {
        0..=2 => None,
        3..=5 => Some(random.pick(&SERVICES).to_string()),
        6 => Some(random.pick(&["1024-65535", "0-1023"]).to_string()),
        _ => {
            let [a, b] = [(); 2].map(|()| random.below(2_000));
            Some(format!("{}-{}", a.min(b), a.max(b)))
        }
    }
}

/// A line that adds a rule.
pub(crate) fn rule(random: &mut Random, priority: u64) -> String {
    let action = random.pick(&["accept", "drop", "bounce"]);
    let direction = random.pick(&["rx", "rx", "rx", "tx"]);
    let mut line = format!("add prio {priority} dir {direction}");
    let mut name = |field: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {field} {value}"));
        }
    };
    match random.below(20) {
        0 => {
            let mac = format!("02:00:00:00:00:{:02x}", random.below(8));
            name(random.pick(&["src_mac", "dst_mac"]), Some(mac));
            name("vid", Some(random.pick(&["none", "5", "100-199"]).into()));
        }
        1 => name("arp_spa", prefix(random)),
        2 => name(
            "ethertype",
            Some(random.pick(&["ip", "ipv6", "0x88cc"]).into()),
        ),
        3 => name(
            "frag",
            Some(random.pick(&["yes", "no", "first", "later"]).into()),
        ),
        4 => name("unparsed", Some(random.pick(&["yes", "no"]).into())),
        5 => {
            name("proto", Some("icmp".into()));
            name("icmp_type", Some(random.below(9).to_string()));
        }
        6 => {
            name("proto", Some("tcp".into()));
            name("tcp_flags", Some("0x02/0x12".into()));
        }
        7 => {
            let address = format!("2001:db8:0:{:x}::{:x}", random.below(4), random.below(16));
            let len = random.pick(&[128, 64, 60, 48, 125]);
            name("dst_ip", Some(format!("{address}/{len}")));
        }
        _ => {
            name("src_ip", prefix(random));
            name("dst_ip", prefix(random));
            if random.below(5) != 0 {
                name("proto", Some(random.pick(&["tcp", "tcp", "udp"]).into()));
                name("src_port", ports(random).filter(|_| random.below(4) == 0));
                name("dst_port", ports(random));
            }
        }
    }
    format!("{line} action {action}\n")
}

/// A packet that such rules may match: mostly plain, sometimes of another kind, cut or mangled.
pub(crate) fn packet(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, random.below(8) as u8];
    bytes.extend([2, 0, 0, 0, 0, random.below(8) as u8]);
    if random.below(8) == 0 {
        bytes.extend([0x81, 0, 0, random.pick(&[0, 5, 100, 150, 199, 200])]);
    }
    let proto = random.pick(&[6_u8, 6, 6, 17, 17, 1, 132]);
    let port = |random: &mut Random| match random.below(2) {
        0 => random.pick(&SERVICES),
        _ => random.below(65_536) as u16,
    };
    let mut body = port(random).to_be_bytes().to_vec();
    body.extend(port(random).to_be_bytes());
    match proto {
        17 => body.extend([0, 8, 0, 0]),
        1 => body = vec![random.below(9) as u8, 0, 0, 0, 0, 0, 0, 0],
        _ => {
            let flags = random.pick(&[0x02, 0x10, 0x12]);
            body.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        }
    }
    match random.below(12) {
        0 => {
            bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1]);
            bytes.extend(address(random).to_be_bytes());
            bytes.extend([0; 6]);
            bytes.extend(address(random).to_be_bytes());
        }
        1 => {
            let next = if proto == 1 { 58 } else { proto };
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, body.len() as u8, next, 64]);
            for _ in 0..2 {
                bytes.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, random.below(4) as u8]);
                bytes.extend([0, 0, 0, 0, 0, 0, 0, random.below(16) as u8]);
            }
            bytes.extend(body);
        }
        2 => bytes.extend([0x88, 0xcc, 0, 0]),
        _ => {
            let fragment = random.pick(&[0_u16, 0, 0, 0, 0x4000, 0x2000, 0x0001, 0x2010]);
            let total = 20 + body.len() as u16;
            bytes.extend([0x08, 0x00, 0x45, 0]);
            bytes.extend(total.to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(fragment.to_be_bytes());
            bytes.extend([64, proto, 0, 0]);
            bytes.extend(address(random).to_be_bytes());
            bytes.extend(address(random).to_be_bytes());
            bytes.extend(body);
        }
    }
    match random.below(12) {
        0 => {
            let keep = random.below(bytes.len() as u64 + 1);
            bytes.truncate(usize::try_from(keep).unwrap());
        }
        1 => {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[at] = random.next() as u8;
        }
        _ => {}
    }
    bytes
}
