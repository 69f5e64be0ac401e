// SPDX-License-Identifier: GPL-2.0

//! The companion of the igb driver: lets an 82576 itself give a VF of the host what is on its way to an isolated VF,
//! so that the physical function never sees it.

pub(crate) mod ffi;

use crate::model::pool::{
    Former,
    Next,
    Pool,
    Seen,
    DEFAULT,
    VT_CTL, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::{
    net::{
        Device,
        Event,
        Events,
        Netdev,
        Observer, //
    },
    pci::Registers,
    queue::{
        Errand,
        Kick, //
    }, //
};

/// The pool of a VF of the host is a card's default pool as long as this lives: the VF receives what comes from
/// the wire for isolated VFs, and for addresses that nobody has. Dropping it makes the driver's choice the default
/// again. Whenever the card has been set up anew it takes effect again, a moment after the event that tells so.
///
/// Frames to an address that the physical function has, too, be it by [`kernel_ext::net::Addresses`], still come to
/// that alone, and those to groups to all their members. While the VF of the host is down, what was for it is lost.
///
/// Making and dropping it takes the lock of all network devices.
pub(crate) struct DefaultPool {
    /// Goes first: nobody looks again after that.
    _events: Events<Watch>,
    /// Undoes its work when it goes.
    steering: Arc<Steering>,
}

impl DefaultPool {
    /// Makes the pool of the VF `vf` of `pf` the default. If that cannot be at the moment, since the card is down
    /// or asleep or has no such VF, it comes later.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if it is no 82576, [`ERANGE`] if none can have such a VF, [`EBUSY`] if it has another default
    /// pool than its driver's already, [`ENODEV`] if it is gone, [`ENXIO`] or [`EIO`] if it is not what it seems to
    /// be, [`ENOMEM`].
    pub(crate) fn new(pf: Device, vf: u16) -> Result<Self> {
        let steering = Arc::pin_init(
            Steering::new(pf, Pool::of_vf(vf).ok_or(ERANGE)?),
            GFP_KERNEL,
        )?;
        match steering.look() {
            Ok(Next::Yield) => return Err(EBUSY),
            Err(error) if error != EAGAIN => return Err(error),
            _ => {}
        }
        let look = Look(steering.clone());
        let kick = Kick::new(Ok(look))?;
        Ok(Self {
            _events: Events::new(Ok(Watch { pf, kick }))?,
            steering,
        })
    }

    /// Whether it was the default pool when somebody last looked.
    pub(crate) fn is_in_force(&self) -> bool {
        // It stands for itself.
        self.steering.is_in_force.load(Relaxed)
    }
}

/// The card, and what is wanted of it.
#[pin_data(PinnedDrop)]
struct Steering {
    pf: Device,
    pool: Pool,
    is_in_force: Atomic<bool>,
    /// Comes before the lock of all network devices.
    #[pin]
    former: Mutex<Option<Former>>,
}

impl Steering {
    fn new(pf: Device, pool: Pool) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            pf,
            pool,
            is_in_force: Atomic::new(false),
            former <- new_mutex!(None, "Steering::former"),
        })
    }

    /// Does to the card what is to be done.
    ///
    /// # Errors
    ///
    /// As [`DefaultPool::new`], and [`EAGAIN`] if the card is asleep.
    fn look(&self) -> Result<Next> {
        let mut former = self.former.lock();
        let next = self.pf.registers(&ffi::MAP, |pf, registers| {
            let next = self.pool.next(see(pf, registers)?, *former);
            if let Next::Set {
                bits,
                former: found,
            } = next
            {
                *former = Some(found);
                registers.update(VT_CTL, DEFAULT, bits)?;
            }
            Ok(next)
        });
        let is_in_force = matches!(next, Ok(Next::Keep | Next::Set { .. }));
        self.is_in_force.store(is_in_force, Relaxed);
        next
    }

    fn undo(&self) -> Result {
        let former = self.former.lock();
        self.pf.registers(&ffi::MAP, |pf, registers| {
            match self.pool.undo(see(pf, registers)?, *former) {
                Some(bits) => registers.update(VT_CTL, DEFAULT, bits),
                None => Ok(()),
            }
        })
    }
}

#[pinned_drop]
impl PinnedDrop for Steering {
    fn drop(self: Pin<&mut Self>) {
        // One that is gone or asleep is set up anew by its driver.
        let _ = self.undo();
    }
}

fn see(pf: &Netdev<'_>, registers: &Registers<'_>) -> Result<Seen> {
    Ok(Seen {
        vt_ctl: registers.read(VT_CTL)?,
        is_up: pf.is_running(),
        vfs: pf.vfs(),
    })
}

/// Looks after the card, without the lock of all network devices.
struct Look(Arc<Steering>);

impl Errand for Look {
    fn run(&self) {
        // The next event may find what is missing.
        let _ = self.0.look();
    }
}

/// Has somebody look when the driver may have set up the card.
struct Watch {
    pf: Device,
    kick: Kick<Look>,
}

impl Observer for Watch {
    fn event(&self, event: Event, netdev: &Netdev<'_>) {
        // A reset that is no event by itself takes the carrier away and brings it back. VFs that come are counted
        // after the card was set up for them, and before they have devices.
        let is_set_up = matches!(
            event,
            Event::Register | Event::Up | Event::ChangeMtu | Event::ChangeState
        );
        if is_set_up && (netdev.device() == self.pf || netdev.is_of_vf()) {
            self.kick.trigger();
        }
    }
}
