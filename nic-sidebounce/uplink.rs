// SPDX-License-Identifier: GPL-2.0

//! A PF, on which the packets of its filtered VFs pass.

use crate::{
    filter::Filter,
    model::{
        divert::{
            self,
            Above,
            Delivery,
            Origin,
            Outcome as Way,
            Port,
            Switch, //
        },
        ethernet::Mac,
        key::Direction,
        mode::{
            Bum,
            TxMode, //
        }, //
    },
    seen,
    stats::Counter, //
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
        DropReason,
        Frame,
        Handler,
        Here,
        Hook,
        Outcome,
        Visit,
        VlanProtocol,
        VlanTag, //
    },
    sync::{
        Published,
        Reader, //
    }, //
};

/// A PF and its filters.
#[pin_data]
pub(crate) struct Uplink {
    hook: Hook<Veb>,
    #[pin]
    members: Mutex<KVec<Member>>,
    /// How often addresses of VFs have been added to the PF's.
    changes: Atomic<u32>,
}

/// A VF, and its filter.
struct Member {
    port: Port,
    filter: Arc<Filter>,
}

/// The filters of a PF.
#[derive(Default)]
struct Board {
    ports: KVec<Port>,
    /// In the same order.
    filters: KVec<Arc<Filter>>,
}

/// Which way a frame passes the PF.
#[derive(Clone, Copy)]
enum Passage {
    /// It has come in.
    Ingress,
    /// The host sends it.
    Egress,
}

/// What sees the frames of a PF.
struct Veb {
    board: Published<Board>,
}

impl Port {
    /// Addresses a frame as the VF is to get it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it has no Ethernet header, [`ENXIO`] if it is not for the VF, [`ENOMEM`].
    #[inline]
    pub(crate) fn address(&self, frame: &mut Frame, bum: Bum) -> Result {
        match self.delivery(Mac(frame.at(0).ok_or(EINVAL)?), bum) {
            Delivery::AsIs => Ok(()),
            Delivery::To(mac) => frame.edit().set_dst_mac(mac.0),
            Delivery::Nowhere => Err(ENXIO),
        }
    }
}

impl Board {
    fn is_like(&self, other: &Self) -> bool {
        let same = |(one, two): (&Arc<Filter>, &Arc<Filter>)| Arc::ptr_eq(one, two);
        *self.ports == *other.ports
            && self.filters.len() == other.filters.len()
            && self.filters.iter().zip(other.filters.iter()).all(same)
    }

    fn switch(&self, here: Here<'_>) -> Switch<'_> {
        Switch {
            ports: &self.ports,
            mac: Mac(here.mac()),
            above: match here.has_upper() {
                true => Above::Others,
                false => Above::Nobody,
            },
        }
    }

    #[inline]
    fn filter(&self, port: &Port) -> Option<&Filter> {
        let place = self.ports.iter().position(|other| other.vf == port.vf)?;
        self.filters.get(place).map(|filter| &**filter)
    }

    /// The filter of the VF that a frame seems to be of, by its source or its service tag.
    #[cold]
    fn filter_of(&self, info: &divert::Frame) -> Option<&Filter> {
        let is_its = |port: &Port| port.mac == info.src || port.has_tag(info);
        let place = self.ports.iter().position(is_its)?;
        self.filters.get(place).map(|filter| &**filter)
    }

    /// Lets a frame go where the switch sends it that is of no filtered VF.
    #[inline]
    fn follow<'a>(
        &self,
        passage: Passage,
        switch: &Switch<'_>,
        info: &divert::Frame,
        visit: Visit<'a>,
    ) -> Outcome<'a> {
        let mut visit = Some(visit);
        let mut passes = false;
        let give = |way| match way {
            Way::ToVf(port) => self.hand_over(port, info, &mut visit),
            Way::ToHost | Way::ToWire => passes = true,
            Way::Lost(lost) => {
                if let (Some(filter), Some(visit)) = (self.filter_of(info), &visit) {
                    filter.lose(Direction::Tx, lost.into(), visit.len_bytes());
                }
            }
        };
        match passage {
            Passage::Ingress => switch.received(info, give),
            Passage::Egress => switch.egress(info, give),
        }
        match visit {
            Some(visit) if passes => Outcome::Pass(visit),
            _ => Outcome::Taken,
        }
    }

    /// Gives a VF what is for it, or a copy of what is for a group.
    #[inline]
    fn hand_over(&self, port: &Port, info: &divert::Frame, visit: &mut Option<Visit<'_>>) {
        let Some(filter) = self.filter(port) else {
            return;
        };
        if info.dst.is_group() {
            if let Some(visit) = visit {
                filter.copied(visit.here().reader(), visit);
            }
        } else if let Some(visit) = visit.take() {
            filter.visit(visit);
        }
    }

    /// Lets a frame go on that the VF `from` has sent, and that has passed its rules.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it has no Ethernet header.
    fn forward(&self, here: Here<'_>, from: &Port, sender: &Filter, frame: Frame) -> Result {
        let info = seen::divert_frame(&frame).ok_or(EINVAL)?;
        let is_jailed = sender.settings_now(here.reader()).tx_mode == TxMode::Jail;
        let is_group = info.dst.is_group();
        let len_bytes = frame.len_bytes();
        let mut whole = Some(frame);
        // Of a packet for a group, what goes to the host is the last, and all others are copies.
        let mut next = |is_last: bool| match &whole {
            Some(frame) if is_group && !is_last => frame.clone_frame(),
            _ => whole.take().ok_or(ENOMEM),
        };
        self.switch(here).sent_by(from, &info, |way| {
            let gone = match way {
                Way::ToVf(port) => match self.filter(port) {
                    Some(filter) => next(false).map(|frame| filter.arrived(here.reader(), frame)),
                    None => Ok(()),
                },
                Way::ToWire if is_jailed => {
                    sender.counters.count(Counter::TxDropped);
                    Ok(())
                }
                Way::ToWire => next(false).and_then(|frame| here.transmit(frame)),
                Way::ToHost => next(true).and_then(|frame| here.go_on_receiving(frame)),
                Way::Lost(lost) => {
                    sender.lose(Direction::Tx, lost.into(), len_bytes);
                    Ok(())
                }
            };
            if let Err(error) = gone {
                sender.lose(Direction::Tx, error.into(), len_bytes);
            }
        });
        Ok(())
    }
}

