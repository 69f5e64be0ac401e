// SPDX-License-Identifier: GPL-2.0

//! Which network devices assist a line, and which have not been given back yet.

use crate::model::assist::{
    Loan,
    Patience, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::net::{
    Coalescing,
    Device, //
};

/// A device whose setting could not be changed back: it sleeps, is being repaired, or seems to be gone.
struct Debt {
    device: Device,
    loan: Loan<Coalescing>,
    /// With one that seems to be gone.
    patience: Patience,
}

impl Debt {
    /// Lets the device do what it did before.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EAGAIN`] if it cannot be asked now, or what its driver fails with.
    fn settle(&self) -> Result {
        self.device
            .moderate(|moderation| match self.loan.returned(moderation.now()) {
                Some(former) => moderation.set(former).map(drop),
                None => Ok(()),
            })
    }

    /// Tries that; returns whether it is to be tried again.
    fn is_left(&mut self) -> bool {
        match self.settle() {
            Ok(()) => false,
            Err(error) if error == EAGAIN => {
                self.patience.try_once();
                true
            }
            Err(error) if error == ENODEV => {
                self.patience.try_once();
                !self.patience.is_over()
            }
            Err(error) => {
                warn(error);
                false
            }
        }
    }
}

fn warn(error: Error) {
    pr_warn!("a network device keeps the moderation of a line ({error:?})\n");
}

/// # Invariants
///
/// `debts` has room for one of each that is claimed.
struct Ledger {
    claimed: KVec<Device>,
    debts: KVec<Debt>,
    /// How many were given back.
    returned: u64,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        for debt in &self.debts {
            match debt.settle() {
                // It comes back as its driver wants it.
                Err(error) if error != ENODEV => warn(error),
                _ => {}
            }
        }
    }
}

/// The devices that assist any line: each assists one.
///
/// Lock order: as that of [`Assist`](super::Assist), and after it.
#[pin_data]
pub(crate) struct Claims {
    #[pin]
    ledger: Mutex<Ledger>,
}

impl Claims {
    pub(crate) fn new() -> impl PinInit<Self> {
        // INVARIANT: There is none.
        pin_init!(Self {
            ledger <- new_mutex!(
                Ledger {
                    claimed: KVec::new(),
                    debts: KVec::new(),
                    returned: 0,
                },
                "irq_mod::Claims",
            ),
        })
    }

    /// Tries to change back what could not be before.
    ///
    /// # Errors
    ///
    /// [`EAGAIN`] if that is to be tried again after a while. Otherwise it is when interrupts come: those of a
    /// device that wakes up do.
    pub(crate) fn settle(&self) -> Result {
        let mut ledger = self.ledger.lock();
        ledger.debts.retain(Debt::is_left);
        match ledger.debts.iter().all(|debt| debt.patience.is_over()) {
            true => Ok(()),
            false => Err(EAGAIN),
        }
    }

    /// Changes whenever a device was given back.
    pub(super) fn generation(&self) -> u64 {
        self.ledger.lock().returned
    }

    /// # Errors
    ///
    /// [`EBUSY`] if it assists already or was not given back yet, [`ENOMEM`].
    pub(super) fn claim(self: &Arc<Self>, device: Device) -> Result<Claim> {
        let mut ledger = self.ledger.lock();
        let mut debtors = ledger.debts.iter().map(|debt| debt.device);
        if ledger.claimed.contains(&device) || debtors.any(|debtor| debtor == device) {
            return Err(EBUSY);
        }
        // INVARIANT: For those there are and for one more.
        let room = ledger.claimed.len().saturating_add(1);
        ledger.debts.reserve(room, GFP_KERNEL)?;
        ledger.claimed.push(device, GFP_KERNEL)?;
        Ok(Claim {
            claims: self.clone(),
            device,
        })
    }
}

/// A device that nobody else may ask for help; dropping it gives that up.
pub(super) struct Claim {
    claims: Arc<Claims>,
    device: Device,
}

impl Claim {
    pub(super) fn device(&self) -> Device {
        self.device
    }

    /// Lets the device do what it did before, as soon as that is possible.
    pub(super) fn give_back(&self, loan: Loan<Coalescing>) {
        let mut debt = Debt {
            device: self.device,
            loan,
            patience: Patience::new(),
        };
        let is_left = debt.is_left();
        let mut ledger = self.claims.ledger.lock();
        ledger.returned = ledger.returned.wrapping_add(1);
        if is_left {
            // By the type invariant there is room.
            let _ = ledger.debts.push_within_capacity(debt);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut ledger = self.claims.ledger.lock();
        ledger.claimed.retain(|device| *device != self.device);
    }
}
