// SPDX-License-Identifier: GPL-2.0

//! How many packets the host's drivers take from the rings that the vectors stand for.

use crate::model::{
    rate::{
        retry_ms,
        Answer,
        Reading,
        Told, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::{
    net::{
        Device,
        Poll,
        Polls,
        Watcher, //
    },
    queue::{
        Errand,
        Kick, //
    },
    sched::now_ns,
    sync::Table, //
};

/// How often devices are asked for their rings while packets flow, in nanoseconds: nothing tells when
/// one is given another.
const ASK_NS: u64 = 1_000_000_000;

/// What is known of the packets of one vector, and of the ring that they come through.
///
/// The numbers are relaxed: a rate that is estimated from two readings, of which one number is a little older
/// than the other, is none the worse for that, nor is a ring that is taken with the speed of a moment ago.
pub(crate) struct Meter {
    irq: u32,
    packets: Atomic<u64>,
    /// When the last of them were counted.
    at_ns: Atomic<u64>,
    /// Whether `ring` and `speed_mbps` were told; they are published by this.
    is_told: Atomic<u32>,
    ring: Atomic<u32>,
    speed_mbps: Atomic<u32>,
    /// The number of the network device that the vector belongs to; 0 if there is none.
    device: Atomic<u32>,
}

impl Meter {
    /// Creates a meter of the vector with the interrupt number `irq`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(irq: u32) -> Result<Arc<Self>> {
        let meter = Self {
            irq,
            packets: Atomic::new(0),
            at_ns: Atomic::new(0),
            is_told: Atomic::new(0),
            ring: Atomic::new(0),
            speed_mbps: Atomic::new(0),
            device: Atomic::new(0),
        };
        Ok(Arc::new(meter, GFP_KERNEL)?)
    }

    /// How many packets there were so far.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            packets: self.packets.load(Relaxed),
            at_ns: self.at_ns.load(Relaxed),
        }
    }

    /// What its device has told.
    pub(crate) fn told(&self) -> Told {
        match self.is_told.load(Acquire) {
            0 => Told::Nothing,
            _ => Told::This {
                ring: self.ring.load(Relaxed),
                speed_mbps: self.speed_mbps.load(Relaxed),
            },
        }
    }

    fn set_told(&self, told: Told) {
        if let Told::This { ring, speed_mbps } = told {
            self.ring.store(ring, Relaxed);
            self.speed_mbps.store(speed_mbps, Relaxed);
        }
        let is_told = told != Told::Nothing;
        self.is_told.store(is_told.into(), Release);
    }

    fn count(&self, packets: u32, now_ns: u64) {
        self.packets.fetch_add(u64::from(packets), Relaxed);
        self.at_ns.store(now_ns, Relaxed);
    }

    /// Forgets what its device has told.
    fn reset(&self) {
        self.device.store(0, Relaxed);
        self.set_told(Told::Nothing);
    }

    /// Learns what the device tells that it was found to belong to; returns whether that is another than
    /// before. Sleeps.
    fn learn(&self, found: Result<Device>, survey: &mut Survey) -> bool {
        let device = match found {
            Ok(device) => Some(device),
            Err(error) if error == ENODEV => None,
            // Nobody can say at the moment, so what is known stays.
            Err(_) => return false,
        };
        let index = device.map_or(0, Device::index);
        let is_other = self.device.xchg(index, Relaxed) != index;
        let known = match is_other {
            true => Told::Nothing,
            false => self.told(),
        };
        self.set_told(device.map_or(Told::NO_DEVICE, |device| survey.ask(device, known)));
        is_other
    }
}

/// Asks devices, each once if its vectors come one after the other.
struct Survey(Option<(Device, [Answer; 2])>);

impl Survey {
    /// What is known of `device`, of which this was `known`.
    fn ask(&mut self, device: Device, known: Told) -> Told {
        let asked = self.0.filter(|(last, _)| *last == device);
        let (_, [ring, speed_mbps]) = asked.unwrap_or_else(|| {
            let answers = [device.rx_ring(), device.speed_mbps()];
            (device, answers.map(Self::answer))
        });
        self.0 = Some((device, [ring, speed_mbps]));
        known.learn(ring, speed_mbps)
    }

