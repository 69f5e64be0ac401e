// SPDX-License-Identifier: GPL-2.0

//! Attaching to a line and leaving it as it was found.

use super::{
    alarm::Alarm,
    chains::{
        self,
        Entry, //
    },
    desc::{
        Desc,
        Locked, //
    },
    line::{
        Arrived,
        Expired, //
    },
};
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};

/// How often, and after which pause, a detaching hook looks whether its timer has replayed what was
/// held.
const DRAIN_TRIES: u32 = 1000;
const DRAIN_PAUSE: Delta = Delta::from_micros(100);

/// What is done with the interrupts of a hooked line.
///
/// `arrived` and `expired` run in hard interrupt context: no sleeping, no allocation, no printing
/// at the rate of interrupts.
pub trait Flow: Send + Sync + 'static {
    /// An interrupt arrived: deliver it or hold it. May run on several CPUs at once.
    fn arrived(&self, line: &Arrived<'_>);

    /// The timer expired. Not called for a line that is no longer the one that was hooked.
    fn expired(&self, line: &Expired<'_>);

    /// Hold nothing from now on: the hook is about to go, or was told to [drain](Hook::drain). Runs in
    /// process context.
    fn drain(&self);

    /// Whether nothing is held. After `drain`, the hook lets the alarm ring until this is so.
    fn is_drained(&self) -> bool;
}

/// Why a line cannot be hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No line has this number.
    Absent,
    /// The line is not an edge-triggered MSI or MSI-X with one target and the kernel's own edge flow
    /// handler, or its chip cannot hold interrupts.
    Unsupported,
    /// Several drivers share the line.
    Shared,
    /// The kernel itself depends on the line: timers, and what runs during or ends a suspend.
    Vital,
    /// The line is hooked already.
    Taken,
    /// Memory ran out.
    NoMemory,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Absent => ENXIO,
            Refusal::Unsupported => EOPNOTSUPP,
            Refusal::Shared => EBUSY,
            Refusal::Vital => EPERM,
            Refusal::Taken => EEXIST,
            Refusal::NoMemory => ENOMEM,
        }
    }
}

/// Whether a hook still sees the interrupts of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Attached,
    /// Its driver freed the line; a new line of the same number is not hooked.
    Gone,
}

/// Returns the descriptor that `entry` is the hook of, if it still is that and still calls [`flow`].
///
/// # Safety
///
/// The current CPU is an RCU reader throughout `'a`.
unsafe fn hooked<'a>(entry: &Entry) -> Option<Desc<'a>> {
    // SAFETY: By the requirement above.
    let desc = unsafe { Desc::of_in_rcu(entry.irq()) }?;
    (desc.as_ptr() == entry.desc && is_ours(desc.lock().flow())).then_some(desc)
}

/// A hook and its flow, at a fixed address.
#[repr(C)]
#[pin_data]
struct Inner<T> {
    #[pin]
    entry: Entry,
    #[pin]
    flow: T,
}

// SAFETY: The raw pointers are identities; what they point to is only reached as the methods'
// comments say.
unsafe impl<T: Send> Send for Inner<T> {}
// SAFETY: As above.
unsafe impl<T: Sync> Sync for Inner<T> {}

fn is_ours(handler: bindings::irq_flow_handler_t) -> bool {
    handler.is_some_and(|handler| core::ptr::fn_addr_eq(handler, flow as unsafe extern "C" fn(_)))
}

fn is_edge(handler: bindings::irq_flow_handler_t) -> bool {
    handler.is_some_and(|handler| {
        core::ptr::fn_addr_eq(
            handler,
            bindings::handle_edge_irq as unsafe extern "C" fn(_),
        )
    })
}

