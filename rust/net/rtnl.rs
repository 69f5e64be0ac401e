// SPDX-License-Identifier: GPL-2.0

//! The registered network devices, and what has to be held while their drivers are asked something.
//!
//! C headers: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h),
//! [`include/net/netdev_lock.h`](srctree/include/net/netdev_lock.h)

use super::{
    device::Device,
    events::Departure, //
};
use crate::{
    bindings,
    irq,
    pci::Function, //
};
use core::{
    iter,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::c_int,
    prelude::*,
    types::NotThreadSafe, //
};

/// How many devices up from a network device its PCI function may be: virtio has one in between.
const MAX_PARENTS: usize = 3;

/// The lock of all network devices, held.
pub(super) struct Rtnl(NotThreadSafe);

impl Rtnl {
    pub(super) fn lock() -> Self {
        // SAFETY: In process context, and not held, by what the module `net` asks for.
        unsafe { bindings::rtnl_lock() };
        Self(NotThreadSafe)
    }

    /// The device with the identity `id`, in any network namespace that is not about to vanish.
    pub(super) fn device(&self, id: u64) -> Option<Netdev<'_>> {
        // SAFETY: The lists change with the lock held only.
        let netdev = unsafe { bindings::kernel_ext_find_net_device(id) };
        // INVARIANT: It is in a list, and stays there while the lock is held.
        NonNull::new(netdev).map(|netdev| Netdev {
            netdev,
            _rtnl: PhantomData,
        })
    }

    /// All devices of the first network namespace.
    pub(super) fn devices(&self) -> impl Iterator<Item = Netdev<'_>> {
        // SAFETY: The list changes with the lock held only.
        let first = unsafe { bindings::kernel_ext_first_net_device() };
        iter::successors(NonNull::new(first), |netdev| {
            // SAFETY: As above, so that `netdev` still is in the list.
            NonNull::new(unsafe { bindings::kernel_ext_next_net_device(netdev.as_ptr()) })
        })
        // INVARIANT: It is in the list, and stays there while the lock is held.
        .map(|netdev| Netdev {
            netdev,
            _rtnl: PhantomData,
        })
    }
}

impl Drop for Rtnl {
    fn drop(&mut self) {
        // SAFETY: `lock` took it. This also waits until nobody refers to a device any more that was
        // unregistered with it held.
        unsafe { bindings::rtnl_unlock() };
    }
}

/// A registered device, while the kernel's lock of all network devices is held: nothing that is told here
/// changes meanwhile.
///
/// # Invariants
///
/// `netdev` is registered, or is being unregistered by whoever holds the lock, throughout `'a`.
pub struct Netdev<'a> {
    netdev: NonNull<bindings::net_device>,
    _rtnl: PhantomData<&'a Rtnl>,
}

