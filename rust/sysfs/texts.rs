// SPDX-License-Identifier: GPL-2.0

//! Texts that are being read or written.
//!
//! C header: [`include/linux/kernfs.h`](srctree/include/linux/kernfs.h)
//!
//! The kernel hands reads and writes of a file on in pieces of at most a page and says nothing when it
//! is closed. Each open file is therefore told by a [`Mark`] that the kernel keeps with it, and what
//! was begun and not ended makes room for others after a while.

use super::{
    shelf::{
        Reading,
        Shelf, //
    },
    transaction::{
        Buffer,
        Collector,
        Mark,
        NoMemory,
        Outcome,
        Refused,
        Write, //
    }, //
};
use crate::bindings;
use core::{
    fmt,
    mem::MaybeUninit, //
};
use kernel::{
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::Mutex,
    time::{
        hrtimer::HrTimerExpires,
        Instant,
        Monotonic, //
    }, //
};

/// Texts kept for readers of the files of one directory.
const READERS: usize = 8;
/// Longest text shown, in bytes.
const SHOWN_LIMIT_BYTES: usize = 16 << 20;

/// An open file, for as long as one of its callbacks runs.
pub(super) struct Opened<'a>(&'a mut usize);

impl Opened<'_> {
    /// # Safety
    ///
    /// `file` is open on an attribute in sysfs and stays so as long as the result lives; no other
    /// callback runs for it.
    pub(super) unsafe fn new(file: *mut bindings::file) -> Self {
        // SAFETY: By the requirement above. kernfs runs one callback of an open file at a time, and
        // sysfs leaves the word to whoever has the attribute.
        Self(unsafe { &mut *bindings::kernel_ext_kernfs_open_word(file) })
    }

    fn mark(&self) -> Mark {
        Mark::from_bits(*self.0)
    }

    fn set(&mut self, mark: Mark) {
        *self.0 = mark.bits();
    }
}

/// Bytes that are charged to whoever has them written.
#[derive(Default)]
struct Bytes(KVVec<u8>);

impl Buffer for Bytes {
    fn len_bytes(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        let pushed = self.0.extend_from_slice(bytes, GFP_KERNEL_ACCOUNT);
        pushed.map_err(|_| NoMemory)
    }
}

/// A text while it is shown.
#[derive(Default)]
struct Sheet {
    bytes: Bytes,
    /// Why not all of it is there.
    failure: Option<Error>,
}

impl fmt::Write for Sheet {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let len = self.bytes.len_bytes().saturating_add(text.len());
        let failure = if len > SHOWN_LIMIT_BYTES {
            EFBIG
        } else if self.bytes.push(text.as_bytes()).is_err() {
            ENOMEM
        } else {
            return Ok(());
        };
        self.failure = self.failure.or(Some(failure));
        Err(fmt::Error)
    }
}

/// What is begun in the [`TextFile`]s of a directory.
#[pin_data]
pub(super) struct Texts {
    /// Held for as long as it takes to copy a page; a leaf.
    #[pin]
    begun: Mutex<Begun>,
}

struct Begun {
    /// That of the open file used last.
    last_id: usize,
    shown: Shelf<Bytes, READERS>,
    written: Collector<Bytes>,
}

impl Begun {
    /// The mark of an open file, which tells it from all others.
    fn mark(&mut self, opened: &Opened<'_>) -> Mark {
        let mut mark = opened.mark();
        if mark.id == 0 {
            // 2^60 open files later the first is forgotten.
            let next = self.last_id.wrapping_add(1) & Mark::MAX_ID;
            self.last_id = next.max(1);
            mark.id = self.last_id;
        }
        mark
    }
}

impl Texts {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            begun <- new_mutex!(
                Begun {
                    last_id: 0,
                    shown: Shelf::new(),
                    written: Collector::new(PAGE_SIZE),
                },
                "kernel_ext::sysfs::Texts"
            ),
        })
    }

    /// Copies what stands at `offset` to `page`; returns how much.
    pub(super) fn read(
        &self,
        opened: &mut Opened<'_>,
        offset: u64,
        page: &mut [MaybeUninit<u8>],
        show: impl FnOnce(&mut dyn fmt::Write) -> Result,
    ) -> Result<usize> {
        let mut begun = self.begun.lock();
        let mark = begun.mark(opened);
        opened.set(mark);
        match begun.shown.look(mark.id, mark.is_read, offset) {
            Reading::End => return Ok(0),
            Reading::Lost => return Err(ESTALE),
            Reading::More(text) => return Ok(copy(&text.0, offset, page)),
            Reading::Anew => {}
        }
        drop(begun);
        let mut sheet = Sheet::default();
        let shown = show(&mut sheet);
        if let Some(failure) = sheet.failure {
            return Err(failure);
        }
        shown?;
        let text = sheet.bytes;
        let copied = copy(&text.0, offset, page);
        let len_bytes = u64::try_from(text.len_bytes()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(u64::try_from(copied).unwrap_or(u64::MAX));
        let rest = (end < len_bytes).then_some(text);
        let mark = Mark {
            is_read: true,
            ..mark
        };
        opened.set(mark);
        let old = self.begun.lock().shown.put(mark.id, len_bytes, rest);
        drop(old);
        Ok(copied)
    }

    /// Takes what is written at `offset`; returns how much. The texts that are complete by that are
    /// stored.
    pub(super) fn write(
        &self,
        opened: &mut Opened<'_>,
        offset: u64,
        bytes: &[u8],
        store: impl FnOnce(&[u8]) -> Result,
    ) -> Result<usize> {
        let write = Write {
            offset,
            bytes,
            now_ms: now_ms(),
        };
        let mut begun = self.begun.lock();
        let mark = begun.mark(opened);
        let (standing, outcome) = begun.written.write(mark.id, mark.standing, write);
        drop(begun);
        opened.set(Mark { standing, ..mark });
        match outcome {
            Outcome::Taken(taken) => Ok(taken),
            Outcome::Alone => store(bytes).map(|()| bytes.len()),
            Outcome::Complete(text, taken) => store(&text.0).map(|()| taken),
            Outcome::Refused(why) => Err(match why {
                Refused::Busy => EBUSY,
                Refused::TooLong => EFBIG,
                Refused::Late => ETIMEDOUT,
                Refused::Misplaced => EINVAL,
                Refused::NoMemory => ENOMEM,
            }),
        }
    }
}

/// Copies what stands at `offset` of `text` to `page`; returns how much.
fn copy(text: &[u8], offset: u64, page: &mut [MaybeUninit<u8>]) -> usize {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let text = text.get(offset..).unwrap_or(&[]);
    for (to, &from) in page.iter_mut().zip(text) {
        to.write(from);
    }
    text.len().min(page.len())
}

/// Milliseconds since the system started.
fn now_ms() -> u64 {
    let ns = Instant::<Monotonic>::now().as_nanos();
    u64::try_from(ns).unwrap_or(0) / 1_000_000
}
