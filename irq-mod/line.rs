// SPDX-License-Identifier: GPL-2.0

//! One line as a user sees it: the vectors that its target stands for, with one policy.

use crate::{
    assist::Assist,
    guest::Guest,
    lines::Host,
    meter::Meters,
    model::{
        interval::Latency,
        name::Name,
        spec::{
            GuestLink,
            LineTarget, //
        },
        text::Switch, //
    },
    settings::Settings,
    stats::Counters,
    vector::Vector, //
};
use core::fmt;
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    }, //
};
use kernel_ext::{
    irq::{
        self,
        Postings,
        Refusal, //
    },
    power::Phase, //
};

mod search;
mod state;

use search::{
    each_irq,
    Search, //
};
pub(crate) use state::State;
use state::{
    Effect,
    Reason, //
};

/// A guest and its name.
pub(crate) struct Bound {
    pub(crate) name: CString,
    pub(crate) guest: Arc<Guest>,
}

/// What may change while a line exists.
struct Vectors {
    settings: Settings,
    guest: Option<Bound>,
    attached: KVec<Vector>,
    /// Sums of the counters of vectors that are attached no more.
    former: Counters,
    /// Why the last vector that was refused was refused.
    refusal: Option<Refusal>,
    search: Search,
    /// How often a vector has come or gone.
    changes: u64,
    phase: Phase,
}

/// A line; dropping it gives all its vectors back.
#[pin_data(PinnedDrop)]
pub(crate) struct Line {
    host: Arc<Host>,
    target: CString,
    #[pin]
    vectors: Mutex<Vectors>,
    // Dropped after the vectors were released.
    #[pin]
    assist: Assist,
}

