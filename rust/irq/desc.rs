// SPDX-License-Identifier: GPL-2.0

//! Interrupt descriptors, as long as they are known to exist.

use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    interrupt::LocalInterruptDisabled,
    sync::rcu,
    types::NotThreadSafe, //
};

/// A descriptor that cannot be freed during `'a`.
///
/// # Invariants
///
/// `ptr` points to an initialised `irq_desc`, and the current CPU is an RCU reader throughout `'a`.
#[derive(Clone, Copy)]
pub(super) struct Desc<'a> {
    ptr: NonNull<bindings::irq_desc>,
    _rcu: PhantomData<(&'a (), NotThreadSafe)>,
}

/// The lock of a descriptor, held with local interrupts off.
pub(super) struct Locked<'a> {
    desc: Desc<'a>,
    /// What local interrupts were before; [`None`] if they stay off.
    flags: Option<usize>,
}

impl<'a> Desc<'a> {
    /// # Safety
    ///
    /// `ptr` points to an `irq_desc`, and the current CPU is an RCU reader throughout `'a` (hard
    /// interrupt context is one).
    #[inline]
    pub(super) unsafe fn new(ptr: NonNull<bindings::irq_desc>) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            ptr,
            _rcu: PhantomData,
        }
    }

    /// Looks up the descriptor of the interrupt number `irq`.
    pub(super) fn of(irq: u32, _rcu: &'a rcu::Guard) -> Option<Self> {
        // SAFETY: The guard makes this an RCU reader for all of `'a`.
        unsafe { Self::of_in_rcu(irq) }
    }

    /// # Safety
    ///
    /// The current CPU is an RCU reader throughout `'a`.
    pub(super) unsafe fn of_in_rcu(irq: u32) -> Option<Self> {
        // SAFETY: Any number may be looked up.
        let data = unsafe { bindings::irq_get_irq_data(irq) };
        if data.is_null() {
            return None;
        }
        // SAFETY: `data` is that of a descriptor, which by the requirement above is not freed
        // during `'a`.
        let desc = NonNull::new(unsafe { bindings::kernel_ext_irq_data_to_desc(data) })?;
        // SAFETY: By the requirement above.
        Some(unsafe { Self::new(desc) })
    }

    #[inline]
    pub(super) fn as_ptr(self) -> *mut bindings::irq_desc {
        self.ptr.as_ptr()
    }

    #[inline]
    pub(super) fn irq(self) -> u32 {
        // SAFETY: By the type invariant; the number is set once, before the descriptor is
        // published.
        unsafe { (*self.as_ptr()).irq_data.irq }
    }

    #[inline]
    fn data(self) -> *mut bindings::irq_data {
        // SAFETY: By the type invariant.
        unsafe { &raw mut (*self.as_ptr()).irq_data }
    }

    /// Whether the line is about to wake the system from suspend; as `irqd_is_wakeup_armed`, which is
    /// inline in C.
    #[inline]
    pub(super) fn is_wakeup_armed(self) -> bool {
        // SAFETY: By the type invariant. The state may be changing.
        let state = unsafe {
            (&raw const (*self.as_ptr()).irq_common_data.state_use_accessors).read_volatile()
        };
        state & bindings::IRQD_WAKEUP_ARMED != 0
    }

    pub(super) fn lock(self) -> Locked<'a> {
        // SAFETY: By the type invariant; the core initialised the lock.
        let flags =
            unsafe { bindings::kernel_ext_raw_spin_lock_irqsave(&raw mut (*self.as_ptr()).lock) };
        let flags = Some(flags);
        Locked { desc: self, flags }
    }

    /// [`Self::lock`] for those who know that local interrupts are off.
    #[inline]
    pub(super) fn lock_with_irqs_off(self, _irqs_off: &'a LocalInterruptDisabled) -> Locked<'a> {
        // SAFETY: By the type invariant; the core initialised the lock. Interrupts are off throughout `'a`.
        unsafe { bindings::kernel_ext_raw_spin_lock(&raw mut (*self.as_ptr()).lock) };
        Locked {
            desc: self,
            flags: None,
        }
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant of `Desc`.
        let lock = unsafe { &raw mut (*self.desc.as_ptr()).lock };
        match self.flags {
            // SAFETY: `Desc::lock` acquired the lock and returned these flags.
            Some(flags) => unsafe { bindings::kernel_ext_raw_spin_unlock_irqrestore(lock, flags) },
            // SAFETY: `Desc::lock_with_irqs_off` acquired the lock.
            None => unsafe { bindings::kernel_ext_raw_spin_unlock(lock) },
        }
    }
}

