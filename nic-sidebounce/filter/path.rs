// SPDX-License-Identifier: GPL-2.0

//! What packets go through at a filter.

use super::{
    Filter,
    Route, //
};
use crate::{
    ffi::{
        self,
        Bounced,
        Held,
        Teacher,
        Why, //
    },
    holding::Kept,
    model::{
        field::Action,
        key::Direction,
        mode::{
            Bum,
            Fail, //
        },
        note::Note,
        packet::Tag,
        verdict::{
            self,
            Decision,
            Source,
            Verdict, //
        }, //
    },
    netlink::Event,
    seen,
    stats::Counter, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};
use kernel_ext::{
    net::{
        DropReason,
        Frame,
        Outcome,
        Packet,
        Visit, //
    },
    sched::now_ns,
    sync::{
        with_bottom_halves_off,
        Reader, //
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

impl Route {
    /// Sends `frame` to the VM.
    #[inline]
    fn deliver(&self, reader: Reader<'_>, mut frame: Frame, bum: Bum) -> Result {
        match self {
            Self::Veb(uplink, port) => {
                port.address(&mut frame, bum)?;
                uplink.send_to(reader, port, frame)
            }
            Self::Tap(tap) => tap.deliver(frame),
        }
    }
}

impl Filter {
    /// Decides about a packet and counts it; `tag` is what the kernel took out of it, but for the service tag.
    pub(crate) fn judge(
        &self,
        reader: Reader<'_>,
        packet: &Packet,
        tag: Option<Tag>,
        direction: Direction,
    ) -> Decision {
        let settings = self.settings.get(reader);
        let decision = self
            .judge
            .judge(reader, packet, tag, direction, settings, &self.counters);
        if decision.verdict == Verdict::Drop(verdict::DropReason::BounceLimit)
            && self.judge.note_limit()
        {
            self.tell(Event::BounceLimit);
        }
        let priority = |place| self.judge.priority(place);
        ffi::trace_verdict(direction, &decision, priority, || {
            (self.traced(), packet.len_bytes())
        });
        decision
    }

    /// Counts and traces a frame that goes nowhere.
    pub(crate) fn lose(&self, direction: Direction, why: Why, len_bytes: u32) {
        self.counters.count(match why {
            Why::Reflection | Why::LinkLocal => Counter::Reflected,
            Why::NoMemory | Why::Refused(_) => Counter::Lost,
        });
        ffi::trace_lost(self.traced(), direction, why, len_bytes);
    }

    /// A frame has come for the VM.
    pub(crate) fn visit(&self, visit: Visit<'_>) {
        let reader = visit.here().reader();
        let decision = self.judge(reader, &visit, seen::tag(&visit), Direction::Rx);
        self.visited(reader, visit, &decision);
    }

    /// Does with a frame for the VM what was decided. It is only taken if need be.
    fn visited(&self, reader: Reader<'_>, visit: Visit<'_>, decision: &Decision) {
        match decision.verdict {
            Verdict::Drop(reason) => visit.drop_with(reason.into()),
            Verdict::Accept | Verdict::Bounce(_) => {
                let len_bytes = visit.len_bytes();
                match visit.take() {
                    Some(frame) => self.dispose(reader, frame, Direction::Rx, decision),
                    None => self.lose(Direction::Rx, Why::NoMemory, len_bytes),
                }
            }
        }
    }

    /// A packet has come for the VM and for others.
    pub(crate) fn copied(&self, reader: Reader<'_>, packet: &Packet) {
        let decision = self.judge(reader, packet, seen::tag(packet), Direction::Rx);
        if let Verdict::Drop(_) = decision.verdict {
            return;
        }
        self.counters.count(Counter::Copies);
        match packet.clone_frame() {
            Ok(frame) => self.dispose(reader, frame, Direction::Rx, &decision),
            Err(error) => self.lose(Direction::Rx, error.into(), packet.len_bytes()),
        }
    }

    /// A frame of another VM has come for this one.
    pub(crate) fn arrived(&self, reader: Reader<'_>, frame: Frame) {
        let decision = self.judge(reader, &frame, seen::tag(&frame), Direction::Rx);
        self.dispose(reader, frame, Direction::Rx, &decision);
    }

    /// The VM has sent a frame; its service tag is off.
    pub(crate) fn sent(&self, reader: Reader<'_>, frame: Frame) {
        if self.settings_now(reader).lets_all_go_on() {
            return self.go_on(reader, frame);
        }
        let decision = self.judge(reader, &frame, seen::tag(&frame), Direction::Tx);
        self.dispose(reader, frame, Direction::Tx, &decision);
    }

    /// Does with a frame what was decided.
    pub(crate) fn dispose(
        &self,
        reader: Reader<'_>,
        frame: Frame,
        direction: Direction,
        decision: &Decision,
    ) {
        match decision.verdict {
            Verdict::Accept => self.pass(reader, frame, direction),
            Verdict::Drop(reason) => frame.drop_with(reason.into()),
            Verdict::Bounce(_) => self.bounce(reader, frame, direction, decision),
        }
    }

    /// A frame goes on, past the rules.
    #[inline]
    fn pass(&self, reader: Reader<'_>, frame: Frame, direction: Direction) {
        match direction {
            Direction::Rx => self.deliver(reader, frame),
            Direction::Tx => self.go_on(reader, frame),
        }
    }

    /// Hands a frame to level 2, marked with why.
    fn bounce(
        &self,
        reader: Reader<'_>,
        mut frame: Frame,
        direction: Direction,
        decision: &Decision,
    ) {
        let len_bytes = frame.len_bytes();
        // The device that it bounced onto leads back here, as by a bridge of both.
        let is_back = direction == Direction::Rx
            && Note::is_mark_of(frame.mark(), direction)
            && self.vmm.with(|vmm| vmm.is_some());
        if is_back {
            return self.lose(direction, ELOOP.into(), len_bytes);
        }
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
        frame.edit().set_mark(note.mark());
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
        match self.settings_now(reader).fail {
            Fail::Open => {
                ffi::trace_bounce(self.traced(), direction, Bounced::FailedOpen, len_bytes);
                self.pass(reader, unmarked(frame), direction);
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
        let reader = visit.here().reader();
        let decision = self.judge(reader, &visit, seen::tag(&visit), Direction::Rx);
        if let Verdict::Bounce(_) = decision.verdict {
            let len_bytes = visit.len_bytes();
            ffi::trace_bounce(self.traced(), Direction::Rx, Bounced::Received, len_bytes);
            return Outcome::Pass(visit);
        }
        self.visited(reader, visit, &decision);
        Outcome::Taken
    }

    /// Level 2 gives a frame back.
    pub(crate) fn injected(&self, frame: Frame, direction: Direction) {
        self.counters.count(match direction {
            Direction::Rx => Counter::InjectedRx,
            Direction::Tx => Counter::InjectedTx,
        });
        let mark = frame.mark();
        ffi::trace_inject(self.traced(), direction, mark, frame.len_bytes());
        let rcu = rcu::read_lock();
        let reader = Reader::from(&rcu);
        let settings = self.settings_now(reader);
        if settings.learn_mark.teaches(mark) {
            let learn_s = settings.learn_s;
            // What cannot be told apart from other packets is not learned.
            if self.judge.learn_from(&frame, direction, learn_s).is_ok() {
                let filter = self.traced();
                ffi::trace_learn(filter, direction, Action::Accept, Teacher::Mark, learn_s);
            }
        }
        self.pass(reader, unmarked(frame), direction);
    }

    /// Sends a frame to the VM, or holds it for it.
    #[inline]
    fn deliver(&self, reader: Reader<'_>, frame: Frame) {
        if self.holding.is_serving() {
            self.send(reader, frame);
        } else {
            self.hold_back(reader, frame);
        }
    }

    /// Holds a frame for the VM, unless that is back.
    fn hold_back(&self, reader: Reader<'_>, frame: Frame) {
        let len_bytes = frame.len_bytes();
        let held = match self.holding.arrive(frame) {
            Kept::No(frame) => return self.send(reader, frame),
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
    fn send(&self, reader: Reader<'_>, frame: Frame) {
        let len_bytes = frame.len_bytes();
        let bum = self.settings_now(reader).bum;
        let sent = match self.route.get(reader) {
            Some(route) => route.deliver(reader, frame, bum),
            None => Err(ENODEV),
        };
        if let Err(error) = sent {
            self.lose(Direction::Rx, error.into(), len_bytes);
        }
    }

    /// Lets a frame that the VM has sent go on.
    fn go_on(&self, reader: Reader<'_>, frame: Frame) {
        let len_bytes = frame.len_bytes();
        let gone = match self.route.get(reader) {
            None => Err(ENODEV),
            Some(Route::Veb(uplink, port)) => uplink.forward(reader, port, self, frame),
            Some(Route::Tap(tap)) => tap.go_on(frame),
        };
        if let Err(error) = gone {
            self.lose(Direction::Tx, error.into(), len_bytes);
        }
    }

    /// Hands over some of what was held and is due to be, and drops what has waited for too long. Whether there is
    /// more. Process context; never twice at once.
    pub(crate) fn tend(&self) -> bool {
        // Those who send to the VM meanwhile could keep this busy for ever, but other filters are to be tended, too.
        const AT_ONCE_NS: u64 = 50_000_000;
        let until_ns = now_ns().saturating_add(AT_ONCE_NS);
        // What is sent may wait for this CPU's bottom halves, which run after each: nothing may pass before it.
        while with_bottom_halves_off(|| self.tend_one()) {
            if now_ns() >= until_ns {
                return true;
            }
        }
        false
    }

    /// Hands over or drops one frame, if there is one to be.
    fn tend_one(&self) -> bool {
        if let Some(frame) = self.holding.expire() {
            let len_bytes = frame.len_bytes();
            frame.drop_with(DropReason::Purged);
            self.counters.count(Counter::HoldDropped);
            ffi::trace_hold(self.traced(), Held::Expired, self.holding.len(), len_bytes);
        } else if let Some(frame) = self.holding.next() {
            let waiting = self.holding.len();
            ffi::trace_hold(self.traced(), Held::Replayed, waiting, frame.len_bytes());
            let rcu = rcu::read_lock();
            self.send(Reader::from(&rcu), frame);
        } else {
            return false;
        }
        true
    }
}

/// A frame without the mark that it has bounced with.
fn unmarked(mut frame: Frame) -> Frame {
    if Note::is_mark(frame.mark()) {
        frame.edit().set_mark(0);
    }
    frame
}
