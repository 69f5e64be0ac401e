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

use crate::bindings;
use core::fmt::Write;
use kernel::{
    prelude::*,
    str::Formatter, //
};

mod dir;
mod group;
mod notifier;
#[path = "model/shelf.rs"]
mod shelf;
mod text;
mod texts;
#[path = "model/transaction.rs"]
mod transaction;

pub use dir::{
    AsKobject,
    Dir,
    Object,
    Parent, //
};
pub use group::{
    sysfs_group,
    Entry,
    Group,
    List, //
};
pub use notifier::Notifier;
pub use text::{
    TextEntry,
    TextFile,
    TextList, //
};

/// Who may do what with an attribute: everybody or root reads, root writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 0444.
    ReadOnly,
    /// 0644.
    ReadWrite,
    /// 0200.
    WriteOnly,
    /// 0400: what is read tells of others, such as who talks to whom.
    RootReadOnly,
    /// 0600.
    RootReadWrite,
}

impl Mode {
    const fn is_read(self) -> bool {
        self.bits() & 0o400 != 0
    }

    const fn is_written(self) -> bool {
        self.bits() & 0o200 != 0
    }

    const fn bits(self) -> bindings::umode_t {
        match self {
            Self::ReadOnly => 0o444,
            Self::ReadWrite => 0o644,
            Self::WriteOnly => 0o200,
            Self::RootReadOnly => 0o400,
            Self::RootReadWrite => 0o600,
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
