// SPDX-License-Identifier: GPL-2.0

//! The requests of a device's user.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h)

use super::{
    registration::Wrapper,
    Device,
    Info,
    IrqAction,
    IrqData,
    RegionInfo,
    SetIrqs, //
};
use crate::bindings;
use core::mem::{
    offset_of,
    size_of, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The structures of the requests, as words: their layout is a promise to users.
type InfoWords = [u32; 6];
type InfoHead = [u32; 4];
type IrqInfoWords = [u32; 4];
type IrqSetWords = [u32; 5];

const _: () = {
    assert!(size_of::<InfoWords>() == size_of::<bindings::vfio_device_info>());
    assert!(size_of::<InfoHead>() == offset_of!(bindings::vfio_device_info, cap_offset));
    assert!(size_of::<IrqInfoWords>() == size_of::<bindings::vfio_irq_info>());
    assert!(size_of::<IrqSetWords>() == offset_of!(bindings::vfio_irq_set, data));
};

/// Whether the size of a structure that a user declares covers `len_bytes`.
fn covers(argsz: u32, len_bytes: usize) -> bool {
    usize::try_from(argsz).is_ok_and(|argsz| argsz >= len_bytes)
}

/// # Safety
///
/// VFIO calls it for an open device of a [`Wrapper<T>`].
pub(super) unsafe extern "C" fn ioctl<T: Device>(
    device: *mut bindings::vfio_device,
    command: c_uint,
    argument: usize,
) -> isize {
    // SAFETY: By the safety requirement.
    let data = unsafe { Wrapper::<T>::data(device) };
    let user = UserPtr::from_addr(argument);
    let result = match command {
        bindings::kernel_ext_VFIO_DEVICE_GET_INFO => get_info(data, user),
        bindings::kernel_ext_VFIO_DEVICE_GET_IRQ_INFO => get_irq_info(data, user),
        bindings::kernel_ext_VFIO_DEVICE_SET_IRQS => set_irqs(data, user),
        bindings::kernel_ext_VFIO_DEVICE_RESET => reset(data),
        _ => Err(ENOTTY),
    };
    from_result(|| result.map(|()| 0))
}

fn get_info<T: Device>(data: &T, user: UserPtr) -> Result {
    let (mut reader, mut writer) = UserSlice::new(user, size_of::<InfoWords>()).reader_writer();
    let [argsz, ..] = reader.read::<InfoHead>()?;
    if !covers(argsz, size_of::<InfoHead>()) {
        return Err(EINVAL);
    }
    let info = data.info();
    let words: InfoWords = [argsz, info.flags, info.regions, info.irqs, 0, 0];
    let bytes = words.as_bytes();
    let len_bytes = usize::try_from(argsz)?.min(bytes.len());
    writer.write_slice(bytes.get(..len_bytes).ok_or(EINVAL)?)
}

fn get_irq_info<T: Device>(data: &T, user: UserPtr) -> Result {
    let (mut reader, mut writer) = UserSlice::new(user, size_of::<IrqInfoWords>()).reader_writer();
    let [argsz, _, index, _] = reader.read::<IrqInfoWords>()?;
    if !covers(argsz, size_of::<IrqInfoWords>()) || index >= data.info().irqs {
        return Err(EINVAL);
    }
    let info = data.irq_info(index)?;
    let words: IrqInfoWords = [argsz, info.flags, index, info.count];
    writer.write(&words)
}

fn set_irqs<T: Device>(data: &T, user: UserPtr) -> Result {
    const HEAD_BYTES: usize = size_of::<IrqSetWords>();
    let words = UserSlice::new(user, HEAD_BYTES)
        .reader()
        .read::<IrqSetWords>()?;
    let [argsz, flags, index, start, count] = words;
    let mut head = bindings::vfio_irq_set {
        argsz,
        flags,
        index,
        start,
        count,
        data: bindings::__IncompleteArrayField::new(),
    };
    let available = data.irq_info(index).map_or(0, |info| info.count);
    let mut len_bytes = 0;
    // SAFETY: Both pointers are valid. What follows the head is not looked at.
    to_result(unsafe {
        bindings::vfio_set_irqs_validate_and_prepare(
            &mut head,
            c_int::try_from(available)?,
            c_int::try_from(data.info().irqs)?,
            &mut len_bytes,
        )
    })?;
    let action = match flags & bindings::VFIO_IRQ_SET_ACTION_TYPE_MASK {
        bindings::VFIO_IRQ_SET_ACTION_MASK => IrqAction::Mask,
        bindings::VFIO_IRQ_SET_ACTION_UNMASK => IrqAction::Unmask,
        bindings::VFIO_IRQ_SET_ACTION_TRIGGER => IrqAction::Trigger,
        _ => return Err(ENOTTY),
    };
    // The check bounds the length by what is available.
    let mut reader = UserSlice::new(user.wrapping_byte_add(HEAD_BYTES), len_bytes).reader();
    let (mut bools, mut fds) = (KVec::new(), KVec::new());
    let irq_data = match flags & bindings::VFIO_IRQ_SET_DATA_TYPE_MASK {
        bindings::VFIO_IRQ_SET_DATA_BOOL => {
            reader.read_all(&mut bools, GFP_KERNEL)?;
            IrqData::Bool(&bools)
        }
        bindings::VFIO_IRQ_SET_DATA_EVENTFD => {
            fds.reserve(usize::try_from(count)?, GFP_KERNEL)?;
            for _ in 0..count {
                fds.push(reader.read::<i32>()?, GFP_KERNEL)?;
            }
            IrqData::EventFds(&fds)
        }
        _ => IrqData::None,
    };
    // INVARIANT: The check made sure that the range is one of existing interrupts; as many elements
    // as it has were read.
    data.set_irqs(&SetIrqs {
        index,
        start,
        count,
        action,
        data: irq_data,
    })
}

fn reset<T: Device>(data: &T) -> Result {
    if data.info().flags & Info::RESET == 0 {
        return Err(EINVAL);
    }
    data.reset()
}

/// # Safety
///
/// VFIO calls it for an open device of a [`Wrapper<T>`]; all pointers are valid.
pub(super) unsafe extern "C" fn get_region_info<T: Device>(
    device: *mut bindings::vfio_device,
    info: *mut bindings::vfio_region_info,
    capabilities: *mut bindings::vfio_info_cap,
) -> c_int {
    from_result(|| {
        // SAFETY: By the safety requirement.
        let (data, info) = unsafe { (Wrapper::<T>::data(device), &mut *info) };
        if info.index >= data.info().regions {
            return Err(EINVAL);
        }
        let region = data.region_info(info.index)?;
        info.offset = region.offset;
        info.size = region.size_bytes;
        info.flags = region.access & (RegionInfo::READ | RegionInfo::WRITE | RegionInfo::MMAP);
        if region.msix_mappable {
            let mut capability = bindings::vfio_info_cap_header {
                id: u16::try_from(bindings::VFIO_REGION_INFO_CAP_MSIX_MAPPABLE)?,
                version: 1,
                next: 0,
            };
            // SAFETY: By the safety requirement; the capability consists of its header.
            to_result(unsafe {
                bindings::vfio_info_add_capability(
                    capabilities,
                    &mut capability,
                    size_of::<bindings::vfio_info_cap_header>(),
                )
            })?;
        }
        Ok(0)
    })
}