/// Whether a line can be hooked.
fn hookable(line: &Locked<'_>) -> Result<(), Refusal> {
    const VITAL: u32 =
        bindings::__IRQF_TIMER | bindings::IRQF_NO_SUSPEND | bindings::IRQF_COND_SUSPEND;
    if is_ours(line.flow()) {
        return Err(Refusal::Taken);
    }
    if line.is_shared() {
        return Err(Refusal::Shared);
    }
    if line.action_flags() & VITAL != 0 || line.is_wakeup() {
        return Err(Refusal::Vital);
    }
    let is_supported = is_edge(line.flow())
        && line.is_msi()
        && !line.is_level()
        && line.is_single_target()
        && line.can_hold();
    if !is_supported {
        return Err(Refusal::Unsupported);
    }
    Ok(())
}

/// The flow handler of every hooked line.
///
/// # Safety
///
/// Called by the interrupt core with the descriptor of the interrupt, in hard interrupt context or, where
/// it repeats one by itself, as if in it: with local interrupts off.
// One address, since lines are recognised by it.
#[inline(never)]
unsafe extern "C" fn flow(ptr: *mut bindings::irq_desc) {
    let Some(ptr) = NonNull::new(ptr) else {
        return;
    };
    // SAFETY: The core passes a live descriptor; with interrupts off this is an RCU reader.
    let desc = unsafe { Desc::new(ptr) };
    // SAFETY: This is an RCU reader to its end.
    let entry = unsafe { chains::find(desc.irq(), |entry| entry.desc == ptr.as_ptr()) };
    match entry {
        Some(entry) if !desc.is_wakeup_armed() => {
            // SAFETY: The entry is that of a live `Inner`, for which `arrived` was instantiated, and interrupts
            // are off.
            unsafe { (entry.as_ref().arrived)(entry.as_ptr(), desc) };
        }
        // A detach has got as far as removing the entry, or the system is suspended and the kernel
        // waits for this interrupt to wake it.
        // SAFETY: Only lines with this flow handler are hooked.
        _ => unsafe { bindings::handle_edge_irq(ptr.as_ptr()) },
    }
}

/// Tells the flow of the line whose `alarm` rang, if it is hooked with that alarm.
///
/// # Safety
///
/// The current CPU is in hard interrupt context, with local interrupts off.
pub(super) unsafe fn expired(alarm: &Alarm) {
    let is_its = |entry: &Entry| core::ptr::eq(&raw const *entry.alarm, alarm);
    // SAFETY: Hard interrupt context is an RCU reader, to the end of this function.
    let Some(entry) = (unsafe { chains::find(alarm.irq(), is_its) }) else {
        return;
    };
    // SAFETY: As above.
    if let Some(desc) = unsafe { hooked(entry.as_ref()) } {
        // SAFETY: The entry is that of a live `Inner`, for which `expired` was instantiated.
        unsafe { (entry.as_ref().expired)(entry.as_ptr(), desc) };
    }
}

impl<T: Flow> Inner<T> {
    /// # Safety
    ///
    /// `entry` is that of a live `Inner<T>`, and local interrupts are off.
    unsafe fn arrived(entry: *const Entry, desc: Desc<'_>) {
        // SAFETY: `entry` is the first field of an `Inner<T>`.
        let this = unsafe { &*entry.cast::<Self>() };
        // SAFETY: By the safety requirement.
        this.flow.arrived(&unsafe { Arrived::new(desc) });
    }

    /// # Safety
    ///
    /// As [`Self::arrived`].
    unsafe fn expired(entry: *const Entry, desc: Desc<'_>) {
        // SAFETY: `entry` is the first field of an `Inner<T>`.
        let this = unsafe { &*entry.cast::<Self>() };
        // SAFETY: By the safety requirement.
        this.flow.expired(&unsafe { Expired::new(desc) });
    }
}

/// A hooked line; dropping it detaches: the line is left as it was found, and what was held is
/// replayed.
///
/// # Invariants
///
/// `inner` is in its chain from a successful attach until drop.
pub struct Hook<T: Flow> {
    inner: Pin<KBox<Inner<T>>>,
}

