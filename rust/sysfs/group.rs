// SPDX-License-Identifier: GPL-2.0

//! Sets of attributes, as the C side sees them.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use super::{
    text::{
        TextEntry,
        TextList, //
    },
    Attribute,
    Object, //
};
use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    prelude::*,
    str::Formatter, //
};

/// An attribute as the C side sees it, with its typed callbacks behind it.
#[doc(hidden)]
#[repr(C)]
pub struct Entry<T: 'static> {
    attr: bindings::attribute,
    pub(super) show: fn(&Object<T>, &mut Formatter<'_>) -> Result,
    pub(super) store: fn(&Object<T>, &str) -> Result,
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
/// Each attribute is the first field of an `Entry<T>`, each binary one of a `TextEntry<T>`.
#[repr(transparent)]
pub struct Group<T: 'static>(pub(super) bindings::attribute_group, PhantomData<fn(&T)>);

// SAFETY: A group is immutable and its pointers are to immutable statics.
unsafe impl<T> Sync for Group<T> {}

impl<T: 'static> Group<T> {
    /// # Safety
    ///
    /// `attrs` ends with a null pointer, and all before it point to the `attr` of an `Entry<T>`; so
    /// do `texts`, to that of a `TextEntry<T>`.
    #[doc(hidden)]
    pub const unsafe fn new<const N: usize, const M: usize>(
        subdir: Option<&'static CStr>,
        attrs: &'static List<N>,
        texts: &'static TextList<M>,
    ) -> Self {
        // SAFETY: All-zero bytes are a valid `attribute_group`: its fields are pointers and
        // optional functions.
        let mut group: bindings::attribute_group = unsafe { core::mem::zeroed() };
        if let Some(name) = subdir {
            group.name = name.to_bytes_with_nul().as_ptr().cast();
        }
        group.__bindgen_anon_2.attrs_const = attrs.0.as_ptr();
        group.bin_attrs = texts.0.as_ptr();
        // INVARIANT: By the safety requirements.
        Self(group, PhantomData)
    }

    #[doc(hidden)]
    pub const fn attr(entry: &'static Entry<T>) -> *const bindings::attribute {
        &raw const entry.attr
    }

    #[doc(hidden)]
    pub const fn text(entry: &'static TextEntry<T>) -> *const bindings::bin_attribute {
        entry.attr()
    }
}

/// Declares a [`Group`]: `sysfs_group!(static NAME: Data = [Attr, ...])`, with `static NAME: Data in
/// c"stats" = [...]` one that appears as a subdirectory, and with `= [Attr, ...], texts [Text, ...]` one
/// that also has files of type [`TextFile`](super::TextFile).
#[macro_export]
macro_rules! sysfs_group {
    (
        $(#[$meta:meta])* $vis:vis static $name:ident: $data:ident $(in $subdir:literal)? =
        [$($attr:ty),* $(,)?] $(, texts [$($text:ty),+ $(,)?])?
    ) => {
        $(#[$meta])*
        $vis static $name: $crate::sysfs::Group<$data> = {
            const COUNT: usize = <[&str]>::len(&[$(stringify!($attr)),*]);
            static ATTRS: $crate::sysfs::List<{ COUNT + 1 }> = $crate::sysfs::List::new([
                $($crate::sysfs::Group::<$data>::attr(
                    const { &$crate::sysfs::Entry::<$data>::new::<$attr>() }
                ),)*
                ::core::ptr::null(),
            ]);
            const TEXT_COUNT: usize = <[&str]>::len(&[$($(stringify!($text)),+)?]);
            static TEXTS: $crate::sysfs::TextList<{ TEXT_COUNT + 1 }> =
                $crate::sysfs::TextList::new([
                    $($($crate::sysfs::Group::<$data>::text(
                        const { &$crate::sysfs::TextEntry::<$data>::new::<$text>() }
                    ),)+)?
                    ::core::ptr::null(),
                ]);
            #[allow(unused_mut, unused_assignments)]
            let mut subdir: Option<&'static ::kernel::str::CStr> = None;
            $(subdir = Some($subdir);)?
            // SAFETY: `ATTRS` and `TEXTS` were made from entries of this data type right above and end
            // with null.
            unsafe { $crate::sysfs::Group::new(subdir, &ATTRS, &TEXTS) }
        };
    };
}
pub use sysfs_group;
