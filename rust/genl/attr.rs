// SPDX-License-Identifier: GPL-2.0

//! Attributes: their numbers, and what they hold.
//!
//! C header: [`include/net/netlink.h`](srctree/include/net/netlink.h)

use crate::bindings;
use core::marker::PhantomData;
use kernel::prelude::*;

/// The number of an attribute that holds a `T`.
pub struct Attr<T> {
    number: u16,
    _value: PhantomData<fn() -> T>,
}

impl<T> Clone for Attr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Attr<T> {}

impl<T: Value> Attr<T> {
    /// The attribute of this number, which is not 0.
    pub const fn new(number: u16) -> Self {
        Self {
            number,
            _value: PhantomData,
        }
    }

    /// That requests may have it.
    pub const fn accepted(self) -> (u16, Accepted) {
        (self.number, T::ACCEPTED)
    }

    pub(super) const fn number(self) -> u16 {
        self.number
    }
}

/// What the kernel lets an attribute of a request hold.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Accepted(bindings::nla_policy);

// SAFETY: It is never changed, and leads nowhere.
unsafe impl Sync for Accepted {}

impl Accepted {
    /// Not in a request of this command.
    const NOTHING: Self = Self::new(bindings::NLA_REJECT, 0);

    const fn new(kind: u32, len: u16) -> Self {
        let mut policy: bindings::nla_policy = pin_init::zeroed();
        // CAST: All kinds are below `NLA_TYPE_MAX`, which fits.
        policy.type_ = kind as u8;
        policy.len = len;
        Self(policy)
    }

    const fn bytes(min: usize, max: usize) -> Self {
        const MAX: usize = 0x7fff;
        assert!(min <= max && max <= MAX);
        let mut accepted = Self::new(bindings::NLA_BINARY, 0);
        // CAST: As `NLA_BINARY`.
        accepted.0.validation_type = bindings::nla_policy_validation_NLA_VALIDATE_RANGE as u8;
        // CAST: Checked above.
        accepted.0.__bindgen_anon_1.__bindgen_anon_1 =
            bindings::nla_policy__bindgen_ty_1__bindgen_ty_1 {
                min: min as i16,
                max: max as i16,
            };
        accepted
    }
}

/// The table for a command that accepts all of these; `N` is one more than the highest number. For constants only:
/// panics if a number is 0 or not below `N`.
pub const fn accept<const N: usize>(lists: &[&[(u16, Accepted)]]) -> [Accepted; N] {
    let mut table = [Accepted::NOTHING; N];
    let mut lists = lists;
    while let [list, others @ ..] = lists {
        let mut list = *list;
        while let [(number, accepted), more @ ..] = list {
            assert!(*number != 0);
            // CAST: It is wider.
            table[*number as usize] = *accepted;
            list = more;
        }
        lists = others;
    }
    table
}

/// Something that an attribute can hold.
pub trait Value: Sized + 'static {
    /// How it is read and written.
    type As<'a>;

    /// What the kernel checks.
    const ACCEPTED: Accepted;

    /// Reads it; [`None`] if the bytes mean nothing.
    fn read(payload: &[u8]) -> Option<Self::As<'_>>;
}

/// A value that is written in one piece; text is not, see [`Message::put_text`](super::Message::put_text).
pub trait Plain: Value {
    /// Gives its bytes to `put`.
    ///
    /// # Errors
    ///
    /// What `put` fails with.
    fn write(value: Self::As<'_>, put: impl FnOnce(&[u8]) -> Result) -> Result;
}

impl Value for u32 {
    type As<'a> = u32;

    const ACCEPTED: Accepted = Accepted::new(bindings::NLA_U32, 0);

    fn read(payload: &[u8]) -> Option<u32> {
        Some(u32::from_ne_bytes(payload.try_into().ok()?))
    }
}

impl Plain for u32 {
    fn write(value: u32, put: impl FnOnce(&[u8]) -> Result) -> Result {
        put(&value.to_ne_bytes())
    }
}

/// A number that takes 4 bytes if they suffice, and 8 if not.
pub struct Uint;

impl Value for Uint {
    type As<'a> = u64;

    const ACCEPTED: Accepted = Accepted::new(bindings::NLA_UINT, 0);

    fn read(payload: &[u8]) -> Option<u64> {
        match payload.len() {
            4 => u32::read(payload).map(u64::from),
            _ => Some(u64::from_ne_bytes(payload.try_into().ok()?)),
        }
    }
}

impl Plain for Uint {
    fn write(value: u64, put: impl FnOnce(&[u8]) -> Result) -> Result {
        match u32::try_from(value) {
            Ok(value) => put(&value.to_ne_bytes()),
            Err(_) => put(&value.to_ne_bytes()),
        }
    }
}

/// Text; in a request, of at most `MAX` bytes.
pub struct Text<const MAX: u16>;

impl<const MAX: u16> Value for Text<MAX> {
    type As<'a> = &'a str;

    const ACCEPTED: Accepted = Accepted::new(bindings::NLA_NUL_STRING, MAX);

    fn read(payload: &[u8]) -> Option<&str> {
        let text = CStr::from_bytes_until_nul(payload).ok()?;
        text.to_str().ok()
    }
}

impl<const N: usize> Value for [u8; N] {
    type As<'a> = [u8; N];

    const ACCEPTED: Accepted = Accepted::bytes(N, N);

    fn read(payload: &[u8]) -> Option<[u8; N]> {
        payload.try_into().ok()
    }
}

impl<const N: usize> Plain for [u8; N] {
    fn write(value: [u8; N], put: impl FnOnce(&[u8]) -> Result) -> Result {
        put(&value)
    }
}

/// At least `MIN` and at most `MAX` bytes.
pub struct Bytes<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Value for Bytes<MIN, MAX> {
    type As<'a> = &'a [u8];

    const ACCEPTED: Accepted = Accepted::bytes(MIN, MAX);

    fn read(payload: &[u8]) -> Option<&[u8]> {
        (MIN..=MAX).contains(&payload.len()).then_some(payload)
    }
}

impl<const MIN: usize, const MAX: usize> Plain for Bytes<MIN, MAX> {
    fn write(value: &[u8], put: impl FnOnce(&[u8]) -> Result) -> Result {
        put(value)
    }
}

/// Something that is so because the attribute is there.
pub struct Flag;

impl Value for Flag {
    type As<'a> = ();

    const ACCEPTED: Accepted = Accepted::new(bindings::NLA_FLAG, 0);

    fn read(_payload: &[u8]) -> Option<()> {
        Some(())
    }
}

impl Plain for Flag {
    fn write((): (), put: impl FnOnce(&[u8]) -> Result) -> Result {
        put(&[])
    }
}