impl Locked<'_> {
    pub(super) fn flow(&self) -> bindings::irq_flow_handler_t {
        // SAFETY: By the type invariant of `Desc`; the field is protected by the lock.
        unsafe { (*self.desc.as_ptr()).handle_irq }
    }

    pub(super) fn set_flow(&mut self, flow: bindings::irq_flow_handler_t) {
        // SAFETY: As in `flow`; this is what `irq_set_handler_locked` does.
        unsafe { (*self.desc.as_ptr()).handle_irq = flow };
    }

    pub(super) fn is_level(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`.
        unsafe { bindings::kernel_ext_irqd_is_level(self.desc.data()) }
    }

    pub(super) fn is_single_target(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`.
        unsafe { bindings::kernel_ext_irqd_is_single_target(self.desc.data()) }
    }

    /// Whether the chip can acknowledge, mask and unmask this line alone.
    pub(super) fn can_hold(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`; a descriptor's chip is never null.
        let chip = unsafe { &*(*self.desc.data()).chip };
        chip.irq_ack.is_some() && chip.irq_mask.is_some() && chip.irq_unmask.is_some()
    }

    /// The first requested action, or null; it is freed only after it was unlinked under the lock.
    pub(super) fn action(&self) -> *mut bindings::irqaction {
        // SAFETY: As in `flow`.
        unsafe { (*self.desc.as_ptr()).action }
    }

    pub(super) fn is_shared(&self) -> bool {
        let action = self.action();
        // SAFETY: A non-null action is valid while the lock is held.
        !action.is_null() && unsafe { !(*action).next.is_null() }
    }

    /// The `IRQF_*` flags of the first requested action; 0 if there is none.
    pub(super) fn action_flags(&self) -> u32 {
        let action = self.action();
        if action.is_null() {
            return 0;
        }
        // SAFETY: A non-null action is valid while the lock is held.
        unsafe { (*action).flags }
    }

    /// Whether the line is a message-signalled interrupt.
    pub(super) fn is_msi(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`; the field is set before the line can be requested.
        unsafe { !(*self.desc.as_ptr()).irq_common_data.msi_desc.is_null() }
    }

    /// Whether the line may wake the system from suspend.
    pub(super) fn is_wakeup(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`.
        unsafe { bindings::kernel_ext_irqd_is_wakeup_set(self.desc.data()) }
    }

    /// Whether an affinity change waits for the line's next interrupt on its old target CPU.
    pub(super) fn is_moving(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`.
        unsafe { bindings::kernel_ext_irqd_is_setaffinity_pending(self.desc.data()) }
    }

    /// Whether this CPU is the line's target.
    pub(super) fn is_on_target(&self) -> bool {
        // SAFETY: By the type invariant of `Desc`; interrupts are off, so the CPU stays the same.
        unsafe { bindings::kernel_ext_irqd_targets_this_cpu(self.desc.data()) }
    }

    #[inline]
    pub(super) fn acknowledge(&mut self) {
        self.chip_call(|chip| chip.irq_ack);
    }

    #[inline]
    pub(super) fn mask(&mut self) {
        self.chip_call(|chip| chip.irq_mask);
    }

    /// Undoes [`Self::mask`], unless the kernel itself wants the line masked by now.
    pub(super) fn unmask(&mut self) {
        // SAFETY: By the type invariant of `Desc`.
        if !unsafe { bindings::kernel_ext_irqd_irq_masked(self.desc.data()) } {
            self.chip_call(|chip| chip.irq_unmask);
        }
    }

    /// Asks the chip to raise the interrupt again on the line's target CPU; returns whether it will.
    ///
    /// Unlike `irq_inject_interrupt`, this leaves no mark on the descriptor: the kernel refuses to
    /// inject while an earlier injection has not reached the driver, and one that is held does not.
    pub(super) fn retrigger(&mut self) -> bool {
        let data = self.desc.data();
        // SAFETY: By the type invariant of `Desc`. An activated line has its hierarchy of chips in
        // place, and it is taken down only after the line was deactivated under this lock.
        unsafe {
            bindings::kernel_ext_irqd_is_activated(data)
                && bindings::irq_chip_retrigger_hierarchy(data) != 0
        }
    }

    /// Calls one of the chip's functions on the line.
    #[inline]
    fn chip_call(
        &mut self,
        of: fn(&bindings::irq_chip) -> Option<unsafe extern "C" fn(*mut bindings::irq_data)>,
    ) {
        let data = self.desc.data();
        // SAFETY: By the type invariant of `Desc`; a descriptor's chip is never null and outlives
        // it.
        let chip = unsafe { &*(*data).chip };
        if let Some(function) = of(chip) {
            // SAFETY: The core calls the chip's functions with the lock held and interrupts off, as
            // here.
            unsafe { function(data) };
        }
    }
}
