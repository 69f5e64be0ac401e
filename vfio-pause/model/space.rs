// SPDX-License-Identifier: GPL-2.0

//! Bytes of a configuration space, and which of their bits can be written.

/// A configuration space. Numbers in it are little-endian; what lies outside reads as zero and cannot
/// be set.
pub(crate) struct Space {
    image: [u8; Self::LEN_BYTES],
    writable: [u8; Self::WRITABLE_LEN_BYTES],
    /// What a new user finds where it can write.
    initial: [u8; Self::WRITABLE_LEN_BYTES],
}

impl Space {
    /// Bytes of an extended configuration space.
    pub(crate) const LEN_BYTES: usize = 4096;
    /// Bytes of a conventional configuration space: what follows cannot be written at all.
    const WRITABLE_LEN_BYTES: usize = 256;

    /// A space of zeros that cannot be written.
    pub(crate) const fn empty() -> Self {
        Self {
            image: [0; Self::LEN_BYTES],
            writable: [0; Self::WRITABLE_LEN_BYTES],
            initial: [0; Self::WRITABLE_LEN_BYTES],
        }
    }

    /// Makes the space anew of what `read` returns for the first `len` bytes.
    pub(crate) fn fill(&mut self, len: u16, mut read: impl FnMut(u16) -> u8) {
        self.writable.fill(0);
        for (at, byte) in (0..=u16::MAX).zip(&mut self.image) {
            *byte = if at < len { read(at) } else { 0 };
        }
    }

    /// Remembers the space as it is for [`Self::renew`].
    pub(crate) fn keep(&mut self) {
        for (kept, byte) in self.initial.iter_mut().zip(&self.image) {
            *kept = *byte;
        }
    }

    /// Undoes all that users have written.
    pub(crate) fn renew(&mut self) {
        for (byte, kept) in self.image.iter_mut().zip(&self.initial) {
            *byte = *kept;
        }
    }

    /// The byte at `at`.
    pub(crate) fn byte(&self, at: u16) -> u8 {
        self.image.get(usize::from(at)).copied().unwrap_or(0)
    }

    /// The two bytes at `at`.
    pub(crate) fn word(&self, at: u16) -> u16 {
        u16::from_le_bytes([self.byte(at), self.byte(at.saturating_add(1))])
    }

    /// The four bytes at `at`.
    pub(crate) fn dword(&self, at: u16) -> u32 {
        let [low, high] = [self.word(at), self.word(at.saturating_add(2))];
        (u32::from(high) << 16) | u32::from(low)
    }

    /// Sets the byte at `at`, whether or not a user could write it.
    pub(crate) fn set_byte(&mut self, at: u16, value: u8) {
        if let Some(byte) = self.image.get_mut(usize::from(at)) {
            *byte = value;
        }
    }

    /// Sets the two bytes at `at`.
    pub(crate) fn set_word(&mut self, at: u16, value: u16) {
        self.set_bytes(at, value.to_le_bytes());
    }

    /// Sets the four bytes at `at`.
    pub(crate) fn set_dword(&mut self, at: u16, value: u32) {
        self.set_bytes(at, value.to_le_bytes());
    }

    fn set_bytes<const N: usize>(&mut self, at: u16, values: [u8; N]) {
        for (offset, value) in (0..=u16::MAX).zip(values) {
            self.set_byte(at.saturating_add(offset), value);
        }
    }

    /// Lets a user write these bits of the byte at `at`.
    pub(crate) fn allow_byte(&mut self, at: u16, bits: u8) {
        if let Some(byte) = self.writable.get_mut(usize::from(at)) {
            *byte |= bits;
        }
    }

    /// Lets a user write these bits of the two bytes at `at`.
    pub(crate) fn allow_word(&mut self, at: u16, bits: u16) {
        self.allow_bytes(at, bits.to_le_bytes());
    }

    /// Lets a user write these bits of the four bytes at `at`.
    pub(crate) fn allow_dword(&mut self, at: u16, bits: u32) {
        self.allow_bytes(at, bits.to_le_bytes());
    }

    fn allow_bytes<const N: usize>(&mut self, at: u16, bits: [u8; N]) {
        for (offset, bits) in (0..=u16::MAX).zip(bits) {
            self.allow_byte(at.saturating_add(offset), bits);
        }
    }

    /// What a user reads from `offset` on, or [`None`] if that is not wholly inside.
    pub(crate) fn user_read(&self, offset: u64, to: &mut [u8]) -> Option<()> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(to.len())?;
        to.copy_from_slice(self.image.get(start..end)?);
        Some(())
    }

    /// A user writes from `offset` on: only bits that are writable change. [`None`] if that is not
    /// wholly inside; nothing changes then.
    pub(crate) fn user_write(&mut self, offset: u64, from: &[u8]) -> Option<()> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(from.len())?;
        let image = self.image.get_mut(start..end)?;
        let writable = self.writable.iter().skip(start);
        for ((byte, bits), value) in image.iter_mut().zip(writable).zip(from) {
            *byte = *byte & !bits | value & bits;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_and_nothing_lies_outside() {
        let mut space = Space::empty();
        space.set_dword(4, 0x1234_5678);
        assert_eq!((space.byte(4), space.word(6)), (0x78, 0x1234));
        for at in [4095, 4096, u16::MAX] {
            space.set_dword(at, u32::MAX);
            space.allow_dword(at, u32::MAX);
        }
        assert_eq!(space.dword(4095), 0xff);
        assert_eq!(space.dword(u16::MAX), 0);
    }

    #[test]
    fn a_user_changes_only_bits_that_are_writable() {
        let mut space = Space::empty();
        space.set_word(8, 0xf00f);
        space.allow_word(8, 0x0ff0);
        assert_eq!(space.user_write(7, &[0xaa; 4]), Some(()));
        assert_eq!(
            (space.byte(7), space.word(8), space.byte(10)),
            (0, 0xfaaf, 0)
        );
    }

    #[test]
    fn what_is_not_wholly_inside_is_not_there() {
        let mut space = Space::empty();
        for (offset, len) in [
            (4096, 1),
            (4095, 2),
            (u64::MAX, 1),
            (u64::MAX, 2),
            (0, 4097),
        ] {
            let mut bytes = vec![0; len];
            assert_eq!(space.user_read(offset, &mut bytes), None);
            assert_eq!(space.user_write(offset, &bytes), None);
        }
        assert_eq!(space.user_read(0, &mut [0; 4096]), Some(()));
        assert_eq!(space.user_read(4096, &mut []), Some(()));
    }

    #[test]
    fn a_short_space_ends_in_zeros() {
        let mut space = Space::empty();
        space.allow_byte(0, 1);
        space.fill(256, |_| 0xab);
        assert_eq!((space.byte(255), space.byte(256)), (0xab, 0));
        assert_eq!(space.user_write(0, &[0]), Some(()));
        assert_eq!(space.byte(0), 0xab, "what was writable is so no more");
        space.fill(u16::MAX, |_| 1);
        assert_eq!(space.byte(4095), 1);
    }
}