impl Line {
    /// Creates a line without vectors.
    pub(crate) fn new<'a>(
        target: LineTarget<'a>,
        settings: Settings,
        host: &'a Arc<Host>,
        phase: Phase,
    ) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            host: host.clone(),
            target: CString::try_from_fmt(format_args!("{target}"))?,
            vectors <- new_mutex!(
                Vectors {
                    settings,
                    guest: None,
                    attached: KVec::new(),
                    former: Counters::default(),
                    refusal: None,
                    search: Search::Complete,
                    changes: 0,
                    phase,
                },
                "irq_mod::Line",
            ),
            assist <- Assist::new(&host.claims),
        })
    }

    pub(crate) fn settings(&self) -> Settings {
        self.vectors.lock().settings
    }

    /// Changes the settings, for what is held, too.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        {
            let mut vectors = self.vectors.lock();
            let vectors = &mut *vectors;
            change(&mut vectors.settings);
            for vector in &mut vectors.attached {
                vector.set(vectors.settings, &self.host.meters);
            }
        }
        self.assist.follow(|| self.latency());
    }

    /// Whether the devices behind it assist.
    pub(crate) fn hw_assist(&self) -> Switch {
        self.assist.switch()
    }

    /// Lets the devices behind it assist, or not any more.
    ///
    /// # Errors
    ///
    /// See [`Assist::turn`].
    pub(crate) fn set_hw_assist(&self, switch: Switch) -> Result {
        self.assist
            .turn(switch, || self.irqs(), || self.latency())?;
        // Others may have waited for a device that is given back, or it can only be later.
        self.host.again.trigger();
        Ok(())
    }

    fn latency(&self) -> Latency {
        self.settings().intervals.latency
    }

    /// The numbers of its interrupts.
    fn irqs(&self) -> Result<KVec<u32>> {
        let mut irqs = KVec::new();
        self.each_irq(|irq| Ok(irqs.push(irq, GFP_KERNEL)?))?;
        Ok(irqs)
    }

    /// Holds nothing while the system is about to sleep, in vectors that come meanwhile, too.
    pub(crate) fn enter(&self, phase: Phase) {
        let mut vectors = self.vectors.lock();
        vectors.phase = phase;
        for vector in &vectors.attached {
            vector.enter(phase);
        }
    }

    pub(crate) fn target(&self) -> &CStr {
        &self.target
    }

    /// Forgets vectors that have gone, or are called otherwise by now.
    pub(crate) fn prune(&self) {
        self.vectors.lock().prune(self.parsed());
    }

    /// Attaches to vectors that have come. If there are none, or some cannot be had, this is tried again
    /// after a while.
    pub(crate) fn refresh(&self) {
        let mut vectors = self.vectors.lock();
        vectors.prune(self.parsed());
        vectors.refusal = None;
        if let Some(target) = self.parsed() {
            vectors.search = each_irq(target, |irq| vectors.attach(irq, &self.host.meters));
        }
        let is_complete = vectors.is_complete();
        let changes = vectors.changes;
        drop(vectors);
        let assisted = self
            .assist
            .refresh(changes, || self.irqs(), || self.latency());
        if assisted.is_err() || !is_complete {
            self.host.again.trigger_later();
        }
    }

    fn parsed(&self) -> Option<LineTarget<'_>> {
        // It was accepted as it is.
        LineTarget::parse(self.target.to_str().ok()?).ok()
    }

    /// Makes it belong to the guest that `text` names.
    ///
    /// # Errors
    ///
    /// See [`Guests::bind`].
    pub(crate) fn bind_to(&self, text: &str) -> Result {
        self.host.guests.bind(self, text)
    }

    /// Makes it belong to `guest`. What it holds is delivered first.
    pub(crate) fn bind(&self, guest: Option<Bound>) {
        let mut vectors = self.vectors.lock();
        vectors.release();
        if let Some(bound) = &guest {
            bound.guest.enlist();
        }
        if let Some(bound) = core::mem::replace(&mut vectors.guest, guest) {
            bound.guest.dismiss();
        }
        drop(vectors);
        self.refresh();
    }

    /// Shows the name of the guest it belongs to, or `none`.
    pub(crate) fn show_guest(&self, show: impl FnOnce(&dyn fmt::Display) -> Result) -> Result {
        match &self.vectors.lock().guest {
            Some(bound) => show(&GuestLink::Guest(
                Name::new(bound.name.to_str().map_err(|_| EIO)?).ok_or(EIO)?,
            )),
            None => show(&GuestLink::None),
        }
    }

    /// Calls `visit` with the numbers of its interrupts.
    pub(crate) fn each_irq(&self, mut visit: impl FnMut(u32) -> Result) -> Result {
        let vectors = self.vectors.lock();
        vectors
            .attached
            .iter()
            .filter(|vector| vector.is_attached())
            .try_for_each(|vector| visit(vector.irq()))
    }

    pub(crate) fn state(&self) -> State {
        self.vectors.lock().state(&self.host.postings)
    }

    /// Why it has no effect, or not on all of its interrupts.
    pub(crate) fn reason(&self) -> Reason {
        let effective_us = self.effective_us();
        let vectors = self.vectors.lock();
        let effect = match (vectors.phase, vectors.refusal) {
            (Phase::Suspending, _) => Effect::Suspended,
            (_, Some(refusal)) => Effect::Partial(refusal),
            _ if effective_us != 0 => Effect::Full,
            _ if vectors.settings.intervals.latency == Latency::OFF => Effect::Off,
            _ if vectors.settings.adaptive.is_on() => Effect::Yielding,
            // A guest that sleeps has an interval of its own.
            _ => Effect::Off,
        };
        vectors.state(&self.host.postings).reason(effect)
    }

    /// The interval in force, in microseconds, the longest of its vectors; 0 if it has no effect.
    pub(crate) fn effective_us(&self) -> u32 {
        let vectors = self.vectors.lock();
        if vectors.phase == Phase::Suspending {
            return 0;
        }
        let attached = vectors
            .attached
            .iter()
            .filter(|vector| vector.is_attached() && !self.host.postings.is_posted(vector.irq()));
        attached.map(Vector::effective_us).max().unwrap_or(0)
    }

    /// How many packets a second come for all its vectors; 0 if that is not known.
    pub(crate) fn packets_per_s(&self) -> u64 {
        let vectors = self.vectors.lock();
        let rates = vectors.attached.iter().map(Vector::packets_per_s);
        rates.fold(0, u64::saturating_add)
    }

    /// Descriptors of the ring of a vector, the longest; 0 if none is known.
    pub(crate) fn ring(&self) -> u32 {
        let vectors = self.vectors.lock();
        let attached = vectors
            .attached
            .iter()
            .filter(|vector| vector.is_attached());
        attached.map(Vector::ring).max().unwrap_or(0)
    }

    /// Sums of the counters of all vectors it has or had.
    pub(crate) fn counters(&self) -> Counters {
        let vectors = self.vectors.lock();
        let mut sum = vectors.former;
        for vector in &vectors.attached {
            sum.add(&vector.counters());
        }
        sum
    }
}

