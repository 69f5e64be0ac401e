// SPDX-License-Identifier: GPL-2.0

//! The superblock and its copy.

use crate::image::{Changes, Image};
use crate::model::{
    format::{self, Access, Unreadable},
    layout::{load_superblock, superblock as word, Geometry},
    num,
    pm::{Offset, Pm, PAGE_BYTES},
};
use std::fs::File;
use std::io;
use uuid::Uuid;

/// What a superblock says besides the geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superblock([u64; word::WORDS]);

impl Superblock {
    pub(crate) fn load(pm: &impl Pm, at: Offset) -> Self {
        Self(load_superblock(pm, at))
    }

    pub(crate) fn word(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    fn bytes<const N: usize>(&self, index: usize) -> [u8; N] {
        let words = self.0.iter().skip(index);
        let mut bytes = words.flat_map(|word| word.to_le_bytes());
        std::array::from_fn(|_| bytes.next().unwrap_or(0))
    }

    pub(crate) fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.bytes(word::UUID))
    }

    /// The label without its padding.
    pub(crate) fn label(&self) -> Vec<u8> {
        let label: [u8; 32] = self.bytes(word::LABEL);
        label.into_iter().take_while(|byte| *byte != 0).collect()
    }

    pub(crate) fn created_ns(&self) -> i64 {
        num::time_ns(self.word(word::CREATED_NS))
    }
}

/// What there is of a superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copies {
    /// What can be read from the first alone.
    pub(crate) first: Result<Geometry, Unreadable>,
    pub(crate) second: Second,
    /// Where the second is, or would be.
    pub(crate) second_at: Offset,
}

/// The state of the second superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    /// It is the first once more.
    Same,
    /// The first is valid, and this is not the same.
    Differs,
    /// The first is not valid; what can be read from this alone.
    Alone(Result<Geometry, Unreadable>),
}

impl Copies {
    /// Reads both from the first `size_bytes` bytes of `file`.
    pub(crate) fn read(file: &File, size_bytes: u64, access: Access) -> io::Result<Self> {
        let last = Offset((size_bytes / PAGE_BYTES).saturating_sub(1) * PAGE_BYTES);
        // The core falls back from the first to the second; here each shall speak for itself.
        let without = |at: Offset| {
            let view = Image::new(file, size_bytes, Changes::Kept);
            // With one page there is only the first.
            if last != Offset(0) {
                view.zero(at, PAGE_BYTES);
            }
            let read = format::read(&view, access);
            view.check().map(|()| read)
        };
        let first = without(last)?;
        let second_at = first.map_or(last, |geometry| geometry.backup());
        let view = Image::new(file, size_bytes, Changes::Kept);
        let second = match first {
            Err(_) => Second::Alone(without(Offset(0))?),
            Ok(_) if load_superblock(&view, Offset(0)) == load_superblock(&view, second_at) => {
                Second::Same
            }
            Ok(_) => Second::Differs,
        };
        view.check()?;
        Ok(Self {
            first,
            second,
            second_at,
        })
    }

    /// Where the superblock is that counts.
    pub(crate) fn valid_at(&self) -> Result<Offset, Unreadable> {
        match (self.first, self.second) {
            (Ok(_), _) => Ok(Offset(0)),
            (Err(Unreadable::Unsupported), _) => Err(Unreadable::Unsupported),
            (Err(_), Second::Alone(Ok(_))) => Ok(self.second_at),
            (Err(_), Second::Alone(Err(Unreadable::Unsupported))) => Err(Unreadable::Unsupported),
            (Err(Unreadable::Corrupt), _) => Err(Unreadable::Corrupt),
            (_, Second::Alone(Err(why))) => Err(why),
            (Err(why), _) => Err(why),
        }
    }

    /// The geometry that counts.
    pub(crate) fn geometry(&self) -> Option<Geometry> {
        match (self.first, self.second) {
            (Ok(geometry), _) | (_, Second::Alone(Ok(geometry))) => Some(geometry),
            _ => None,
        }
    }

    /// What is to be restored from what: (from, to).
    pub(crate) fn damage(&self) -> Option<(Offset, Offset)> {
        match (self.valid_at(), self.second) {
            (Ok(Offset(0)), Second::Differs) => Some((Offset(0), self.second_at)),
            (Ok(at), Second::Alone(_)) => Some((at, Offset(0))),
            _ => None,
        }
    }
}

/// Makes the superblock at `to` that at `from`, its magic last.
pub(crate) fn restore(pm: &impl Pm, from: Offset, to: Offset) {
    let words = load_superblock(pm, from);
    pm.store(to, 0);
    pm.write_back(to);
    pm.fence();
    for (index, value) in (0..).zip(words).skip(1) {
        pm.store(to.word(index), value);
        pm.write_back(to.word(index));
    }
    pm.fence();
    pm.store(to, words[0]);
    pm.write_back(to);
    pm.fence();
}
