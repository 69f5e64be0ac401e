// SPDX-License-Identifier: GPL-2.0

//! What the driver of a network device tells, and lets be set, through ethtool.

use super::rtnl::{
    Begun,
    Rtnl, //
};
use crate::bindings;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// How a device itself keeps its receive interrupts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalescing {
    /// Least time between two of them in microseconds, or what the driver makes of such a number.
    pub rx_us: u32,
    /// Whether the driver finds an interval by itself.
    pub is_adaptive: bool,
}

/// A network device of the host, in its first network namespace.
///
/// This says which one and holds no reference: nobody waits for it who removes the device. Every call looks
/// the device up again, and waits for the kernel's lock of all network devices: call from process context,
/// without any lock that somebody takes with that one held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    pub(super) index: i32,
    /// Where it was, since numbers are used again. Only compared.
    pub(super) address: usize,
}

impl Device {
    /// Finds the device that an MSI or MSI-X interrupt belongs to. If its function has several, it is the
    /// one that is known to poll for this interrupt, or else the first.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is none, [`EBUSY`] if that cannot be told while a driver is coming or going.
    pub fn of_irq(irq: u32) -> Result<Self> {
        let rtnl = Rtnl::lock();
        let mut found = Err(ENODEV);
        for netdev in rtnl.devices() {
            match netdev.has_irq(irq) {
                Ok(false) => {}
                Ok(true) if netdev.polls_irq(irq) => return Ok(netdev.device()),
                Ok(true) => found = found.or(Ok(netdev.device())),
                Err(error) => found = found.or(Err(error)),
            }
        }
        found
    }

    /// Finds the device with the number `index`.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is none.
    pub fn with_index(index: u32) -> Result<Self> {
        let rtnl = Rtnl::lock();
        let mut devices = rtnl.devices().map(|netdev| netdev.device());
        devices.find(|device| device.index() == index).ok_or(ENODEV)
    }

    /// The number of the device.
    pub fn index(self) -> u32 {
        // A registered device has a positive one.
        u32::try_from(self.index).unwrap_or(0)
    }

    /// How many packets each of its receive queues has room for.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if its driver does not tell.
    pub fn rx_ring(self) -> Result<u32> {
        self.with(|begun| {
            let get = begun.ops().get_ringparam.ok_or(EOPNOTSUPP)?;
            let mut rings = bindings::ethtool_ringparam {
                cmd: bindings::ETHTOOL_GRINGPARAM,
                ..pin_init::zeroed()
            };
            let mut more = pin_init::zeroed();
            // SAFETY: The device is locked and begun; the driver fills in what it is given.
            unsafe { get(begun.as_ptr(), &mut rings, &mut more, core::ptr::null_mut()) };
            match rings.rx_pending {
                0 => Err(EOPNOTSUPP),
                pending => Ok(pending),
            }
        })
    }

    /// The speed of its link in Mbit/s.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if it is not known, or what the driver fails with.
    pub fn speed_mbps(self) -> Result<u32> {
        self.with(|begun| {
            let mut link = pin_init::zeroed();
            // SAFETY: The device is locked and begun; the driver fills in what it is given.
            to_result(unsafe { bindings::netif_get_link_ksettings(begun.as_ptr(), &mut link) })?;
            match link.base.speed {
                // -1, SPEED_UNKNOWN.
                0 | u32::MAX => Err(EOPNOTSUPP),
                speed => Ok(speed),
            }
        })
    }

    /// How it keeps its interrupts apart.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if its driver knows nothing of that, or what the driver fails
    /// with.
    pub fn coalescing(self) -> Result<Coalescing> {
        self.with(|begun| Ok(Parameters::of(begun)?.coalescing()))
    }