impl<T: Flow> Hook<T> {
    /// Hooks the line that `alarm` is for. A line that nobody has requested yet is accepted.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; nothing is changed then.
    pub fn attach(alarm: Arc<Alarm>, flow: impl PinInit<T>) -> Result<Self, Refusal> {
        let irq = alarm.irq();
        let desc = Self::check(irq)?;
        let inner = KBox::pin_init(
            pin_init!(Inner {
                entry <- Entry::new(desc, Inner::<T>::arrived, Inner::<T>::expired, alarm),
                flow <- flow,
            }),
            GFP_KERNEL,
        )
        .map_err(|_| Refusal::NoMemory)?;
        // The pointer is that of the whole `Inner`, since it is going to be used as such.
        let entry = NonNull::from(&*inner).cast::<Entry>();
        // SAFETY: The entry is the first field of a pinned `Inner<T>`, which `drop` frees only after it has
        // removed the entry and waited for a grace period.
        if !unsafe { chains::insert(entry) } {
            return Err(Refusal::Taken);
        }
        let hook = Self { inner };
        // From here on `drop` undoes whatever was done.
        hook.install()?;
        Ok(hook)
    }

    /// Returns the identity of a line that can be hooked.
    fn check(irq: u32) -> Result<*mut bindings::irq_desc, Refusal> {
        let rcu = rcu::read_lock();
        let desc = Desc::of(irq, &rcu).ok_or(Refusal::Absent)?;
        let locked = desc.lock();
        hookable(&locked)?;
        Ok(desc.as_ptr())
    }

    /// Replaces the flow handler, if the line still is one that can be hooked.
    fn install(&self) -> Result<(), Refusal> {
        let rcu = rcu::read_lock();
        let desc = Desc::of(self.irq(), &rcu).ok_or(Refusal::Absent)?;
        let mut locked = desc.lock();
        if desc.as_ptr() != self.inner.entry.desc {
            return Err(Refusal::Absent);
        }
        hookable(&locked)?;
        locked.set_flow(Some(flow));
        Ok(())
    }

    /// The hooked interrupt number.
    pub fn irq(&self) -> u32 {
        self.inner.entry.irq()
    }

    /// What handles the line's interrupts.
    pub fn flow(&self) -> &T {
        &self.inner.flow
    }

    /// Lets the flow hold nothing from now on, and what it holds be replayed. Sleeps, but not for long: a
    /// replay may fail to come, and the line may disappear meanwhile.
    pub fn drain(&self) {
        let flow = self.flow();
        flow.drain();
        // It is replayed in hard interrupt context, like everything else.
        let mut tries = 0;
        while !flow.is_drained() && self.status() == Status::Attached && tries < DRAIN_TRIES {
            self.inner.entry.alarm.set(0);
            fsleep(DRAIN_PAUSE);
            tries += 1;
        }
    }

    /// Whether the line is still the one that was hooked.
    pub fn status(&self) -> Status {
        let _rcu = rcu::read_lock();
        // SAFETY: The guard lives to the end of this function, which returns nothing of the
        // descriptor.
        match unsafe { hooked(&self.inner.entry) } {
            Some(_) => Status::Attached,
            None => Status::Gone,
        }
    }
}

impl<T: Flow> Drop for Hook<T> {
    fn drop(&mut self) {
        self.drain();
        let entry = &self.inner.entry;
        let flow = &self.inner.flow;
        let rcu = rcu::read_lock();
        if let Some(desc) = Desc::of(entry.irq(), &rcu) {
            let mut locked = desc.lock();
            if desc.as_ptr() == entry.desc && is_ours(locked.flow()) {
                locked.set_flow(Some(bindings::handle_edge_irq));
                if !flow.is_drained() {
                    locked.unmask();
                    pr_err!(
                        "irq {}: a held interrupt could not be delivered\n",
                        entry.irq()
                    );
                }
            }
        }
        drop(rcu);
        chains::remove(entry);
        // Flow handlers still running on other CPUs are RCU readers. They may set the alarm, so it is
        // unset after them. Others may still set it, but it finds no entry any more.
        rcu::synchronize_rcu();
        entry.alarm.cancel();
    }
}
