// SPDX-License-Identifier: GPL-2.0

//! Which network devices filters use, and for what. A packet that bounced onto a device where a filter sees it could
//! bounce for ever.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::net::Device;

/// What a device is used for. None is used for both.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its packets pass filters.
    Filtered,
    /// It receives what bounces.
    Bounced,
}

/// The devices in use, once for each use.
#[pin_data]
pub(crate) struct Claims {
    /// No other lock is taken with this one held.
    #[pin]
    all: Mutex<KVec<(Device, Role)>>,
}

impl Claims {
    /// None.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { all <- new_mutex!(KVec::new(), "nic_sidebounce::Claims") }),
            GFP_KERNEL,
        )
    }

    /// Uses `device` until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if it has another role, [`ENOMEM`].
    pub(crate) fn claim(self: &Arc<Self>, device: Device, role: Role) -> Result<Claim> {
        let mut all = self.all.lock();
        if all
            .iter()
            .any(|(used, other)| *used == device && *other != role)
        {
            return Err(EBUSY);
        }
        all.push((device, role), GFP_KERNEL)?;
        Ok(Claim {
            claims: self.clone(),
            device,
            role,
        })
    }
}

/// A use of a device.
pub(crate) struct Claim {
    claims: Arc<Claims>,
    device: Device,
    role: Role,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut all = self.claims.all.lock();
        if let Some(place) = all.iter().position(|one| *one == (self.device, self.role)) {
            let _ = all.remove(place);
        }
    }
}
