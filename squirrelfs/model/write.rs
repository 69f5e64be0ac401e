// SPDX-License-Identifier: GPL-2.0

//! Writes to a file: data into pages that it has, into its holes, and behind its end.
//!
//! Epochs, separated by fences; those that have nothing to do are left out:
//!
//! | epoch | what |
//! |---|---|
//! | 1 | all bytes, the rest of new pages as zeros, owners of pages behind the end; times, if the size stays |
//! | 2 | owners of pages that fill holes |
//! | 3 | size and times |
//!
//! A write is as atomic as its words: a crash in epoch 1 leaves any of them old or new where the file had
//! pages. Holes are filled page by page. What is appended is there wholly or not at all, since nothing is
//! found behind the end.

use super::{
    extents::{
        Extents,
        Mapping,
        Run, //
    },
    inode::{
        self,
        Inode, //
    },
    layout::Geometry,
    mem::List,
    page::{
        self,
        Batch, //
    },
    pm::{
        zero_bytes,
        Offset,
        Pm,
        PAGE_BYTES, //
    },
    state::{
        fence,
        Clean,
        Obj, //
    }, //
};

/// Where the bytes of a write come from.
pub(crate) trait Source<P: Pm> {
    /// Stores the next `len_bytes` bytes past the cache at `at`. Returns how many there were: less only
    /// if no more can be had.
    fn store(&mut self, pm: &P, at: Offset, len_bytes: u64) -> u64;
}

/// A source of zeros.
#[derive(Debug)]
pub(crate) struct Zeros;

impl<P: Pm> Source<P> for Zeros {
    fn store(&mut self, pm: &P, at: Offset, len_bytes: u64) -> u64 {
        zero_bytes(pm, at, len_bytes);
        len_bytes
    }
}

/// Evidence that the bytes of a write were stored past the cache: so many.
#[derive(Debug)]
pub(crate) struct Copied(u64);

/// What a write does at the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It moves the end behind what is written.
    Moves,
    /// It stays; what is written lies in pages in front of it.
    Stays,
}

/// A write that has all it needs. The file must not change in between: neither its size nor its pages.
#[derive(Debug)]
#[must_use = "its pages must be used or given back"]
pub(crate) struct Write {
    pub(super) inode: Obj<Inode, Clean, inode::Live>,
    pub(super) generation: u32,
    pub(super) at_bytes: u64,
    pub(super) len_bytes: u64,
    pub(super) size_bytes: u64,
    pub(super) end: End,
    /// Pages that the file has, where the bytes go.
    pub(super) present: Extents,
    /// New pages in front of its end, and behind it.
    pub(super) holes: Extents,
    pub(super) beyond: Extents,
    /// What has to be zeros between the end and what is written.
    pub(super) tail: Option<(Offset, u64)>,
    /// Room for the new pages that turn out not to be needed.
    pub(super) unused: List<Run>,
    /// Insertions into the index that were reserved.
    pub(super) reserved: usize,
}

/// A write that is durable; the index does not know its pages yet.
#[derive(Debug)]
#[must_use = "its pages must be noted"]
pub(crate) struct Written {
    pub(super) ino: u64,
    pub(super) len_bytes: u64,
    pub(super) holes: Batch<Extents, Clean, page::Owned>,
    pub(super) beyond: Batch<Extents, Clean, page::Owned>,
    pub(super) unused: List<Run>,
    pub(super) reserved: usize,
}

impl Written {
    /// Where pages came that had been holes, which may be mapped as zeros: position and length in bytes.
    pub(crate) fn filled(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let bytes = |pages: u64| pages.saturating_mul(PAGE_BYTES);
        let runs = self.holes.runs().iter();
        runs.map(move |run| (bytes(run.index), bytes(run.pages)))
    }
}

impl Write {
    /// Whether there are holes to fill.
    pub(crate) fn fills_holes(&self) -> bool {
        !self.holes.runs().is_empty()
    }

