// SPDX-License-Identifier: GPL-2.0

//! The back end `port`: a network device of the host that leads to a VM. What the host sends on it goes to the
//! VM, and what it receives comes from there.

use crate::{
    ffi::Why,
    filter::Filter,
    model::{
        key::Direction,
        mode::TxMode,
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
pub(crate) struct Tap(Hook<Between>);

struct Between(Arc<Filter>);

impl Tap {
    /// Puts `filter` in front of what is behind `device`.
    ///
    /// # Errors
    ///
    /// As [`Hook::new`].
    pub(crate) fn new(device: Device, filter: Arc<Filter>) -> Result<Self> {
        Hook::new(device, Ok(Between(filter))).map(Self)
    }

    /// The device.
    pub(crate) fn device(&self) -> Device {
        self.0.device()
    }

    /// Whether the device is still there.
    pub(crate) fn is_there(&self) -> bool {
        self.0.with(|_| ()).is_some()
    }

    /// Sends a frame to the VM, past the rules.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device is gone, or what sending fails with.
    pub(crate) fn deliver(&self, frame: Frame) -> Result {
        self.0
            .with(|here| here.go_on_transmitting(frame))
            .unwrap_or(Err(ENODEV))
    }

    /// Lets a frame from the VM go on to the host, past the rules.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device is gone, or what receiving fails with.
    pub(crate) fn go_on(&self, frame: Frame) -> Result {
        self.0
            .with(|here| here.go_on_receiving(frame))
            .unwrap_or(Err(ENODEV))
    }
}

impl Between {
    fn decide<'a>(&self, visit: Visit<'a>, direction: Direction) -> Outcome<'a> {
        let filter = &self.0;
        let reader = visit.here().reader();
        let decision = filter.judge(reader, &visit, seen::tag(&visit), direction);
        match decision.verdict {
            Verdict::Drop(reason) => visit.drop_with(reason.into()),
            Verdict::Accept if direction == Direction::Tx || filter.holding.is_serving() => {
                return Outcome::Pass(visit);
            }
            Verdict::Accept | Verdict::Bounce(_) => {
                let len_bytes = visit.len_bytes();
                match visit.take() {
                    Some(frame) => filter.dispose(frame, direction, &decision),
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
        if self.0.settings_now(visit.here().reader()).tx_mode == TxMode::None {
            return Outcome::Pass(visit);
        }
        self.decide(visit, Direction::Tx)
    }

    fn egress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        self.decide(visit, Direction::Rx)
    }
}
