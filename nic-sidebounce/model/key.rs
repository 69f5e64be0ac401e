// SPDX-License-Identifier: GPL-2.0

//! What is known of a packet, as a few words that are compared at once.
//!
//! | word | bits 63..16 or as named | rest |
//! |---|---|---|
//! | 0 | destination MAC | ethertype |
//! | 1 | source MAC | 1 bit "tagged", 12 bits VID |
//! | 2, 3 | source address: IPv6; IPv4 in the upper half of word 2 | ARP: sender IP in word 2, sender MAC in 3 |
//! | 4, 5 | destination address, likewise | ARP: target IP, target MAC |
//! | 6 | source port (16), destination port (16), protocol (8), TCP flags (8) | [`Flags`] |
//!
//! ICMP has its type and code, ARP its operation, in the place of the source port.

/// Words of a key.
pub(crate) const WORDS: usize = 7;

/// Which way a packet goes, as the VM sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the VM.
    Rx,
    /// From the VM.
    Tx,
}

/// Facts about a packet that are true or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// Nothing is known.
    pub(crate) const NONE: Self = Self(0);
    /// The VM sends it.
    pub(crate) const TX: Self = Self(1 << 0);
    /// The MAC addresses were read.
    pub(crate) const MAC: Self = Self(1 << 1);
    /// The tags and the ethertype were read.
    pub(crate) const TYPE: Self = Self(1 << 2);
    /// The addresses of the network layer, or those in ARP, were read.
    pub(crate) const NET: Self = Self(1 << 3);
    /// The protocol of the transport layer was read.
    pub(crate) const PROTO: Self = Self(1 << 4);
    /// The ports, or the type and code of ICMP, were read.
    pub(crate) const PORTS: Self = Self(1 << 5);
    /// It is a part of a packet.
    pub(crate) const FRAGMENT: Self = Self(1 << 6);
    /// It is a part, and not the first one.
    pub(crate) const LATER: Self = Self(1 << 7);
    /// Something in it could not be read, or is not as it should be.
    pub(crate) const UNPARSED: Self = Self(1 << 8);

    /// Both.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn bits(self) -> u64 {
        // The only conversion that a constant function has.
        let [low, high] = self.0.to_le_bytes();
        u64::from_le_bytes([low, high, 0, 0, 0, 0, 0, 0])
    }
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug, Eq)]
pub(crate) struct Key([u64; WORDS]);

impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d, e, f, g], [m, n, o, p, q, r, s]) = (self.0, other.0);
        // One branch at the end costs less than seven, or than comparing bytes.
        (a ^ m) | (b ^ n) | (c ^ o) | (d ^ p) | (e ^ q) | (f ^ r) | (g ^ s) == 0
    }
}

/// The bits of a key that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask([u64; WORDS]);

/// Values of some of the bits of a key.
///
/// # Invariants
///
/// Outside of the mask the value is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    value: Key,
    mask: Mask,
}

/// Where something lies in a key: which word, and how far it is shifted.
///
/// # Invariants
///
/// The word exists; the bits of the field lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    word: usize,
    shift: u32,
    /// All of the field's bits, not shifted.
    bits: u64,
}

impl Field {
    // INVARIANT: As in the table at the top, whose words and bits exist.
    pub(crate) const DST_MAC: Self = Self::new(0, 16, 48);
    pub(crate) const ETHERTYPE: Self = Self::new(0, 0, 16);
    pub(crate) const SRC_MAC: Self = Self::new(1, 16, 48);
    /// The bit "tagged" and the VID.
    pub(crate) const TAG: Self = Self::new(1, 0, 13);
    pub(crate) const SRC_HIGH: Self = Self::new(2, 0, 64);
    pub(crate) const SRC_LOW: Self = Self::new(3, 0, 64);
    pub(crate) const DST_HIGH: Self = Self::new(4, 0, 64);
    pub(crate) const DST_LOW: Self = Self::new(5, 0, 64);
    pub(crate) const ARP_SENDER_MAC: Self = Self::new(3, 16, 48);
    pub(crate) const ARP_TARGET_MAC: Self = Self::new(5, 16, 48);
    pub(crate) const SRC_PORT: Self = Self::new(6, 48, 16);
    pub(crate) const ARP_OP: Self = Self::SRC_PORT;
    pub(crate) const ICMP_TYPE: Self = Self::new(6, 56, 8);
    pub(crate) const ICMP_CODE: Self = Self::new(6, 48, 8);
    pub(crate) const DST_PORT: Self = Self::new(6, 32, 16);
    pub(crate) const PROTO: Self = Self::new(6, 24, 8);
    pub(crate) const TCP_FLAGS: Self = Self::new(6, 16, 8);

