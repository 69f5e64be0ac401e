// SPDX-License-Identifier: GPL-2.0

//! A persistent-memory device as words, lines and fences.
//!
//! C headers: [`include/linux/dax.h`](srctree/include/linux/dax.h),
//! [`include/linux/libnvdimm.h`](srctree/include/linux/libnvdimm.h)
//!
//! # Soundness
//!
//! A device may be unbound while it is mounted. Its pages are then taken from the mappings of
//! programs (`shutdown` in `mount.rs`), its driver waits for all readers of DAX and unmaps the memory. Who has [`Held`] the region is such a reader, so the region must be held for
//! as long as its words are used. A [`Lock`](super::Lock) holds it whenever it gives access to its
//! data; mounting does so, too. Types do not show it, since that would tie everything that
//! describes the medium to a lifetime of one operation.

use crate::{
    bindings,
    fs::{
        counters::Counters,
        BLOCK_BYTES, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::Arc,
    types::NotThreadSafe, //
};

/// Size of a word in bytes.
const WORD_BYTES: u64 = 8;
/// Size of a cache line in bytes.
const LINE_BYTES: u64 = 64;
/// What is stored past the cache at a time.
static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

const FENCES: usize = 0;
const LINES: usize = 1;
const BYTES: usize = 2;

/// Why a device has no [`Region`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmappable {
    /// It is no persistent memory, or begins or ends within a page.
    NotDax,
    /// Not all of it is mapped in one piece: it has bad blocks, or consists of parts.
    NotWhole,
    /// Memory ran out.
    NoMemory,
}

/// The mapped device.
///
/// # Invariants
///
/// `dax` is a reference to a DAX device that this owns. `base` is page-aligned and the address of
/// `size_bytes` bytes, a multiple of a page, as long as that device is alive.
struct Mapping {
    dax: NonNull<bindings::dax_device>,
    base: NonNull<u8>,
    /// Where on the DAX device it begins.
    start_bytes: u64,
    size_bytes: u64,
    counters: Counters<3>,
}

// SAFETY: Neither the device nor its memory belongs to a thread.
unsafe impl Send for Mapping {}
// SAFETY: Memory is accessed by volatile loads and stores of whole words only, which the medium
// allows to race: it is shared with user space anyway.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this owns the reference; it has no holder.
        unsafe { bindings::fs_put_dax(self.dax.as_ptr(), core::ptr::null_mut()) };
    }
}

/// A device's memory; clones are the same memory. Must be [held](Self::hold) while it is used, see
/// the [module documentation](self).
///
/// Positions are in bytes from the beginning. What is beyond the end, or not aligned, is not
/// there: loads give 0, stores are dropped.
#[derive(Clone)]
pub struct Region(Arc<Mapping>);

impl Region {
    /// Maps the whole of a block device.
    ///
    /// # Safety
    ///
    /// `bdev` points to an open block device.
    pub(super) unsafe fn map(bdev: *mut bindings::block_device) -> Result<Self, Unmappable> {
        let mut start_bytes = 0;
        // SAFETY: By the safety requirement; `start_bytes` is written to, and no holder means that
        // nobody is told about failures.
        let dax = unsafe {
            bindings::fs_dax_get_by_bdev(
                bdev,
                &mut start_bytes,
                core::ptr::null_mut(),
                core::ptr::null(),
            )
        };
        let dax = NonNull::new(dax).ok_or(Unmappable::NotDax)?;
        let counters = Counters::new().map_err(|_| Unmappable::NoMemory);
        // SAFETY: By the safety requirement.
        let size_bytes = unsafe { bindings::kernel_ext_bdev_nr_bytes(bdev) };
        let base = counters.and_then(|counters| {
            // SAFETY: `dax` is a reference that was just taken.
            let base = unsafe { whole(dax, start_bytes, size_bytes) };
            Ok((base.ok_or(Unmappable::NotWhole)?, counters))
        });
        let (base, counters) = base.inspect_err(|_| {
            // SAFETY: The reference was just taken, without a holder.
            unsafe { bindings::fs_put_dax(dax.as_ptr(), core::ptr::null_mut()) };
        })?;
        // INVARIANT: The reference was taken above and given to the mapping. `whole` says that all
        // of the device is there; `fs_dax_get_by_bdev` checked that it ends with a page.
        let mapping = Mapping {
            dax,
            base,
            start_bytes,
            size_bytes,
            counters,
        };
        match Arc::new(mapping, GFP_KERNEL) {
            Ok(mapping) => Ok(Self(mapping)),
            Err(_) => Err(Unmappable::NoMemory),
        }
    }

