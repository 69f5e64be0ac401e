// SPDX-License-Identifier: GPL-2.0

//! Finding a line by what its driver calls it.

use super::desc::Desc;
use crate::bindings;
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// Returns the interrupt number of the only line that was requested under `name`, as listed in the
/// last column of `/proc/interrupts`.
///
/// # Errors
///
/// [`ENXIO`] if there is none, [`EEXIST`] if there are several.
pub fn by_action_name(name: &[u8]) -> Result<u32> {
    // SAFETY: The function only reads the number of lines.
    let end = unsafe { bindings::irq_get_nr_irqs() };
    let mut found = None;
    for irq in 0..end {
        let rcu = rcu::read_lock();
        let Some(desc) = Desc::of(irq, &rcu) else {
            continue;
        };
        let locked = desc.lock();
        let action = locked.action();
        // SAFETY: A non-null action and its name are valid while the descriptor is locked.
        if action.is_null() || unsafe { (*action).name.is_null() } {
            continue;
        }
        // SAFETY: As above; the name is null-terminated.
        let of_line = unsafe { CStr::from_char_ptr((*action).name) };
        if of_line.to_bytes() != name {
            continue;
        }
        if found.replace(irq).is_some() {
            return Err(EEXIST);
        }
    }
    found.ok_or(ENXIO)
}
