// SPDX-License-Identifier: GPL-2.0

//! What a device says about itself and what its user asks of its interrupts.
//!
//! C header: [`include/uapi/linux/vfio.h`](srctree/include/uapi/linux/vfio.h)

use crate::bindings;

/// A device as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// A union of [`Info::RESET`] and [`Info::PCI`].
    pub flags: u32,
    /// The number of regions: the highest index plus one.
    pub regions: u32,
    /// The number of kinds of interrupts: the highest index plus one.
    pub irqs: u32,
}

impl Info {
    /// The device can be reset.
    pub const RESET: u32 = bindings::VFIO_DEVICE_FLAGS_RESET;
    /// Regions and interrupts have the indices of a PCI function.
    pub const PCI: u32 = bindings::VFIO_DEVICE_FLAGS_PCI;
}

/// A part of a device's file: a BAR, the configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionInfo {
    /// Where in the file it begins.
    pub offset: u64,
    /// Its length; zero if there is none.
    pub size_bytes: u64,
    /// A union of [`RegionInfo::READ`], [`RegionInfo::WRITE`] and [`RegionInfo::MMAP`].
    pub access: u32,
    /// Whether even the pages that hold the MSI-X table can be mapped.
    pub msix_mappable: bool,
}

impl RegionInfo {
    /// It can be read.
    pub const READ: u32 = bindings::VFIO_REGION_INFO_FLAG_READ;
    /// It can be written.
    pub const WRITE: u32 = bindings::VFIO_REGION_INFO_FLAG_WRITE;
    /// It can be mapped.
    pub const MMAP: u32 = bindings::VFIO_REGION_INFO_FLAG_MMAP;
}

/// Interrupts of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IrqInfo {
    /// A union of this type's constants.
    pub flags: u32,
    /// How many there are.
    pub count: u32,
}

impl IrqInfo {
    /// They signal eventfds.
    pub const EVENTFD: u32 = bindings::VFIO_IRQ_INFO_EVENTFD;
    /// They can be masked and unmasked.
    pub const MASKABLE: u32 = bindings::VFIO_IRQ_INFO_MASKABLE;
    /// They are masked by each interrupt until the user unmasks them.
    pub const AUTOMASKED: u32 = bindings::VFIO_IRQ_INFO_AUTOMASKED;
    /// Those in use can only be changed as a whole.
    pub const NORESIZE: u32 = bindings::VFIO_IRQ_INFO_NORESIZE;
}

/// What is to be done with interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IrqAction {
    /// Hold them.
    Mask,
    /// Let them pass.
    Unmask,
    /// Signal them now, or, with [`IrqData::EventFds`], whenever they occur.
    Trigger,
}

/// For which of the interrupts of a request it is to be done.
#[derive(Clone, Copy, Debug)]
pub enum IrqData<'a> {
    /// All. With [`IrqAction::Trigger`] and a `count` of zero: take all of this kind out of use.
    None,
    /// Those that are not zero.
    Bool(&'a [u8]),
    /// Whenever these eventfds are signalled, or, with [`IrqAction::Trigger`], when the interrupt
    /// occurs. A negative number ends that.
    EventFds(&'a [i32]),
}

/// A request about the interrupts `start..start + count` of one kind.
///
/// # Invariants
///
/// `index` is below [`Info::irqs`], `start + count` at most [`IrqInfo::count`] and `start` below it;
/// the data has `count` elements.
#[derive(Clone, Copy, Debug)]
pub struct SetIrqs<'a> {
    pub(super) index: u32,
    pub(super) start: u32,
    pub(super) count: u32,
    pub(super) action: IrqAction,
    pub(super) data: IrqData<'a>,
}

impl<'a> SetIrqs<'a> {
    /// The kind.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The first interrupt.
    pub fn start(&self) -> u32 {
        self.start
    }

    /// How many interrupts.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What is to be done.
    pub fn action(&self) -> IrqAction {
        self.action
    }

    /// For which of them.
    pub fn data(&self) -> IrqData<'a> {
        self.data
    }
}