    /// Takes the bytes from `source` and makes them durable.
    pub(crate) fn commit<P: Pm>(
        mut self,
        pm: &P,
        geometry: &Geometry,
        source: &mut impl Source<P>,
        now_ns: i64,
    ) -> Written {
        let copied = self.copy(pm, geometry, source);
        let end = self.at_bytes.saturating_add(copied.0);
        // No more bytes than that: give back the pages that none of them is in.
        let needed = match copied.0 {
            0 => 0,
            _ => end.div_ceil(PAGE_BYTES),
        };
        for fresh in [&mut self.holes, &mut self.beyond] {
            while let Some(run) = fresh.pop_from(needed) {
                // Room was reserved.
                let _ = self.unused.push(run);
            }
        }
        let grows = self.end == End::Moves && copied.0 > 0 && end > self.size_bytes;
        let has_holes = self.fills_holes();
        let ino = self.inode.id();

        // A page fault has set them, if it is to.
        let times = (!grows && copied.0 > 0 && self.end == End::Moves).then_some(now_ns);
        let inode = self.inode.stored(pm, times, &copied);
        let holes = Batch::found(geometry, self.holes).fill(&copied);
        let beyond =
            Batch::found(geometry, self.beyond).append(pm, &inode, self.generation, &copied);
        let (inode, holes, beyond) = fence(pm, (inode, holes, beyond));

        let holes = match has_holes {
            true => fence(pm, holes.own(pm, &inode, self.generation)),
            false => Batch::found(geometry, Extents::new()),
        };
        if grows {
            let _ = fence(pm, inode.grow(pm, end, now_ns, &holes, &beyond));
        }
        Written {
            ino,
            len_bytes: copied.0,
            holes,
            beyond,
            unused: self.unused,
            reserved: self.reserved,
        }
    }

    /// Stores all bytes, and zeros around them in new pages.
    fn copy<P: Pm>(&self, pm: &P, geometry: &Geometry, source: &mut impl Source<P>) -> Copied {
        if let Some((at, len_bytes)) = self.tail {
            zero_bytes(pm, at, len_bytes);
        }
        let end = self.at_bytes.saturating_add(self.len_bytes);
        let mut position = self.at_bytes;
        while position < end {
            let Some((run, is_new)) = self.run_at(position / PAGE_BYTES) else {
                break;
            };
            let Some(first) = geometry.page(run.page) else {
                break;
            };
            let skip = position % PAGE_BYTES;
            let run_bytes = run.pages.saturating_mul(PAGE_BYTES);
            let wanted = run_bytes.saturating_sub(skip).min(end - position);
            let stored = source.store(pm, first.plus(skip), wanted).min(wanted);
            if is_new {
                let behind = skip + stored;
                let rest = behind.next_multiple_of(PAGE_BYTES).min(run_bytes) - behind;
                zero_bytes(pm, first, skip);
                zero_bytes(pm, first.plus(behind), rest);
            }
            position += stored;
            if stored < wanted {
                break;
            }
        }
        Copied(position - self.at_bytes)
    }

    /// The pages from `index` on that follow each other, and whether they are new.
    fn run_at(&self, index: u64) -> Option<(Run, bool)> {
        for (extents, is_new) in [
            (&self.present, false),
            (&self.holes, true),
            (&self.beyond, true),
        ] {
            if let Mapping::Data(run) = extents.map(index, u64::MAX) {
                return Some((run, is_new));
            }
        }
        None
    }
}

/// Moves the end of a file to `size_bytes`, further on, when `tail` is zeros.
pub(super) fn extend(
    pm: &impl Pm,
    geometry: &Geometry,
    inode: Obj<Inode, Clean, inode::Live>,
    tail: Option<(Offset, u64)>,
    size_bytes: u64,
    now_ns: i64,
) {
    let inode = match tail {
        Some((at, len_bytes)) => {
            zero_bytes(pm, at, len_bytes);
            fence(pm, inode.stored(pm, None, &Copied(0)))
        }
        None => inode.complete(),
    };
    let none: Batch<[Run; 0], _, _> = Batch::found(geometry, []);
    let _ = fence(pm, inode.grow(pm, size_bytes, now_ns, &none, &none));
}

/// Moves the end of a file to `size_bytes`, further in front; `gone` are the pages behind it, and `tail`
/// what of its last page then lies behind it.
pub(super) fn shrink(
    pm: &impl Pm,
    geometry: &Geometry,
    inode: Obj<Inode, Clean, inode::Live>,
    gone: Batch<Extents, Clean, page::Owned>,
    tail: Option<(Offset, u64)>,
    size_bytes: u64,
    now_ns: i64,
) -> Batch<Extents, Clean, page::Cleared> {
    let inode = fence(pm, inode.shrink(pm, size_bytes, now_ns));
    if let Some((at, len_bytes)) = tail {
        zero_bytes(pm, at, len_bytes);
    }
    // Not left to a later fence: if the size grows again, they must not be found.
    let gone = match gone.runs().is_empty() {
        true => Batch::found(geometry, Extents::new()),
        false => fence(pm, gone.clear(pm, &inode)),
    };
    let _ = inode.cut(&gone);
    gone
}
