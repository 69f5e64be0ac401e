// SPDX-License-Identifier: GPL-2.0

//! The hooked lines of this module, found at the rate of interrupts.
//!
//! C header: [`include/linux/rculist.h`](srctree/include/linux/rculist.h)

use super::{
    alarm::Alarm,
    desc::Desc, //
};
use crate::{
    bindings,
    sync::peek, //
};
use core::{
    marker::PhantomPinned,
    ptr::{
        null_mut,
        NonNull, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    }, //
};

/// Number of chains; a power of two. Lines have numbers in sequence, so that nearly all chains have one.
const CHAINS: usize = 256;

static HOOKS: [Link; CHAINS] = [const { Link(Atomic::new(null_mut())) }; CHAINS];

/// A pointer to the next entry of a chain, or null.
///
/// # Invariants
///
/// What a link of a chain leads to is the first field of an `Inner` for which `arrived` and `expired` were
/// instantiated. It lives until a grace period after no link of the chain leads to it any more.
struct Link(Atomic<*mut Entry>);

/// What the flow handler needs of a hook, whatever its `Flow`.
#[repr(C)]
#[pin_data]
pub(super) struct Entry {
    next: Link,
    pub(super) desc: *mut bindings::irq_desc,
    pub(super) arrived: unsafe fn(*const Entry, Desc<'_>),
    pub(super) expired: unsafe fn(*const Entry, Desc<'_>),
    pub(super) alarm: Arc<Alarm>,
    #[pin]
    _pin: PhantomPinned,
}

impl Entry {
    pub(super) fn new(
        desc: *mut bindings::irq_desc,
        arrived: unsafe fn(*const Entry, Desc<'_>),
        expired: unsafe fn(*const Entry, Desc<'_>),
        alarm: Arc<Alarm>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: It is in no chain yet.
            next: Link(Atomic::new(null_mut())),
            desc,
            arrived,
            expired,
            alarm,
            _pin: PhantomPinned,
        })
    }

    /// The number of the line.
    pub(super) fn irq(&self) -> u32 {
        self.alarm.irq()
    }
}

/// The chain of the line with the number `irq`.
#[inline]
fn chain(irq: u32) -> &'static Link {
    const MASK: u32 = 255;
    const { assert!(CHAINS == 256) };
    let index = usize::try_from(irq & MASK).unwrap_or(0);
    // The index is always within bounds, which the compiler sees.
    HOOKS.get(index).unwrap_or(&HOOKS[0])
}

/// Returns the hook of the line with the number `irq` that `is_it` accepts.
///
/// # Safety
///
/// The current CPU is an RCU reader throughout the use of the result.
#[inline]
pub(super) unsafe fn find(irq: u32, is_it: impl Fn(&Entry) -> bool) -> Option<NonNull<Entry>> {
    let mut link = chain(irq);
    loop {
        let entry = NonNull::new(peek(&link.0))?;
        // SAFETY: By the type invariant the entry lives for this RCU reader.
        let this = unsafe { entry.as_ref() };
        if is_it(this) {
            return Some(entry);
        }
        link = &this.next;
    }
}

/// Holds back others who change the chains. Sleeps.
struct Changes;

impl Changes {
    fn lock() -> Self {
        // SAFETY: The mutex is static.
        unsafe { bindings::mutex_lock(&raw mut bindings::kernel_ext_hook_changes) };
        Self
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // SAFETY: `lock` has locked it.
        unsafe { bindings::mutex_unlock(&raw mut bindings::kernel_ext_hook_changes) };
    }
}

/// Lets [`find`] find an entry; returns whether there was none of its line yet. Sleeps.
///
/// # Safety
///
/// `entry` points to the first field of an `Inner` for which its functions were instantiated, and which lives
/// until a grace period after [`remove`].
#[must_use]
pub(super) unsafe fn insert(entry: NonNull<Entry>) -> bool {
    // SAFETY: By the requirement above.
    let this = unsafe { entry.as_ref() };
    let head = chain(this.irq());
    let _changes = Changes::lock();
    // SAFETY: Nothing is removed while the lock is held, so that this finds what an RCU reader would.
    if unsafe { find(this.irq(), |other| other.irq() == this.irq()) }.is_some() {
        return false;
    }
    // Relaxed: nobody sees the entry yet.
    // INVARIANT: The new link leads where the chain's leads already.
    this.next.0.store(peek(&head.0), Relaxed);
    // Release: whoever sees the entry sees what it holds.
    // INVARIANT: By the requirement above.
    head.0.store(entry.as_ptr(), Release);
    true
}

/// Takes an entry out, if it is in its chain. Readers may still see it, and others behind it from there, until
/// a grace period has passed. Sleeps.
pub(super) fn remove(entry: &Entry) {
    let _changes = Changes::lock();
    let mut link = chain(entry.irq());
    loop {
        let next = peek(&link.0);
        // SAFETY: By the type invariant, and nothing is removed while the lock is held.
        let Some(this) = (unsafe { next.as_ref() }) else {
            return;
        };
        if core::ptr::eq(this, entry) {
            // Its own link stays, for readers that are there.
            // INVARIANT: The link leads where that of the removed entry does.
            link.0.store(peek(&entry.next.0), Release);
            return;
        }
        link = &this.next;
    }
}