impl<'a> Netdev<'a> {
    /// # Safety
    ///
    /// Throughout `'a` the lock of all devices is held, and `netdev` is registered or being unregistered by
    /// whoever holds it.
    pub(super) unsafe fn from_raw(netdev: NonNull<bindings::net_device>) -> Self {
        // INVARIANT: By the safety requirement.
        Self {
            netdev,
            _rtnl: PhantomData,
        }
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::net_device {
        self.netdev.as_ptr()
    }

    /// Its name, in its network namespace.
    pub fn name(&self) -> &CStr {
        // SAFETY: By the type invariant it is alive, and its name only changes with the lock held.
        unsafe { CStr::from_char_ptr(bindings::kernel_ext_netdev_name(self.as_ptr())) }
    }

    /// Its MAC address, if it is an Ethernet device.
    pub fn mac(&self) -> Option<[u8; 6]> {
        // SAFETY: By the type invariant it is alive.
        if !unsafe { bindings::kernel_ext_netdev_is_ethernet(self.as_ptr()) } {
            return None;
        }
        let mut mac = [0; 6];
        // SAFETY: As above; Ethernet addresses have six bytes.
        unsafe { bindings::kernel_ext_netdev_address(self.as_ptr(), mac.as_mut_ptr()) };
        Some(mac)
    }

    /// Whether it is up.
    pub fn is_running(&self) -> bool {
        // SAFETY: By the type invariant it is alive.
        unsafe { bindings::kernel_ext_netdev_is_running(self.as_ptr()) }
    }

    /// Whether it is neither asleep nor being repaired, be it on its way to another network namespace.
    pub(super) fn is_present(&self) -> bool {
        // SAFETY: By the type invariant it is alive.
        unsafe { bindings::kernel_ext_netdev_is_present(self.as_ptr()) }
    }

    /// Why it goes, if it goes.
    pub(super) fn departure(&self) -> Departure {
        // SAFETY: By the type invariant it is alive; both only change with the lock held.
        let (is_registered, is_moving) = unsafe {
            (
                bindings::kernel_ext_netdev_is_registered(self.as_ptr()),
                bindings::kernel_ext_netdev_is_moving(self.as_ptr()),
            )
        };
        match (is_registered, is_moving) {
            (false, _) => Departure::Removed,
            (true, true) => Departure::Moved,
            (true, false) => Departure::Unobserved,
        }
    }

    /// Which one it is.
    pub fn device(&self) -> Device {
        Device {
            // SAFETY: By the type invariant it is alive.
            index: unsafe { bindings::kernel_ext_netdev_index(self.as_ptr()) },
            // SAFETY: As above; it is registered, so that sysfs has it.
            id: unsafe { bindings::kernel_ext_netdev_id(self.as_ptr()) },
        }
    }

    /// Whether it is in the first network namespace.
    pub(super) fn is_home(&self) -> bool {
        // SAFETY: By the type invariant it is alive.
        unsafe { bindings::kernel_ext_netdev_index_in_init_net(self.as_ptr()) != 0 }
    }

    /// Whether its driver can be asked something: it is neither asleep nor being repaired.
    pub(super) fn is_usable(&self) -> bool {
        // SAFETY: By the type invariant it is alive.
        unsafe { bindings::kernel_ext_netdev_is_usable(self.as_ptr()) }
    }

    /// The device that it was registered for.
    fn parent(&self) -> Option<NonNull<bindings::device>> {
        // SAFETY: By the type invariant it is alive.
        NonNull::new(unsafe { bindings::kernel_ext_netdev_parent(self.as_ptr()) })
    }

    /// The PCI function that it belongs to.
    pub(super) fn function(&self) -> Option<Function> {
        let parents = iter::successors(self.parent(), |parent| {
            // SAFETY: A device that is registered keeps its parent alive, and so on.
            NonNull::new(unsafe { (*parent.as_ptr()).parent })
        });
        let dev = parents
            .take(MAX_PARENTS)
            // SAFETY: As above; the bus of a device never changes.
            .find(|dev| unsafe {
                core::ptr::eq((*dev.as_ptr()).bus, &raw const bindings::pci_bus_type)
            })?;
        // SAFETY: A device on this bus is part of a `pci_dev`.
        let pdev = unsafe { kernel::container_of!(dev.as_ptr(), bindings::pci_dev, dev) };
        // SAFETY: It is alive, as above.
        Some(unsafe { Function::from_raw(NonNull::new(pdev)?) })
    }

    /// Calls `visit` with the MSI and MSI-X interrupts of its PCI function.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if a driver is coming or going.
    pub(super) fn each_irq(&self, mut visit: impl FnMut(u32)) -> Result {
        let Some(function) = self.function() else {
            return Ok(());
        };
        let vectors = function
            .msix_vectors()
            .max(u16::from(function.msi_vectors()));
        for index in 0..vectors {
            match irq::vector(&function, index) {
                irq::Vector::Line(irq) => visit(irq),
                irq::Vector::Absent => {}
                irq::Vector::Busy => return Err(EBUSY),
            }
        }
        Ok(())
    }

    /// Whether it is known to poll its queues when the interrupt `irq` comes.
    pub(super) fn polls_irq(&self, irq: u32) -> bool {
        // SAFETY: By the type invariant it is alive. Its own lock, which this takes, is not held.
        unsafe { bindings::kernel_ext_netdev_polls_irq(self.as_ptr(), irq) }
    }

    /// Keeps others from calling its driver; some drivers ask for a lock of their own for that.
    pub(super) fn lock(&self) -> Locked<'a> {
        // SAFETY: By the type invariant it is alive. This lock comes after that of all devices.
        unsafe { bindings::kernel_ext_netdev_lock_ops(self.as_ptr()) };
        // INVARIANT: As that of `self`.
        Locked(Self { ..*self })
    }
}

