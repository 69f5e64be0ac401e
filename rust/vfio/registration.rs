// SPDX-License-Identifier: GPL-2.0

//! A device in VFIO's hands.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

use super::{
    access,
    ioctl,
    mapping::{
        self,
        Mappings,
        Shared, //
    },
    Device, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    mem::{
        align_of,
        size_of, //
    },
    ptr::NonNull, //
};
use kernel::{
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*,
    sync::Arc, //
};

/// What VFIO allocates for a device.
///
/// # Invariants
///
/// From the return of `_vfio_alloc_device` to [`release`], `data` and `shared` are initialised.
#[repr(C)]
pub(super) struct Wrapper<T: Device> {
    device: bindings::vfio_device,
    data: Arc<T>,
    shared: Arc<Shared>,
}

impl<T: Device> Wrapper<T> {
    /// Returns the data of `device`.
    ///
    /// # Safety
    ///
    /// `device` is the first field of a `Wrapper<T>` that lives throughout `'a`.
    pub(super) unsafe fn data<'a>(device: *mut bindings::vfio_device) -> &'a T {
        // SAFETY: By the safety requirement and the type invariant.
        unsafe { &(*device.cast::<Self>()).data }
    }

    /// Returns what `device` shares with its [`Mappings`].
    ///
    /// # Safety
    ///
    /// As [`Self::data`].
    pub(super) unsafe fn shared<'a>(device: *mut bindings::vfio_device) -> &'a Arc<Shared> {
        // SAFETY: By the safety requirement and the type invariant.
        unsafe { &(*device.cast::<Self>()).shared }
    }
}

struct Table<T: Device>(PhantomData<T>);

impl<T: Device> Table<T> {
    const OPERATIONS: bindings::vfio_device_ops = bindings::vfio_device_ops {
        name: c"kernel_ext".to_bytes_with_nul().as_ptr().cast_mut(),
        release: Some(release::<T>),
        #[cfg(CONFIG_IOMMUFD)]
        bind_iommufd: Some(bindings::vfio_iommufd_physical_bind),
        #[cfg(CONFIG_IOMMUFD)]
        unbind_iommufd: Some(bindings::vfio_iommufd_physical_unbind),
        #[cfg(CONFIG_IOMMUFD)]
        attach_ioas: Some(bindings::vfio_iommufd_physical_attach_ioas),
        #[cfg(CONFIG_IOMMUFD)]
        detach_ioas: Some(bindings::vfio_iommufd_physical_detach_ioas),
        open_device: Some(open::<T>),
        close_device: Some(close::<T>),
        read: Some(access::read::<T>),
        write: Some(access::write::<T>),
        ioctl: Some(ioctl::ioctl::<T>),
        get_region_info_caps: Some(ioctl::get_region_info::<T>),
        mmap: Some(mapping::mmap::<T>),
        request: Some(request::<T>),
        ..pin_init::zeroed()
    };
}

/// # Safety
///
/// VFIO calls it when nobody refers to a device of a [`Wrapper<T>`] any more, and then frees it.
unsafe extern "C" fn release<T: Device>(device: *mut bindings::vfio_device) {
    let wrapper = device.cast::<Wrapper<T>>();
    // SAFETY: By the safety requirement and the type invariant; nobody uses the fields afterwards.
    unsafe {
        (*wrapper).shared.detach();
        core::ptr::drop_in_place(&raw mut (*wrapper).data);
        core::ptr::drop_in_place(&raw mut (*wrapper).shared);
    }
}

/// # Safety
///
/// VFIO calls it for a device of a [`Wrapper<T>`].
unsafe extern "C" fn open<T: Device>(device: *mut bindings::vfio_device) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let (data, shared) = unsafe { (Wrapper::<T>::data(device), Wrapper::<T>::shared(device)) };
        shared.blank();
        data.open(Mappings::new(shared.clone()))?;
        Ok(0)
    })
}

/// # Safety
///
/// As [`open`].
unsafe extern "C" fn close<T: Device>(device: *mut bindings::vfio_device) {
    // SAFETY: By the safety requirement.
    unsafe { Wrapper::<T>::data(device) }.close();
}

/// # Safety
///
/// As [`open`].
unsafe extern "C" fn request<T: Device>(device: *mut bindings::vfio_device, count: c_uint) {
    // SAFETY: By the safety requirement.
    unsafe { Wrapper::<T>::data(device) }.requested(count);
}

/// A device that programs can open through VFIO. Dropping it waits until nobody has it open; every
/// ten seconds [`Device::requested`] is called meanwhile.
///
/// # Invariants
///
/// `device` is the first field of a registered `Wrapper<T>`, to which this owns a reference.
pub struct Registration<T: Device> {
    device: NonNull<bindings::vfio_device>,
    _data: PhantomData<Arc<T>>,
}

// SAFETY: A device may be unregistered by any thread; its data is `Sync` and `Send`.
unsafe impl<T: Device> Send for Registration<T> {}
// SAFETY: A shared registration only gives access to the data, which is `Sync`.
unsafe impl<T: Device> Sync for Registration<T> {}

impl<T: Device> Registration<T> {
    /// Registers `dev`, what programs do with which `data` decides. They may open it before this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if its DMA cannot be kept coherent with caches, [`ENODEV`] if it has no IOMMU group.
    ///
    /// # Safety
    ///
    /// Throughout the life of the registration `dev` is bound to a driver that manages the ownership of
    /// its DMA, and whose module is that of `T`.
    pub(crate) unsafe fn new(dev: *mut bindings::device, data: Arc<T>) -> Result<Self> {
        const {
            // VFIO allocates by `kvzalloc`.
            assert!(align_of::<Wrapper<T>>() <= align_of::<u64>());
        }
        let shared = Shared::new()?;
        let operations = const { &Table::<T>::OPERATIONS };
        // SAFETY: The device is alive and the operations static; the size is that of a type that
        // begins with what VFIO expects.
        let device = from_err_ptr(unsafe {
            bindings::_vfio_alloc_device(size_of::<Wrapper<T>>(), dev, operations)
        })?;
        let wrapper = device.cast::<Wrapper<T>>();
        // INVARIANT: The device was just allocated, and nobody else knows of it.
        // SAFETY: It is large enough for a wrapper. The inode is that of the device, which releases it
        // after it has called `release`.
        unsafe {
            shared.attach((*device).inode);
            (&raw mut (*wrapper).data).write(data);
            (&raw mut (*wrapper).shared).write(shared);
        }
        // SAFETY: The device is completely set up; for `dev` see the safety requirement.
        to_result(unsafe { bindings::vfio_register_group_dev(device) }).inspect_err(|_| {
            // SAFETY: The reference is that of the allocation.
            unsafe { bindings::put_device(&raw mut (*device).device) };
        })?;
        // INVARIANT: Registered, and the reference of the allocation is ours.
        Ok(Self {
            device: NonNull::new(device).ok_or(ENOMEM)?,
            _data: PhantomData,
        })
    }

    /// The device's data.
    pub fn data(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { Wrapper::<T>::data(self.device.as_ptr()) }
    }
}

impl<T: Device> Drop for Registration<T> {
    fn drop(&mut self) {
        let device = self.device.as_ptr();
        // SAFETY: By the type invariant it is registered, and the reference is ours.
        unsafe {
            bindings::vfio_unregister_group_dev(device);
            bindings::put_device(&raw mut (*device).device);
        }
    }
}