    /// Keeps the memory mapped for as long as the result lives; [`None`] once the device is gone.
    /// May be nested, and held while sleeping.
    pub fn hold(&self) -> Option<Held<'_>> {
        // SAFETY: Read sections have no requirement but that they end.
        let id = unsafe { bindings::dax_read_lock() };
        let held = Held {
            _region: self,
            id,
            _not_send: NotThreadSafe,
        };
        // SAFETY: By the type invariant of `Mapping`.
        unsafe { bindings::dax_alive(self.0.dax.as_ptr()) }.then_some(held)
    }

    /// Whether a fence makes durable what was written back; otherwise the device must be told.
    pub fn is_synchronous(&self) -> bool {
        // SAFETY: By the type invariant of `Mapping`.
        unsafe { bindings::dax_synchronous(self.0.dax.as_ptr()) }
    }

    /// Size in bytes.
    #[inline]
    pub fn size_bytes(&self) -> u64 {
        self.0.size_bytes
    }

    /// The address of `len_bytes` bytes, both multiples of `unit_bytes`, if they are there.
    #[inline]
    fn address(&self, at: u64, len_bytes: u64, unit_bytes: u64) -> Option<*mut u8> {
        let end = at.checked_add(len_bytes)?;
        if (at | len_bytes) % unit_bytes != 0 || end > self.0.size_bytes {
            return None;
        }
        let offset = usize::try_from(at).ok()?;
        Some(self.0.base.as_ptr().wrapping_add(offset))
    }

    /// Loads the little-endian word at `at`.
    #[inline]
    pub fn load(&self, at: u64) -> u64 {
        match self.address(at, WORD_BYTES, WORD_BYTES) {
            // SAFETY: The word is within the mapping and aligned, and the mapping is held.
            Some(word) => u64::from_le(unsafe { word.cast::<u64>().read_volatile() }),
            None => 0,
        }
    }

    /// Stores a little-endian word at `at`.
    #[inline]
    pub fn store(&self, at: u64, value: u64) {
        if let Some(word) = self.address(at, WORD_BYTES, WORD_BYTES) {
            // SAFETY: As in `load`; nobody in the kernel has a reference into the mapping.
            unsafe { word.cast::<u64>().write_volatile(value.to_le()) };
        }
    }

    /// Writes back the line in which `at` lies.
    #[inline]
    pub fn write_back(&self, at: u64) {
        if let Some(line) = self.address(at - at % LINE_BYTES, LINE_BYTES, LINE_BYTES) {
            // SAFETY: The line is within the mapping, which is held.
            unsafe { bindings::kernel_ext_clwb(line.cast()) };
            self.0.counters.add(LINES, 1);
        }
    }

    /// Stores zeros past the cache; `at` and `len_bytes` are multiples of a line.
    pub fn zero(&self, at: u64, len_bytes: u64) {
        if self.address(at, len_bytes, LINE_BYTES).is_none() {
            return;
        }
        let mut done_bytes = 0;
        while done_bytes < len_bytes {
            let rest = usize::try_from(len_bytes - done_bytes).unwrap_or(usize::MAX);
            let count = rest.min(ZEROS.len());
            let Some(to) = self.address(at + done_bytes, count as u64, LINE_BYTES) else {
                return;
            };
            // SAFETY: Both ranges have `count` bytes, and the mapping is held.
            unsafe {
                bindings::kernel_ext_memcpy_flushcache(to.cast(), ZEROS.as_ptr().cast(), count);
            }
            done_bytes += count as u64;
        }
        self.0.counters.add(BYTES, len_bytes);
    }

    /// Stores bytes past the cache, of any alignment. Words that are covered in part keep their
    /// other bytes.
    pub fn copy(&self, at: u64, bytes: &[u8]) {
        let len_bytes = bytes.len() as u64;
        if let Some(to) = self.address(at, len_bytes, 1) {
            // SAFETY: Both ranges have `bytes.len()` bytes, and the mapping is held.
            unsafe {
                let from = bytes.as_ptr().cast();
                bindings::kernel_ext_memcpy_flushcache(to.cast(), from, bytes.len());
            }
            self.0.counters.add(BYTES, len_bytes);
        }
    }

    /// Stores the next `len_bytes` bytes of a writer past the cache at `at`, as far as its memory is
    /// present; returns how many.
    ///
    /// # Safety
    ///
    /// `from` is a valid source.
    pub(super) unsafe fn copy_in(
        &self,
        at: u64,
        len_bytes: u64,
        from: *mut bindings::iov_iter,
    ) -> u64 {
        let Some(to) = self.address(at, len_bytes, 1) else {
            return 0;
        };
        let len = usize::try_from(len_bytes).unwrap_or(0);
        // SAFETY: By the safety requirement; the range is within the mapping, which is held.
        let copied = unsafe { bindings::kernel_ext_copy_from_iter_nofault(to.cast(), len, from) };
        self.0.counters.add(BYTES, copied as u64);
        copied as u64
    }

    /// Copies `len_bytes` bytes from `at` on to a reader; returns how many it took.
    ///
    /// # Safety
    ///
    /// `to` is a valid destination.
    pub(super) unsafe fn copy_out(
        &self,
        at: u64,
        len_bytes: u64,
        to: *mut bindings::iov_iter,
    ) -> u64 {
        let Some(from) = self.address(at, len_bytes, 1) else {
            return 0;
        };
        let len = usize::try_from(len_bytes).unwrap_or(0);
        // SAFETY: By the safety requirement; the range is within the mapping, which is held.
        unsafe { bindings::kernel_ext_copy_mc_to_iter(from.cast(), len, to) as u64 }
    }

    /// The DAX device, for as long as there is the region.
    pub(super) fn dax(&self) -> *mut bindings::dax_device {
        self.0.dax.as_ptr()
    }

    /// Position on the DAX device of what is at `at`.
    pub(super) fn device_offset(&self, at: u64) -> u64 {
        self.0.start_bytes.saturating_add(at)
    }

    /// Waits until all that was written back or stored past the cache is durable.
    #[inline]
    pub fn fence(&self) {
        // SAFETY: A barrier has no requirements.
        unsafe { bindings::kernel_ext_pmem_wmb() };
        self.0.counters.add(FENCES, 1);
    }

    /// Fences so far.
    pub fn fences(&self) -> u64 {
        self.0.counters.get(FENCES)
    }

    /// Lines written back so far.
    pub fn flushed_lines(&self) -> u64 {
        self.0.counters.get(LINES)
    }

    /// Bytes stored past the cache so far.
    pub fn nt_bytes(&self) -> u64 {
        self.0.counters.get(BYTES)
    }
}

