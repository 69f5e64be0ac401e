// SPDX-License-Identifier: GPL-2.0

//! Generated bindings for what `kernel::bindings` lacks; everything else is re-exported from there.
//!
//! C header: `rust/bindings.h`. What is generated is named in `rust/bindgen_parameters`. Types that
//! `kernel::bindings` defines in full are shared with it; a type that it only declares is shadowed
//! by the full definition here.

#![allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused_imports
)]
#![allow(
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks
)]

pub(crate) use kernel::bindings::*;
use kernel::ffi;
use pin_init::{
    MaybeZeroable,
    Zeroable, //
};

include!(concat!(env!("KERNEL_EXT_OBJ"), "/bindings_generated.rs"));
