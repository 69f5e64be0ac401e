// SPDX-License-Identifier: GPL-2.0

//! The two network devices of a filter, between which level 2 is.

use crate::{
    claims::{
        Claim,
        Role, //
    },
    filter::Filter,
    model::key::Direction, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};
use kernel_ext::net::{
    Carrier,
    Frame,
    Port,
    PortHandler,
    Refused,
    Sent,
    Settings, //
};

/// MTUs that a user may give a device of a pair, in bytes.
const MTUS_BYTES: core::ops::RangeInclusive<u32> = 68..=65_535;

/// One of the devices: what is behind it.
struct Side {
    filter: Arc<Filter>,
    /// Which way a frame goes on that the host sends on it.
    direction: Direction,
}

impl PortHandler for Side {
    fn transmit(&self, frame: Frame) -> Sent {
        self.filter.injected(frame, self.direction);
        Sent::Taken
    }
}

/// The two devices.
pub(crate) struct Pair {
    /// On the side of the uplink: what is on its way to the VM bounces there.
    up: Port<Side>,
    /// On the side of the VF: what is on its way from the VM bounces there.
    down: Port<Side>,
    _claims: [Claim; 2],
}

impl Pair {
    /// Registers the pair of `filter`, connected.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] if a name is taken, [`ENOMEM`].
    pub(crate) fn new(filter: &Arc<Filter>) -> Result<Self> {
        let side = |letter, direction| {
            let name = CString::try_from_fmt(format_args!("sb{}{letter}", filter.id))?;
            let settings = Settings {
                name: &name,
                mac: None,
                mtus_bytes: MTUS_BYTES,
            };
            let side = Side {
                filter: filter.clone(),
                direction,
            };
            let port = Port::new(&settings, Ok::<_, Error>(side))?;
            port.set_carrier(Carrier::On);
            Ok::<_, Error>(port)
        };
        let claim = |port: &Port<Side>| filter.claims.claim(port.device(), Role::Bounced);
        let (up, down) = (side('u', Direction::Tx)?, side('d', Direction::Rx)?);
        Ok(Self {
            _claims: [claim(&up)?, claim(&down)?],
            up,
            down,
        })
    }

    /// Lets the host receive a frame that has bounced on its way in `direction`.
    ///
    /// # Errors
    ///
    /// The frame, if the device is not up.
    #[inline]
    pub(crate) fn receive(&self, frame: Frame, direction: Direction) -> Result<(), Frame> {
        let port = match direction {
            Direction::Rx => &self.up,
            Direction::Tx => &self.down,
        };
        port.receive(frame).map_err(|Refused(frame)| frame)
    }
}
