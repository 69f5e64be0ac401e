// SPDX-License-Identifier: GPL-2.0

//! What a front's device refers to, whichever bus it is on.

use super::Persistent;
use crate::{
    bindings,
    iommu::proxy::{
        self,
        Behind, //
    },
    vfio, //
};
use kernel::{
    device,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

/// A device that is bound to one of the drivers.
struct Bound<F: Persistent> {
    _registration: vfio::Registration<F>,
    device: ARef<device::Device>,
    group_id: u32,
}

/// How far a device has got.
enum State<F: Persistent> {
    /// There is none.
    Absent,
    /// It could not be made what it should be.
    Failed(Error),
    /// Programs can open it.
    Bound(Bound<F>),
}

/// What a front's device refers to. There is at most one device at a time.
///
/// Lock order: `closing`, then `state`, which is a leaf.
#[pin_data]
pub(super) struct Station<F: Persistent> {
    behind: Behind<F>,
    /// Held while programs close the device: it may be both removed and dropped.
    #[pin]
    closing: Mutex<()>,
    #[pin]
    state: Mutex<State<F>>,
}

impl<F: Persistent> Station<F> {
    pub(super) fn new(behind: Behind<F>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                behind,
                closing <- new_mutex!((), "kernel_ext::front::Station::closing"),
                state <- new_mutex!(State::Absent, "kernel_ext::front::Station::state"),
            }),
            GFP_KERNEL,
        )
    }

    /// What is behind the front.
    pub(super) fn front(&self) -> &Arc<F> {
        self.behind.front()
    }

    /// Prepares a device that the IOMMU core is about to see.
    ///
    /// # Safety
    ///
    /// `dev` is being added, its IOMMU is not known yet, and `self` stays until it is removed.
    pub(super) unsafe fn adopt(&self, dev: *mut bindings::device) {
        // SAFETY: By the safety requirement; a station is pinned.
        let adopted = unsafe { self.behind.adopt(dev) };
        *self.state.lock() = match adopted {
            Ok(()) => State::Absent,
            Err(error) => State::Failed(error),
        };
    }

    /// Lets programs open the device.
    ///
    /// # Safety
    ///
    /// `dev` is being bound to one of the drivers, which calls `unbind` before that ends.
    pub(super) unsafe fn bind(&self, dev: *mut bindings::device) -> Result {
        let bind = || -> Result<Bound<F>> {
            // SAFETY: By the safety requirement.
            let group_id = unsafe { proxy::group_of(dev) }.ok_or(ENODEV)?;
            // SAFETY: By the safety requirement; the drivers are those of this module and leave DMA
            // to others.
            let registration = unsafe { vfio::Registration::new(dev, self.front().clone()) }?;
            Ok(Bound {
                _registration: registration,
                // SAFETY: By the safety requirement it is alive.
                device: unsafe { device::Device::get_device(dev) },
                group_id,
            })
        };
        let bound = bind();
        let mut state = self.state.lock();
        match bound {
            Ok(bound) => {
                *state = State::Bound(bound);
                Ok(())
            }
            Err(error) => {
                // What went wrong first is the reason.
                if matches!(*state, State::Absent) {
                    *state = State::Failed(error);
                }
                Err(error)
            }
        }
    }

    /// Waits until no program has the device open, and lets none open it any more.
    pub(super) fn unbind(&self) {
        let _closing = self.closing.lock();
        let state = core::mem::replace(&mut *self.state.lock(), State::Absent);
        // Not under the lock of the state, since this may take its time.
        drop(state);
    }

    /// Whether there is a device that programs can open.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn outcome(&self) -> Result {
        match &*self.state.lock() {
            State::Absent => Err(ENODEV),
            State::Failed(error) => Err(*error),
            State::Bound(_) => Ok(()),
        }
    }

    /// The number of the device's IOMMU group.
    pub(super) fn group_id(&self) -> Option<u32> {
        match &*self.state.lock() {
            State::Bound(bound) => Some(bound.group_id),
            _ => None,
        }
    }

    /// The device.
    pub(super) fn device(&self) -> Option<ARef<device::Device>> {
        match &*self.state.lock() {
            State::Bound(bound) => Some(bound.device.clone()),
            _ => None,
        }
    }
}
