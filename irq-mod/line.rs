// SPDX-License-Identifier: GPL-2.0

//! One line as a user sees it: the vectors that its target stands for, with one policy.

use crate::{
    guest::Guest,
    guests::Guests,
    model::spec::LineTarget,
    policy::Policy,
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
        Refusal, //
    },
    pci::{
        Address,
        Function, //
    }, //
};

/// A guest and its name.
pub(crate) struct Bound {
    pub(crate) name: CString,
    pub(crate) guest: Arc<Guest>,
}

/// What may change while a line exists.
struct Vectors {
    guest: Option<Bound>,
    attached: KVec<Vector>,
    /// Sums of the counters of vectors that are attached no more.
    former: Counters,
    /// Why the last vector that was refused was refused.
    refusal: Option<Refusal>,
}

/// Whether a line does what it is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// At least one vector is moderated.
    Attached,
    /// There is no such vector at the moment.
    Waiting,
    /// There is one, but it cannot be moderated.
    Unsupported(Refusal),
}

impl State {
    /// The word a user reads.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Waiting => "waiting",
            Self::Unsupported(_) => "unsupported",
        }
    }

    /// Why a line has no effect.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Attached => "none",
            Self::Waiting => "no such interrupt is in use",
            Self::Unsupported(refusal) => match refusal {
                Refusal::Absent => "the interrupt went away",
                Refusal::Unsupported => "not an edge-triggered MSI or MSI-X with one target",
                Refusal::Shared => "several drivers share the interrupt",
                Refusal::Vital => "the kernel depends on the interrupt",
                Refusal::Taken => "another line has the interrupt",
                Refusal::NoMemory => "no memory",
            },
        }
    }
}

/// Whether all vectors that a target stands for could be looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// Yes.
    Complete,
    /// No: a driver is coming or going. Look again later.
    Disturbed,
}

/// A line; dropping it gives all its vectors back.
#[pin_data(PinnedDrop)]
pub(crate) struct Line {
    /// What it can belong to.
    guests: Arc<Guests>,
    target: CString,
    policy: Arc<Policy>,
    #[pin]
    vectors: Mutex<Vectors>,
}

impl Line {
    /// Creates a line without vectors.
    pub(crate) fn new<'a>(
        target: LineTarget<'a>,
        policy: Policy,
        guests: &'a Arc<Guests>,
    ) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            guests: guests.clone(),
            target: CString::try_from_fmt(format_args!("{target}"))?,
            policy: Arc::new(policy, GFP_KERNEL)?,
            vectors <- new_mutex!(
                Vectors {
                    guest: None,
                    attached: KVec::new(),
                    former: Counters::default(),
                    refusal: None,
                },
                "irq_mod::Line",
            ),
        })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn target(&self) -> &CStr {
        &self.target
    }

    /// Attaches to vectors that have come, and forgets those that have gone.
    pub(crate) fn refresh(&self) -> Search {
        let mut vectors = self.vectors.lock();
        vectors.prune();
        vectors.refusal = None;
        let Some(target) = self.target.to_str().ok().map(LineTarget::parse) else {
            return Search::Complete;
        };
        let mut attach = |irq| vectors.attach(irq, &self.policy);
        match target {
            Ok(LineTarget::Irq(irq)) => attach(irq),
            Ok(LineTarget::Name(pattern)) => {
                let mut next = 0;
                while let Some(irq) = irq::next_named(next, |name| pattern.matches(name)) {
                    attach(irq);
                    next = irq.saturating_add(1);
                }
            }
            Ok(LineTarget::Pci { function, index }) => {
                let address = Address {
                    domain: function.domain(),
                    bus: function.bus(),
                    device: function.device(),
                    function: function.function(),
                };
                let Some(function) = Function::find(address) else {
                    return Search::Complete;
                };
                return each_vector(&function, index, attach);
            }
            Err(_) => {}
        }
        Search::Complete
    }

    /// Makes it belong to the guest that `text` names.
    ///
    /// # Errors
    ///
    /// See [`Guests::bind`].
    pub(crate) fn bind_to(&self, text: &str) -> Result {
        self.guests.bind(self, text)
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
            Some(bound) => show(&bound.name.to_str().map_err(|_| EIO)?),
            None => show(&"none"),
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

    /// Lets a change of the policy reach what is held.
    pub(crate) fn reconsider(&self) {
        for vector in &self.vectors.lock().attached {
            vector.reconsider();
        }
    }

    pub(crate) fn state(&self) -> State {
        self.vectors.lock().state()
    }

    /// The interval in force, in microseconds, the longest of its vectors; 0 if it has no effect.
    pub(crate) fn effective_us(&self) -> u32 {
        let vectors = self.vectors.lock();
        let attached = vectors
            .attached
            .iter()
            .filter(|vector| vector.is_attached());
        attached.map(Vector::effective_us).max().unwrap_or(0)
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
    fn state(&self) -> State {
        if self.attached.iter().any(Vector::is_attached) {
            return State::Attached;
        }
        self.refusal.map_or(State::Waiting, State::Unsupported)
    }

    /// Attaches to the vector `irq`, unless it is attached already.
    fn attach(&mut self, irq: u32, policy: &Arc<Policy>) {
        if self.attached.iter().any(|vector| vector.irq() == irq) {
            return;
        }
        let guest = self.guest.as_ref().map(|bound| &bound.guest);
        let attached = self
            .attached
            .reserve(1, GFP_KERNEL)
            .map_err(|_| Refusal::NoMemory)
            .and_then(|()| Vector::attach(irq, policy, guest));
        match attached {
            // Cannot fail: there is room for one.
            Ok(vector) => drop(self.attached.push(vector, GFP_KERNEL)),
            Err(refusal) => self.refusal = Some(refusal),
        }
    }

    /// Forgets the vectors that are gone.
    fn prune(&mut self) {
        let former = &mut self.former;
        self.attached.retain(|vector| {
            let is_attached = vector.is_attached();
            if !is_attached {
                former.add(&vector.counters());
            }
            is_attached
        });
    }

    /// Gives all vectors back.
    fn release(&mut self) {
        while let Some(vector) = self.attached.pop() {
            let counters = vector.counters();
            drop(vector);
            self.former.add(&counters);
        }
    }
}

/// Calls `attach` for the vectors of a function that are in use.
fn each_vector(function: &Function, index: Option<u16>, mut attach: impl FnMut(u32)) -> Search {
    let indices = match index {
        Some(index) => index..index.saturating_add(1),
        None => {
            0..function
                .msix_vectors()
                .max(u16::from(function.msi_vectors()))
        }
    };
    for index in indices {
        match irq::vector(function, index) {
            irq::Vector::Line(irq) => attach(irq),
            irq::Vector::Absent => {}
            irq::Vector::Busy => return Search::Disturbed,
        }
    }
    Search::Complete
}
