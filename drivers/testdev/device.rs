// SPDX-License-Identifier: GPL-2.0

//! The device: its registers, its interrupt handler and the hook in front of it.

use crate::{
    model::{
        Cause,
        Operand, //
    },
    regs, //
};
use kernel::{
    io::Io,
    irq::{
        Handler,
        IrqReturn, //
    },
    new_mutex,
    pci::{
        Bar,
        DevresBar, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};
use kernel_ext::{
    irq::{
        Arrived,
        Expired,
        Flow, //
    },
    pci::Switch,
    sync::{
        new_raw_spinlock,
        RawSpinLock, //
    }, //
};

/// Longest wait for a factorial: 100 times 1 ms.
const FACTORIAL_POLLS: u32 = 100;

/// What the handler, the hook and the attributes share.
///
/// Lock order: `factorial` may be held while the device is accessed; `handled` is a leaf, also taken
/// by the handler.
#[pin_data]
pub(crate) struct Shared {
    bar: DevresBar<{ regs::END }>,
    /// The last result; the lock also keeps two computations apart.
    #[pin]
    factorial: Mutex<u32>,
    #[pin]
    handled: RawSpinLock<Handled>,
    arrived: Atomic<u64>,
}

/// A bound device, as its attributes see it.
#[pin_data]
pub(crate) struct Device {
    pub(crate) shared: Arc<Shared>,
    pub(crate) irq: u32,
    #[pin]
    pub(crate) switch: Switch,
    /// What the user has noted last.
    #[pin]
    pub(crate) notes: Mutex<Arc<KVVec<u8>>>,
}

impl Device {
    pub(crate) fn new<'a>(
        shared: Arc<Shared>,
        irq: u32,
        switch: impl PinInit<Switch> + 'a,
    ) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            shared,
            irq,
            switch <- switch,
            notes <- new_mutex!(Arc::new(KVVec::new(), GFP_KERNEL)?, "testdev::Device::notes"),
        }? Error)
    }
}

/// What the handler has acknowledged.
#[derive(Clone, Copy, Default)]
pub(crate) struct Handled {
    /// Runs that found a cause.
    pub(crate) count: u64,
    /// Causes of the last such run.
    pub(crate) causes: u32,
}

impl Shared {
    pub(crate) fn new(bar: Bar<'_, { regs::END }>) -> Result<Arc<Self>> {
        let bar = bar.into_devres()?;
        Arc::pin_init(
            pin_init!(Self {
                bar,
                factorial <- new_mutex!(1, "testdev::Shared::factorial"),
                handled <- new_raw_spinlock!(Handled::default(), "testdev::Shared::handled"),
                arrived: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Accesses the registers.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] once the device is unbound.
    fn with_regs<R>(&self, access: impl FnOnce(&Bar<'_, { regs::END }>) -> R) -> Result<R> {
        self.bar.try_access_with(|bar| access(bar)).ok_or(ENODEV)
    }

    /// Whether the device answers as it should.
    pub(crate) fn is_alive(&self) -> Result<bool> {
        const PROBE: u32 = 0x5a5a_0ff0;
        self.with_regs(|bar| {
            bar.write_reg(regs::LIVENESS::zeroed().with_value(PROBE));
            u32::from(bar.read(regs::LIVENESS).value()) == !PROBE
        })
    }

    /// The causes that nobody has acknowledged yet.
    pub(crate) fn pending(&self) -> Result<u32> {
        self.with_regs(|bar| bar.read(regs::IRQ_STATUS).causes().into())
    }

    pub(crate) fn raise(&self, cause: Cause) -> Result {
        self.with_regs(|bar| bar.write_reg(regs::IRQ_RAISE::zeroed().with_causes(cause.bits())))
    }

    pub(crate) fn factorial(&self) -> u32 {
        *self.factorial.lock()
    }

    /// Lets the device compute `operand`'s factorial and waits for it. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if the device does not finish; the old result stays.
    pub(crate) fn compute(&self, operand: Operand) -> Result {
        let mut result = self.factorial.lock();
        self.with_regs(|bar| {
            bar.write_reg(regs::FACTORIAL::zeroed().with_value(operand.get()));
        })?;
        for _ in 0..FACTORIAL_POLLS {
            let done = self.with_regs(|bar| {
                let idle = !bar.read(regs::STATUS).computing();
                idle.then(|| bar.read(regs::FACTORIAL).value().into())
            })?;
            if let Some(value) = done {
                *result = value;
                return Ok(());
            }
            fsleep(Delta::from_millis(1));
        }
        Err(ETIMEDOUT)
    }

    pub(crate) fn handled(&self) -> Handled {
        *self.handled.lock()
    }

    pub(crate) fn arrived(&self) -> u64 {
        // Relaxed: a statistic that orders nothing.
        self.arrived.load(Relaxed)
    }
}

/// The interrupt handler.
pub(crate) struct Acknowledge(pub(crate) Arc<Shared>);

impl Handler for Acknowledge {
    fn handle(&self) -> IrqReturn {
        let causes = self.0.with_regs(|bar| {
            let causes = u32::from(bar.read(regs::IRQ_STATUS).causes());
            bar.write_reg(regs::IRQ_ACK::zeroed().with_causes(causes));
            causes
        });
        match causes {
            Ok(causes) if causes != 0 => {
                let mut handled = self.0.handled.lock();
                handled.count = handled.count.wrapping_add(1);
                handled.causes = causes;
                IrqReturn::Handled
            }
            _ => IrqReturn::None,
        }
    }
}

/// The hook: counts what arrives and holds nothing.
pub(crate) struct CountArrivals(pub(crate) Arc<Shared>);

impl Flow for CountArrivals {
    fn arrived(&self, line: &Arrived<'_>) {
        self.0.arrived.fetch_add(1, Relaxed);
        line.deliver();
    }

    fn expired(&self, _line: &Expired<'_>) {}

    fn drain(&self) {}

    fn is_drained(&self) -> bool {
        true
    }
}