    fn answer(told: Result<u32>) -> Answer {
        match told {
            Ok(number) => Answer::Is(number),
            Err(error) if error == ENODEV || error == EOPNOTSUPP => Answer::Unknown,
            // It sleeps, or its driver is busy.
            Err(_) => Answer::Later,
        }
    }
}

/// The vectors whose packets are counted.
///
/// Lock order: `list` is not held while a device is asked, nor while a table is changed.
#[pin_data]
struct Metered {
    #[pin]
    list: Mutex<KVec<Arc<Meter>>>,
    /// By the numbers of their interrupts.
    #[pin]
    vectors: Table<Arc<Meter>>,
    /// All those of a network device by its number, for drivers that do not say which interrupt they
    /// poll for. Changed by [`Ask`] only.
    #[pin]
    devices: Table<KVec<Arc<Meter>>>,
    /// How often in a row devices were asked because something was not known.
    tries: Atomic<u32>,
}

impl Metered {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_mutex!(KVec::new(), "irq_mod::Metered"),
            vectors <- Table::new(),
            devices <- Table::new(),
            tries: Atomic::new(0),
        })
    }

    /// A copy of the list.
    fn all(&self) -> Result<KVec<Arc<Meter>>> {
        loop {
            let len = self.list.lock().len();
            let mut all = KVec::with_capacity(len, GFP_KERNEL)?;
            let list = self.list.lock();
            if list.len() <= len {
                for meter in &*list {
                    all.push_within_capacity(meter.clone())
                        .map_err(|_| ENOMEM)?;
                }
                return Ok(all);
            }
        }
    }

    /// Asks all devices for what may have changed.
    fn ask(&self) -> Result {
        let all = self.all()?;
        let mut irqs = KVec::with_capacity(all.len(), GFP_KERNEL)?;
        for meter in &all {
            irqs.push(meter.irq, GFP_KERNEL)?;
        }
        let mut is_other = false;
        let mut survey = Survey(None);
        let mut meters = all.iter();
        if !all.is_empty() {
            Device::of_irqs(&irqs, &mut |_, found| {
                let meter = meters.next();
                is_other |= meter.is_some_and(|meter| meter.learn(found, &mut survey));
            })?;
        }
        let is_listed = |meter: &Arc<Meter>| all.iter().any(|other| Arc::ptr_eq(other, meter));
        let mut has_gone = false;
        self.devices.retain(|_, meters| {
            has_gone |= !meters.iter().all(is_listed);
            !is_other && meters.iter().all(is_listed)
        });
        if is_other || has_gone {
            // Without memory it is tried again.
            self.regroup(&all)
                .inspect_err(|_| all.iter().for_each(|meter| meter.device.store(0, Relaxed)))?;
        }
        Ok(())
    }

    /// Makes the entries of devices that have none.
    fn regroup(&self, all: &[Arc<Meter>]) -> Result {
        for meter in all {
            let index = meter.device.load(Relaxed);
            if index == 0 {
                continue;
            }
            let mut group = KVec::new();
            for other in all {
                if other.device.load(Relaxed) == index {
                    group.push(other.clone(), GFP_KERNEL)?;
                }
            }
            match self.devices.insert(index, group) {
                Err(error) if error != EEXIST => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

struct Ask(Arc<Metered>);

impl Errand for Ask {
    fn run(&self) {
        // Without memory what was known stays, until the next time.
        let _ = self.0.ask();
    }

    // Nothing tells of a device that comes after its interrupts, nor of one that has woken up.
    fn retry_ms(&self) -> Option<u32> {
        let is_complete = |meter: &Arc<Meter>| meter.told().is_complete();
        if self.0.list.lock().iter().all(is_complete) {
            return None;
        }
        let tries = self.0.tries.load(Relaxed);
        self.0.tries.store(tries.saturating_add(1), Relaxed);
        retry_ms(tries)
    }
}

/// Counts what drivers poll.
struct Counting {
    metered: Arc<Metered>,
    ask: Arc<Kick<Ask>>,
    asked_ns: Atomic<u64>,
}

impl Counting {
    #[cold]
    #[inline(never)]
    fn count(&self, poll: &Poll<'_>) {
        let now_ns = now_ns();
        match poll.irq() {
            Some(irq) => {
                if let Some(meter) = self.metered.vectors.get(irq, poll.reader()) {
                    meter.count(poll.packets(), now_ns);
                    self.ask_again(now_ns);
                }
            }
            None => {
                let device = poll.device_index();
                let meters =
                    device.and_then(|index| self.metered.devices.get(index, poll.reader()));
                for meter in meters.into_iter().flatten() {
                    meter.count(poll.packets(), now_ns);
                    self.ask_again(now_ns);
                }
            }
        }
    }

    fn ask_again(&self, now_ns: u64) {
        let asked_ns = self.asked_ns.load(Relaxed);
        if now_ns.saturating_sub(asked_ns) >= ASK_NS {
            self.asked_ns.store(now_ns, Relaxed);
            self.ask.trigger();
        }
    }
}

impl Watcher for Counting {
    // Called for each poll of the host, many of which are of no concern.
    #[inline]
    fn polled(&self, poll: &Poll<'_>) {
        let is_of_concern = match poll.irq() {
            Some(irq) => self.metered.vectors.may_have(irq),
            None => poll
                .device_index()
                .is_some_and(|index| self.metered.devices.may_have(index)),
        };
        if is_of_concern {
            self.count(poll);
        }
    }
}

/// Where vectors have their packets counted.
///
/// Lock order: `polls` is taken with the lock of a line held, and before that of a list. Devices are asked with
/// none of them held, and nobody but unloading waits for that: the kernel's lock of network devices is
/// often held for seconds.
#[pin_data]
pub(crate) struct Meters {
    metered: Arc<Metered>,
    ask: Arc<Kick<Ask>>,
    /// While there is a vector.
    #[pin]
    polls: Mutex<Option<Polls<Counting>>>,
}

impl Meters {
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<impl PinInit<Self>> {
        let metered = Arc::pin_init(Metered::new(), GFP_KERNEL)?;
        let ask = Arc::new(Kick::new(Ok(Ask(metered.clone())))?, GFP_KERNEL)?;
        Ok(pin_init!(Self {
            metered,
            ask,
            polls <- new_mutex!(None, "irq_mod::Meters"),
        }))
    }

    /// Counts the packets of the vector that `meter` is of, until the result is dropped. If that fails
    /// nothing is known of them, as with a device that has no driver here.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if this kernel has not the tracepoint, [`EEXIST`] if they are counted already,
    /// [`ENOMEM`].
    pub(crate) fn count(self: &Arc<Self>, meter: &Arc<Meter>) -> Result<Counted> {
        meter.reset();
        self.enlist(meter)
            .inspect_err(|_| meter.set_told(Told::NO_DEVICE))
    }

    fn enlist(self: &Arc<Self>, meter: &Arc<Meter>) -> Result<Counted> {
        let mut open = self.polls.lock();
        if open.is_none() {
            *open = Some(self.watch()?);
        }
        let listed = self.metered.list.lock().push(meter.clone(), GFP_KERNEL);
        let added = listed
            .map_err(Error::from)
            .and_then(|()| self.metered.vectors.insert(meter.irq, meter.clone()));
        drop(open);
        let counted = Counted {
            meters: self.clone(),
            meter: meter.clone(),
        };
        // Dropping it undoes what was done.
        added?;
        self.metered.tries.store(0, Relaxed);
        self.ask.trigger();
        Ok(counted)
    }

    fn watch(&self) -> Result<Polls<Counting>> {
        Polls::new(Ok(Counting {
            metered: self.metered.clone(),
            ask: self.ask.clone(),
            asked_ns: Atomic::new(0),
        }))
    }

    fn discount(&self, meter: &Arc<Meter>) {
        let mut open = self.polls.lock();
        let is_other = |other: &Arc<Meter>| !Arc::ptr_eq(other, meter);
        self.metered.vectors.retain(|_, other| is_other(other));
        let mut list = self.metered.list.lock();
        list.retain(|other| is_other(other));
        let is_empty = list.is_empty();
        drop(list);
        if is_empty {
            *open = None;
        }
        drop(open);
        self.ask.trigger();
    }
}

/// A vector whose packets are counted; dropping it ends that. Sleeps.
pub(crate) struct Counted {
    meters: Arc<Meters>,
    meter: Arc<Meter>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meters.discount(&self.meter);
    }
}
