// SPDX-License-Identifier: GPL-2.0

//! Directories with attributes in sysfs.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)
//!
//! A [`Dir`] owns the data its attributes show. Dropping it removes the directory: the kernel first
//! waits for callbacks that are running and lets later ones on files still open fail with `ENODEV`,
//! then the data goes. Therefore a [`Dir`] must not be dropped under a lock that one of its own
//! attributes takes, nor from one of its own attributes.
//!
//! # Examples
//!
//! ```ignore
//! struct LatencyUs;
//!
//! impl Attribute<Line> for LatencyUs {
//!     const NAME: &'static CStr = c"latency_us";
//!     const MODE: Mode = Mode::ReadWrite;
//!
//!     fn show(line: &Object<Line>, out: &mut Formatter<'_>) -> Result {
//!         sysfs::show(out, line.latency_us())
//!     }
//!
//!     fn store(line: &Object<Line>, text: &str) -> Result {
//!         line.set_latency(param::ranged(text, Latency::from_us)?)
//!     }
//! }
//!
//! sysfs_group!(static LINE: Line = [LatencyUs]);
//!
//! let dir = Dir::new(Parent::Kernel, c"example", &[&LINE], line)?;
//! ```

use crate::{
    bindings,
    raw, //
};
use core::{
    fmt::Write,
    marker::PhantomData,
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
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    str::Formatter,
    sync::{
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

/// Who may do what with an attribute; root's permissions are those of everybody for reading, of
/// root for writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 0444.
    ReadOnly,
    /// 0644.
    ReadWrite,
    /// 0200.
    WriteOnly,
}

impl Mode {
    const fn bits(self) -> bindings::umode_t {
        match self {
            Self::ReadOnly => 0o444,
            Self::ReadWrite => 0o644,
            Self::WriteOnly => 0o200,
        }
    }
}

/// One file of a directory whose data is a `T`. Both callbacks run in process context and may
/// sleep.
pub trait Attribute<T>: 'static {
    /// The file's name.
    const NAME: &'static CStr;
    /// The file's permissions.
    const MODE: Mode;

    /// Writes the value and a newline to `out`, which holds one page.
    ///
    /// # Errors
    ///
    /// What the reader gets.
    fn show(_this: &Object<T>, _out: &mut Formatter<'_>) -> Result {
        Err(EIO)
    }

    /// Takes what was written, without the newline that `echo` adds.
    ///
    /// # Errors
    ///
    /// What the writer gets; the old value must then still be in force.
    fn store(_this: &Object<T>, _text: &str) -> Result {
        Err(EIO)
    }
}

/// Writes `value` and a newline, which is what most attributes show.
///
/// # Errors
///
/// [`EIO`] if it is longer than a page.
pub fn show(out: &mut Formatter<'_>, value: impl core::fmt::Display) -> Result {
    writeln!(out, "{value}").map_err(|_| EIO)
}

/// An attribute as the C side sees it, with its typed callbacks behind it.
#[doc(hidden)]
#[repr(C)]
pub struct Entry<T: 'static> {
    attr: bindings::attribute,
    show: fn(&Object<T>, &mut Formatter<'_>) -> Result,
    store: fn(&Object<T>, &str) -> Result,
}

impl<T: 'static> Entry<T> {
    #[doc(hidden)]
    pub const fn new<A: Attribute<T>>() -> Self {
        // SAFETY: All-zero bytes are a valid `attribute`; some configurations have more fields.
        let mut attr: bindings::attribute = unsafe { core::mem::zeroed() };
        attr.name = A::NAME.to_bytes_with_nul().as_ptr().cast();
        attr.mode = A::MODE.bits();
        Self {
            attr,
            show: A::show,
            store: A::store,
        }
    }
}

/// The C pointers of `N - 1` attributes and the null that ends them.
#[doc(hidden)]
#[repr(transparent)]
pub struct List<const N: usize>([*const bindings::attribute; N]);

// SAFETY: The pointers are to immutable statics.
unsafe impl<const N: usize> Sync for List<N> {}

impl<const N: usize> List<N> {
    #[doc(hidden)]
    pub const fn new(attrs: [*const bindings::attribute; N]) -> Self {
        Self(attrs)
    }
}

/// A set of attributes, in the directory itself or in a subdirectory of it. Made by
/// [`sysfs_group!`].
///
/// # Invariants
///
/// Each attribute is the first field of an `Entry<T>`.
#[repr(transparent)]
pub struct Group<T: 'static>(bindings::attribute_group, PhantomData<fn(&T)>);

// SAFETY: A group is immutable and its pointers are to immutable statics.
unsafe impl<T> Sync for Group<T> {}

