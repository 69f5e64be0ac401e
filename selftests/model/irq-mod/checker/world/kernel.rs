// SPDX-License-Identifier: GPL-2.0

//! The device, its interrupt controller, and the kernel around the module.

use super::{World, TRAVEL};

impl World {
    /// An interrupt message is on its way; it arrives in the tick `by` at the latest.
    pub(super) fn send(&mut self, by: u8) {
        let [first, second] = &mut self.at.messages;
        match (*first, *second) {
            (None, _) => *first = Some(by),
            (Some(one), None) => (*first, *second) = (Some(one.min(by)), Some(one.max(by))),
            // The controller has room for one each on two CPUs; this one coalesces with the first.
            (Some(one), Some(_)) => *first = Some(one.min(by)),
        }
    }

    /// Undoes what the module masked, unless the kernel wants the line masked.
    pub(super) fn unmask(&mut self) {
        if self.at.kernel_masked {
            return;
        }
        self.at.masked = false;
        self.release_latch();
    }

    fn release_latch(&mut self) {
        if std::mem::take(&mut self.at.latched) {
            self.send(self.at.now + TRAVEL);
        }
    }

    /// The kernel's flow handler runs that of the driver, or remembers that it has to.
    pub(super) fn handle(&mut self) {
        self.at.handlers -= 1;
        if self.at.disabled {
            self.at.kernel_pending = true;
            self.at.masked = true;
            self.at.kernel_masked = true;
        } else {
            self.at.unserved_since = None;
        }
    }

    /// The driver enables its line again.
    pub(super) fn enable(&mut self) {
        self.at.disabled = false;
        // What waited for the driver waits for the line from now on.
        if self.at.unserved_since.is_some() {
            self.at.unserved_since = Some(self.at.now);
            self.at.longest = self.longest_interval();
        }
        if std::mem::take(&mut self.at.kernel_masked) {
            self.at.masked = false;
            self.release_latch();
        }
        if std::mem::take(&mut self.at.kernel_pending) {
            self.send(self.at.now + TRAVEL);
        }
    }
}
