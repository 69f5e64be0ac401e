// SPDX-License-Identifier: GPL-2.0

//! Network devices of one's own.
//!
//! C headers: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h),
//! [`include/linux/etherdevice.h`](srctree/include/linux/etherdevice.h)

use super::{
    device::Device,
    frame::{
        Frame,
        Hooks, //
    },
    loan::is_unicast,
    rtnl::{
        Netdev,
        Rtnl, //
    },
};
use crate::bindings;
use core::{
    marker::PhantomData,
    mem::size_of,
    ops::{
        Deref,
        RangeInclusive, //
    },
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    ffi::c_uchar,
    prelude::*,
    types::ScopeGuard, //
};

/// What has become of a frame that was sent on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It goes its way, and is counted as sent.
    Taken,
    /// It was dropped, and is counted so.
    Dropped,
}

/// What a port is connected to.
pub trait PortHandler: Send + Sync + 'static {
    /// The host has sent `frame` on the port. May run on several CPUs at once; bottom halves are off: no
    /// sleeping. It may be as large as TCP makes it, and want its checksum to be filled in.
    ///
    /// What is sent on a port by its own handler, also by way of other devices without a queue, is dropped by
    /// the kernel after a few rounds.
    fn transmit(&self, frame: Frame) -> Sent;
}

/// Whether a port is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The host can send.
    On,
    /// The host drops what it would send.
    Off,
}

/// What a port is like in the beginning.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Its name, or one with `%d` in it for the first number that is free; less than 16 bytes.
    pub name: &'a CStr,
    /// Its MAC address, or a random one.
    pub mac: Option<[u8; 6]>,
    /// The MTUs in bytes that a user may choose, within 68..=65535. It is 1500, if that is one of them.
    pub mtus_bytes: RangeInclusive<u32>,
}

/// Why a port does not receive a frame, which is given back.
pub struct Refused(pub Frame);

/// An Ethernet device whose other end is a handler. What the host sends on it goes to the handler; what is
/// given to [`Port::receive`] is received on it.
///
/// Users can move it to another network namespace, but not delete it. Dropping it unregisters it, even while it
/// is in use, waits until nobody refers to it nor runs the handler, and drops the handler. That is for process
/// context, so no handler or hook may be the last to own a port.
pub struct Port<H: PortHandler> {
    // Fields drop in declaration order: the device, then what it uses.
    registered: Registered,
    handler: Pin<KBox<H>>,
}

struct Table<H: PortHandler>(PhantomData<H>);

impl<H: PortHandler> Table<H> {
    const OPERATIONS: bindings::net_device_ops = bindings::net_device_ops {
        ndo_start_xmit: Some(start_xmit::<H>),
        ndo_features_check: Some(bindings::passthru_features_check),
        ndo_set_mac_address: Some(bindings::eth_mac_addr),
        ndo_validate_addr: Some(bindings::eth_validate_addr),
        ..pin_init::zeroed()
    };
}

/// # Safety
///
/// The kernel calls it with a frame that it gives away, which begins with its MAC header, and a device that
/// belongs to a [`Port<H>`], with bottom halves off.
unsafe extern "C" fn start_xmit<H: PortHandler>(
    skb: *mut bindings::sk_buff,
    netdev: *mut bindings::net_device,
) -> bindings::netdev_tx_t {
    // SAFETY: `Port::new` put a pointer there. The handler is pinned, and dropped after the device is
    // unregistered, which waits for this.
    let handler = unsafe { &**bindings::kernel_ext_netdev_priv(netdev).cast::<*const H>() };
    // SAFETY: By the safety requirement.
    let frame = unsafe { Frame::from_raw(NonNull::new_unchecked(skb)) };
    let len_bytes = frame.as_ref().map_or(0, |frame| frame.len_bytes());
    let sent = frame.map_or(Sent::Dropped, |frame| handler.transmit(frame));
    // SAFETY: The device is registered, and bottom halves are off.
    unsafe {
        match sent {
            Sent::Taken => bindings::kernel_ext_port_count_tx(netdev, len_bytes),
            Sent::Dropped => bindings::kernel_ext_port_count_tx_dropped(netdev),
        }
    }
    bindings::netdev_tx_NETDEV_TX_OK
}

/// A registered device.
///
/// # Invariants
///
/// `netdev` is a device that [`allocate`] made and that is registered; only `drop` unregisters it.
struct Registered {
    netdev: NonNull<bindings::net_device>,
    device: Device,
}

// SAFETY: A device belongs to no thread.
unsafe impl Send for Registered {}
// SAFETY: What a shared reference is used for may be done on several CPUs at once.
unsafe impl Sync for Registered {}

impl Drop for Registered {
    fn drop(&mut self) {
        let netdev = self.netdev.as_ptr();
        let rtnl = Rtnl::lock();
        // SAFETY: By the type invariant it is registered, and the lock is held.
        unsafe { bindings::unregister_netdevice_queue(netdev, core::ptr::null_mut()) };
        // Waits until nobody refers to it.
        drop(rtnl);
        // SAFETY: It is unregistered for good, and does not free itself.
        unsafe { bindings::free_netdev(netdev) };
    }
}

