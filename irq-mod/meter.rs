// SPDX-License-Identifier: GPL-2.0

//! How many packets the host's drivers take from the rings that the vectors stand for.

use crate::model::{
    rate::{
        line_rate_per_s,
        Reading, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
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
/// All of it is relaxed: a rate that is estimated from two readings, of which one number is a little older
/// than the other, is none the worse for that.
pub(crate) struct Meter {
    irq: u32,
    packets: Atomic<u64>,
    /// When the last of them were counted.
    at_ns: Atomic<u64>,
    /// Descriptors; 0 if nobody tells.
    ring: Atomic<u32>,
    /// In Mbit/s; 0 if nobody tells.
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

    /// Descriptors of the ring, 0 if that is not known.
    pub(crate) fn ring(&self) -> u32 {
        self.ring.load(Relaxed)
    }

    /// The most packets a second that there can be, 0 if that is not known.
    pub(crate) fn line_rate_per_s(&self) -> u64 {
        line_rate_per_s(self.speed_mbps.load(Relaxed))
    }

    fn count(&self, packets: u32, now_ns: u64) {
        self.packets.fetch_add(u64::from(packets), Relaxed);
        self.at_ns.store(now_ns, Relaxed);
    }

    /// Learns what the device tells that it belongs to, if any; returns whether that is another than before.
    fn learn(&self, told: Option<&Told>) -> bool {
        self.ring.store(told.map_or(0, |told| told.ring), Relaxed);
        self.speed_mbps
            .store(told.map_or(0, |told| told.speed_mbps), Relaxed);
        let index = told.map_or(0, |told| told.device.index());
        self.device.xchg(index, Relaxed) != index
    }
}

/// What a network device tells; 0 where it does not.
#[derive(Clone, Copy)]
struct Told {
    device: Device,
    ring: u32,
    speed_mbps: u32,
}

impl Told {
    /// Asks the device of `irq`, if there is one, unless it is the one that has told `last`. Sleeps.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] while a driver is coming or going.
    fn ask(irq: u32, last: Option<Self>) -> Result<Option<Self>> {
        let device = match Device::of_irq(irq) {
            Ok(device) => device,
            Err(error) if error == EBUSY => return Err(error),
            Err(_) => return Ok(None),
        };
        Ok(last.filter(|last| last.device == device).or_else(|| {
            Some(Self {
                device,
                ring: device.rx_ring().unwrap_or(0),
                speed_mbps: device.speed_mbps().unwrap_or(0),
            })
        }))
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
}

impl Metered {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_mutex!(KVec::new(), "irq_mod::Metered"),
            vectors <- Table::new(),
            devices <- Table::new(),
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
        let mut is_other = false;
        let mut last = None;
        for meter in &all {
            // What is known stays while nothing else can be told.
            let Ok(told) = Told::ask(meter.irq, last) else {
                continue;
            };
            is_other |= meter.learn(told.as_ref());
            last = told.or(last);
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
}

/// Counts what drivers poll.
struct Counting {
    metered: Arc<Metered>,
    ask: Kick<Ask>,
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
/// Lock order: `polls` is taken with the lock of a line held. It is held while the errand is waited for,
/// which takes the kernel's lock of network devices and none of a line.
#[pin_data]
pub(crate) struct Meters {
    /// While there is a vector.
    #[pin]
    polls: Mutex<Option<Polls<Counting>>>,
}

impl Meters {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            polls <- new_mutex!(None, "irq_mod::Meters"),
        })
    }

    /// Counts the packets of the vector that `meter` is of, until the result is dropped.
    ///
    /// # Errors
    ///
    /// [`EOPNOTSUPP`] if this kernel has not the tracepoint, [`EEXIST`] if they are counted already,
    /// [`ENOMEM`].
    pub(crate) fn count(self: &Arc<Self>, meter: &Arc<Meter>) -> Result<Counted> {
        let mut open = self.polls.lock();
        let polls = match &mut *open {
            Some(polls) => polls,
            none => none.insert(Self::watch()?),
        };
        let counted = Counted {
            meters: self.clone(),
            meter: meter.clone(),
        };
        let metered = &polls.metered;
        let added = metered
            .list
            .lock()
            .push(meter.clone(), GFP_KERNEL)
            .map_err(Error::from)
            .and_then(|()| metered.vectors.insert(meter.irq, meter.clone()));
        polls.ask.trigger();
        drop(open);
        // Dropping it undoes what was done.
        added.map(|()| counted)
    }

    fn watch() -> Result<Polls<Counting>> {
        let metered = Arc::pin_init(Metered::new(), GFP_KERNEL)?;
        let ask = Kick::new(Ok(Ask(metered.clone())))?;
        Polls::new(Ok(Counting {
            metered,
            ask,
            asked_ns: Atomic::new(0),
        }))
    }

    /// Asks all devices soon: they may have come.
    pub(crate) fn ask(&self) {
        if let Some(polls) = &*self.polls.lock() {
            polls.ask.trigger();
        }
    }

    fn uncount(&self, meter: &Arc<Meter>) {
        let mut open = self.polls.lock();
        let Some(polls) = &*open else {
            return;
        };
        let metered = &polls.metered;
        let is_other = |_, other: &Arc<Meter>| !Arc::ptr_eq(other, meter);
        metered.vectors.retain(is_other);
        let mut list = metered.list.lock();
        list.retain(|other| !Arc::ptr_eq(other, meter));
        let is_empty = list.is_empty();
        drop(list);
        if is_empty {
            *open = None;
        } else {
            polls.ask.trigger();
        }
    }
}

/// A vector whose packets are counted; dropping it ends that. Sleeps.
pub(crate) struct Counted {
    meters: Arc<Meters>,
    meter: Arc<Meter>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meters.uncount(&self.meter);
    }
}