impl Handler for Veb {
    // The last one, so that others see what comes in as it came.
    const PRIORITY: i32 = i32::MAX;

    fn ingress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        let Some(info) = seen::divert_frame(&visit) else {
            visit.drop_with(DropReason::Truncated);
            return Outcome::Taken;
        };
        let reader = visit.here().reader();
        let board = self.board.get(reader);
        let switch = board.switch(visit.here());
        match switch.origin(&info) {
            Origin::Elsewhere => board.follow(Passage::Ingress, &switch, &info, visit),
            Origin::Lost(port, lost) => {
                if let Some(filter) = board.filter(port) {
                    filter.lose(Direction::Tx, lost.into(), visit.len_bytes());
                }
                visit.drop_with(DropReason::Policy);
                Outcome::Taken
            }
            Origin::Vf(port) => {
                if let Some(filter) = board.filter(port) {
                    let len_bytes = visit.len_bytes();
                    match untagged(visit) {
                        Ok(frame) => filter.sent(reader, frame),
                        Err(error) => filter.lose(Direction::Tx, error.into(), len_bytes),
                    }
                }
                Outcome::Taken
            }
        }
    }

    fn egress<'a>(&self, visit: Visit<'a>) -> Outcome<'a> {
        let Some(info) = seen::divert_frame(&visit) else {
            visit.drop_with(DropReason::Truncated);
            return Outcome::Taken;
        };
        let board = self.board.get(visit.here().reader());
        board.follow(Passage::Egress, &board.switch(visit.here()), &info, visit)
    }
}

/// Takes a frame and takes its service tag off.
///
/// # Errors
///
/// [`ENOMEM`], or [`EINVAL`] if it is no frame.
fn untagged(visit: Visit<'_>) -> Result<Frame> {
    let mut frame = visit.take().ok_or(ENOMEM)?;
    frame.edit().pop_tag()?;
    Ok(frame)
}

