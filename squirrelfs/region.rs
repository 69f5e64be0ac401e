// SPDX-License-Identifier: GPL-2.0

//! The device as the model sees persistent memory.

use crate::model::pm::{
    Offset,
    Pm, //
};
use kernel_ext::fs::Region;

impl Pm for Region {
    #[inline]
    fn size_bytes(&self) -> u64 {
        Region::size_bytes(self)
    }

    #[inline]
    fn load(&self, at: Offset) -> u64 {
        Region::load(self, at.0)
    }

    #[inline]
    fn store(&self, at: Offset, value: u64) {
        Region::store(self, at.0, value);
    }

    #[inline]
    fn write_back(&self, at: Offset) {
        Region::write_back(self, at.0);
    }

    fn zero(&self, at: Offset, len_bytes: u64) {
        Region::zero(self, at.0, len_bytes);
    }

    fn copy(&self, at: Offset, bytes: &[u8]) {
        Region::copy(self, at.0, bytes);
    }

    #[inline]
    fn fence(&self) {
        Region::fence(self);
    }
}
