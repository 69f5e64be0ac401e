// SPDX-License-Identifier: GPL-2.0

//! One filter as packets meet it.

use crate::{
    filters::Bell,
    holding::{
        Holding,
        Kept, //
    },
    judge::{
        Bounds,
        Judge, //
    },
    model::{
        divert,
        ethernet::Mac,
        field::Action,
        key::Direction,
        mode::{
            Fail,
            TxMode, //
        },
        packet::Tag,
        spec::{
            Spec,
            Target, //
        },
        text::Switch,
        verdict::{
            self,
            Decision,
            Verdict, //
        }, //
    },
    pair::Pair,
    seen,
    settings::Settings,
    stats::{
        Counter,
        Counters, //
    },
    tap::Tap,
    uplink::Uplink, //
};
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
    net::{
        DropReason,
        Frame,
        Packet,
        Visit, //
    },
    sync::{
        Published,
        Slot, //
    }, //
};

impl From<verdict::DropReason> for DropReason {
    fn from(reason: verdict::DropReason) -> Self {
        match reason {
            verdict::DropReason::Policy => Self::Policy,
            verdict::DropReason::BounceLimit => Self::Limit,
        }
    }
}

/// Whether a filter has an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It filters.
    Filtering {
        /// The service VLAN, 0 if there is none.
        vid: u16,
        /// The VF's address, if there is one.
        mac: Option<Mac>,
    },
    /// Not yet, or not any more, for this reason.
    Waiting(&'static str),
}

impl Status {
    /// In a word.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Filtering { .. } => "filtering",
            Self::Waiting(_) => "waiting",
        }
    }
}

/// Where packets of a filter go on.
pub(crate) enum Route {
    /// By the PF.
    Veb(Arc<Uplink>, divert::Port),
    /// By a device of the host.
    Tap(Arc<Tap>),
}

impl Route {
    /// Sends `frame` to the VM.
    fn deliver(&self, mut frame: Frame) -> Result {
        match self {
            Self::Veb(uplink, port) => {
                port.address(&mut frame)?;
                uplink.send_to(port, frame)
            }
            Self::Tap(tap) => tap.deliver(frame),
        }
    }
}

/// One filter as packets meet it, and what it consists of.
///
/// Who is behind `route` and `pair` refers to the filter; [`Self::close`] parts them.
#[pin_data]
pub(crate) struct Filter {
    /// The number in the names of its pair.
    pub(crate) id: u32,
    pub(crate) name: CString,
    /// What it is for, as it was written.
    pub(crate) target: CString,
    backend: &'static str,
    #[pin]
    pub(crate) judge: Judge,
    pub(crate) counters: Counters,
    #[pin]
    pub(crate) holding: Holding,
    settings: Published<Settings>,
    /// Held while settings are changed.
    #[pin]
    changes: Mutex<()>,
    /// Empty while the VF or the device is not there.
    pub(crate) route: Slot<Route>,
    pub(crate) pair: Slot<Pair>,
    #[pin]
    status: Mutex<Status>,
    bell: Arc<Bell>,
}

