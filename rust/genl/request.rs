// SPDX-License-Identifier: GPL-2.0

//! What a program asks for.

use super::attr::{
    Accepted,
    Attr,
    Value, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A request whose attributes the kernel has checked.
///
/// # Invariants
///
/// - `attrs` holds null pointers and pointers to attributes that lie within one message, with all of their bytes.
/// - `report` is null, or what the kernel answers that message with.
/// - Both stay throughout `'a`, and nobody else uses `report` meanwhile.
pub struct Request<'a> {
    attrs: &'a [*const bindings::nlattr],
    report: *mut bindings::netlink_ext_ack,
    _thread: PhantomData<*mut ()>,
}

impl<'a> Request<'a> {
    /// # Safety
    ///
    /// `info` is what the kernel calls a command with that accepts `accepts`, and stays throughout `'a`.
    pub(super) unsafe fn new(info: *const bindings::genl_info, accepts: &[Accepted]) -> Self {
        // SAFETY: By the safety requirement.
        let (attrs, report) = unsafe { ((*info).attrs, (*info).extack) };
        let attrs: &[*const bindings::nlattr] = match NonNull::new(attrs) {
            // SAFETY: The kernel has made an array of one more than the highest number, which is how long the
            // table is; it stays as long as `info`.
            Some(attrs) => unsafe {
                core::slice::from_raw_parts(attrs.as_ptr().cast_const().cast(), accepts.len())
            },
            None => &[],
        };
        // INVARIANT: The kernel's parser points to attributes that end within the message. The report is this
        // command's until it returns.
        Self {
            attrs,
            report,
            _thread: PhantomData,
        }
    }

    fn find(&self, number: u16) -> Option<NonNull<bindings::nlattr>> {
        let attr = self.attrs.get(usize::from(number))?;
        NonNull::new(attr.cast_mut())
    }

    /// What the attribute holds, if it is there.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if its bytes mean nothing.
    pub fn get<T: Value>(&self, attr: Attr<T>) -> Result<Option<T::As<'a>>> {
        const HEADER: usize = size_of::<bindings::nlattr>();
        let Some(found) = self.find(attr.number()) else {
            return Ok(None);
        };
        // SAFETY: By the type invariant.
        let len = usize::from(unsafe { (*found.as_ptr()).nla_len }).saturating_sub(HEADER);
        // SAFETY: By the type invariant; what it holds follows the header, and no value needs an alignment.
        let payload = unsafe { core::slice::from_raw_parts(found.add(1).as_ptr().cast(), len) };
        match T::read(payload) {
            Some(value) => Ok(Some(value)),
            None => Err(self.refuse(attr, EINVAL, c"malformed")),
        }
    }

    /// What the attribute holds, which must be there.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is not, or if its bytes mean nothing.
    pub fn need<T: Value>(&self, attr: Attr<T>) -> Result<T::As<'a>> {
        if let Some(value) = self.get(attr)? {
            return Ok(value);
        }
        if !self.report.is_null() {
            // SAFETY: By the type invariant.
            unsafe { (*self.report).miss_type = attr.number() };
        }
        Err(EINVAL)
    }

    /// Tells the program that `attr` is the reason for `error`, and `why`. Returns the error.
    pub fn refuse<T: Value>(&self, attr: Attr<T>, error: Error, why: &'static CStr) -> Error {
        if let (false, Some(found)) = (self.report.is_null(), self.find(attr.number())) {
            // SAFETY: By the type invariants. The kernel only reads of the attribute where it is.
            unsafe { (*self.report).bad_attr = found.as_ptr() };
        }
        self.explain(error, why)
    }

    /// Tells the program `why` it gets `error`. Returns the error.
    pub fn explain(&self, error: Error, why: &'static CStr) -> Error {
        if !self.report.is_null() {
            // SAFETY: By the type invariant. The kernel copies the text before it lets go of the family or, in a
            // dump, of the module.
            unsafe { (*self.report)._msg = why.as_char_ptr() };
        }
        error
    }
}