/// Makes a device, which has to be freed by `free_netdev` with the lock of all devices held.
fn allocate(settings: &Settings<'_>) -> Result<NonNull<bindings::net_device>> {
    let mtus = mtus(&settings.mtus_bytes)?;
    let name = settings.name.to_bytes_with_nul();
    // The kernel would stop if it were too long.
    if u32::try_from(name.len())? > bindings::IFNAMSIZ {
        return Err(EINVAL);
    }
    let assigned = if name.contains(&b'%') {
        bindings::NET_NAME_ENUM
    } else {
        bindings::NET_NAME_PREDICTABLE
    };
    let assigned = c_uchar::try_from(assigned)?;
    let priv_len = size_of::<*const ()>();
    // SAFETY: The name ends within its room, and is copied.
    let netdev = NonNull::new(unsafe {
        bindings::kernel_ext_alloc_port(settings.name.as_char_ptr(), assigned, priv_len)
    })
    .ok_or(ENOMEM)?;
    let mtu = bindings::ETH_DATA_LEN.clamp(mtus.0, mtus.1);
    // SAFETY: Nobody else knows the device.
    unsafe {
        match &settings.mac {
            Some(mac) => bindings::kernel_ext_port_set_mac(netdev.as_ptr(), mac.as_ptr()),
            None => bindings::kernel_ext_port_set_random_mac(netdev.as_ptr()),
        }
        bindings::kernel_ext_port_set_mtu_range(netdev.as_ptr(), mtus.0, mtus.1);
        bindings::kernel_ext_port_set_mtu(netdev.as_ptr(), mtu);
        bindings::netif_carrier_off(netdev.as_ptr());
    }
    Ok(netdev)
}

/// The least and the greatest of a range of MTUs in bytes.
fn mtus(range: &RangeInclusive<u32>) -> Result<(u32, u32)> {
    let allowed = bindings::ETH_MIN_MTU..=bindings::ETH_MAX_MTU;
    if range.is_empty() || !allowed.contains(range.start()) || !allowed.contains(range.end()) {
        return Err(ERANGE);
    }
    Ok((*range.start(), *range.end()))
}

impl<H: PortHandler> Port<H> {
    /// Registers a device in the first network namespace. Its carrier is [`Carrier::Off`], so that nothing is sent
    /// on it yet. Process context; takes the lock of all network devices.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for a name that no device may have or an address that is zero or a group's, [`EEXIST`] if the
    /// name is taken, [`ENFILE`] if no number is free for it, [`ERANGE`] for an MTU, [`ENOMEM`], or what
    /// `handler` fails with.
    pub fn new(settings: &Settings<'_>, handler: impl PinInit<H, Error>) -> Result<Self> {
        if settings.mac.is_some_and(|mac| !is_unicast(&mac)) {
            return Err(EINVAL);
        }
        let handler = KBox::pin_init(handler, GFP_KERNEL)?;
        // Released before `handler` is dropped, which may be in use until then if registering fails.
        let rtnl = Rtnl::lock();
        let netdev = ScopeGuard::new_with_data(allocate(settings)?, |netdev| {
            // SAFETY: It is not registered, or has been unregistered again. The lock is held.
            unsafe { bindings::free_netdev(netdev.as_ptr()) };
        });
        let operations = const { &Table::<H>::OPERATIONS };
        // SAFETY: Nobody else knows the device, whose private part has room for a pointer.
        unsafe {
            bindings::kernel_ext_netdev_priv(netdev.as_ptr())
                .cast::<*const H>()
                .write(&raw const *handler);
            bindings::kernel_ext_port_set_ops(netdev.as_ptr(), operations);
        }
        // SAFETY: The device is set up, and the lock is held.
        to_result(unsafe { bindings::register_netdevice(netdev.as_ptr()) })?;
        let netdev = netdev.dismiss();
        // SAFETY: The lock is held, and it was just registered.
        let device = unsafe { Netdev::from_raw(netdev) }.device();
        drop(rtnl);
        Ok(Self {
            // INVARIANT: It was registered above.
            registered: Registered { netdev, device },
            handler,
        })
    }

    /// Which device it is, with the number that it had when it was registered.
    pub fn device(&self) -> Device {
        self.registered.device
    }

    /// Connects it, or does not. Callable from any context.
    pub fn set_carrier(&self, carrier: Carrier) {
        let netdev = self.registered.netdev.as_ptr();
        // SAFETY: By the type invariant of `Registered`.
        unsafe {
            match carrier {
                Carrier::On => bindings::netif_carrier_on(netdev),
                Carrier::Off => bindings::netif_carrier_off(netdev),
            }
        }
    }

    /// Whether it is up, which may change at any time. Callable from any context.
    #[inline]
    pub fn is_running(&self) -> bool {
        // SAFETY: By the type invariant of `Registered`.
        unsafe { bindings::kernel_ext_netdev_is_running(self.registered.netdev.as_ptr()) }
    }

    /// Lets the host receive `frame` on it. From then on the host counts it, as received or, if too many wait
    /// to be processed, as dropped. Callable from any context but hard interrupts.
    ///
    /// # Errors
    ///
    /// The frame, if the port is not up.
    pub fn receive(&self, frame: Frame) -> Result<(), Refused> {
        if !self.is_running() {
            return Err(Refused(frame));
        }
        let netdev = self.registered.netdev;
        let len_bytes = frame.len_bytes();
        // SAFETY: By the type invariant of `Registered`, it stays registered as long as `self`.
        if unsafe { frame.receive_as(netdev, Hooks::Passed) }.is_ok() {
            // SAFETY: As above.
            unsafe { bindings::kernel_ext_port_count_rx(netdev.as_ptr(), len_bytes) };
        }
        Ok(())
    }
}

impl<H: PortHandler> Deref for Port<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handler
    }
}
