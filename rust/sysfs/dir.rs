// SPDX-License-Identifier: GPL-2.0

//! Directories, and the data their attributes show.
//!
//! C header: [`include/linux/kobject.h`](srctree/include/linux/kobject.h)

use super::{
    group::Entry,
    notifier::{
        Kobject,
        Notifier,
        Place, //
    },
    texts::Texts,
    Group, //
};
use crate::{
    bindings,
    raw, //
};
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    device,
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_char, //
    },
    page::PAGE_SIZE,
    prelude::*,
    str::Formatter,
    sync::Arc,
    types::Opaque, //
};

/// Where a directory appears.
pub enum Parent<'a> {
    /// `/sys/kernel`.
    Kernel,
    /// `/sys/fs`.
    FileSystems,
    /// The directory of a bound device; drop the [`Dir`] before the device is unbound.
    Device(&'a device::Device<device::Bound>),
    /// Another directory; drop this one first.
    Dir(&'a dyn AsKobject),
}

/// A directory whose C object can be the parent of another.
///
/// # Safety
///
/// The pointer returned is that of an initialised `kobject` that lives as long as `self`.
pub unsafe trait AsKobject {
    /// Returns the C object.
    fn kobject(&self) -> *mut bindings::kobject;
}

/// What a directory consists of: a C object and the data its attributes show. A [`Dir`] and the
/// callbacks of [`Attribute`](super::Attribute) give access to it.
///
/// # Invariants
///
/// `kobj` is initialised; the last reference to it frees the object.
#[repr(C)]
#[pin_data]
pub struct Object<T> {
    #[pin]
    kobj: Opaque<bindings::kobject>,
    /// What is begun in files with long texts.
    #[pin]
    pub(super) texts: Texts,
    #[pin]
    data: T,
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

// SAFETY: By the type invariant `kobj` is initialised, and whoever has an `Object` keeps it alive.
unsafe impl<T> AsKobject for Object<T> {
    fn kobject(&self) -> *mut bindings::kobject {
        self.kobj.get()
    }
}

impl<T: Send + Sync + 'static> Object<T> {
    const OPS: bindings::sysfs_ops = bindings::sysfs_ops {
        show: Some(Self::show),
        store: Some(Self::store),
    };

    const TYPE: bindings::kobj_type = bindings::kobj_type {
        release: Some(Self::release),
        sysfs_ops: &Self::OPS,
        default_groups: core::ptr::null_mut(),
        child_ns_type: None,
        namespace: None,
        get_ownership: None,
    };

    /// # Safety
    ///
    /// `kobj` is that of an `Object<T>` which nobody refers to any more.
    unsafe extern "C" fn release(kobj: *mut bindings::kobject) {
        // SAFETY: `Dir::new` took the pointer from a `KBox<Object<T>>` and gave up the box; `kobj`
        // is its first field, and by the requirement above this is the last use.
        drop(unsafe { Pin::new_unchecked(KBox::from_raw(kobj.cast::<Self>())) });
    }

    /// # Safety
    ///
    /// `kobj` is that of a live `Object<T>`, `attr` that of an `Entry<T>`, and `page` is valid for
    /// writes of `PAGE_SIZE` bytes that nobody else accesses.
    unsafe extern "C" fn show(
        kobj: *mut bindings::kobject,
        attr: *mut bindings::attribute,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: By the requirement above; `kobj` is the first field and the object is never
        // moved.
        let this = unsafe { &*kobj.cast::<Self>() };
        // SAFETY: By the requirement above; `attr` is the first field of a static that lives as
        // long as the module.
        let entry = unsafe { &*attr.cast::<Entry<T>>() };
        // SAFETY: By the requirement above.
        let page = unsafe { core::slice::from_raw_parts_mut(page.cast::<u8>(), PAGE_SIZE) };
        from_result(|| {
            let mut out = Formatter::new(page);
            (entry.show)(this, &mut out)?;
            isize::try_from(out.bytes_written()).map_err(|_| EIO)
        })
    }

    /// # Safety
    ///
    /// As [`Self::show`], but `text` is valid for reads of `len` bytes.
    unsafe extern "C" fn store(
        kobj: *mut bindings::kobject,
        attr: *mut bindings::attribute,
        text: *const c_char,
        len: usize,
    ) -> isize {
        // SAFETY: As in `show`.
        let this = unsafe { &*kobj.cast::<Self>() };
        // SAFETY: As in `show`.
        let entry = unsafe { &*attr.cast::<Entry<T>>() };
        // SAFETY: By the requirement above.
        let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };
        from_result(|| {
            let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
            (entry.store)(this, text.strip_suffix('\n').unwrap_or(text))?;
            isize::try_from(len).map_err(|_| EINVAL)
        })
    }
}

