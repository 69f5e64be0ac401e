// SPDX-License-Identifier: GPL-2.0

//! Letting the devices behind a line keep their interrupts apart by themselves, by its latency interval.

use crate::model::{
    assist::{
        nearest,
        Answer,
        Loan,
        Patience,
        Place, //
    },
    interval::Latency,
    text::Switch, //
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
    Device,
    Presence, //
};

mod claims;

use claims::Claim;
pub(crate) use claims::Claims;

/// A device that assists a line; dropping it lets the device do what it did before.
struct Assistant {
    /// The last interval that the device took.
    latency: Latency,
    /// Of its setting, to the line.
    loan: Loan<Coalescing>,
    // Dropped after `drop` has changed the setting back, or has seen to that.
    claim: Claim,
}

impl Assistant {
    /// # Errors
    ///
    /// [`EBUSY`] if it assists another line, [`ENOMEM`], and see [`apply`].
    fn new(claims: &Arc<Claims>, device: Device, latency: Latency) -> Result<Self> {
        let claim = claims.claim(device)?;
        let (former, lent) = apply(device, latency)?;
        Ok(Self {
            latency,
            loan: Loan::new(former, lent),
            claim,
        })
    }

    /// Lets it follow another interval; if it cannot, it goes on as before.
    fn follow(&mut self, latency: Latency) {
        if self.latency == latency {
            return;
        }
        if let Ok((now, lent)) = apply(self.claim.device(), latency) {
            self.latency = latency;
            self.loan = self.loan.renew(now, lent);
        }
    }
}

impl Drop for Assistant {
    fn drop(&mut self) {
        self.claim.give_back(self.loan);
    }
}

/// Lets `device` keep its interrupts apart by what it takes that is nearest to `latency`. Returns how it did
/// before, and how it does now.
///
/// # Errors
///
/// [`EOPNOTSUPP`] if there is nothing, [`EAGAIN`] if it cannot be asked now, or what its driver fails with.
/// Then it does as before.
fn apply(device: Device, latency: Latency) -> Result<(Coalescing, Coalescing)> {
    device.moderate(|moderation| {
        let former = moderation.now();
        let mut set = |rx_us| {
            moderation.set(Coalescing {
                rx_us,
                is_adaptive: false,
            })
        };
        let found = nearest(latency.effective_us(), |us| match set(us) {
            // It pretends.
            Ok(made) if made.is_adaptive || made.rx_us == 0 => Err(EOPNOTSUPP),
            Ok(_) => Ok(Answer::Taken),
            Err(error) if error == EINVAL || error == ERANGE => Ok(Answer::Refused),
            Err(error) => Err(error),
        })?;
        Ok((former, set(found.ok_or(EOPNOTSUPP)?)?))
    })
}

struct State {
    switch: Switch,
    assistants: KVec<Assistant>,
    /// Of what devices are looked for by.
    generation: Option<u64>,
    /// With devices that are looked for.
    patience: Patience,
}

impl State {
    /// Lets `device` assist, too, unless it does.
    ///
    /// # Errors
    ///
    /// See [`Assistant::new`].
    fn add(&mut self, claims: &Arc<Claims>, device: Device, latency: Latency) -> Result {
        let is_it = |assistant: &&mut Assistant| assistant.claim.device() == device;
        if let Some(assistant) = self.assistants.iter_mut().find(is_it) {
            assistant.follow(latency);
            return Ok(());
        }
        self.assistants.reserve(1, GFP_KERNEL)?;
        let assistant = Assistant::new(claims, device, latency)?;
        self.assistants.push(assistant, GFP_KERNEL)?;
        Ok(())
    }

    /// Lets all of `found` assist that can.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if none can, [`EBUSY`] if one assists another line or cannot be asked now, [`ENOMEM`].
    fn add_all(&mut self, claims: &Arc<Claims>, found: &[Device], latency: Latency) -> Result {
        for device in found {
            match self.add(claims, *device, latency) {
                Err(error) if error == EBUSY || error == ENOMEM => return Err(error),
                Err(error) if error == EAGAIN => return Err(EBUSY),
                _ => {}
            }
        }
        match self.assistants.is_empty() {
            true => Err(EOPNOTSUPP),
            false => Ok(()),
        }
    }

    /// Gives those back that assist no more, and lets all of `found` assist that can. Returns whether there is
    /// nothing to look for until interrupts change.
    fn look(&mut self, claims: &Arc<Claims>, found: &[Device], latency: Latency) -> bool {
        let mut is_settled = true;
        let patience = self.patience;
        self.assistants.retain(|assistant| {
            let place = place(assistant.claim.device(), found);
            is_settled &= place.is_settled();
            place.is_lent(&patience)
        });
        for device in found {
            match self.add(claims, *device, latency) {
                Err(error) if error == EAGAIN || error == ENOMEM => is_settled = false,
                // Those that cannot, or assist another line.
                _ => {}
            }
        }
        is_settled && !self.assistants.is_empty()
    }
}

