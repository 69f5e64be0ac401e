// SPDX-License-Identifier: GPL-2.0

//! What is counted for each mount.

use kernel::prelude::*;
use kernel_ext::fs::Counters;

/// Operations that are counted, each when it has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Create,
    Mkdir,
    Symlink,
    Tmpfile,
    Link,
    Unlink,
    Rmdir,
    Rename,
    Attributes,
    Evict,
    Write,
    Fill,
    Resize,
}

impl Op {
    const COUNT: usize = 13;

    const fn index(self) -> usize {
        match self {
            Self::Create => 0,
            Self::Mkdir => 1,
            Self::Symlink => 2,
            Self::Tmpfile => 3,
            Self::Link => 4,
            Self::Unlink => 5,
            Self::Rmdir => 6,
            Self::Rename => 7,
            Self::Attributes => 8,
            Self::Evict => 9,
            Self::Write => 10,
            Self::Fill => 11,
            Self::Resize => 12,
        }
    }
}

/// Operations since the mount.
pub(crate) struct Stats(Counters<{ Op::COUNT }>);

impl Stats {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Counters::new()?))
    }

    pub(crate) fn count(&self, op: Op) {
        self.0.add(op.index(), 1);
    }

    pub(crate) fn get(&self, op: Op) -> u64 {
        self.0.get(op.index())
    }
}
