// SPDX-License-Identifier: GPL-2.0

//! Devices that programs drive: a [`Device`] is what VFIO's users see, a [`Registration`] shows it to
//! them.
//!
//! | need | use |
//! |---|---|
//! | say what a device has | [`Info`], [`RegionInfo`], [`IrqInfo`] |
//! | let programs access registers without a system call, and take that away | [`Fault`], [`Mappings`] |
//! | pass interrupts on | [`Signal`] to an [`EventFd`]; [`Intx`] and [`Unmasker`] for pins |
//!
//! Everything that VFIO itself or the interrupt bypass has to be loaded for is generic, so that only
//! modules that have such devices depend on them.
//!
//! C header: [`include/linux/vfio.h`](srctree/include/linux/vfio.h)

mod access;
mod eventfd;
mod fault;
mod info;
mod intx;
mod ioctl;
mod irq;
mod mapping;
mod registration;

use kernel::prelude::*;

pub use eventfd::EventFd;
pub use fault::{
    Fault,
    Inserted,
    IoPfn,
    Outcome,
    Wait, //
};
pub use info::{
    Info,
    IrqAction,
    IrqData,
    IrqInfo,
    RegionInfo,
    SetIrqs, //
};
pub use intx::{
    Gate,
    Intx,
    Unmasker, //
};
pub use irq::{
    Arrivals,
    Line,
    Signal, //
};
pub use mapping::{
    MapRange,
    Mappings, //
};
pub use registration::Registration;

/// A device as its user sees it.
///
/// Everything runs in the user's process, several calls at once.
pub trait Device: Send + Sync + 'static {
    /// The first program opens the device. Runs, like [`close`](Self::close), under a lock of the
    /// device's own in VFIO. DMA works from now on.
    ///
    /// # Errors
    ///
    /// The program's `open` fails with what this does.
    fn open(&self, mappings: Mappings) -> Result;

    /// The last program has closed the device; nobody has it mapped.
    fn close(&self);

    /// Somebody wants the device back, for the `times`th time (from zero): it is being unregistered.
    fn requested(&self, times: u32) {
        let _ = times;
    }

    /// What the device is.
    fn info(&self) -> Info;

    /// What the region `index`, one below [`Info::regions`], is.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is none.
    fn region_info(&self, index: u32) -> Result<RegionInfo>;

    /// What the interrupts of kind `index`, any number, are.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such kind.
    fn irq_info(&self, index: u32) -> Result<IrqInfo>;

    /// Does what the user asks of interrupts.
    ///
    /// # Errors
    ///
    /// [`ENOTTY`] for what the device cannot do, [`EINVAL`] for what it cannot do now.
    fn set_irqs(&self, request: &SetIrqs<'_>) -> Result;

    /// Resets the device, if [`Info::RESET`] says that this works.
    fn reset(&self) -> Result;

    /// Reads `to`, which is 1, 2, 4 or 8 bytes and aligned in the file, in a single access. Returns how
    /// much was read; the user's request ends with a piece that is not complete, and with an error if
    /// that is the first.
    fn read(&self, offset: u64, to: &mut [u8]) -> Result<usize>;

    /// Writes `from`; as [`read`](Self::read).
    fn write(&self, offset: u64, from: &[u8]) -> Result<usize>;

    /// Whether programs may map `range`. Runs with their memory locked: take no lock under which
    /// a program's memory is accessed. Pages are inserted by [`fault`](Self::fault) only.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if not.
    fn map(&self, range: MapRange) -> Result;

    /// A program accesses a page of a mapped range. Runs with its memory locked, like
    /// [`map`](Self::map). Do not wait here.
    fn fault(&self, access: &Fault<'_>) -> Outcome;

    /// Waits until an access that got [`Outcome::Wait`] is worth repeating, or a signal of the kind
    /// that `wait` names is pending. Nothing is locked. The access may fault again.
    fn wait_accessible(&self, wait: &Wait);
}