impl<T: 'static> Group<T> {
    /// # Safety
    ///
    /// `attrs` ends with a null pointer, and all before it point to the `attr` of an `Entry<T>`.
    #[doc(hidden)]
    pub const unsafe fn new<const N: usize>(
        subdir: Option<&'static CStr>,
        attrs: &'static List<N>,
    ) -> Self {
        // SAFETY: All-zero bytes are a valid `attribute_group`: its fields are pointers and
        // optional functions.
        let mut group: bindings::attribute_group = unsafe { core::mem::zeroed() };
        if let Some(name) = subdir {
            group.name = name.to_bytes_with_nul().as_ptr().cast();
        }
        group.__bindgen_anon_2.attrs_const = attrs.0.as_ptr();
        // INVARIANT: By the safety requirements.
        Self(group, PhantomData)
    }

    #[doc(hidden)]
    pub const fn attr(entry: &'static Entry<T>) -> *const bindings::attribute {
        &raw const entry.attr
    }
}

/// Declares a [`Group`]: `sysfs_group!(static NAME: Data = [Attr, ...])`, or with `static NAME:
/// Data in c"stats" = [...]` one that appears as a subdirectory.
#[macro_export]
macro_rules! sysfs_group {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $data:ident $(in $subdir:literal)? = [$($attr:ty),+ $(,)?]) => {
        $(#[$meta])*
        $vis static $name: $crate::sysfs::Group<$data> = {
            const COUNT: usize = [$(stringify!($attr)),+].len();
            static ATTRS: $crate::sysfs::List<{ COUNT + 1 }> = $crate::sysfs::List::new([
                $($crate::sysfs::Group::<$data>::attr(
                    const { &$crate::sysfs::Entry::<$data>::new::<$attr>() }
                ),)+
                ::core::ptr::null(),
            ]);
            #[allow(unused_mut, unused_assignments)]
            let mut subdir: Option<&'static ::kernel::str::CStr> = None;
            $(subdir = Some($subdir);)?
            // SAFETY: `ATTRS` was made from entries of this data type right above and ends with
            // null.
            unsafe { $crate::sysfs::Group::new(subdir, &ATTRS) }
        };
    };
}
pub use sysfs_group;

/// Declares attributes that only show a value each.
///
/// # Examples
///
/// ```ignore
/// sysfs_shown!(Line:
///     State = c"state", line => line.state();
/// );
/// ```
#[macro_export]
macro_rules! sysfs_shown {
    ($data:ty: $($attr:ident = $name:literal, $this:ident => $value:expr;)+) => {$(
        struct $attr;

        impl $crate::sysfs::Attribute<$data> for $attr {
            const NAME: &'static ::kernel::str::CStr = $name;
            const MODE: $crate::sysfs::Mode = $crate::sysfs::Mode::ReadOnly;

            fn show(
                $this: &$crate::sysfs::Object<$data>,
                out: &mut ::kernel::str::Formatter<'_>,
            ) -> ::kernel::error::Result {
                $crate::sysfs::show(out, $value)
            }
        }
    )+};
}
pub use sysfs_shown;

/// Declares attributes that are only written, with the result of each.
///
/// # Examples
///
/// ```ignore
/// sysfs_written!(Root:
///     Remove = c"remove", root, name => root.remove(name);
/// );
/// ```
#[macro_export]
macro_rules! sysfs_written {
    ($data:ty: $($attr:ident = $name:literal, $this:ident, $text:ident => $result:expr;)+) => {$(
        struct $attr;

        impl $crate::sysfs::Attribute<$data> for $attr {
            const NAME: &'static ::kernel::str::CStr = $name;
            const MODE: $crate::sysfs::Mode = $crate::sysfs::Mode::WriteOnly;

            fn store($this: &$crate::sysfs::Object<$data>, $text: &str) -> ::kernel::error::Result {
                $result
            }
        }
    )+};
}
pub use sysfs_written;

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
/// callbacks of [`Attribute`] give access to it.
///
/// # Invariants
///
/// `kobj` is initialised; the last reference to it frees the object.
#[repr(C)]
#[pin_data]
pub struct Object<T> {
    #[pin]
    kobj: Opaque<bindings::kobject>,
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

/// Wakes whoever polls one attribute, from wherever it is kept: once [`Dir::notify_by`] was called,
/// until that directory is dropped.
pub struct Notifier {
    name: &'static CStr,
    place: Arc<Place>,
}

/// The object that a [`Notifier`] is for.
///
/// # Invariants
///
/// `kobj` is null, or an object that stays while the lock is held.
#[pin_data]
struct Place {
    #[pin]
    kobj: Mutex<Kobject>,
}

/// A C object, or null.
struct Kobject(*mut bindings::kobject);

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

/// A directory in sysfs that owns the data its attributes show; see the [module
/// documentation](self).
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