impl Uplink {
    /// Begins to see the frames of the PF with the network device `device`.
    ///
    /// # Errors
    ///
    /// As [`Hook::new`].
    pub(crate) fn new(device: Device) -> Result<Arc<Self>> {
        let board = Published::new(Board::default())?;
        let hook = Hook::new(device, Ok(Veb { board }))?;
        Arc::pin_init(
            try_pin_init!(Self {
                hook,
                members <- new_mutex!(KVec::new(), "nic_sidebounce::Uplink"),
                changes: Atomic::new(0),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// The network device.
    pub(crate) fn device(&self) -> Device {
        self.hook.device()
    }

    /// Whether it is still there.
    pub(crate) fn is_there(&self) -> bool {
        self.hook.with(|_| ()).is_some()
    }

    /// Lets `filter` have the packets of the VF behind `port`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], with nothing changed.
    pub(crate) fn join(self: &Arc<Self>, port: Port, filter: Arc<Filter>) -> Result<Seat> {
        let mut members = self.members.lock();
        members.push(Member { port, filter }, GFP_KERNEL)?;
        drop(members);
        let seat = Seat {
            uplink: self.clone(),
            vf: port.vf,
        };
        self.note_change();
        self.publish()?;
        Ok(seat)
    }

    /// Lets packets meet the filters that there are.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]: then they still meet those that there were.
    pub(crate) fn publish(&self) -> Result {
        let mut board = Board::default();
        let members = self.members.lock();
        for member in members.iter() {
            board.ports.push(member.port, GFP_KERNEL)?;
            board.filters.push(member.filter.clone(), GFP_KERNEL)?;
        }
        // Each new one has to wait for all readers.
        if !self.hook.board.with(|now| now.is_like(&board)) {
            drop(self.hook.board.replace(board)?);
        }
        Ok(())
    }

    /// Notes that an address of a VF has been added to the PF's.
    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Relaxed);
    }

    /// How often that was.
    pub(crate) fn changes(&self) -> u32 {
        self.changes.load(Relaxed)
    }

    /// Whether `mac` is the PF's, or that of a filtered VF other than `vf`.
    pub(crate) fn has_mac(&self, mac: Mac, vf: u16) -> bool {
        let is_others = |member: &Member| member.port.vf != vf && member.port.mac == mac;
        self.members.lock().iter().any(is_others)
            || self.hook.with(|here| here.mac() == mac.0).unwrap_or(false)
    }

    /// Whether a filtered VF is kept apart by the VLAN `vid`.
    pub(crate) fn has_vid(&self, vid: u16) -> bool {
        let is_its = |member: &Member| member.port.service.get() == vid;
        self.members.lock().iter().any(is_its)
    }

    /// Whether the VF `vf` has a filter.
    pub(crate) fn has_vf(&self, vf: u16) -> bool {
        self.members
            .lock()
            .iter()
            .any(|member| member.port.vf == vf)
    }

    /// Whether there is a filter for which `is_it`.
    pub(crate) fn has(&self, is_it: impl Fn(&Filter) -> bool) -> bool {
        self.members
            .lock()
            .iter()
            .any(|member| is_it(&member.filter))
    }

    /// Sends `frame` to the VF behind `port`, by its service VLAN.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the PF is gone, [`ENOMEM`], or what sending fails with.
    #[inline]
    pub(crate) fn send_to(&self, reader: Reader<'_>, port: &Port, mut frame: Frame) -> Result {
        let here = self.hook.here(reader).ok_or(ENODEV)?;
        frame.edit().push_tag(VlanTag {
            protocol: VlanProtocol::Customer,
            control: port.service.get(),
        })?;
        // What was held is sent on another CPU than what comes after it.
        frame.keep_lane(port.vf.into());
        // Past the hook that stops others who send with that tag.
        here.go_on_transmitting(frame)
    }

    /// Lets `frame` go on, which the VF behind `port` has sent.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the PF is gone, [`EINVAL`] if the frame has no Ethernet header.
    pub(crate) fn forward(
        &self,
        reader: Reader<'_>,
        port: &Port,
        sender: &Filter,
        frame: Frame,
    ) -> Result {
        let here = self.hook.here(reader).ok_or(ENODEV)?;
        let board = self.hook.board.get(reader);
        board.forward(here, port, sender, frame)
    }
}

/// A VF's place at a PF, which it leaves when this is dropped.
pub(crate) struct Seat {
    uplink: Arc<Uplink>,
    vf: u16,
}

impl Seat {
    /// The PF.
    pub(crate) fn uplink(&self) -> &Arc<Uplink> {
        &self.uplink
    }

    /// The VF has another address.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]: then it has effect later.
    pub(crate) fn readdress(&self, mac: Mac) -> Result {
        let mut members = self.uplink.members.lock();
        if let Some(member) = members.iter_mut().find(|member| member.port.vf == self.vf) {
            member.port.mac = mac;
        }
        drop(members);
        self.uplink.note_change();
        self.uplink.publish()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut members = self.uplink.members.lock();
        let place = members.iter().position(|member| member.port.vf == self.vf);
        let left = place.and_then(|place| members.remove(place).ok());
        drop(members);
        // Without memory its packets still meet the filter, which drops them, until others come or go.
        let _ = self.uplink.publish();
        drop(left);
    }
}
