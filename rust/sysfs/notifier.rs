// SPDX-License-Identifier: GPL-2.0

//! Waking those who poll an attribute.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use crate::bindings;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// Wakes whoever polls one attribute, from wherever it is kept: once [`Dir::notify_by`](super::Dir::notify_by) was
/// called, until that directory is dropped.
pub struct Notifier {
    name: &'static CStr,
    pub(super) place: Arc<Place>,
}

/// The object that a [`Notifier`] is for.
///
/// # Invariants
///
/// `kobj` is null, or an object that stays while the lock is held.
#[pin_data]
pub(super) struct Place {
    #[pin]
    pub(super) kobj: Mutex<Kobject>,
}

/// A C object, or null.
pub(super) struct Kobject(pub(super) *mut bindings::kobject);

// SAFETY: The object belongs to no thread.
unsafe impl Send for Kobject {}

impl Notifier {
    /// For the attribute `name` of a directory that is yet to be made.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub fn new(name: &'static CStr) -> Result<Self> {
        let place = Arc::pin_init(
            // INVARIANT: Null.
            pin_init!(Place {
                kobj <- new_mutex!(Kobject(core::ptr::null_mut()), "kernel_ext::sysfs::Notifier"),
            }),
            GFP_KERNEL,
        )?;
        Ok(Self { name, place })
    }

    /// Wakes them. May sleep.
    pub fn notify(&self) {
        let kobj = self.place.kobj.lock();
        if !kobj.0.is_null() {
            // SAFETY: By the type invariant; an unknown name is ignored.
            unsafe {
                bindings::sysfs_notify(kobj.0, core::ptr::null(), self.name.as_char_ptr());
            }
        }
    }
}
