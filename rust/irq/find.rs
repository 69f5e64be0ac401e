// SPDX-License-Identifier: GPL-2.0

//! Finding lines by what their drivers call them, or by the function they belong to.
//!
//! C headers: [`include/linux/irqdesc.h`](srctree/include/linux/irqdesc.h),
//! [`include/linux/msi.h`](srctree/include/linux/msi.h)

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
    (first..end).find(|irq| is_named(*irq, &matches) == Some(true))
}

/// Whether `matches` accepts the name under which the line `irq` was requested; [`None`] if it is not
/// requested.
///
/// `matches` is called as by [`next_named`].
pub fn is_named(irq: u32, matches: impl Fn(&[u8]) -> bool) -> Option<bool> {
    let rcu = rcu::read_lock();
    let desc = Desc::of(irq, &rcu)?;
    let locked = desc.lock();
    let action = locked.action();
    // SAFETY: A non-null action and its name are valid while the descriptor is locked.
    if action.is_null() || unsafe { (*action).name.is_null() } {
        return None;
    }
    // SAFETY: As above; the name is null-terminated.
    let name = unsafe { CStr::from_char_ptr((*action).name) };
    Some(matches(name.to_bytes()))
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