impl Filter {
    /// A filter that is nowhere yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(
        id: u32,
        spec: &Spec<'_>,
        bounds: Bounds,
        bell: Arc<Bell>,
    ) -> Result<Arc<Self>> {
        let name = CString::try_from_fmt(format_args!("{}", spec.name))?;
        let target = CString::try_from_fmt(format_args!("{}", spec.target))?;
        let backend = match spec.target {
            Target::Vf { .. } => "veb",
            Target::Device(_) => "port",
        };
        Arc::pin_init(
            try_pin_init!(Self {
                id,
                name,
                target,
                backend,
                judge <- Judge::new(bounds)?,
                counters: Counters::new()?,
                holding <- Holding::new()?,
                settings: Published::new(Settings::DEFAULT)?,
                changes <- new_mutex!((), "nic_sidebounce::Filter"),
                route: Slot::empty(),
                pair: Slot::empty(),
                status <- new_mutex!(Status::Waiting("it was just added"), "nic_sidebounce::Status"),
                bell,
            }),
            GFP_KERNEL,
        )
    }

    /// How packets come by.
    pub(crate) fn backend(&self) -> &'static str {
        self.backend
    }

    /// The VM is away, or back: holds what comes for it, or hands it over.
    pub(crate) fn hold(&self, switch: Switch) {
        if switch.is_on() {
            self.holding.hold();
        } else {
            self.holding.replay();
        }
        self.bell.ring();
    }

    /// What the user has set.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.with(|settings| *settings)
    }

    /// Changes what the user has set.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) -> Result {
        let _changes = self.changes.lock();
        let mut settings = self.settings();
        change(&mut settings);
        self.settings.replace(settings)?;
        // Some of it is a matter of the PF.
        self.bell.ring();
        Ok(())
    }

    /// Whether it has an effect.
    pub(crate) fn status(&self) -> Status {
        *self.status.lock()
    }

    /// Notes whether it has an effect; returns whether that is new.
    pub(crate) fn set_status(&self, status: Status) -> bool {
        let mut now = self.status.lock();
        let is_new = *now != status;
        *now = status;
        is_new
    }

    /// Decides about a packet and counts it; `tag` is what the kernel took out of it, but for the service tag.
    #[inline]
    pub(crate) fn judge(
        &self,
        packet: &Packet,
        tag: Option<Tag>,
        direction: Direction,
    ) -> Decision {
        self.settings.with(|settings| {
            self.judge
                .judge(packet, tag, direction, settings, &self.counters)
        })
    }

    /// A frame has come for the VM. It is only taken if need be.
    pub(crate) fn visited(&self, visit: Visit<'_>) {
        let decision = self.judge(&visit, seen::tag(&visit), Direction::Rx);
        match decision.verdict {
            Verdict::Drop(reason) => visit.drop_with(reason.into()),
            Verdict::Accept | Verdict::Bounce(_) => match visit.take() {
                Some(frame) => self.dispose(frame, Direction::Rx, &decision),
                None => self.counters.count(Counter::Lost),
            },
        }
    }

    /// A packet has come for the VM and for others.
    pub(crate) fn copied(&self, packet: &Packet) {
        let decision = self.judge(packet, seen::tag(packet), Direction::Rx);
        if let Verdict::Drop(_) = decision.verdict {
            return;
        }
        self.counters.count(Counter::Copies);
        match packet.clone_frame() {
            Ok(frame) => self.dispose(frame, Direction::Rx, &decision),
            Err(_) => self.counters.count(Counter::Lost),
        }
    }

    /// The VM has sent a frame; its service tag is off.
    pub(crate) fn sent(&self, frame: Frame) {
        if self.settings().tx_mode == TxMode::None {
            return self.go_on(frame);
        }
        let decision = self.judge(&frame, seen::tag(&frame), Direction::Tx);
        self.dispose(frame, Direction::Tx, &decision);
    }

    /// Does with a frame what was decided.
    pub(crate) fn dispose(&self, frame: Frame, direction: Direction, decision: &Decision) {
        match decision.verdict {
            Verdict::Accept => self.pass(frame, direction),
            Verdict::Drop(reason) => frame.drop_with(reason.into()),
            Verdict::Bounce(_) => self.bounce(frame, direction),
        }
    }

    /// A frame goes on, past the rules.
    fn pass(&self, frame: Frame, direction: Direction) {
        match direction {
            Direction::Rx => self.deliver(frame),
            Direction::Tx => self.go_on(frame),
        }
    }

    /// Hands a frame to level 2.
    fn bounce(&self, frame: Frame, direction: Direction) {
        let refused = self.pair.with(|pair| match pair {
            Some(pair) => pair.receive(frame, direction).err(),
            None => Some(frame),
        });
        let Some(frame) = refused else {
            return;
        };
        self.counters.count(Counter::NoPort);
        match self.settings().fail {
            Fail::Open => self.pass(frame, direction),
            Fail::Closed => frame.drop_with(DropReason::Down),
        }
    }

    /// Level 2 gives a frame back.
    pub(crate) fn injected(&self, frame: Frame, direction: Direction) {
        self.counters.count(match direction {
            Direction::Rx => Counter::InjectedRx,
            Direction::Tx => Counter::InjectedTx,
        });
        let settings = self.settings();
        if settings.learn_mark.teaches(frame.mark()) {
            let learn_s = settings.learn_s;
            // What cannot be told apart from other packets is not learned.
            let _ = self.judge.learn(&frame, direction, Action::Accept, learn_s);
        }
        self.pass(frame, direction);
    }

    /// Sends a frame to the VM, or holds it for it.
    fn deliver(&self, frame: Frame) {
        match self.holding.arrive(frame) {
            Kept::No(frame) => self.send(frame),
            Kept::Yes => self.counters.count(Counter::Held),
            Kept::First => {
                self.counters.count(Counter::Held);
                self.bell.ring();
            }
            Kept::Overflow => self.counters.count(Counter::HoldDropped),
        }
    }

    /// Sends a frame to the VM.
    fn send(&self, frame: Frame) {
        let sent = self
            .route
            .with(|route| route.map_or(Err(ENODEV), |route| route.deliver(frame)));
        if sent.is_err() {
            self.counters.count(Counter::Lost);
        }
    }

    /// Lets a frame that the VM has sent go on.
    fn go_on(&self, frame: Frame) {
        let gone = self.route.with(|route| match route {
            None => Err(ENODEV),
            Some(Route::Veb(uplink, port)) => {
                uplink.forward(port, self, frame);
                Ok(())
            }
            Some(Route::Tap(tap)) => tap.go_on(frame),
        });
        if gone.is_err() {
            self.counters.count(Counter::Lost);
        }
    }

    /// Hands over what was held and is due to be, and drops what has waited for too long. Process context; never
    /// twice at once.
    pub(crate) fn tend(&self) {
        while let Some(frame) = self.holding.expire() {
            frame.drop_with(DropReason::Purged);
            self.counters.count(Counter::HoldDropped);
        }
        while let Some(frame) = self.holding.next() {
            self.send(frame);
        }
    }

    /// Parts the filter from all that refers to it. Process context.
    pub(crate) fn close(&self) {
        drop(self.route.take());
        drop(self.pair.take());
    }
}