    /// Lets it keep its interrupts apart as `choose` wants, given how it does now, or leaves it alone; returns
    /// how it does then, since a driver may round. Nobody else changes it meanwhile.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EOPNOTSUPP`] if its driver cannot do that, or what the driver fails with:
    /// usually [`EINVAL`] or [`ERANGE`] for a number that it does not take. Then nothing has changed.
    pub fn change_coalescing(
        self,
        choose: impl FnOnce(Coalescing) -> Option<Coalescing>,
    ) -> Result<Coalescing> {
        self.with(|begun| {
            let former = Parameters::of(begun)?;
            let Some(wanted) = choose(former.coalescing()) else {
                return Ok(former.coalescing());
            };
            let changed = Parameters::change(begun, wanted).inspect_err(|_| {
                // The driver may have taken a part of it.
                let _ = former.apply(begun);
            })?;
            if changed != former.coalescing() {
                begun.tell_coalescing();
            }
            Ok(changed)
        })
    }

    /// Calls `act` with the device, as its driver expects to be called.
    fn with<R>(self, act: impl FnOnce(&Begun<'_>) -> Result<R>) -> Result<R> {
        let rtnl = Rtnl::lock();
        let netdev = rtnl
            .devices()
            .find(|netdev| netdev.device() == self)
            .ok_or(ENODEV)?;
        let locked = netdev.lock();
        let begun = Begun::new(&locked)?;
        act(&begun)
    }
}

/// All that a driver tells of its interrupts' moderation.
#[derive(Clone, Copy)]
struct Parameters {
    usual: bindings::ethtool_coalesce,
    more: bindings::kernel_ethtool_coalesce,
}

impl Parameters {
    fn of(begun: &Begun<'_>) -> Result<Self> {
        let ops = begun.ops();
        let get = ops.get_coalesce.ok_or(EOPNOTSUPP)?;
        if ops.supported_coalesce_params & bindings::kernel_ext_ETHTOOL_COALESCE_RX_USECS == 0 {
            return Err(EOPNOTSUPP);
        }
        let mut parameters = Self {
            usual: bindings::ethtool_coalesce {
                cmd: bindings::ETHTOOL_GCOALESCE,
                ..pin_init::zeroed()
            },
            more: pin_init::zeroed(),
        };
        // SAFETY: The device is locked and begun; the driver fills in what it is given.
        to_result(unsafe {
            get(
                begun.as_ptr(),
                &mut parameters.usual,
                &mut parameters.more,
                core::ptr::null_mut(),
            )
        })?;
        Ok(parameters)
    }

    fn coalescing(&self) -> Coalescing {
        Coalescing {
            rx_us: self.usual.rx_coalesce_usecs,
            is_adaptive: self.usual.use_adaptive_rx_coalesce != 0,
        }
    }

    fn apply(mut self, begun: &Begun<'_>) -> Result {
        let set = begun.ops().set_coalesce.ok_or(EOPNOTSUPP)?;
        // SAFETY: The device is locked and begun; the driver only reads what it is given.
        to_result(unsafe {
            set(
                begun.as_ptr(),
                &mut self.usual,
                &mut self.more,
                core::ptr::null_mut(),
            )
        })
    }

    /// Sets what is `wanted`, nothing else; returns what it is then.
    fn change(begun: &Begun<'_>, wanted: Coalescing) -> Result<Coalescing> {
        let adaptive = bindings::kernel_ext_ETHTOOL_COALESCE_USE_ADAPTIVE_RX;
        if wanted.is_adaptive && begun.ops().supported_coalesce_params & adaptive == 0 {
            return Err(EOPNOTSUPP);
        }
        // A driver that changes its way of moderation may put in numbers of its own, as if none were given.
        for _ in 0..2 {
            let mut parameters = Self::of(begun)?;
            if parameters.coalescing() == wanted {
                break;
            }
            parameters.usual.rx_coalesce_usecs = wanted.rx_us;
            parameters.usual.use_adaptive_rx_coalesce = wanted.is_adaptive.into();
            parameters.apply(begun)?;
        }
        Ok(Self::of(begun)?.coalescing())
    }
}
