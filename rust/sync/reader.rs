// SPDX-License-Identifier: GPL-2.0

//! Evidence that what readers see is not freed under them.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use core::marker::PhantomData;
use kernel::{
    sync::rcu,
    types::NotThreadSafe, //
};

/// Evidence that the current CPU is an RCU reader, for code that must not pay for a
/// [`rcu::Guard`] where it is a reader anyway: with interrupts off, or in a hard interrupt.
///
/// # Invariants
///
/// The current CPU is an RCU reader throughout `'a`.
#[derive(Clone, Copy)]
pub struct Reader<'a>(PhantomData<(&'a (), NotThreadSafe)>);

impl Reader<'_> {
    /// # Safety
    ///
    /// The current CPU is an RCU reader throughout the lifetime.
    #[inline]
    pub(crate) unsafe fn new() -> Self {
        // INVARIANT: By the safety requirement.
        Self(PhantomData)
    }
}

impl<'a> From<&'a rcu::Guard> for Reader<'a> {
    #[inline]
    fn from(_guard: &'a rcu::Guard) -> Self {
        // INVARIANT: The guard is borrowed for `'a`, so it is held for that long.
        Self(PhantomData)
    }
}
