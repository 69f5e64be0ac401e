// SPDX-License-Identifier: GPL-2.0

//! Letting the devices behind a line keep their interrupts apart by themselves, by its latency interval.

use crate::model::{
    assist::{
        nearest,
        Answer,
        Loan, //
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
    Device, //
};

/// The devices that assist any line: each assists one.
#[pin_data]
pub(crate) struct Claims {
    #[pin]
    devices: Mutex<KVec<Device>>,
}

impl Claims {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            devices <- new_mutex!(KVec::new(), "irq_mod::Claims"),
        })
    }

    fn claim(self: &Arc<Self>, device: Device) -> Result<Claim> {
        let mut devices = self.devices.lock();
        if devices.contains(&device) {
            return Err(EBUSY);
        }
        devices.push(device, GFP_KERNEL)?;
        Ok(Claim {
            claims: self.clone(),
            device,
        })
    }
}

/// A device that nobody else may ask for help; dropping it gives that up.
struct Claim {
    claims: Arc<Claims>,
    device: Device,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut devices = self.claims.devices.lock();
        devices.retain(|device| *device != self.device);
    }
}

/// A device that assists a line; dropping it lets the device do what it did before.
struct Assistant {
    /// The last interval that the device took.
    latency: Latency,
    /// Of its setting, to the line.
    loan: Loan<Coalescing>,
    // Dropped after `drop` has changed the setting back.
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
        if let Ok((now, lent)) = apply(self.claim.device, latency) {
            self.latency = latency;
            self.loan = self.loan.renew(now, lent);
        }
    }
}

impl Drop for Assistant {
    fn drop(&mut self) {
        let device = self.claim.device;
        match device.change_coalescing(|now| self.loan.returned(now)) {
            // One that has gone comes back as its driver wants it.
            Err(error) if error != ENODEV => {
                pr_warn!("a network device keeps the moderation of a line ({error:?})\n");
            }
            _ => {}
        }
    }
}

/// Lets `device` keep its interrupts apart by what it takes that is nearest to `latency`. Returns how it did
/// before, and how it does now.
///
/// # Errors
///
/// [`EOPNOTSUPP`] if there is nothing, or what its driver fails with. Then it does as before.
fn apply(device: Device, latency: Latency) -> Result<(Coalescing, Coalescing)> {
    let mut former = None;
    let mut set = |rx_us| {
        device.change_coalescing(|now| {
            former.get_or_insert(now);
            Some(Coalescing {
                rx_us,
                is_adaptive: false,
            })
        })
    };
    let found = nearest(latency.effective_us(), |us| match set(us) {
        // It pretends.
        Ok(made) if made.is_adaptive || (us != 0 && made.rx_us == 0) => Err(EOPNOTSUPP),
        Ok(_) => Ok(Answer::Taken),
        Err(error) if error == EINVAL || error == ERANGE => Ok(Answer::Refused),
        Err(error) => Err(error),
    });
    let lent = found.and_then(|us| set(us.ok_or(EOPNOTSUPP)?));
    match (former, lent) {
        (Some(former), Ok(lent)) => Ok((former, lent)),
        (former, lent) => {
            // What it was is what its driver takes, unless it has gone.
            let _ = device.change_coalescing(|_| former);
            Err(lent.err().unwrap_or(EOPNOTSUPP))
        }
    }
}

struct State {
    switch: Switch,
    assistants: KVec<Assistant>,
}

impl State {
    /// Lets `device` assist, too, unless it does.
    ///
    /// # Errors
    ///
    /// See [`Assistant::new`].
    fn add(&mut self, claims: &Arc<Claims>, device: Device, latency: Latency) -> Result {
        let is_it = |assistant: &&mut Assistant| assistant.claim.device == device;
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
    /// [`EOPNOTSUPP`] if none can, [`EBUSY`] if one assists another line, [`ENOMEM`].
    fn add_all(&mut self, claims: &Arc<Claims>, found: &[Device], latency: Latency) -> Result {
        for device in found {
            match self.add(claims, *device, latency) {
                Err(error) if error == EBUSY || error == ENOMEM => return Err(error),
                _ => {}
            }
        }
        match self.assistants.is_empty() {
            true => Err(EOPNOTSUPP),
            false => Ok(()),
        }
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
    /// [`EOPNOTSUPP`] if there is none that can, [`EBUSY`] if one assists another line or its driver is
    /// coming or going, [`ENOMEM`].
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

    /// The line's interrupts may be others, or of other devices, or these can do more by now.
    ///
    /// # Errors
    ///
    /// Then this is to be called again after a while: [`ENODEV`] if nobody assists, [`EBUSY`] if a driver is
    /// coming or going, [`ENOMEM`].
    pub(crate) fn refresh(
        &self,
        irqs: impl FnOnce() -> Result<KVec<u32>>,
        latency: impl FnOnce() -> Latency,
    ) -> Result {
        let mut state = self.state.lock();
        if !state.switch.is_on() {
            return Ok(());
        }
        let found = devices(&irqs()?)?;
        let latency = latency();
        state
            .assistants
            .retain(|assistant| found.contains(&assistant.claim.device));
        for device in found {
            // Whether it can assist may change.
            let _ = state.add(&self.claims, device, latency);
        }
        match state.assistants.is_empty() {
            true => Err(ENODEV),
            false => Ok(()),
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
    for irq in irqs {
        match Device::of_irq(*irq) {
            Ok(device) if devices.contains(&device) => {}
            Ok(device) => devices.push(device, GFP_KERNEL)?,
            Err(error) if error == ENODEV => {}
            Err(error) => return Err(error),
        }
    }
    Ok(devices)
}
