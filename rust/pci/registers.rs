// SPDX-License-Identifier: GPL-2.0

//! Single registers of a function that another driver drives.
//!
//! C header: [`include/linux/io.h`](srctree/include/linux/io.h)

use super::Function;
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    ffi::c_void,
    interrupt::local_interrupt_disable,
    prelude::*, //
};

/// What is read from a function that does not answer.
const GONE: u32 = u32::MAX;
/// Offset of the command register in the configuration space, and its bit that lets the function's memory be
/// accessed.
const COMMAND: u16 = 4;
const COMMAND_MEMORY: u8 = 1 << 1;

/// A register of 32 bits, or several in a row.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Where the first one is behind its base address register, a multiple of 4.
    pub offset_bytes: u32,
    /// How many there are.
    pub count: u32,
    /// The bits that may be changed.
    pub changeable: u32,
}

impl Register {
    /// Where the last one ends.
    fn end_bytes(&self) -> u32 {
        self.offset_bytes
            .saturating_add(self.count.saturating_mul(4))
    }

    /// Whether one of them is at `offset_bytes`.
    fn is_at(&self, offset_bytes: u32) -> bool {
        (self.offset_bytes..self.end_bytes()).contains(&offset_bytes)
            && offset_bytes.trailing_zeros() >= 2
    }
}

/// The registers of some kinds of functions that may be used besides the driver.
#[derive(Debug)]
pub struct RegisterMap {
    vendor: u16,
    devices: &'static [u16],
    bar: u8,
    registers: &'static [Register],
}

impl RegisterMap {
    /// `registers` behind base address register `bar` of what has one of the numbers `devices` of `vendor`.
    ///
    /// # Safety
    ///
    /// For each of these functions and registers, at any time:
    ///
    /// - reading it changes nothing;
    /// - whatever is written to its changeable bits, and to the others what was just read from them, the function
    ///   accesses no memory that it would not access otherwise.
    pub const unsafe fn new(
        vendor: u16,
        devices: &'static [u16],
        bar: u8,
        registers: &'static [Register],
    ) -> Self {
        Self {
            vendor,
            devices,
            bar,
            registers,
        }
    }

    /// Whether `function` is one that the map is of.
    pub(crate) fn is_of(&self, function: &Function) -> bool {
        let (vendor, device, ..) = function.ids();
        vendor == self.vendor && self.devices.contains(&device)
    }

    /// Number of bytes up to the end of the last register.
    fn len_bytes(&self) -> u32 {
        let ends = self.registers.iter().map(Register::end_bytes);
        ends.max().unwrap_or(0)
    }
}

/// The registers of a function that is there, awake and bound to its driver.
///
/// # Invariants
///
/// At `base` all registers of `map` are mapped. Throughout `'a` they belong to `function`, one that the map is of.
pub struct Registers<'a> {
    base: NonNull<c_void>,
    map: &'static RegisterMap,
    function: &'a Function,
}

impl<'a> Registers<'a> {
    /// Maps the registers. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if `function` is none of those the map is of, [`ENXIO`] if it does not have that much
    /// memory there, [`ENODEV`] if it does not answer, [`ENOMEM`].
    ///
    /// # Safety
    ///
    /// Throughout `'a` the function is bound to a driver that has claimed its memory.
    pub(crate) unsafe fn new(function: &'a Function, map: &'static RegisterMap) -> Result<Self> {
        if !map.is_of(function) {
            return Err(EOPNOTSUPP);
        }
        let resource = function.resource(map.bar).ok_or(ENXIO)?;
        let len_bytes = map.len_bytes();
        if u64::from(len_bytes) > resource.size_bytes || len_bytes == 0 {
            return Err(ENXIO);
        }
        let len_bytes = usize::try_from(len_bytes).map_err(|_| ENXIO)?;
        // SAFETY: By the safety requirement the memory is the function's. Its driver has mapped it in the same
        // way.
        let base = unsafe { bindings::ioremap(resource.start, len_bytes) };
        // INVARIANT: All of it was just mapped, and is the function's by the safety requirement.
        let registers = Self {
            base: NonNull::new(base).ok_or(ENOMEM)?,
            map,
            function,
        };
        registers.expect_answer()?;
        Ok(registers)
    }

    /// # Errors
    ///
    /// [`ENODEV`] if the function is gone, asleep or being reset, so that its memory does not answer.
    fn expect_answer(&self) -> Result {
        let [low, high] = self.map.vendor.to_le_bytes();
        let is_there = self.function.config(0) == low && self.function.config(1) == high;
        if !is_there || self.function.config(COMMAND) & COMMAND_MEMORY == 0 {
            return Err(ENODEV);
        }
        Ok(())
    }

    /// The register at `offset_bytes`, and its address.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if it is not in the map.
    fn at(&self, offset_bytes: u32) -> Result<(&'static Register, *mut c_void)> {
        let register = self
            .map
            .registers
            .iter()
            .find(|register| register.is_at(offset_bytes))
            .ok_or(EPERM)?;
        let offset = usize::try_from(offset_bytes).map_err(|_| EPERM)?;
        // SAFETY: By the type invariant it is within the mapping.
        Ok((register, unsafe { self.base.as_ptr().byte_add(offset) }))
    }

    /// What is in the register at `offset_bytes`.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if it is not in the map, [`ENODEV`] if the function does not answer.
    pub fn read(&self, offset_bytes: u32) -> Result<u32> {
        let (_, at) = self.at(offset_bytes)?;
        // SAFETY: By the type invariant it is a register that may be read; it is aligned.
        let value = unsafe { bindings::readl(at) };
        if value == GONE {
            return Err(ENODEV);
        }
        Ok(value)
    }

    /// Gives the bits `mask` of the register at `offset_bytes` the value that they have in `value`, and reads them
    /// back. No interrupt of this CPU comes between; what another CPU changes between is lost.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the register is not in the map or not all those bits may be changed, [`ENODEV`] if the
    /// function does not answer, [`EIO`] if it has not taken the value.
    pub fn update(&self, offset_bytes: u32, mask: u32, value: u32) -> Result {
        let (register, at) = self.at(offset_bytes)?;
        if mask & !register.changeable != 0 {
            return Err(EPERM);
        }
        let value = value & mask;
        let _irqs_off = local_interrupt_disable();
        let now = self.read(offset_bytes)?;
        // SAFETY: By the type invariant it is a register of which these bits may be changed; it is aligned.
        unsafe { bindings::writel(now & !mask | value, at) };
        if self.read(offset_bytes)? & mask != value {
            return Err(EIO);
        }
        Ok(())
    }
}

impl Drop for Registers<'_> {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it.
        unsafe { bindings::iounmap(self.base.as_ptr()) };
    }
}
