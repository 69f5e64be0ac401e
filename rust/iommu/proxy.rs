// SPDX-License-Identifier: GPL-2.0

//! The IOMMU in front: one that the kernel takes for real.

use super::{
    calls::Table,
    Front, //
};
use crate::{
    bindings,
    raw, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// What says to the IOMMU core that a device is behind this IOMMU. Nobody else has the same.
///
/// # Invariants
///
/// The pointer is that of a software node that this owns.
struct Node(NonNull<bindings::fwnode_handle>);

impl Node {
    fn new() -> Result<Self> {
        // SAFETY: A node needs neither properties nor a parent.
        let node = from_err_ptr(unsafe {
            bindings::fwnode_create_software_node(core::ptr::null(), core::ptr::null())
        })?;
        // INVARIANT: Just made.
        NonNull::new(node).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fwnode_remove_software_node(self.0.as_ptr()) };
    }
}

/// An IOMMU whose devices are all fronts.
///
/// # Invariants
///
/// Once it is registered, `ops`, `blocked` and `device` refer to each other.
#[pin_data]
pub(crate) struct Proxy<F: Front> {
    #[pin]
    ops: Opaque<bindings::iommu_ops>,
    #[pin]
    blocked: Opaque<bindings::iommu_domain>,
    #[pin]
    device: Opaque<bindings::iommu_device>,
    node: Node,
    _front: PhantomData<fn() -> F>,
}

// SAFETY: The C objects belong to no thread.
unsafe impl<F: Front> Send for Proxy<F> {}
// SAFETY: Only the IOMMU core accesses the C objects, with the locks it needs.
unsafe impl<F: Front> Sync for Proxy<F> {}

impl<F: Front> Proxy<F> {
    fn new(module: &'static ThisModule) -> Result<Arc<Self>> {
        let node = Node::new()?;
        let proxy = Arc::pin_init(
            pin_init!(Self {
                ops: Opaque::new(bindings::iommu_ops {
                    owner: module.as_ptr(),
                    ..Table::<F>::DEVICES
                }),
                blocked: Opaque::new(bindings::iommu_domain {
                    type_: bindings::IOMMU_DOMAIN_BLOCKED,
                    ops: const { &Table::<F>::BLOCKED },
                    ..pin_init::zeroed()
                }),
                device: Opaque::zeroed(),
                node: node,
                _front: PhantomData,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: Nobody else knows the objects yet; they stay in place.
        unsafe {
            let ops = proxy.ops.get();
            (*ops).blocked_domain = proxy.blocked.get();
            (*ops).release_domain = proxy.blocked.get();
            (*ops).default_domain = proxy.blocked.get();
            (*proxy.device.get()).fwnode = proxy.node.0.as_ptr();
        }
        Ok(proxy)
    }
}

/// A registered [`Proxy`].
///
/// # Invariants
///
/// The IOMMU core knows the proxy.
pub(crate) struct Registered<F: Front>(Arc<Proxy<F>>);

impl<F: Front> Registered<F> {
    /// Registers an IOMMU `name`, as below `/sys/class/iommu`. Each of its devices holds `module`.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] if the name is taken, [`ENOMEM`].
    pub(crate) fn new(module: &'static ThisModule, name: &'static CStr) -> Result<Self> {
        let proxy = Proxy::<F>::new(module)?;
        let device = proxy.device.get();
        // SAFETY: The proxy stays until `drop` has taken it back; the format takes one string. It has
        // a node of its own, so that no device is found to be behind it but those that say so.
        unsafe {
            to_result(bindings::iommu_device_sysfs_add(
                device,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            ))?;
            to_result(bindings::iommu_device_register(
                device,
                proxy.ops.get(),
                core::ptr::null_mut(),
            ))
            .inspect_err(|_| bindings::iommu_device_sysfs_remove(device))?;
        }
        // INVARIANT: Just registered.
        Ok(Self(proxy))
    }

    /// Returns what devices in front of `front` need.
    pub(crate) fn before(&self, front: Arc<F>) -> Behind<F> {
        Behind {
            proxy: self.0.clone(),
            front,
        }
    }
}

impl<F: Front> Drop for Registered<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is registered; its devices, which hold the module, and a
        // reference to what holds this, are gone.
        unsafe {
            bindings::iommu_device_unregister(self.0.device.get());
            bindings::iommu_device_sysfs_remove(self.0.device.get());
        }
    }
}

/// What is behind a front device, and which IOMMU it is behind.
pub(crate) struct Behind<F: Front> {
    proxy: Arc<Proxy<F>>,
    front: Arc<F>,
}

impl<F: Front> Behind<F> {
    /// What is behind.
    pub(crate) fn front(&self) -> &Arc<F> {
        &self.front
    }

    /// The IOMMU that the front is behind.
    pub(super) fn device(&self) -> *mut bindings::iommu_device {
        self.proxy.device.get()
    }

    /// Says to the IOMMU core what `dev` is in front of.
    ///
    /// # Safety
    ///
    /// `dev` is being added, its IOMMU is not known yet, and `self` stays where it is until the
    /// device is removed.
    pub(crate) unsafe fn adopt(&self, dev: *mut bindings::device) -> Result {
        // SAFETY: By the safety requirement nobody else accesses the device's IOMMU data.
        unsafe {
            to_result(bindings::iommu_fwspec_init(dev, self.proxy.node.0.as_ptr()))?;
            bindings::dev_iommu_priv_set(dev, core::ptr::from_ref(self).cast_mut().cast());
            // So that its message interrupts count as isolated if the template's are. The template
            // keeps its own for as long as there is the hardware.
            bindings::kernel_ext_copy_msi_domain(dev, raw::device(&self.front.template()));
        }
        Ok(())
    }
}

/// Returns the number of the IOMMU group of `dev`.
///
/// # Safety
///
/// `dev` is bound, or being bound, to a driver.
pub(crate) unsafe fn group_of(dev: *mut bindings::device) -> Option<u32> {
    // SAFETY: By the safety requirement it was added, and stays so.
    let group = unsafe { (*dev).iommu_group };
    if group.is_null() {
        return None;
    }
    // SAFETY: As above.
    u32::try_from(unsafe { bindings::iommu_group_id(group) }).ok()
}
