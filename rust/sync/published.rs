// SPDX-License-Identifier: GPL-2.0

//! Values that are read on hot paths and replaced as a whole.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use super::{
    peek,
    Reader, //
};
use core::{
    marker::PhantomData,
    ptr::null_mut, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        rcu, //
    }, //
};

/// Where a value is or is not. Readers see it as it was before or after a change, take no lock and wait for
/// nobody.
///
/// # Invariants
///
/// `current` is null, or comes from a [`KBox`] that belongs to this. Who takes it out frees it only after a grace
/// period.
pub struct Slot<T: Send + Sync> {
    current: Atomic<*mut T>,
    _value: PhantomData<KBox<T>>,
}

// SAFETY: It owns a `T`, which may be sent.
unsafe impl<T: Send + Sync> Send for Slot<T> {}
// SAFETY: It gives shared references to a `T`, and to whoever takes it out the whole.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T: Send + Sync> Slot<T> {
    /// Without a value.
    pub const fn empty() -> Self {
        // INVARIANT: Null.
        Self {
            current: Atomic::new(null_mut()),
            _value: PhantomData,
        }
    }

    /// Calls `act` with the present value, if there is one. `act` must not sleep.
    #[inline]
    pub fn with<R>(&self, act: impl FnOnce(Option<&T>) -> R) -> R {
        let rcu = rcu::read_lock();
        // SAFETY: By the type invariant it lives until a grace period after it was taken out.
        let result = act(unsafe { peek(&self.current).as_ref() });
        drop(rcu);
        result
    }

    /// The present value, if there is one, for who is a reader anyway.
    #[inline]
    pub fn get<'a>(&'a self, _reader: Reader<'a>) -> Option<&'a T> {
        // SAFETY: By the type invariant it lives until a grace period after it was taken out, and so throughout
        // the lifetime.
        unsafe { peek(&self.current).as_ref() }
    }

    /// Puts `value` in the place of the present one, which is returned once nobody reads it any more. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], with nothing changed.
    pub fn replace(&self, value: T) -> Result<Option<T>> {
        let value = KBox::new(value, GFP_KERNEL)?;
        Ok(self.swap(KBox::into_raw(value)))
    }

    /// Takes the value out, once nobody reads it any more. Sleeps.
    pub fn take(&self) -> Option<T> {
        self.swap(null_mut())
    }

    /// `value` is null or comes from a box that the caller gives away.
    fn swap(&self, value: *mut T) -> Option<T> {
        // INVARIANT: By what is asked for.
        let old = self.current.xchg(value, Full);
        if old.is_null() {
            return None;
        }
        rcu::synchronize_rcu();
        // SAFETY: By the type invariant it comes from a box, and only this call has taken it out. The grace
        // period is over.
        Some(KBox::into_inner(unsafe { KBox::from_raw(old) }))
    }
}

impl<T: Send + Sync> Drop for Slot<T> {
    fn drop(&mut self) {
        // INVARIANT: Null.
        let last = self.current.xchg(null_mut(), Full);
        if !last.is_null() {
            // SAFETY: By the type invariant; whoever read it had borrowed this.
            drop(unsafe { KBox::from_raw(last) });
        }
    }
}

/// A [`Slot`] that always has a value.
///
/// # Invariants
///
/// It has one.
pub struct Published<T: Send + Sync>(Slot<T>);

impl<T: Send + Sync> Published<T> {
    /// Publishes `value`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(value: T) -> Result<Self> {
        let slot = Slot::empty();
        slot.replace(value)?;
        // INVARIANT: Just put in.
        Ok(Self(slot))
    }

    /// As [`Slot::with`].
    #[inline]
    pub fn with<R>(&self, act: impl FnOnce(&T) -> R) -> R {
        self.0.with(|value| {
            // SAFETY: By the type invariant.
            act(unsafe { value.unwrap_unchecked() })
        })
    }

    /// As [`Slot::get`].
    #[inline]
    pub fn get<'a>(&'a self, reader: Reader<'a>) -> &'a T {
        // SAFETY: By the type invariant.
        unsafe { self.0.get(reader).unwrap_unchecked() }
    }

    /// As [`Slot::replace`].
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], with nothing changed.
    pub fn replace(&self, value: T) -> Result<T> {
        let old = self.0.replace(value)?;
        // SAFETY: By the type invariant.
        Ok(unsafe { old.unwrap_unchecked() })
    }
}