    /// The bit of [`Self::TAG`] that says that there is a tag.
    pub(crate) const TAGGED: u64 = 0x1000;

    const fn new(word: usize, shift: u32, width: u32) -> Self {
        Self {
            word,
            shift,
            bits: u64::MAX.wrapping_shr(64_u32.saturating_sub(width)),
        }
    }

    const fn place(self, number: u64) -> u64 {
        (number & self.bits).wrapping_shl(self.shift)
    }
}

impl Key {
    /// Nothing is known but the direction.
    #[inline]
    pub(crate) const fn new(direction: Direction) -> Self {
        let mut words = [0; WORDS];
        if matches!(direction, Direction::Tx) {
            words[6] = Flags::TX.bits();
        }
        Self(words)
    }

    /// Sets a field that is still 0.
    #[inline]
    pub(crate) fn set(&mut self, field: Field, number: u64) {
        if let Some(word) = self.0.get_mut(field.word) {
            *word |= field.place(number);
        }
    }

    /// What stands in a field.
    #[inline]
    pub(crate) fn get(&self, field: Field) -> u64 {
        let word = self.0.get(field.word).copied().unwrap_or(0);
        word.wrapping_shr(field.shift) & field.bits
    }

    /// Notes a fact.
    #[inline]
    pub(crate) fn mark(&mut self, flags: Flags) {
        self.0[6] |= flags.bits();
    }

    /// Whether all of `flags` hold.
    #[inline]
    pub(crate) const fn has(&self, flags: Flags) -> bool {
        self.0[6] & flags.bits() == flags.bits()
    }

    /// The bits that matter.
    #[inline]
    pub(crate) const fn masked(&self, mask: &Mask) -> Self {
        let ([a, b, c, d, e, f, g], [m, n, o, p, q, r, s]) = (self.0, mask.0);
        Self([a & m, b & n, c & o, d & p, e & q, f & r, g & s])
    }

    /// The words, in the table's order.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// A key of the words that [`Self::words`] gave.
    #[inline]
    pub(crate) const fn from_words(words: [u64; WORDS]) -> Self {
        Self(words)
    }
}

impl Mask {
    /// Nothing matters.
    pub(crate) const NONE: Self = Self([0; WORDS]);
    /// All that tells a flow: everything but TCP's flags, and whether it is cut.
    pub(crate) const FLOW: Self = Self([
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        u64::MAX,
        !(Field::TCP_FLAGS.place(u64::MAX) | Flags::FRAGMENT.bits()),
    ]);

    /// The words, in the table's order.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// What matters to one or the other.
    pub(crate) const fn or(&self, other: &Self) -> Self {
        let ([a, b, c, d, e, f, g], [m, n, o, p, q, r, s]) = (self.0, other.0);
        Self([a | m, b | n, c | o, d | p, e | q, f | r, g | s])
    }

    /// What matters to both.
    pub(crate) const fn and(&self, other: &Self) -> Self {
        Self(Key(self.0).masked(other).0)
    }

