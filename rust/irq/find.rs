// SPDX-License-Identifier: GPL-2.0

//! Finding lines by what their drivers call them, or by the function they belong to.

use super::desc::Desc;
use crate::{
    bindings,
    pci::Function, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// Returns the number of the first line from `first` on that was requested under a name which `matches`
/// accepts: what is listed in the last column of `/proc/interrupts`.
///
/// `matches` is called with a raw spinlock held and interrupts off.
pub fn next_named(first: u32, matches: impl Fn(&[u8]) -> bool) -> Option<u32> {
    // SAFETY: The function only reads the number of lines.
    let end = unsafe { bindings::irq_get_nr_irqs() };
    (first..end).find(|irq| {
        let rcu = rcu::read_lock();
        Desc::of(*irq, &rcu).is_some_and(|desc| {
            let locked = desc.lock();
            let action = locked.action();
            // SAFETY: A non-null action and its name are valid while the descriptor is locked.
            if action.is_null() || unsafe { (*action).name.is_null() } {
                return false;
            }
            // SAFETY: As above; the name is null-terminated.
            matches(unsafe { CStr::from_char_ptr((*action).name) }.to_bytes())
        })
    })
}

/// What is known of a vector of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vector {
    /// It is the line with this number.
    Line(u32),
    /// The function has no such vector in use.
    Absent,
    /// The function is being bound to a driver or unbound: ask again later.
    Busy,
}

/// Looks for the line that the MSI or MSI-X vector `index` of `function` is.
pub fn vector(function: &Function, index: u16) -> Vector {
    let device = function.dev();
    // SAFETY: The function is alive. Whoever holds this lock may in turn wait for a user, so it is not
    // waited for.
    if !unsafe { bindings::kernel_ext_device_trylock(device) } {
        return Vector::Busy;
    }
    // SAFETY: The device's vectors are set up and taken down by its driver only, which comes and goes
    // with the lock held, as it is here. Any index of 16 bits may be looked up.
    let irq = unsafe {
        bindings::msi_domain_get_virq(
            device,
            bindings::msi_domain_ids_MSI_DEFAULT_DOMAIN,
            u32::from(index),
        )
    };
    // SAFETY: Locked above.
    unsafe { bindings::kernel_ext_device_unlock(device) };
    match irq {
        0 => Vector::Absent,
        irq => Vector::Line(irq),
    }
}
