// SPDX-License-Identifier: GPL-2.0

//! Reading and writing a device's file.
//!
//! Registers react to the width of an access, so a request is cut into the widest aligned pieces,
//! each of which reaches the device as one call.

use super::{
    registration::Wrapper,
    Device, //
};
use crate::{
    bindings,
    sched, //
};
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The widest access of a processor to a device.
const WIDEST_BYTES: usize = 8;

/// Returns the width of the next piece of a request of `left_bytes` at `offset`.
fn width_bytes(offset: u64, left_bytes: usize) -> usize {
    [(8, 8), (4, 4), (2, 2)]
        .into_iter()
        .find(|&(width, align)| left_bytes >= width && offset % align == 0)
        .map_or(1, |(width, _)| width)
}

/// Calls `piece` with the offset and the width of each piece of a request until one fails or is
/// incomplete. Advances the position by what was done; an error counts if nothing was.
fn transfer(
    len_bytes: usize,
    position: &mut i64,
    mut piece: impl FnMut(u64, usize) -> Result<usize>,
) -> Result<usize> {
    let start = u64::try_from(*position)?;
    let mut done_bytes = 0;
    while done_bytes < len_bytes {
        let offset = start
            .checked_add(u64::try_from(done_bytes)?)
            .ok_or(EINVAL)?;
        let width = width_bytes(offset, len_bytes - done_bytes);
        let result = if sched::is_killed() {
            Err(EINTR)
        } else {
            piece(offset, width)
        };
        match result {
            Ok(count) => {
                done_bytes += count.min(width);
                if count < width {
                    break;
                }
            }
            Err(error) if done_bytes == 0 => return Err(error),
            Err(_) => break,
        }
    }
    let done = i64::try_from(done_bytes)?;
    *position = position.checked_add(done).ok_or(EINVAL)?;
    Ok(done_bytes)
}

fn to_return(result: Result<usize>) -> isize {
    let result = result.and_then(|count| Ok(isize::try_from(count)?));
    result.unwrap_or_else(|error| isize::try_from(error.to_errno()).unwrap_or(isize::MIN))
}

/// # Safety
///
/// VFIO calls it for an open device of a [`Wrapper<T>`].
pub(super) unsafe extern "C" fn read<T: Device>(
    device: *mut bindings::vfio_device,
    to: *mut u8,
    len_bytes: usize,
    position: *mut i64,
) -> isize {
    // SAFETY: By the safety requirement.
    let (data, position) = unsafe { (Wrapper::<T>::data(device), &mut *position) };
    let mut to = UserSlice::new(UserPtr::from_ptr(to.cast()), len_bytes).writer();
    to_return(transfer(len_bytes, position, |offset, width| {
        let mut piece = [0; WIDEST_BYTES];
        let piece = piece.get_mut(..width).ok_or(EINVAL)?;
        let count = data.read(offset, piece)?;
        to.write_slice(piece.get(..count).ok_or(EIO)?)?;
        Ok(count)
    }))
}

/// # Safety
///
/// As [`read`].
pub(super) unsafe extern "C" fn write<T: Device>(
    device: *mut bindings::vfio_device,
    from: *const u8,
    len_bytes: usize,
    position: *mut i64,
) -> isize {
    // SAFETY: By the safety requirement.
    let (data, position) = unsafe { (Wrapper::<T>::data(device), &mut *position) };
    let mut from = UserSlice::new(UserPtr::from_ptr(from.cast_mut().cast()), len_bytes).reader();
    to_return(transfer(len_bytes, position, |offset, width| {
        let mut piece = [0; WIDEST_BYTES];
        let piece = piece.get_mut(..width).ok_or(EINVAL)?;
        from.read_slice(piece)?;
        data.write(offset, piece)
    }))
}
