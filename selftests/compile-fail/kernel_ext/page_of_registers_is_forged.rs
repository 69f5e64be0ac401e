// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! Programs get pages of windows, not of any number.

use kernel_ext::vfio::{Fault, IoPfn};

/// Lets a program access the first page of memory.
pub fn run(fault: &Fault<'_>) {
    // SAFETY: There is no reason why this would be safe.
    let _ = fault.insert_io(unsafe { IoPfn::new(0) }); //~ E0624
}
