// SPDX-License-Identifier: GPL-2.0

//! Being told what drivers take from their devices' rings.
//!
//! C header: [`include/trace/events/napi.h`](srctree/include/trace/events/napi.h)

use crate::{
    bindings,
    sync::Reader,
    trace::{
        Probe,
        Quiescence,
        Tracepoint, //
    }, //
};
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    sync::rcu, //
};

/// What is done when a driver has polled.
pub trait Watcher: Send + Sync + 'static {
    /// A driver has polled a device. Called for all network devices of the host, on all CPUs at once, and
    /// costs each poll time. No sleeping; bottom halves are off.
    fn polled(&self, poll: &Poll<'_>);
}

/// A poll that has just ended.
///
/// # Invariants
///
/// `napi` points to a NAPI context that is alive throughout `'a`, with its device.
pub struct Poll<'a> {
    napi: NonNull<bindings::napi_struct>,
    packets: u32,
    reader: Reader<'a>,
}

impl<'a> Poll<'a> {
    /// The number of the interrupt that made the driver poll, if the driver has said.
    #[inline]
    pub fn irq(&self) -> Option<u32> {
        // SAFETY: By the type invariant. Its driver may be writing the number.
        let irq = unsafe { (&raw const (*self.napi.as_ptr()).irq).read_volatile() };
        // -1 and, with drivers that forget to say so, 0 are no interrupts.
        u32::try_from(irq).ok().filter(|irq| *irq != 0)
    }

    /// The number of the device, if it is one of the first network namespace.
    #[inline]
    pub fn device_index(&self) -> Option<u32> {
        // SAFETY: By the type invariant. The pointer never changes.
        let device = NonNull::new(unsafe { (*self.napi.as_ptr()).dev })?;
        // SAFETY: By the type invariant the device is alive. Its namespace may change; it is only compared.
        let index = unsafe { bindings::kernel_ext_netdev_index_in_init_net(device.as_ptr()) };
        u32::try_from(index).ok().filter(|index| *index != 0)
    }

    /// How many packets were received.
    #[inline]
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// Evidence that the current CPU is an RCU reader.
    #[inline]
    pub fn reader(&self) -> Reader<'a> {
        self.reader
    }
}

type Polled = unsafe extern "C" fn(*mut c_void, *mut bindings::napi_struct, c_int, c_int);

// SAFETY: The parameters are those of the tracepoint in `include/trace/events/napi.h`.
const POLL: Tracepoint<Polled> = unsafe { Tracepoint::new(c"napi_poll") };

/// A watcher at work; dropping it stops it, waits for callbacks that are running, and drops it.
pub struct Polls<W: Watcher> {
    // Fields drop in declaration order: the probe, then the wait for it, then what it uses.
    _probe: Probe,
    _quiescence: Quiescence,
    watcher: Pin<KBox<W>>,
}

impl<W: Watcher> Polls<W> {
    /// Starts to watch. Callbacks may come before this returns. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if this kernel has not the tracepoint, [`ENOMEM`], or what `watcher` fails with.
    pub fn new(watcher: impl PinInit<W, Error>) -> Result<Self> {
        let watcher = KBox::pin_init(watcher, GFP_KERNEL)?;
        let data = (&raw const *watcher).cast_mut().cast::<c_void>();
        // SAFETY: The callback gets the `W` it was instantiated for, which is pinned and, in the result,
        // dropped after the probe and after the wait.
        let probe = unsafe { POLL.connect(polled::<W>, data) }?;
        Ok(Self {
            _probe: probe,
            _quiescence: Quiescence,
            watcher,
        })
    }
}

impl<W: Watcher> Deref for Polls<W> {
    type Target = W;

    fn deref(&self) -> &W {
        &self.watcher
    }
}

/// # Safety
///
/// Called by the tracepoint with its arguments; `data` points to a `W`.
unsafe extern "C" fn polled<W: Watcher>(
    data: *mut c_void,
    napi: *mut bindings::napi_struct,
    packets: c_int,
    _budget: c_int,
) {
    // SAFETY: By the safety requirement.
    let watcher = unsafe { &*data.cast_const().cast::<W>() };
    let rcu = rcu::read_lock();
    // INVARIANT: The kernel passes a context that was polled just now, with bottom halves or interrupts off ever
    // since, so that this CPU is an RCU reader. It may be polled elsewhere or deleted meanwhile; it and its device
    // are freed only when a grace period has passed after that, see `__netif_napi_del`.
    let poll = Poll {
        // SAFETY: As above.
        napi: unsafe { NonNull::new_unchecked(napi) },
        // Some drivers return errors.
        packets: u32::try_from(packets).unwrap_or(0),
        reader: Reader::from(&rcu),
    };
    watcher.polled(&poll);
}