/// A directory in sysfs that owns the data its attributes show; see the [module
/// documentation](super).
///
/// # Invariants
///
/// `object` points to a pinned, initialised and added object of which this holds one reference.
pub struct Dir<T: Send + Sync + 'static> {
    object: NonNull<Object<T>>,
    /// Where a [`Notifier`] finds it.
    place: Option<Arc<Place>>,
}

// SAFETY: A `Dir` owns its object, whose data may be sent.
unsafe impl<T: Send + Sync> Send for Dir<T> {}
// SAFETY: Shared access to a `Dir` gives shared access to its data only.
unsafe impl<T: Send + Sync> Sync for Dir<T> {}

impl<T: Send + Sync + 'static> Dir<T> {
    /// Creates the directory `name` with the attributes of `groups`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], or [`EEXIST`] if the parent has an entry of that name (the kernel then logs a
    /// warning, so keep names unique), or what `data` fails with.
    pub fn new(
        parent: Parent<'_>,
        name: &CStr,
        groups: &[&'static Group<T>],
        data: impl PinInit<T, Error>,
    ) -> Result<Self> {
        let object = KBox::pin_init(
            try_pin_init!(Object {
                kobj <- Opaque::zeroed(),
                texts <- Texts::new(),
                data <- data,
            }? Error),
            GFP_KERNEL,
        )?;
        let parent = match parent {
            // SAFETY: The core sets `kernel_kobj` before any module is loaded and never changes it.
            Parent::Kernel => unsafe { bindings::kernel_kobj },
            // SAFETY: As `kernel_kobj`.
            Parent::FileSystems => unsafe { bindings::fs_kobj },
            // SAFETY: The device is live; `kobj` is a field of it.
            Parent::Device(dev) => unsafe { &raw mut (*raw::device(dev)).kobj },
            Parent::Dir(dir) => dir.kobject(),
        };
        // SAFETY: The object stays pinned: from here on it is only reached through the pointer
        // until `release`.
        let object = KBox::into_raw(unsafe { Pin::into_inner_unchecked(object) });
        // SAFETY: `object` was just leaked, so it is valid.
        let kobj = unsafe { Opaque::cast_into(&raw const (*object).kobj) };
        // SAFETY: `kobj` is zeroed and pinned, the type lives as long as the module, and the format
        // takes one string.
        let ret = unsafe {
            bindings::kobject_init_and_add(
                kobj,
                Self::object_type(),
                parent,
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            )
        };
        // INVARIANT: The object is initialised in either case; it is added unless `ret` says
        // otherwise, and then dropping the `Dir` only gives up the reference.
        // SAFETY: `KBox::into_raw` never returns null.
        let object = unsafe { NonNull::new_unchecked(object) };
        let dir = Self {
            object,
            place: None,
        };
        to_result(ret)?;
        for group in groups {
            // SAFETY: `kobj` is added, and the group matches its data type.
            to_result(unsafe { bindings::sysfs_create_group(kobj, &group.0) })?;
        }
        Ok(dir)
    }

    fn object_type() -> &'static bindings::kobj_type {
        const { &Object::<T>::TYPE }
    }

    /// Wakes whoever polls the attribute `name`.
    pub fn notify(&self, name: &CStr) {
        // SAFETY: By the type invariant the object is added; an unknown name is ignored.
        unsafe { bindings::sysfs_notify(self.kobject(), core::ptr::null(), name.as_char_ptr()) };
    }

    /// Lets `notifier` wake whoever polls its attribute of this directory.
    pub fn notify_by(&mut self, notifier: &Notifier) {
        // INVARIANT: `drop` takes it away before the object goes.
        *notifier.place.kobj.lock() = Kobject(self.kobject());
        self.place = Some(notifier.place.clone());
    }
}

impl<T: Send + Sync + 'static> Deref for Dir<T> {
    type Target = Object<T>;

    fn deref(&self) -> &Object<T> {
        // SAFETY: By the type invariant `object` is valid, and it is only shared.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Send + Sync + 'static> Drop for Dir<T> {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            // INVARIANT: Null.
            *place.kobj.lock() = Kobject(core::ptr::null_mut());
        }
        // SAFETY: By the type invariant this owns one reference. `kobject_del` removes the files
        // and waits for running callbacks; it does nothing for an object that was not added.
        unsafe {
            bindings::kobject_del(self.kobject());
            bindings::kobject_put(self.kobject());
        }
    }
}
