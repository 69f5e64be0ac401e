// SPDX-License-Identifier: GPL-2.0

//! Reads at one glance what most packets are: UDP or TCP in IPv4 without options, whole and without a tag within.
//!
//! What this reads is what [`super::parse`] would have read step by step; anything else is left to that.

use super::{
    super::key::{
        Flags,
        Key, //
    },
    transport::{
        TCP,
        UDP, //
    },
};

/// Bytes at the front of a packet that are looked at. Ethernet frames have that many.
pub(crate) const FRONT_BYTES: usize = 56;

/// These bytes, as numbers.
pub(crate) type Front = [u64; FRONT_BYTES / 8];

/// The upper half of a word.
const HIGH_HALF: u64 = 0xffff_ffff_0000_0000;
/// What is read of these.
const KNOWN: Flags = Flags::MAC
    .with(Flags::TYPE)
    .with(Flags::NET)
    .with(Flags::PROTO)
    .with(Flags::PORTS);

/// The key of such a packet; `fresh` knows nothing but the direction and a tag that the kernel took out. `pending` is
/// as in [`super::Bytes`].
#[inline]
pub(super) fn read(front: &Front, fresh: &Key, pending: Option<usize>) -> Option<Key> {
    // Bytes 0 to 7: destination MAC, 2 of the source MAC; 8 to 15: 4 of that, ethertype, version, header length,
    // class; 16 to 23: length, number, flags and offset, time, protocol; 24 to 31: checksum, source address, 2 of the
    // destination address; 32 to 39: 2 of that, ports, length of UDP; 40 to 47: of TCP bytes 6 to 13.
    let [a, b, c, d, e, f, _] = *front;
    let [proto, ..] = c.to_le_bytes();
    // IPv4, version 4, five words; neither more fragments nor an offset.
    if (b >> 8) & 0x00ff_ffff != 0x0008_0045 || (c >> 16) & 0x3fff != 0 {
        return None;
    }
    let length = c >> 48;
    let mut last = 0;
    let mut checksum = 40;
    let body = match proto {
        UDP => {
            let body = e & 0xffff;
            if body < 8 {
                return None;
            }
            body
        }
        TCP => {
            // The length of the header in bytes, and the flags.
            let body = (f >> 10) & 0x3c;
            if body < 20 {
                return None;
            }
            last = (f & 0xff) << 16;
            checksum = 50;
            body
        }
        _ => return None,
    };
    if pending.is_some_and(|pending| pending != checksum) {
        return None;
    }
    // Both are below 2^16.
    if body.wrapping_add(20) > length {
        return None;
    }
    let [_, tag, _, _, _, _, direction] = fresh.words();
    Some(Key::from_words([
        (a & !0xffff) | 0x0800,
        (a << 48) | ((b >> 16) & 0xffff_ffff_0000) | tag,
        (d << 16) & HIGH_HALF,
        0,
        (d << 48) | ((e >> 16) & HIGH_HALF),
        0,
        ((e << 16) & HIGH_HALF) | (u64::from(proto) << 24) | last | KNOWN.bits() | direction,
    ]))
}
