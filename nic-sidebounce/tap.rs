// SPDX-License-Identifier: GPL-2.0

//! The back end `port`: a network device of the host that leads to a VM, or that stands for a VM's own.

use crate::{
    claims::{
        Claim,
        Role, //
    },
    ffi::Why,
    filter::Filter,
    model::{
        key::Direction,
        spec::Side,
        verdict::Verdict, //
    },
    seen, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use kernel_ext::net::{
    Device,
    Frame,
    Handler,
    Hook,
    Outcome,
    Visit, //
};

/// The device, and its filter.
pub(crate) struct Tap {
    hook: Hook<Between>,
    side: Side,
    _claim: Claim,
}

struct Between {
    filter: Arc<Filter>,
    side: Side,
}

impl Tap {
    /// Puts `filter` in front of the VM that `device` is for.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if the device receives what bounces, or as [`Hook::new`].
    pub(crate) fn new(device: Device, side: Side, filter: Arc<Filter>) -> Result<Self> {
        let claim = filter.claims.claim(device, Role::Filtered)?;
        Ok(Self {
            hook: Hook::new(device, Ok(Between { filter, side }))?,
            side,
            _claim: claim,
        })
    }

    /// The device.
    pub(crate) fn device(&self) -> Device {
        self.hook.device()
    }

    /// Whether the device is still there.
    pub(crate) fn is_there(&self) -> bool {
        self.hook.with(|_| ()).is_some()
    }

    /// Sends a frame to the VM, past the rules.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device is gone, or what it fails with.
    pub(crate) fn deliver(&self, frame: Frame) -> Result {
        match self.side {
            Side::Host => self.transmit(frame),
            Side::Vm => self.receive(frame),
        }
    }

    /// Lets a frame from the VM go on, past the rules.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device is gone, or what it fails with.
    pub(crate) fn go_on(&self, frame: Frame) -> Result {
        match self.side {
            Side::Host => self.receive(frame),
            Side::Vm => self.transmit(frame),
        }
    }

    fn transmit(&self, frame: Frame) -> Result {
        self.hook
            .with(|here| here.go_on_transmitting(frame))
            .unwrap_or(Err(ENODEV))
    }

    fn receive(&self, frame: Frame) -> Result {
        self.hook
            .with(|here| here.go_on_receiving(frame))
            .unwrap_or(Err(ENODEV))
    }
}

impl Between {
    fn decide<'a>(&self, visit: Visit<'a>, direction: Direction) -> Outcome<'a> {
        let filter = &self.filter;
        let reader = visit.here().reader();
        if direction == Direction::Tx && filter.settings_now(reader).lets_all_go_on() {
            return Outcome::Pass(visit);
        }
        let decision = filter.judge(reader, &visit, seen::tag(&visit), direction);
        match decision.verdict {
            Verdict::Drop(reason) => visit.drop_with(reason.into()),
            Verdict::Accept if direction == Direction::Tx || filter.holding.is_serving() => {
                return Outcome::Pass(visit);
            }
            Verdict::Accept | Verdict::Bounce(_) => {
                let len_bytes = visit.len_bytes();
                match visit.take() {
                    Some(frame) => filter.dispose(reader, frame, direction, &decision),
                    None => filter.lose(direction, Why::NoMemory, len_bytes),
                }
            }
        }
        Outcome::Taken
    }
}

impl Handler for Between {
    // The last one, so that what goes on past the hooks misses no other one.
    const PRIORITY: i32 = i32::MAX;

    fn ingress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        let direction = match self.side {
            Side::Host => Direction::Tx,
            Side::Vm => Direction::Rx,
        };
        self.decide(visit, direction)
    }

    fn egress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        let direction = match self.side {
            Side::Host => Direction::Rx,
            Side::Vm => Direction::Tx,
        };
        self.decide(visit, direction)
    }
}