#[pinned_drop]
impl PinnedDrop for Line {
    fn drop(self: Pin<&mut Self>) {
        let mut vectors = self.vectors.lock();
        vectors.release();
        if let Some(bound) = vectors.guest.take() {
            bound.guest.dismiss();
        }
    }
}

impl Vectors {
    fn state(&self, postings: &Postings) -> State {
        let is_posted = |vector: &Vector| postings.is_posted(vector.irq());
        let mut attached = self.attached.iter().filter(|vector| vector.is_attached());
        match attached.next() {
            None => self
                .refusal
                .map_or(State::Waiting(self.search), State::Unsupported),
            Some(first) if is_posted(first) && attached.all(is_posted) => State::Bypassed,
            Some(_) => State::Attached,
        }
    }

    /// Attaches to the vector `irq`, unless it is attached already.
    fn attach(&mut self, irq: u32, meters: &Arc<Meters>) {
        if self.attached.iter().any(|vector| vector.irq() == irq) {
            return;
        }
        let guest = self.guest.as_ref().map(|bound| &bound.guest);
        let attached = self
            .attached
            .reserve(1, GFP_KERNEL)
            .map_err(|_| Refusal::NoMemory)
            .and_then(|()| Vector::attach(irq, self.settings, guest, meters));
        if let (Ok(vector), Phase::Suspending) = (&attached, self.phase) {
            vector.enter(self.phase);
        }
        match attached {
            // Cannot fail: there is room for one.
            Ok(vector) => {
                self.changes = self.changes.wrapping_add(1);
                let _ = self.attached.push(vector, GFP_KERNEL);
            }
            // It is waited for.
            Err(Refusal::Absent) => {}
            Err(refusal) => self.refusal = Some(refusal),
        }
    }

    /// Whether there is something, and nothing is missing.
    fn is_complete(&self) -> bool {
        !self.attached.is_empty() && self.refusal.is_none() && self.search == Search::Complete
    }

    /// Forgets the vectors that have gone, or that `target` does not stand for any more.
    fn prune(&mut self, target: Option<LineTarget<'_>>) {
        let (former, changes) = (&mut self.former, &mut self.changes);
        self.attached.retain(|vector| {
            let is_meant = match target {
                // One that is not requested at the moment may be again, by the same name.
                Some(LineTarget::Name(pattern)) => {
                    irq::is_named(vector.irq(), |name| pattern.matches(name)).unwrap_or(true)
                }
                _ => true,
            };
            let stays = is_meant && vector.is_attached();
            if !stays {
                *changes = changes.wrapping_add(1);
                former.add(&vector.counters());
            }
            stays
        });
    }

    /// Gives all vectors back.
    fn release(&mut self) {
        while let Some(vector) = self.attached.pop() {
            let counters = vector.counters();
            drop(vector);
            self.changes = self.changes.wrapping_add(1);
            self.former.add(&counters);
        }
    }
}
