// SPDX-License-Identifier: GPL-2.0

//! Reading atomic variables on hot paths.
//!
//! C header: [`include/asm-generic/rwonce.h`](srctree/include/asm-generic/rwonce.h)

use kernel::sync::atomic::{
    Atomic,
    AtomicType, //
};

/// What a relaxed load returns, without the call into C that [`Atomic::load`] makes. What is found by a
/// pointer that was read is ordered behind it, as in `rcu_dereference`.
#[inline]
pub fn peek<T: AtomicType>(atomic: &Atomic<T>) -> T {
    // SAFETY: The pointer is that of an `Atomic`, whose types are those that are read in one piece.
    unsafe { atomic.as_ptr().read_volatile() }
}
