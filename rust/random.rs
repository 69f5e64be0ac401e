// SPDX-License-Identifier: GPL-2.0

//! Numbers that nobody can foresee.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

use crate::bindings;

/// A number that nobody can foresee. Callable from any context.
pub fn number() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: So many bytes are written.
    unsafe { bindings::get_random_bytes(bytes.as_mut_ptr().cast(), bytes.len()) };
    u64::from_ne_bytes(bytes)
}