    /// Whether all that matters here matters to `other` too.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.and(other) == *self
    }

    /// The part of the mask that lies in a field.
    pub(crate) fn get(&self, field: Field) -> u64 {
        Key(self.0).get(field)
    }

    /// Makes the bits of a field matter.
    pub(crate) fn set(&mut self, field: Field, number: u64) {
        if let Some(word) = self.0.get_mut(field.word) {
            *word |= field.place(number);
        }
    }

    /// Makes facts matter.
    pub(crate) fn set_flags(&mut self, flags: Flags) {
        self.0[6] |= flags.bits();
    }

    /// How many bits matter.
    pub(crate) fn ones(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl Pattern {
    /// What every packet has.
    pub(crate) const ANY: Self = Self {
        // INVARIANT: 0 everywhere.
        value: Key([0; WORDS]),
        mask: Mask::NONE,
    };

    /// The bits of `value` that matter.
    pub(crate) const fn new(value: &Key, mask: Mask) -> Self {
        let value = value.masked(&mask);
        // INVARIANT: Masked above.
        Self { value, mask }
    }

    /// Demands that the bits of `field` in `mask` are those of `number`.
    pub(crate) fn demand(&mut self, field: Field, number: u64, mask: u64) {
        // INVARIANT: What is set of the value is in the mask.
        self.value.set(field, number & mask);
        self.mask.set(field, mask);
    }

    /// Demands that of `flags` those in `set` hold and the others do not.
    pub(crate) fn demand_flags(&mut self, set: Flags, flags: Flags) {
        // INVARIANT: What is set of the value is in the mask.
        self.value.0[6] |= set.bits() & flags.bits();
        self.mask.0[6] |= flags.bits();
    }

    /// Whether a packet has what is demanded.
    #[inline]
    pub(crate) fn matches(&self, key: &Key) -> bool {
        key.masked(&self.mask) == self.value
    }

    /// What the bits in the mask must be.
    #[inline]
    pub(crate) const fn value(&self) -> &Key {
        &self.value
    }

    /// The bits that matter.
    #[inline]
    pub(crate) const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// What both demand in the same way: every packet that has what one demands has this too.
    pub(crate) fn common(&self, other: &Self) -> Self {
        let ([a, b, c, d, e, f, g], [m, n, o, p, q, r, s]) = (self.value.0, other.value.0);
        let same = Mask([a ^ m, b ^ n, c ^ o, d ^ p, e ^ q, f ^ r, g ^ s].map(|word| !word));
        let mask = self.mask.and(&other.mask).and(&same);
        Self::new(&self.value, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ethernet::Mac, *};

    #[test]
    fn a_field_is_read_as_it_was_set_and_its_neighbours_stay() {
        let mut key = Key::new(Direction::Tx);
        key.set(Field::DST_MAC, Mac::BROADCAST.bits());
        key.set(Field::ETHERTYPE, 0x0800);
        key.set(Field::DST_PORT, 22);
        key.set(Field::PROTO, 6);
        assert_eq!(key.get(Field::DST_MAC), 0xffff_ffff_ffff);
        assert_eq!(key.get(Field::ETHERTYPE), 0x0800);
        assert_eq!(key.get(Field::DST_PORT), 22);
        assert_eq!(key.get(Field::PROTO), 6);
        assert_eq!(key.get(Field::SRC_PORT) | key.get(Field::TCP_FLAGS), 0);
        assert!(key.has(Flags::TX) && !key.has(Flags::MAC));
    }

    #[test]
    fn a_pattern_matches_what_it_demands_and_nothing_else() {
        let mut pattern = Pattern::ANY;
        pattern.demand(Field::DST_PORT, 0x1234, 0xff00);
        pattern.demand_flags(Flags::PORTS, Flags::PORTS.with(Flags::LATER));
        let mut key = Key::new(Direction::Rx);
        assert!(Pattern::ANY.matches(&key) && !pattern.matches(&key));
        key.set(Field::DST_PORT, 0x1299);
        key.mark(Flags::PORTS);
        assert!(pattern.matches(&key));
        key.mark(Flags::LATER);
        assert!(!pattern.matches(&key));
    }

    #[test]
    fn what_two_patterns_share_is_demanded_by_both() {
        let [mut one, mut two] = [Pattern::ANY; 2];
        one.demand(Field::PROTO, 6, 0xff);
        one.demand(Field::DST_PORT, 80, 0xffff);
        two.demand(Field::PROTO, 6, 0xff);
        two.demand(Field::DST_PORT, 81, 0xffff);
        let both = one.common(&two);
        assert_eq!(both.mask().get(Field::PROTO), 0xff);
        assert_eq!(both.mask().get(Field::DST_PORT), 0xfffe);
        assert_eq!(both.value().get(Field::DST_PORT), 80);
    }
}
