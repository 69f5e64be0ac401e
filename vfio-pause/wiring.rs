// SPDX-License-Identifier: GPL-2.0

//! Where a slot's interrupts go: what the user asked for, and what is armed for it.

use crate::{
    knobs::Knobs,
    model::layout,
    stats::Stats, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};
use kernel_ext::{
    pci::{
        Claim,
        VectorKind,
        Vectors, //
    },
    vfio::{
        Arrivals,
        EventFd,
        Intx,
        Line,
        Signal,
        Unmasker, //
    }, //
};

impl Arrivals for Knobs {
    fn arrived(&self) {
        self.stats.irqs.count();
    }
}

/// Which of its interrupts a device uses; it uses one kind at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The interrupt pin.
    Pin,
    /// Messages of one of the two kinds.
    Messages(VectorKind),
}

impl Source {
    /// The kind that VFIO gives an index.
    pub(crate) fn of_index(index: u32) -> Option<Self> {
        match index {
            layout::VFIO_PCI_INTX_IRQ_INDEX => Some(Self::Pin),
            layout::VFIO_PCI_MSI_IRQ_INDEX => Some(Self::Messages(VectorKind::Msi)),
            layout::VFIO_PCI_MSIX_IRQ_INDEX => Some(Self::Messages(VectorKind::Msix)),
            _ => None,
        }
    }
}

/// Eventfds for consecutive vectors.
pub(crate) type EventFds = KVec<Option<Arc<EventFd>>>;

/// What the user asked for. It is the same before and after a pause.
pub(crate) struct Wiring {
    /// The kind in use; [`None`] while interrupts are off.
    source: Option<Source>,
    /// How many vectors of that kind the user was told there are.
    count: u16,
    /// Where each vector is signalled.
    eventfds: EventFds,
    /// Whether interrupts of the pin wait until the user has dealt with the last one.
    gate: Arc<Intx>,
    /// What opens the gate without a system call.
    unmasker: Option<Pin<KBox<Unmasker<Knobs>>>>,
    /// What the user wants to hear of errors of the device, and of the host's wish to have it back.
    notices: [Option<Arc<EventFd>>; 2],
    knobs: Arc<Knobs>,
}

impl Wiring {
    /// Nothing asked for.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(knobs: Arc<Knobs>) -> Result<Self> {
        Ok(Self {
            source: None,
            count: 0,
            eventfds: KVec::new(),
            gate: Intx::new()?,
            unmasker: None,
            notices: [None, None],
            knobs,
        })
    }

    /// The slot's counters.
    pub(crate) fn stats(&self) -> &Stats {
        &self.knobs.stats
    }

    /// The kind in use.
    pub(crate) fn source(&self) -> Option<Source> {
        self.source
    }

    /// Forgets what was asked for.
    pub(crate) fn clear(&mut self) {
        self.turn_off();
        self.notices = [None, None];
    }

    /// Turns the kind in use off.
    pub(crate) fn turn_off(&mut self) {
        self.source = None;
        self.count = 0;
        self.eventfds.clear();
        self.unmasker = None;
    }

    /// Directs vectors of `source` from `start` on, of which there are `count`. MSI has as many as the
    /// first request after it was off names: a device spreads its messages over all that it has.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] while another kind is in use, or for vectors of MSI that are not, [`ENOMEM`].
    pub(crate) fn direct(
        &mut self,
        source: Source,
        count: u16,
        start: usize,
        eventfds: EventFds,
    ) -> Result {
        if self.source.is_some_and(|used| used != source) {
            return Err(EINVAL);
        }
        let named = start.checked_add(eventfds.len()).ok_or(EINVAL)?;
        let count = match (source, self.source) {
            (Source::Messages(VectorKind::Msi), None) => {
                u16::try_from(named).map_err(|_| EINVAL)?
            }
            (Source::Messages(VectorKind::Msi), Some(_)) => self.count,
            _ => count,
        };
        if named > usize::from(count) {
            return Err(EINVAL);
        }
        while self.eventfds.len() < usize::from(count) {
            self.eventfds.push(None, GFP_KERNEL)?;
        }
        if self.source.is_none() {
            // Not when it was turned off: its handler, which closes the gate, was still there.
            self.gate.unmask();
        }
        self.source = Some(source);
        self.count = count;
        for (place, eventfd) in self.eventfds.iter_mut().skip(start).zip(eventfds) {
            *place = eventfd;
        }
        Ok(())
    }

    /// Directs `count` vectors from `start` on nowhere.
    pub(crate) fn undirect(&mut self, start: usize, count: usize) {
        for place in self.eventfds.iter_mut().skip(start).take(count) {
            *place = None;
        }
    }

    /// Directs a notice nowhere.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it was not directed anywhere.
    pub(crate) fn drop_notice(&mut self, number: usize) -> Result {
        let place = self.notices.get_mut(number).ok_or(EINVAL)?;
        place.take().map(drop).ok_or(EINVAL)
    }

    /// Directs one of the two notices, 0 errors and 1 requests.
    pub(crate) fn direct_notice(&mut self, number: usize, eventfd: Option<Arc<EventFd>>) {
        if let Some(place) = self.notices.get_mut(number) {
            *place = eventfd;
        }
    }

    /// Signals a vector as if the device had; `false` if it is directed nowhere.
    pub(crate) fn signal(&self, vector: usize) -> bool {
        let eventfd = self.eventfds.get(vector).and_then(Option::as_ref);
        eventfd.inspect(|eventfd| eventfd.signal()).is_some()
    }

    /// Signals a notice; `false` if it is directed nowhere.
    pub(crate) fn signal_notice(&self, number: usize) -> bool {
        let eventfd = self.notices.get(number).and_then(Option::as_ref);
        eventfd.inspect(|eventfd| eventfd.signal()).is_some()
    }

    /// Signals all vectors: whoever missed an interrupt looks after it now.
    pub(crate) fn kick(&self) {
        for eventfd in self.eventfds.iter().flatten() {
            eventfd.signal();
        }
    }

    /// Whether interrupts of the pin wait.
    pub(crate) fn gate(&self) -> &Intx {
        &self.gate
    }

    /// Has the gate opened whenever an eventfd is signalled, or not any more.
    ///
    /// # Errors
    ///
    /// [`EBADF`] or [`EINVAL`] if `fd` is no eventfd, [`EBUSY`], [`ENOMEM`].
    pub(crate) fn unmask_by(&mut self, fd: Option<i32>) -> Result {
        self.unmasker = None;
        if let Some(fd) = fd {
            self.unmasker = Some(Unmasker::new(fd, self.gate.clone())?);
        }
        Ok(())
    }
}

