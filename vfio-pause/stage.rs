// SPDX-License-Identifier: GPL-2.0

//! The stages of a slot's life, as types.
//!
//! ```text
//!            first back                pause
//!   Empty ---------------> Running <----------> Paused <-----> Error
//!                                     resume           reset-error
//! ```
//!
//! What a user may reach of a function exists as tokens: [`Window`]s on its registers, [`Armed`]
//! interrupts, and [`Attached`] DMA. [`Running`] owns all of them and [`Paused`] none, so "its
//! interrupts are on, but it has no back" cannot be written. A transition consumes the stage it
//! leaves; one that fails gives it back.

use crate::{
    back::Back,
    dma::Mapping,
    hal::{
        Held,
        Windows, //
    },
    model::text::Switch,
    wiring::{
        Armed,
        Source,
        Wiring, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{
        Instant,
        Monotonic, //
    }, //
};
use kernel_ext::{
    iommu::{
        Attached,
        Domain, //
    },
    pci::{
        Reset,
        Window, //
    },
    vfio::Mappings,
};

/// What the user of a slot has set up. It is the same before and after a pause.
pub(crate) struct User {
    /// The user's mappings of the device, if it is open.
    pub(crate) open: Option<Mappings>,
    /// What is mapped for DMA.
    pub(crate) mapping: Option<Arc<Mapping>>,
    /// Where interrupts go.
    pub(crate) wiring: Wiring,
    /// Whether the user lets the device access memory.
    pub(crate) master: Switch,
    /// Whether the user keeps the device from raising its pin.
    pub(crate) pin_disable: Switch,
}

impl User {
    /// Counts messages that a back held when it was taken away.
    fn count_held(&self, messages: u32) {
        self.wiring.stats().dropped_irqs.add(u64::from(messages));
    }

    /// Takes all pages of the device from the user; the next access faults.
    pub(crate) fn zap(&self) {
        if let Some(mappings) = &self.open {
            mappings.zap();
        }
    }
}

/// A transition that did not happen, and the stage that it was to leave.
pub(crate) struct Refused<S> {
    /// The stage, as it was.
    pub(crate) stage: S,
    /// Why.
    pub(crate) error: Error,
}

/// A back is there and the user has it.
pub(crate) struct Running {
    // Fields drop in declaration order: interrupts and registers go before DMA, all before the back.
    irqs: Armed,
    windows: Windows,
    dma: Option<Attached>,
    back: Back,
}

impl Running {
    /// Gives `back` to the user.
    ///
    /// # Errors
    ///
    /// Why its registers cannot be mapped, its DMA attached or its interrupts had.
    pub(crate) fn start(back: Back, user: &User) -> Result<Self, Refused<Back>> {
        match Self::tokens(&back, user) {
            Ok((irqs, windows, dma)) => {
                let running = Self {
                    irqs,
                    windows,
                    dma,
                    back,
                };
                running.set_pin(user);
                running.set_master(user.master);
                Ok(running)
            }
            Err(error) => Err(Refused { stage: back, error }),
        }
    }

    fn tokens(back: &Back, user: &User) -> Result<(Armed, Windows, Option<Attached>)> {
        let mut windows = [const { None }; 6];
        for (bar, window) in (0u8..).zip(windows.iter_mut()) {
            if back.function().resource(bar).is_some() {
                *window = Some(Window::new(back.claim(), bar)?);
            }
        }
        let dma = match &user.mapping {
            Some(mapping) => Some(Domain::attach(mapping.domain(), back.owner())?),
            None => None,
        };
        let irqs = Armed::new(back.claim(), &user.wiring)?;
        Ok((irqs, windows, dma))
    }

    /// Takes the back from the user. It stays behind the slot, with its registers as they are.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if it does not fall silent; the user then still has it.
    pub(crate) fn pause(self, user: &User) -> Result<Paused, Refused<Self>> {
        let since = Instant::now();
        // First nobody can tell it anything any more.
        user.zap();
        let held = Held::hold(self.back.function(), &self.windows);
        // A message that cannot be sent would be lost, one that is held is not.
        self.back.claim().hold_messages();
        self.back.claim().clear_master();
        if !self.back.claim().is_quiet() {
            self.back.claim().release_messages();
            self.set_master(user.master);
            held.release(&self.windows);
            return Err(Refused {
                stage: self,
                error: ETIMEDOUT,
            });
        }
        user.count_held(self.held_messages());
        let back = self.give_up(user);
        Ok(Paused {
            back: Some(back),
            held: Some(held),
            since,
        })
    }

    /// How many messages the back has still to send.
    fn held_messages(&self) -> u32 {
        let Some((bar, offset)) = self.back.function().msix_pending() else {
            return 0;
        };
        let words = u64::from(self.back.function().msix_vectors().div_ceil(64));
        let mut held = 0u32;
        for word in 0..words {
            let mut bits = [0; 8];
            let at = u64::from(offset).saturating_add(word.saturating_mul(8));
            if self
                .window(bar)
                .is_some_and(|window| window.load(at, &mut bits))
            {
                held = held.saturating_add(u64::from_le_bytes(bits).count_ones());
            }
        }
        held
    }

    /// Takes a back that is going away from the user.
    pub(crate) fn lose(self, user: &User) -> Paused {
        let since = Instant::now();
        self.back.claim().clear_master();
        drop(self.give_up(user));
        Paused {
            back: None,
            held: None,
            since,
        }
    }

    /// Ends all of the user's access.
    fn give_up(self, user: &User) -> Back {
        let Self {
            irqs,
            windows,
            dma,
            back,
        } = self;
        user.zap();
        drop(irqs);
        drop(windows);
        drop(dma);
        back
    }

    /// Directs the back's DMA through `mapping`, or nowhere.
    ///
    /// # Errors
    ///
    /// Why that cannot be; it then goes nowhere, or if it can, where it went before.
    pub(crate) fn attach(
        &mut self,
        mapping: Option<&Arc<Mapping>>,
        before: Option<&Arc<Mapping>>,
    ) -> Result {
        self.dma = None;
        let Some(mapping) = mapping else {
            return Ok(());
        };
        match Domain::attach(mapping.domain(), self.back.owner()) {
            Ok(attached) => {
                self.dma = Some(attached);
                Ok(())
            }
            Err(error) => {
                self.dma = before
                    .and_then(|before| Domain::attach(before.domain(), self.back.owner()).ok());
                Err(error)
            }
        }
    }

    /// Lets the back access memory, or not.
    pub(crate) fn set_master(&self, master: Switch) {
        match master {
            Switch::On => self.back.claim().set_master(),
            Switch::Off => self.back.claim().clear_master(),
        }
    }

    /// Lets the back raise its pin, if that is in use, or not.
    pub(crate) fn set_pin(&self, user: &User) {
        if user.wiring.source() == Some(Source::Pin) {
            self.back.claim().set_pin(!user.pin_disable.is_on());
        }
    }

    /// Resets the back under the user.
    ///
    /// # Errors
    ///
    /// As [`Back::reset`].
    pub(crate) fn reset(&self, user: &User) -> Result {
        user.zap();
        self.back.reset(Reset::Unlocked)
    }

    /// Refuses a transition.
    pub(crate) fn refuse(self, error: Error) -> Refused<Self> {
        Refused { stage: self, error }
    }

    /// The registers behind a base address register.
    pub(crate) fn window(&self, bar: u8) -> Option<&Window> {
        self.windows.get(usize::from(bar))?.as_ref()
    }

    /// The interrupts.
    pub(crate) fn irqs(&mut self) -> &mut Armed {
        &mut self.irqs
    }

    /// The back.
    pub(crate) fn back(&self) -> &Back {
        &self.back
    }
}

/// The user has nothing but what it set up; a back may be there.
pub(crate) struct Paused {
    back: Option<Back>,
    /// What keeps the back still, unless that was reset since.
    held: Option<Held>,
    since: Instant<Monotonic>,
}

impl Paused {
    /// Gives the back to the user again.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] without a back, or as [`Running::start`].
    pub(crate) fn resume(self, user: &User) -> Result<Running, Refused<Self>> {
        let Self { back, held, since } = self;
        let refused = |back, error| Refused {
            stage: Self { back, held, since },
            error,
        };
        let Some(back) = back else {
            return Err(refused(None, ENODEV));
        };
        let running = Running::start(back, user).map_err(|it| refused(Some(it.stage), it.error))?;
        if let Some(held) = held {
            held.release(&running.windows);
        }
        // What was accessed meanwhile was the sink.
        user.zap();
        Ok(running)
    }

    /// Resets the back, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Back::reset`].
    pub(crate) fn reset(&mut self, how: Reset) -> Result {
        self.held = None;
        match &self.back {
            Some(back) => back.reset(how),
            None => Ok(()),
        }
    }

    /// Refuses a transition.
    pub(crate) fn refuse(self, error: Error) -> Refused<Self> {
        Refused { stage: self, error }
    }

    /// Puts a back behind the slot, which the user does not get yet.
    pub(crate) fn receive(self, back: Back) -> Self {
        Self {
            back: Some(back),
            held: None,
            ..self
        }
    }

    /// Gives the back up.
    pub(crate) fn lose(self) -> Self {
        Self {
            back: None,
            held: None,
            ..self
        }
    }

    /// The back.
    pub(crate) fn back(&self) -> Option<&Back> {
        self.back.as_ref()
    }

    /// When the pause began.
    pub(crate) fn since(&self) -> Instant<Monotonic> {
        self.since
    }

    /// Keeps the slot from being resumed until somebody says that it may be.
    pub(crate) fn fail(self) -> Failed {
        Failed(self)
    }
}

/// A resume failed, or a back went away that was not to; otherwise like [`Paused`].
pub(crate) struct Failed(Paused);

impl Failed {
    /// Allows a resume again.
    pub(crate) fn clear(self) -> Paused {
        self.0
    }

    /// As [`Paused::receive`].
    pub(crate) fn receive(self, back: Back) -> Self {
        Self(self.0.receive(back))
    }

    /// As [`Paused::lose`].
    pub(crate) fn lose(self) -> Self {
        Self(self.0.lose())
    }

    /// What it is apart from being in error.
    pub(crate) fn paused(&self) -> &Paused {
        &self.0
    }
}

/// Whatever stage a slot is in.
pub(crate) enum Stage {
    /// There has never been a back.
    Empty,
    /// See [`Running`].
    Running(Running),
    /// See [`Paused`].
    Paused(Paused),
    /// See [`Failed`].
    Error(Failed),
}

impl Stage {
    /// Takes the stage out, to move it on; what is left is nothing.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Empty)
    }

    /// The back, whoever has it.
    pub(crate) fn back(&self) -> Option<&Back> {
        match self {
            Self::Empty => None,
            Self::Running(running) => Some(running.back()),
            Self::Paused(paused) => paused.back(),
            Self::Error(failed) => failed.paused().back(),
        }
    }
}