/// Where `device` is, while the line has interrupts of all of `found`.
fn place(device: Device, found: &[Device]) -> Place {
    if found.contains(&device) {
        return Place::Behind;
    }
    match device.presence() {
        Presence::Up => Place::Up,
        Presence::Down => Place::Down,
        Presence::Away => Place::Away,
        Presence::Abroad => Place::Abroad,
        Presence::Gone => Place::Gone,
    }
}

/// What of a line its devices do.
///
/// Lock order: `state` is taken after the lock of all lines and before that of the line's vectors, never
/// with the latter held: the kernel's lock of all network devices is taken with it held.
#[pin_data]
pub(crate) struct Assist {
    claims: Arc<Claims>,
    #[pin]
    state: Mutex<State>,
}

impl Assist {
    /// Nobody assists.
    pub(crate) fn new(claims: &Arc<Claims>) -> impl PinInit<Self> + '_ {
        pin_init!(Self {
            claims: claims.clone(),
            state <- new_mutex!(
                State {
                    switch: Switch::Off,
                    assistants: KVec::new(),
                    generation: None,
                    patience: Patience::over(),
                },
                "irq_mod::Assist",
            ),
        })
    }

    pub(crate) fn switch(&self) -> Switch {
        self.state.lock().switch
    }

    /// Lets the devices of the interrupts that `irqs` returns assist by the interval that `latency` returns,
    /// or lets them do what they did before.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if there is none that can, [`EBUSY`] if one assists another line, cannot be asked now, or
    /// its driver is coming or going, [`ENOMEM`].
    pub(crate) fn turn(
        &self,
        switch: Switch,
        irqs: impl FnOnce() -> Result<KVec<u32>>,
        latency: impl FnOnce() -> Latency,
    ) -> Result {
        let mut state = self.state.lock();
        if state.switch == switch {
            return Ok(());
        }
        if switch.is_on() {
            let found = devices(&irqs()?)?;
            state
                .add_all(&self.claims, &found, latency())
                .inspect_err(|_| state.assistants.clear())?;
        } else {
            state.assistants.clear();
        }
        state.switch = switch;
        Ok(())
    }

    /// The line's interval may have changed.
    pub(crate) fn follow(&self, latency: impl FnOnce() -> Latency) {
        let mut state = self.state.lock();
        if state.switch.is_on() {
            let latency = latency();
            let assistants = state.assistants.iter_mut();
            assistants.for_each(|assistant| assistant.follow(latency));
        }
    }

    /// The line's interrupts may be others, or of other devices; they are others if `generation` is.
    ///
    /// # Errors
    ///
    /// Then this is to be called again after a while: [`EAGAIN`] if nobody assists or somebody may not any
    /// more, [`EBUSY`] if a driver is coming or going, [`ENOMEM`]. That ends even if nothing changes.
    pub(crate) fn refresh(
        &self,
        generation: u64,
        irqs: impl FnOnce() -> Result<KVec<u32>>,
        latency: impl FnOnce() -> Latency,
    ) -> Result {
        let mut state = self.state.lock();
        if !state.switch.is_on() {
            return Ok(());
        }
        // Both only ever grow.
        let generation = generation.wrapping_add(self.claims.generation());
        if state.generation.replace(generation) != Some(generation) {
            state.patience = Patience::new();
        } else if state.patience.is_over() {
            return Ok(());
        }
        state.patience.try_once();
        let patience = state.patience;
        let looked = irqs()
            .and_then(|irqs| devices(&irqs))
            .map(|found| state.look(&self.claims, &found, latency()));
        match looked {
            Ok(true) => {
                state.patience = Patience::over();
                Ok(())
            }
            _ if patience.is_over() => Ok(()),
            Ok(false) => Err(EAGAIN),
            Err(error) => Err(error),
        }
    }
}

/// The network devices that some interrupts belong to.
///
/// # Errors
///
/// [`EBUSY`] if a driver is coming or going, [`ENOMEM`].
fn devices(irqs: &[u32]) -> Result<KVec<Device>> {
    let mut devices = KVec::new();
    let mut result = Ok(());
    Device::of_irqs(irqs, &mut |_, found| match found {
        Ok(device) if devices.contains(&device) => {}
        Ok(device) => {
            if let Err(error) = devices.push(device, GFP_KERNEL) {
                result = Err(error.into());
            }
        }
        Err(error) if error == ENODEV => {}
        Err(error) => result = Err(error),
    })?;
    result.map(|()| devices)
}
