// SPDX-License-Identifier: GPL-2.0

//! What the driver of a network device tells, and lets be set, through ethtool.

use super::{
    packet::VlanProtocol,
    rtnl::{
        Begun,
        Rtnl,
        Sleeper, //
    }, //
};
use crate::bindings;
use kernel::{
    error::to_result,
    prelude::*,
    sync::rcu, //
};

/// How a device itself keeps its receive interrupts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalescing {
    /// Least time between two of them in microseconds, or what the driver makes of such a number.
    pub rx_us: u32,
    /// Whether the driver finds an interval by itself.
    pub is_adaptive: bool,
}

/// A network device of the host, found in its first network namespace.
///
/// This says which one, wherever it is by now, and holds no reference: nobody waits for it who removes the
/// device. Every call looks the device up again, and waits for the kernel's lock of all network devices: call
/// from process context, without any lock that somebody takes with that one held.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// When it was found: it may get another one with another namespace.
    pub(super) index: i32,
    /// No other one has had it or will have it.
    pub(super) id: u64,
}

/// What is known of the device of an interrupt.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    /// It may be one that could not be looked at.
    Unclear,
    /// A device whose function has the interrupt.
    Behind(Device),
    /// A device that polls for it.
    Polling(Device),
}

impl Device {
    /// Finds the devices that MSI or MSI-X interrupts belong to, with one look at all devices. If a function has
    /// several, it is the one that is known to poll for the interrupt, or else the first. Calls `visit` with
    /// each of `irqs`, in that order, without any lock held: with [`ENODEV`] if there is none, with [`EBUSY`] if
    /// that cannot be told while a driver is coming or going.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], before any call.
    pub fn of_irqs(irqs: &[u32], visit: &mut dyn FnMut(u32, Result<Self>)) -> Result {
        if irqs.is_empty() {
            return Ok(());
        }
        let mut all = KVec::with_capacity(irqs.len(), GFP_KERNEL)?;
        for irq in irqs {
            all.push((*irq, Found::Nothing), GFP_KERNEL)?;
        }
        Self::find(&mut all);
        for (irq, found) in all {
            visit(
                irq,
                match found {
                    Found::Nothing => Err(ENODEV),
                    Found::Unclear => Err(EBUSY),
                    Found::Behind(device) | Found::Polling(device) => Ok(device),
                },
            );
        }
        Ok(())
    }

    fn find(all: &mut [(u32, Found)]) {
        let rtnl = Rtnl::lock();
        for netdev in rtnl.devices() {
            let looked = netdev.each_irq(|irq| {
                for (_, found) in all.iter_mut().filter(|(wanted, _)| *wanted == irq) {
                    *found = match *found {
                        Found::Polling(device) => Found::Polling(device),
                        _ if netdev.polls_irq(irq) => Found::Polling(netdev.device()),
                        Found::Behind(device) => Found::Behind(device),
                        Found::Nothing | Found::Unclear => Found::Behind(netdev.device()),
                    };
                }
            });
            if looked.is_err() {
                for (_, found) in all.iter_mut() {
                    if let Found::Nothing = found {
                        *found = Found::Unclear;
                    }
                }
            }
        }
    }

    /// Finds the device that is called `name` in the first network namespace.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is none.
    pub fn named(name: &str) -> Result<Self> {
        let rtnl = Rtnl::lock();
        let mut devices = rtnl.devices();
        let named = devices.find(|netdev| netdev.name().to_bytes() == name.as_bytes());
        named.map(|netdev| netdev.device()).ok_or(ENODEV)
    }

