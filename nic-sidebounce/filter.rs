// SPDX-License-Identifier: GPL-2.0

//! One filter as packets meet it.

use crate::{
    control::NETLINK,
    ffi::{
        self,
        Bounced,
        Held,
        Teacher,
        Why, //
    },
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
        flow::Lesson,
        key::{
            Direction,
            Flags, //
        },
        mode::{
            Fail,
            TxMode, //
        },
        note::Note,
        packet::Tag,
        spec::{
            Spec,
            Target, //
        },
        text::Switch,
        verdict::{
            self,
            Decision,
            Source,
            Verdict, //
        }, //
    },
    netlink::Event,
    pair::Pair,
    sampling::Sampling,
    seen,
    settings::Settings,
    stats::{
        Counter,
        Counters, //
    },
    tap::Tap,
    uplink::Uplink,
    vmm::{
        Choice,
        Vmm, //
    }, //
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
        Device,
        DropReason,
        Frame,
        Outcome,
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
    /// Empty if the pair receives what bounces on its way to the VM.
    pub(crate) vmm: Slot<Vmm>,
    /// Empty unless bounced packets are shown.
    pub(crate) sampling: Slot<Sampling>,
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
                vmm: Slot::empty(),
                sampling: Slot::empty(),
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

    /// As events name it.
    #[inline]
    fn traced(&self) -> ffi::Filter<'_> {
        ffi::Filter {
            id: self.id,
            name: &self.name,
        }
    }

    /// Decides about a packet and counts it; `tag` is what the kernel took out of it, but for the service tag.
    #[inline]
    pub(crate) fn judge(
        &self,
        packet: &Packet,
        tag: Option<Tag>,
        direction: Direction,
    ) -> Decision {
        let decision = self.settings.with(|settings| {
            self.judge
                .judge(packet, tag, direction, settings, &self.counters)
        });
        if decision.verdict == Verdict::Drop(verdict::DropReason::BounceLimit)
            && self.judge.note_limit()
        {
            self.tell(Event::BounceLimit);
        }
        let priority = |place| self.judge.priority(place);
        let len_bytes = packet.len_bytes();
        ffi::trace_verdict(self.traced(), direction, &decision, priority, len_bytes);
        decision
    }

    /// Tells programs that listen what has happened.
    pub(crate) fn tell(&self, event: Event<'_>) {
        if let Ok(name) = self.name.to_str() {
            NETLINK.tell(name, event);
        }
    }

    /// Counts and traces a frame that goes nowhere.
    pub(crate) fn lose(&self, direction: Direction, why: Why, len_bytes: u32) {
        self.counters.count(match why {
            Why::Reflection | Why::LinkLocal => Counter::Reflected,
            Why::NoMemory | Why::Refused(_) => Counter::Lost,
        });
        ffi::trace_lost(self.traced(), direction, why, len_bytes);
    }

    /// Level 2 says what becomes of a flow.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if its packets cannot be told apart from others.
    pub(crate) fn learn(&self, lesson: &Lesson, teacher: Teacher) -> Result {
        let Lesson {
            key,
            action,
            seconds,
        } = lesson;
        self.judge
            .learn(key, *action, *seconds)
            .map_err(|_| EINVAL)?;
        let direction = match key.has(Flags::TX) {
            true => Direction::Tx,
            false => Direction::Rx,
        };
        ffi::trace_learn(self.traced(), direction, *action, teacher, *seconds);
        Ok(())
    }

    /// A frame has come for the VM.
    pub(crate) fn visit(&self, visit: Visit<'_>) {
        let decision = self.judge(&visit, seen::tag(&visit), Direction::Rx);
        self.visited(visit, &decision);
    }

    /// Does with a frame for the VM what was decided. It is only taken if need be.
    fn visited(&self, visit: Visit<'_>, decision: &Decision) {
        match decision.verdict {
            Verdict::Drop(reason) => visit.drop_with(reason.into()),
            Verdict::Accept | Verdict::Bounce(_) => {
                let len_bytes = visit.len_bytes();
                match visit.take() {
                    Some(frame) => self.dispose(frame, Direction::Rx, decision),
                    None => self.lose(Direction::Rx, Why::NoMemory, len_bytes),
                }
            }
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
            Err(error) => self.lose(Direction::Rx, error.into(), packet.len_bytes()),
        }
    }

    /// A frame of another VM has come for this one.
    pub(crate) fn arrived(&self, frame: Frame) {
        let decision = self.judge(&frame, seen::tag(&frame), Direction::Rx);
        self.dispose(frame, Direction::Rx, &decision);
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
            Verdict::Bounce(_) => self.bounce(frame, direction, decision),
        }
    }

    /// A frame goes on, past the rules.
    fn pass(&self, frame: Frame, direction: Direction) {
        match direction {
            Direction::Rx => self.deliver(frame),
            Direction::Tx => self.go_on(frame),
        }
    }

    /// Hands a frame to level 2, marked with why.
    fn bounce(&self, mut frame: Frame, direction: Direction, decision: &Decision) {
        let len_bytes = frame.len_bytes();
        let priority = match decision.source {
            Source::Rule(place) => self.judge.priority(place),
            _ => 0,
        };
        let note = Note {
            filter: self.id,
            direction,
            decision: *decision,
            priority,
        };
        self.sampling.with(|sampling| {
            if let Some(sampling) = sampling {
                sampling.show(&frame, &note);
            }
        });
        if let Ok(mut edit) = frame.edit() {
            edit.set_mark(note.mark());
        }
        let refused = match direction {
            Direction::Rx => self.vmm.with(|vmm| match vmm {
                Some(vmm) if vmm.is_up() => {
                    if let Err(error) = vmm.receive(frame) {
                        self.lose(direction, error.into(), len_bytes);
                    }
                    None
                }
                Some(_) => Some(frame),
                None => self.pair_refuses(frame, direction),
            }),
            Direction::Tx => self.pair_refuses(frame, direction),
        };
        let Some(frame) = refused else {
            return ffi::trace_bounce(self.traced(), direction, Bounced::Received, len_bytes);
        };
        self.counters.count(Counter::NoPort);
        match self.settings().fail {
            Fail::Open => {
                ffi::trace_bounce(self.traced(), direction, Bounced::FailedOpen, len_bytes);
                self.pass(unmarked(frame), direction);
            }
            Fail::Closed => {
                ffi::trace_bounce(self.traced(), direction, Bounced::FailedClosed, len_bytes);
                frame.drop_with(DropReason::Down);
            }
        }
    }

    /// Gives a frame to the pair, or back.
    fn pair_refuses(&self, frame: Frame, direction: Direction) -> Option<Frame> {
        self.pair.with(|pair| match pair {
            Some(pair) => pair.receive(frame, direction).err(),
            None => Some(frame),
        })
    }

    /// The device that receives what bounces has received a frame for the VM.
    pub(crate) fn looked_at<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        let decision = self.judge(&visit, seen::tag(&visit), Direction::Rx);
        if let Verdict::Bounce(_) = decision.verdict {
            let len_bytes = visit.len_bytes();
            ffi::trace_bounce(self.traced(), Direction::Rx, Bounced::Received, len_bytes);
            return Outcome::Pass(visit);
        }
        self.visited(visit, &decision);
        Outcome::Taken
    }

    /// Whether this is the address of its VF.
    #[inline]
    pub(crate) fn has_mac(&self, mac: Mac) -> bool {
        self.route.with(|route| match route {
            Some(Route::Veb(_, port)) => port.mac == mac,
            _ => false,
        })
    }

    /// The PF of its VF, while that is there.
    pub(crate) fn pf(&self) -> Option<Device> {
        self.route.with(|route| match route {
            Some(Route::Veb(uplink, _)) => Some(uplink.device()),
            _ => None,
        })
    }

    /// Whether the card gives what is for the VM to a VF of the host.
    pub(crate) fn has_pool(&self) -> bool {
        self.vmm.with(|vmm| vmm.is_some_and(Vmm::has_pool))
    }

    /// Changes who receives what bounces on its way to the VM.
    ///
    /// # Errors
    ///
    /// As [`Vmm::new`]: then nothing has changed.
    pub(crate) fn set_vmm(self: &Arc<Self>, choice: Choice<'_>) -> Result {
        let _changes = self.changes.lock();
        // A card has one default pool, which the former may have.
        let former = match Vmm::new(self, choice) {
            Ok(None) => self.vmm.take(),
            Ok(Some(vmm)) => self.vmm.replace(vmm)?,
            Err(error) => return Err(error),
        };
        drop(former);
        self.bell.ring();
        Ok(())
    }

    /// Level 2 gives a frame back.
    pub(crate) fn injected(&self, frame: Frame, direction: Direction) {
        self.counters.count(match direction {
            Direction::Rx => Counter::InjectedRx,
            Direction::Tx => Counter::InjectedTx,
        });
        let mark = frame.mark();
        ffi::trace_inject(self.traced(), direction, mark, frame.len_bytes());
        let settings = self.settings();
        if settings.learn_mark.teaches(mark) {
            let learn_s = settings.learn_s;
            // What cannot be told apart from other packets is not learned.
            if self.judge.learn_from(&frame, direction, learn_s).is_ok() {
                let filter = self.traced();
                ffi::trace_learn(filter, direction, Action::Accept, Teacher::Mark, learn_s);
            }
        }
        self.pass(unmarked(frame), direction);
    }

    /// Sends a frame to the VM, or holds it for it.
    fn deliver(&self, frame: Frame) {
        let len_bytes = frame.len_bytes();
        let held = match self.holding.arrive(frame) {
            Kept::No(frame) => return self.send(frame),
            Kept::Yes => Held::Kept,
            Kept::First => Held::First,
            Kept::Overflow => Held::Overflow,
        };
        self.counters.count(match held {
            Held::Overflow => Counter::HoldDropped,
            _ => Counter::Held,
        });
        if let Held::First = held {
            self.bell.ring();
        }
        ffi::trace_hold(self.traced(), held, self.holding.len(), len_bytes);
    }

    /// Sends a frame to the VM.
    fn send(&self, frame: Frame) {
        let len_bytes = frame.len_bytes();
        let sent = self
            .route
            .with(|route| route.map_or(Err(ENODEV), |route| route.deliver(frame)));
        if let Err(error) = sent {
            self.lose(Direction::Rx, error.into(), len_bytes);
        }
    }

    /// Lets a frame that the VM has sent go on.
    fn go_on(&self, frame: Frame) {
        let len_bytes = frame.len_bytes();
        let gone = self.route.with(|route| match route {
            None => Err(ENODEV),
            Some(Route::Veb(uplink, port)) => uplink.forward(port, self, frame),
            Some(Route::Tap(tap)) => tap.go_on(frame),
        });
        if let Err(error) = gone {
            self.lose(Direction::Tx, error.into(), len_bytes);
        }
    }

    /// Hands over what was held and is due to be, and drops what has waited for too long. Process context; never
    /// twice at once.
    pub(crate) fn tend(&self) {
        while let Some(frame) = self.holding.expire() {
            let len_bytes = frame.len_bytes();
            frame.drop_with(DropReason::Purged);
            self.counters.count(Counter::HoldDropped);
            ffi::trace_hold(self.traced(), Held::Expired, self.holding.len(), len_bytes);
        }
        while let Some(frame) = self.holding.next() {
            ffi::trace_hold(
                self.traced(),
                Held::Replayed,
                self.holding.len(),
                frame.len_bytes(),
            );
            self.send(frame);
        }
    }

    /// Parts the filter from all that refers to it. Process context.
    pub(crate) fn close(&self) {
        // First what frames come by.
        drop(self.vmm.take());
        drop(self.route.take());
        drop(self.pair.take());
    }
}

/// A frame without the mark that it has bounced with.
fn unmarked(mut frame: Frame) -> Frame {
    if Note::is_mark(frame.mark()) {
        if let Ok(mut edit) = frame.edit() {
            edit.set_mark(0);
        }
    }
    frame
}
