// SPDX-License-Identifier: GPL-2.0

//! Page faults on a mapped device: here it is decided, page by page and at the time of the access,
//! what a program reaches.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h),
//! [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h)

use super::{
    mapping::{
        offset_of_page,
        Shared, //
    },
    registration::Wrapper,
    Device, //
};
use crate::{
    bindings,
    sync::Signals, //
};
use core::marker::PhantomData;

const RETRY: bindings::vm_fault_t = bindings::vm_fault_reason_VM_FAULT_RETRY;
const SIGBUS: bindings::vm_fault_t = bindings::vm_fault_reason_VM_FAULT_SIGBUS;

/// The number of a page of device registers.
///
/// # Invariants
///
/// It is no page of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoPfn(usize);

impl IoPfn {
    /// Returns the page with the number `pfn`.
    ///
    /// # Safety
    ///
    /// All of the page are registers of a device that the caller drives. It takes them away from
    /// programs, by [`Mappings::zap`](super::Mappings::zap), before it stops doing so.
    pub(crate) unsafe fn new(pfn: usize) -> Self {
        // INVARIANT: By the safety requirement.
        Self(pfn)
    }
}

/// A page was inserted, or could not be.
#[derive(Clone, Copy, Debug)]
pub struct Inserted(bindings::vm_fault_t);

/// What becomes of an access that faults.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// It is repeated, and reaches the page that was inserted.
    Inserted(Inserted),
    /// It is repeated after [`Device::wait_accessible`]. Without [`Fault::can_wait`] it is refused.
    Wait,
    /// The program gets a SIGBUS.
    Refuse,
}

/// An access to a page that is not mapped.
pub struct Fault<'a> {
    vmf: &'a bindings::vm_fault,
    shared: &'a Shared,
}

impl Fault<'_> {
    /// Where in the device's file the page begins.
    pub fn offset(&self) -> u64 {
        // `mmap` has checked the whole area.
        offset_of_page(self.vmf.__bindgen_anon_1.pgoff).unwrap_or(u64::MAX)
    }

    /// Whether it is a store.
    pub fn is_write(&self) -> bool {
        self.has(bindings::fault_flag_FAULT_FLAG_WRITE)
    }

    /// Whether the access may be delayed.
    ///
    /// Not if it is made on behalf of somebody else: VFIO does so while it holds the lock of a
    /// container, without which its user can do nothing.
    pub fn can_wait(&self) -> bool {
        self.has(bindings::fault_flag_FAULT_FLAG_ALLOW_RETRY)
            && !self.has(bindings::fault_flag_FAULT_FLAG_RETRY_NOWAIT)
            && !self.has(bindings::fault_flag_FAULT_FLAG_REMOTE)
    }

    /// Lets the program access registers, uncached.
    pub fn insert_io(&self, page: IoPfn) -> Outcome {
        // SAFETY: The area is valid throughout the fault.
        let prot = unsafe { (*self.vma()).vm_page_prot };
        self.insert(page.0, prot)
    }

    /// Lets the program access a page that reads as an absent device and takes what is written.
    pub fn insert_sink(&self) -> Outcome {
        // SAFETY: The area is valid throughout the fault.
        let prot = unsafe { bindings::vm_get_page_prot((*self.vma()).__bindgen_anon_2.vm_flags) };
        self.insert(self.shared.sink().pfn(), prot)
    }

    fn insert(&self, pfn: usize, prot: bindings::pgprot_t) -> Outcome {
        let address = self.vmf.__bindgen_anon_1.address;
        // SAFETY: The area is one of `mmap`, which made it `VM_PFNMAP` and refused private ones. A
        // page of registers is taken away before its device is given up, see `IoPfn`; the sink lives
        // as long as the device, which outlives its areas.
        let result = unsafe { bindings::vmf_insert_pfn_prot(self.vma(), address, pfn, prot) };
        Outcome::Inserted(Inserted(result))
    }

    fn has(&self, flag: bindings::fault_flag) -> bool {
        self.vmf.flags & flag != 0
    }

    fn vma(&self) -> *mut bindings::vm_area_struct {
        self.vmf.__bindgen_anon_1.vma
    }

    /// Which signals may end a delay.
    fn signals(&self) -> Signals {
        // The kernel's own accesses on behalf of a program are repeated whatever signal is pending:
        // ending the delay would make them spin.
        let is_interruptible = self.has(bindings::fault_flag_FAULT_FLAG_INTERRUPTIBLE)
            && self.has(bindings::fault_flag_FAULT_FLAG_USER);
        if is_interruptible {
            Signals::Interruptible
        } else {
            Signals::Killable
        }
    }
}

/// A delayed access.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    offset: u64,
    signals: Signals,
}

impl Wait {
    /// Where in the device's file the page begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Which signals must end the delay.
    pub fn signals(&self) -> Signals {
        self.signals
    }
}

struct Table<T: Device>(PhantomData<T>);

impl<T: Device> Table<T> {
    const VM: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(fault::<T>),
        ..pin_init::zeroed()
    };
}

pub(super) fn operations<T: Device>() -> *const bindings::vm_operations_struct {
    const { &Table::<T>::VM }
}

/// # Safety
///
/// The memory management calls it for an area that [`mmap`](super::mapping::mmap) made.
unsafe extern "C" fn fault<T: Device>(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
    // SAFETY: By the safety requirement; the area's private data is the device, which outlives it.
    let (data, vma, fault) = unsafe {
        let vma = (*vmf).__bindgen_anon_1.vma;
        let device = (*vma).vm_private_data.cast::<bindings::vfio_device>();
        let shared = Wrapper::<T>::shared(device);
        let fault = Fault { vmf: &*vmf, shared };
        (Wrapper::<T>::data(device), vma, fault)
    };
    match data.fault(&fault) {
        Outcome::Inserted(inserted) => inserted.0,
        Outcome::Refuse => SIGBUS,
        Outcome::Wait if fault.can_wait() => {
            let wait = Wait {
                offset: fault.offset(),
                signals: fault.signals(),
            };
            // The area may be gone as soon as it is unlocked. Its file keeps the device and this
            // module; the kernel closes it at the earliest when the program is about to run again.
            // SAFETY: The area is still locked and has a file; `vmf` is not used once it is not.
            let file = unsafe {
                let file = bindings::kernel_ext_get_file((*vma).vm_file);
                bindings::kernel_ext_release_fault_lock(vmf);
                file
            };
            data.wait_accessible(&wait);
            // SAFETY: The reference is the one from above.
            unsafe { bindings::fput(file) };
            RETRY
        }
        // Who does not want to wait asks again; it has kept the lock.
        Outcome::Wait if fault.has(bindings::fault_flag_FAULT_FLAG_RETRY_NOWAIT) => RETRY,
        Outcome::Wait => SIGBUS,
    }
}