    /// Whether there is a device for the VLAN `vid` (IEEE 802.1Q) on top of it.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone.
    pub fn has_vlan(self, vid: u16) -> Result<bool> {
        let rtnl = Rtnl::lock();
        let netdev = rtnl.device(self.id).ok_or(ENODEV)?;
        let _rcu = rcu::read_lock();
        let protocol = VlanProtocol::Customer.to_be();
        // SAFETY: The device is registered, and this an RCU reader; what is found is not followed.
        let vlan = unsafe { bindings::__vlan_find_dev_deep_rcu(netdev.as_ptr(), protocol, vid) };
        Ok(!vlan.is_null())
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
    /// [`ENODEV`] if it is gone, [`EAGAIN`] if it sleeps or is being repaired, [`EOPNOTSUPP`] if its driver does
    /// not tell.
    pub fn rx_ring(self) -> Result<u32> {
        self.with(Sleeper::Sleeps, |begun| {
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
    /// [`ENODEV`] if it is gone, [`EAGAIN`] if it sleeps or is being repaired, [`EOPNOTSUPP`] if it is not
    /// known, or what the driver fails with.
    pub fn speed_mbps(self) -> Result<u32> {
        self.with(Sleeper::Sleeps, |begun| {
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

    /// What is to be expected of it at the moment.
    pub fn presence(self) -> Presence {
        let rtnl = Rtnl::lock();
        match rtnl.device(self.id) {
            None => Presence::Gone,
            Some(netdev) if !netdev.is_usable() => Presence::Away,
            Some(netdev) if !netdev.is_home() => Presence::Abroad,
            Some(netdev) if !netdev.is_running() => Presence::Down,
            Some(_) => Presence::Up,
        }
    }

    /// Calls `act` with how it keeps its interrupts apart, which nobody else changes meanwhile. If `act`
    /// fails, that is as it was. The device is woken up if it sleeps for lack of work.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if it is gone, [`EAGAIN`] if the system sleeps or it is being repaired, [`EOPNOTSUPP`] if its
    /// driver knows nothing of that, or what the driver or `act` fails with.
    pub fn moderate<R>(self, act: impl FnOnce(&mut Moderation<'_>) -> Result<R>) -> Result<R> {
        self.with(Sleeper::Wakes, |begun| {
            let found = Parameters::of(begun)?;
            let mut moderation = Moderation { begun, now: found };
            let result = act(&mut moderation);
            let now = moderation.now;
            if now.coalescing() != found.coalescing() {
                match result {
                    Ok(_) => begun.tell_coalescing(),
                    // It is what the driver took before.
                    Err(_) => {
                        let _ = found.apply(begun);
                    }
                }
            }
            result
        })
    }

    /// Calls `act` with the device, in whatever network namespace, as its driver expects to be called.
    fn with<R>(self, sleeper: Sleeper, act: impl FnOnce(&Begun<'_>) -> Result<R>) -> Result<R> {
        let rtnl = Rtnl::lock();
        let locked = rtnl.device(self.id).ok_or(ENODEV)?.lock();
        let begun = Begun::new(&locked, sleeper)?;
        act(&begun)
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Device {}

/// What is to be expected of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is in use.
    Up,
    /// It is there, but nobody uses it.
    Down,
    /// It is registered, but its driver cannot be asked anything: it sleeps, or is being repaired.
    Away,
    /// It is in another network namespace than the first.
    Abroad,
    /// It is not registered any more. Also while the namespace vanishes that it is in.
    Gone,
}

/// How a device keeps its interrupts apart, while nobody else changes that.
pub struct Moderation<'a> {
    begun: &'a Begun<'a>,
    now: Parameters,
}

impl Moderation<'_> {
    /// How it does now.
    pub fn now(&self) -> Coalescing {
        self.now.coalescing()
    }

    /// Lets it do what is `wanted`; returns how it does then, since a driver may round.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if its driver cannot do that, or what the driver fails with: usually [`EINVAL`] or
    /// [`ERANGE`] for a number that it does not take. Then nothing has changed.
    pub fn set(&mut self, wanted: Coalescing) -> Result<Coalescing> {
        self.now = Parameters::change(self.begun, wanted).inspect_err(|_| {
            // The driver may have taken a part of it.
            let _ = self.now.apply(self.begun);
        })?;
        Ok(self.now())
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
    fn change(begun: &Begun<'_>, wanted: Coalescing) -> Result<Self> {
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
        Self::of(begun)
    }
}