/// Asks for the address of all `size_bytes` bytes of a device from `start_bytes` on.
///
/// # Safety
///
/// `dax` is a reference to a DAX device.
unsafe fn whole(
    dax: NonNull<bindings::dax_device>,
    start_bytes: u64,
    size_bytes: u64,
) -> Option<NonNull<u8>> {
    let block = u64::try_from(BLOCK_BYTES).ok()?;
    let first = usize::try_from(start_bytes / block).ok()?;
    let pages = isize::try_from(size_bytes / block).ok()?;
    let mut base = core::ptr::null_mut();
    // SAFETY: Read sections have no requirement but that they end.
    let id = unsafe { bindings::dax_read_lock() };
    // SAFETY: By the safety requirement; `base` is written to, and page frame numbers are not
    // asked for.
    let mapped = unsafe {
        bindings::dax_direct_access(
            dax.as_ptr(),
            first,
            pages,
            bindings::dax_access_mode_DAX_ACCESS,
            &mut base,
            core::ptr::null_mut(),
        )
    };
    // SAFETY: The section began above.
    unsafe { bindings::dax_read_unlock(id) };
    NonNull::new(base.cast()).filter(|_| mapped == pages && pages > 0)
}

/// Keeps a [`Region`]'s memory mapped.
///
/// # Invariants
///
/// A read section of DAX with this `id` is open.
#[must_use = "the memory may go when this is dropped"]
pub struct Held<'a> {
    _region: &'a Region,
    id: kernel::ffi::c_int,
    _not_send: NotThreadSafe,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::dax_read_unlock(self.id) };
    }
}