/// A device whose driver nobody else calls.
pub(super) struct Locked<'a>(Netdev<'a>);

impl<'a> Locked<'a> {
    pub(super) fn netdev(&self) -> &Netdev<'a> {
        &self.0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: `Netdev::lock` took it.
        unsafe { bindings::kernel_ext_netdev_unlock_ops(self.0.as_ptr()) };
    }
}

/// What becomes of a device that sleeps for lack of work when it is to be asked something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleeper {
    /// It is woken up.
    Wakes,
    /// It sleeps on, and is not asked.
    Sleeps,
}

/// A device that is kept from going to sleep for lack of work.
pub(super) struct Awake<'a> {
    dev: NonNull<bindings::device>,
    _locked: PhantomData<&'a Locked<'a>>,
}

impl<'a> Awake<'a> {
    /// The flags of `pm_runtime_get_sync` and `pm_runtime_put`.
    const GET: c_int = bindings::RPM_GET_PUT as c_int;
    const PUT: c_int = (bindings::RPM_GET_PUT | bindings::RPM_ASYNC) as c_int;

    /// Keeps the parent of `locked` awake, if there is one and the kernel lets it sleep.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if it sleeps and is not to be woken up.
    pub(super) fn new(locked: &'a Locked<'a>, sleeper: Sleeper) -> Result<Option<Self>> {
        let Some(dev) = locked.0.parent() else {
            return Ok(None);
        };
        match sleeper {
            Sleeper::Wakes => {
                // One that does not wake up is not present, or its driver fails: no need to look here.
                // SAFETY: A registered device keeps its parent alive.
                unsafe { bindings::__pm_runtime_resume(dev.as_ptr(), Self::GET) };
            }
            Sleeper::Sleeps => {
                // SAFETY: As above.
                match unsafe { bindings::pm_runtime_get_if_active(dev.as_ptr()) } {
                    0 => return Err(EAGAIN),
                    1.. => {}
                    // It never sleeps by itself, or all the system is about to. No user was counted.
                    _ => return Ok(None),
                }
            }
        }
        Ok(Some(Self {
            dev,
            _locked: PhantomData,
        }))
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        // SAFETY: `new` counted one more user of the device, which the network device keeps alive.
        unsafe { bindings::__pm_runtime_idle(self.dev.as_ptr(), Self::PUT) };
    }
}

/// A device that is awake, and whose driver knows that it will be asked something.
pub(super) struct Begun<'a> {
    netdev: &'a Netdev<'a>,
    // Held for its `Drop`, after that of `Begun`.
    _awake: Option<Awake<'a>>,
}

impl<'a> Begun<'a> {
    /// # Errors
    ///
    /// [`EAGAIN`] if the device is asleep or not present, or what the driver fails with.
    pub(super) fn new(locked: &'a Locked<'a>, sleeper: Sleeper) -> Result<Self> {
        let netdev = &locked.0;
        let awake = Awake::new(locked, sleeper)?;
        if !netdev.is_usable() {
            return Err(EAGAIN);
        }
        if let Some(begin) = ops(netdev).begin {
            // SAFETY: It is alive and locked.
            to_result(unsafe { begin(netdev.as_ptr()) })?;
        }
        Ok(Self {
            netdev,
            _awake: awake,
        })
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::net_device {
        self.netdev.as_ptr()
    }

    pub(super) fn ops(&self) -> &bindings::ethtool_ops {
        ops(self.netdev)
    }

    /// Lets programs know that its moderation has changed.
    pub(super) fn tell_coalescing(&self) {
        // SAFETY: It is alive, locked and begun.
        unsafe { bindings::ethtool_notify(self.as_ptr(), bindings::ETHTOOL_MSG_COALESCE_NTF) };
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(complete) = self.ops().complete {
            // SAFETY: It is alive and locked, and was begun.
            unsafe { complete(self.as_ptr()) };
        }
    }
}

/// What its driver can be asked.
fn ops<'a>(netdev: &'a Netdev<'a>) -> &'a bindings::ethtool_ops {
    // SAFETY: It is alive. Each device has such a table, which is constant and belongs to its driver or the
    // kernel; the driver stays while the device is registered.
    unsafe { &*bindings::kernel_ext_netdev_ethtool_ops(netdev.as_ptr()) }
}
