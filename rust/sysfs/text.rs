// SPDX-License-Identifier: GPL-2.0

//! Texts of any length as attributes.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use super::{
    texts::Opened,
    Mode,
    Object, //
};
use crate::bindings;
use core::{
    fmt,
    mem::MaybeUninit, //
};
use kernel::{
    error::from_result,
    ffi::{
        c_char, //
    },
    prelude::*, //
};

/// A file of a directory whose data is a `T`, with a text that may be longer than a page. Both
/// callbacks run in process context and may sleep; those of different open files may run at the
/// same time.
///
/// # Reading
///
/// A reader gets the text as it was when it began at offset 0, to the end, whatever happens meanwhile.
/// Texts that are being read are charged to their readers' cgroups. Of more than eight in one
/// directory the one used longest ago goes; its reader gets [`ESTALE`] and begins again.
///
/// # Writing
///
/// A write is a text by itself: [`EFBIG`] if it fills a page, since it would be cut. Or it begins with
/// a line `begin`: then all that is written to this open file up to a line `commit` is one text, which
/// the write with `commit` stores. These lines are not part of it: the line after `begin` is its first.
///
/// Other errors: [`EINVAL`] for what does not follow the last write, for `commit` without `begin`,
/// and for a text that is not UTF-8; [`EBUSY`] while another open file of the directory has begun a
/// text and written in the last ten seconds; [`ETIMEDOUT`] once another has begun instead; [`EFBIG`]
/// beyond 4 MiB; [`ENOMEM`]. Whatever of a text follows such an error is refused with the same error, up to
/// its `commit`.
///
/// # Examples
///
/// ```ignore
/// struct Rules;
///
/// impl TextFile<Filter> for Rules {
///     const NAME: &'static CStr = c"rules";
///     const MODE: Mode = Mode::ReadWrite;
///
///     fn show(filter: &Object<Filter>, out: &mut dyn Write) -> Result {
///         for rule in filter.rules() {
///             writeln!(out, "{rule}").map_err(|_| EIO)?;
///         }
///         Ok(())
///     }
///
///     fn store(filter: &Object<Filter>, text: &str) -> Result {
///         filter.set_rules(text.lines())
///     }
/// }
///
/// sysfs_group!(static FILTER: Filter = [State], texts [Rules]);
/// ```
pub trait TextFile<T>: 'static {
    /// The file's name.
    const NAME: &'static CStr;
    /// The file's permissions.
    const MODE: Mode;

    /// Writes the text to `out`. An error of `out` itself may be passed on as any other: the reader
    /// gets its cause.
    ///
    /// # Errors
    ///
    /// What the reader gets; also [`EFBIG`] beyond 16 MiB, and [`ENOMEM`].
    fn show(_this: &Object<T>, _out: &mut dyn fmt::Write) -> Result {
        Err(EIO)
    }

    /// Takes a text, with its line ends.
    ///
    /// # Errors
    ///
    /// What the writer gets; nothing of the text must then be in force.
    fn store(_this: &Object<T>, _text: &str) -> Result {
        Err(EIO)
    }
}

/// A [`TextFile`] as the C side sees it, with its typed callbacks behind it.
#[doc(hidden)]
#[repr(C)]
pub struct TextEntry<T: 'static> {
    attr: bindings::bin_attribute,
    show: fn(&Object<T>, &mut dyn fmt::Write) -> Result,
    store: fn(&Object<T>, &str) -> Result,
}

impl<T: 'static> TextEntry<T> {
    #[doc(hidden)]
    pub const fn new<A: TextFile<T>>() -> Self {
        // SAFETY: All-zero bytes are a valid `bin_attribute`: numbers, pointers and optional
        // functions.
        let mut attr: bindings::bin_attribute = unsafe { core::mem::zeroed() };
        attr.attr.name = A::NAME.to_bytes_with_nul().as_ptr().cast();
        attr.attr.mode = A::MODE.bits();
        if A::MODE.is_read() {
            attr.read = Some(Self::read);
        }
        if A::MODE.is_written() {
            attr.write = Some(Self::write);
        }
        Self {
            attr,
            show: A::show,
            store: A::store,
        }
    }

    pub(super) const fn attr(&'static self) -> *const bindings::bin_attribute {
        &raw const self.attr
    }

    /// # Safety
    ///
    /// `file` is open on an attribute in sysfs and no other callback runs for it, `kobj` is that of a
    /// live `Object<T>`, `attr` that of a `TextEntry<T>`, and `page` is valid for writes of `len` bytes
    /// that nobody else accesses.
    unsafe extern "C" fn read(
        file: *mut bindings::file,
        kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        page: *mut c_char,
        offset: bindings::loff_t,
        len: usize,
    ) -> isize {
        // SAFETY: By the requirement above; `kobj` is the first field and the object is never moved.
        let this = unsafe { &*kobj.cast::<Object<T>>() };
        // SAFETY: By the requirement above; `attr` is the first field of a static that lives as long
        // as the module.
        let entry = unsafe { &*attr.cast::<Self>() };
        // SAFETY: By the requirement above; the bytes need not be initialised.
        let page = unsafe { core::slice::from_raw_parts_mut(page.cast::<MaybeUninit<u8>>(), len) };
        // SAFETY: By the requirement above.
        let mut opened = unsafe { Opened::new(file) };
        from_result(|| {
            let offset = u64::try_from(offset).map_err(|_| EINVAL)?;
            let copied = this
                .texts
                .read(&mut opened, offset, page, |out| (entry.show)(this, out))?;
            isize::try_from(copied).map_err(|_| EIO)
        })
    }

    /// # Safety
    ///
    /// As [`Self::read`], but `text` is valid for reads of `len` bytes.
    unsafe extern "C" fn write(
        file: *mut bindings::file,
        kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        text: *mut c_char,
        offset: bindings::loff_t,
        len: usize,
    ) -> isize {
        // SAFETY: As in `read`.
        let this = unsafe { &*kobj.cast::<Object<T>>() };
        // SAFETY: As in `read`.
        let entry = unsafe { &*attr.cast::<Self>() };
        // SAFETY: By the requirement above.
        let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };
        // SAFETY: By the requirement above.
        let mut opened = unsafe { Opened::new(file) };
        from_result(|| {
            let offset = u64::try_from(offset).map_err(|_| EINVAL)?;
            let taken = this.texts.write(&mut opened, offset, text, |text| {
                let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
                (entry.store)(this, text)
            })?;
            isize::try_from(taken).map_err(|_| EINVAL)
        })
    }
}

/// The C pointers of `N - 1` texts and the null that ends them.
#[doc(hidden)]
#[repr(transparent)]
pub struct TextList<const N: usize>(pub(super) [*const bindings::bin_attribute; N]);

// SAFETY: The pointers are to immutable statics.
unsafe impl<const N: usize> Sync for TextList<N> {}

impl<const N: usize> TextList<N> {
    #[doc(hidden)]
    pub const fn new(attrs: [*const bindings::bin_attribute; N]) -> Self {
        Self(attrs)
    }
}
