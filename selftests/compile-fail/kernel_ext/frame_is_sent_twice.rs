// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! A frame is gone once it was sent.

use kernel_ext::net::{Frame, Link};

/// Sends a frame on one device and tries to send it on another.
pub fn run(frame: Frame, first: &Link, second: &Link) {
    let _ = first.transmit(frame);
    let _ = second.transmit(frame); //~ E0382
}