/// Interrupts of a back that reach the user.
pub(crate) struct Armed {
    // Fields drop in declaration order: handlers go before the vectors they serve.
    signals: KVec<Option<Signal<Knobs>>>,
    vectors: Option<Vectors>,
    claim: Arc<Claim>,
}

impl Armed {
    /// Arms what `wiring` asks for.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if the system has too few interrupts left, [`ENOMEM`], or why one is not to be had.
    pub(crate) fn new(claim: &Arc<Claim>, wiring: &Wiring) -> Result<Self> {
        let mut armed = Self {
            signals: KVec::new(),
            vectors: None,
            claim: claim.clone(),
        };
        armed.arm(wiring, 0, usize::from(wiring.count))?;
        Ok(armed)
    }

    /// Arms `count` vectors from `start` on anew, as `wiring` now asks for.
    ///
    /// # Errors
    ///
    /// As [`Self::new`]; some of the vectors may be armed then.
    pub(crate) fn arm(&mut self, wiring: &Wiring, start: usize, count: usize) -> Result {
        let Some(source) = wiring.source else {
            self.signals.clear();
            self.vectors = None;
            return Ok(());
        };
        if let (Source::Messages(kind), None) = (source, &self.vectors) {
            self.vectors = Some(Vectors::new(&self.claim, kind, wiring.count)?);
        }
        while self.signals.len() < wiring.eventfds.len() {
            self.signals.push(None, GFP_KERNEL)?;
        }
        let places = self.signals.iter_mut().zip(&wiring.eventfds).enumerate();
        for (vector, (place, eventfd)) in places.skip(start).take(count) {
            // The old handler first: the line is requested for one at a time.
            *place = None;
            let Some(eventfd) = eventfd else {
                continue;
            };
            let (irq, line) = match &self.vectors {
                Some(vectors) => {
                    let vector = u16::try_from(vector).map_err(|_| EINVAL)?;
                    (vectors.irq(vector).ok_or(EINVAL)?, Line::Message)
                }
                None => (self.claim.pin_irq(), Line::Intx(wiring.gate.clone())),
            };
            let name = CString::try_from_fmt(fmt!(
                "vfio-pause-{}-{vector}",
                wiring.knobs.name.to_str().unwrap_or("?")
            ))?;
            *place = Some(Signal::request(
                irq,
                name,
                line,
                eventfd.clone(),
                wiring.knobs.clone(),
            )?);
        }
        Ok(())
    }
}
