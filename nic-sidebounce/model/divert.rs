// SPDX-License-Identifier: GPL-2.0

//! Where a packet on the PF goes, with VFs that have a service VLAN each: the NIC brings to the PF, with
//! that tag, what such a VF sends, and without any tag, what others send to it.
//!
//! Nothing of a packet is kept between two visits; the tag and the source address alone tell what the
//! module itself has sent, so that it is never forwarded twice.

use super::{
    ethernet::{
        Mac,
        Vid, //
    },
    mode::Bum,
    packet::Tag, //
};

/// A VF behind the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// Its number.
    pub(crate) vf: u16,
    /// The tag that the NIC puts on all it sends.
    pub(crate) service: Vid,
    /// Its address, [`Mac::UNKNOWN`] if it has none yet: then it neither gets nor sends anything.
    pub(crate) mac: Mac,
}

/// What is looked at in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The outermost tag, wherever it is, if it is a customer's.
    pub(crate) tag: Option<Tag>,
    /// Where it goes.
    pub(crate) dst: Mac,
    /// Where it comes from.
    pub(crate) src: Mac,
    /// Behind the tags.
    pub(crate) ethertype: u16,
}

/// The PF and its ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switch<'a> {
    /// Few: they are looked through for each packet.
    pub(crate) ports: &'a [Port],
    /// Of the PF.
    pub(crate) mac: Mac,
    /// Who is on top of it.
    pub(crate) above: Above,
}

/// Who is on top of the PF, beside the host itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Above {
    /// Nobody.
    Nobody,
    /// A bridge, macvlans or the like, which have addresses of their own.
    Others,
}

/// Why a packet goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It is what the module, the host or the VF itself has sent, come back; or a foreign source address.
    Reflection,
    /// A VF sends what bridges keep to themselves.
    LinkLocal,
}

/// One packet that results. Where several do, each but the last is a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// To this VF, with its service tag, after its rules for what it receives.
    ToVf(&'a Port),
    /// To the host, as it is or without the service tag.
    ToHost,
    /// To the wire, without the service tag.
    ToWire,
    /// Nowhere.
    Lost(Lost),
}

/// How a packet gets to a VF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it is.
    AsIs,
    /// With this address instead of its own.
    To(Mac),
    /// Not at all.
    Nowhere,
}

/// What is to be done before a packet goes where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// Nothing: it is not of a VF.
    Elsewhere,
    /// It passes the rules for what this VF sends, and its service tag is taken off.
    Vf(&'a Port),
    /// It has the service tag of this VF, and goes nowhere.
    Lost(&'a Port, Lost),
}

impl Port {
    /// How a packet for `dst` gets to the VF. The NIC would send what is for another address to the wire, with the
    /// service tag: what level 2 gives that is not for this VF, or what was held while the address has changed.
    pub(crate) fn delivery(&self, dst: Mac, bum: Bum) -> Delivery {
        if self.mac == Mac::UNKNOWN || dst.is_link_local() {
            Delivery::Nowhere
        } else if dst.is_group() {
            match bum {
                Bum::Unicast => Delivery::To(self.mac),
                Bum::Flood => Delivery::AsIs,
            }
        } else if dst == self.mac {
            Delivery::AsIs
        } else {
            Delivery::Nowhere
        }
    }

    /// Whether a packet has its service tag.
    pub(crate) fn has_tag(&self, frame: &Frame) -> bool {
        vid(frame) == Some(self.service.get())
    }
}

/// MAC control: PAUSE and the like.
const ETHERTYPE_MAC_CONTROL: u16 = 0x8808;

impl Frame {
    /// Whether it is between neighbours only.
    const fn is_link_local(&self) -> bool {
        self.dst.is_link_local() || self.ethertype == ETHERTYPE_MAC_CONTROL
    }
}

impl<'a> Switch<'a> {
    /// Whose rules a packet that came in on the PF passes first. Where it goes is decided on after that: by
    /// [`Self::received`], or [`Self::sent_by`] a VF.
    pub(crate) fn origin(&self, frame: &Frame) -> Origin<'a> {
        match self.tagged(frame) {
            None => Origin::Elsewhere,
            Some(port) => match lost(port, frame) {
                None => Origin::Vf(port),
                Some(lost) => Origin::Lost(port, lost),
            },
        }
    }

    /// Gives what results of a packet that the host sends on the PF, but for what the module sends to VFs. A group
    /// packet goes to the wire as well; one for a VF does not, and one with a service tag would get to its VF past
    /// the rules.
    pub(crate) fn egress(&self, frame: &Frame, mut give: impl FnMut(Outcome<'a>)) {
        if self.tagged(frame).is_some() {
            return give(Outcome::Lost(Lost::Reflection));
        }
        let is_ours = is_tagged(frame) || self.is_of_port(frame);
        if !is_ours && !frame.is_link_local() && frame.dst != self.mac {
            if let Some(port) = self.with_mac(frame.dst) {
                give(Outcome::ToVf(port));
                return;
            }
            if frame.dst.is_group() {
                self.flood(None, &mut give);
            }
        }
        give(Outcome::ToWire);
    }

    /// Gives what results of a packet that the VF `from` sends, whose service tag is off, at least one outcome;
    /// what is for the host is the last.
    ///
    /// Behind the service tag it may have brought that of another VF: sent with that outermost, the NIC would give
    /// it to the other one, past its rules.
    pub(crate) fn sent_by(&self, from: &Port, frame: &Frame, mut give: impl FnMut(Outcome<'a>)) {
        if let Some(lost) = lost(from, frame) {
            give(Outcome::Lost(lost));
        } else if self.tagged(frame).is_some() {
            give(Outcome::Lost(Lost::Reflection));
        } else if frame.dst.is_group() {
            self.flood(Some(from), &mut give);
            give(Outcome::ToWire);
            give(Outcome::ToHost);
        } else if frame.dst == self.mac {
            give(Outcome::ToHost);
        } else {
            let port = self.with_mac(frame.dst);
            give(port.map_or(Outcome::ToWire, Outcome::ToVf));
        }
    }

    /// Gives what results of a packet that came in on the PF from elsewhere, at least one outcome; what is for
    /// the host is the last.
    pub(crate) fn received(&self, frame: &Frame, mut give: impl FnMut(Outcome<'a>)) {
        if is_tagged(frame) {
            return give(Outcome::ToHost);
        }
        let port = match frame.dst == self.mac {
            true => None,
            false => self.with_mac(frame.dst),
        };
        // Untagged, a VF's address is on what the module has sent to the wire for it, and the PF's on what the host
        // has sent. The card brings it back also if somebody on top of the PF, such as a macvlan, is to have it.
        if self.is_of_port(frame) {
            let is_for_others = self.above == Above::Others
                && !frame.dst.is_group()
                && port.is_none()
                && frame.dst != self.mac;
            give(match is_for_others {
                true => Outcome::ToHost,
                false => Outcome::Lost(Lost::Reflection),
            });
        } else if frame.src == self.mac {
            give(Outcome::Lost(Lost::Reflection));
        } else if frame.is_link_local() {
            give(Outcome::ToHost);
        } else if frame.dst.is_group() {
            self.flood(None, &mut give);
            give(Outcome::ToHost);
        } else {
            give(port.map_or(Outcome::ToHost, Outcome::ToVf));
        }
    }

    /// A copy for each VF but the one that sent it.
    fn flood(&self, from: Option<&Port>, give: &mut impl FnMut(Outcome<'a>)) {
        for port in self.ports.iter().filter(|port| port.mac != Mac::UNKNOWN) {
            if from.is_none_or(|from| from.vf != port.vf) {
                give(Outcome::ToVf(port));
            }
        }
    }

    /// The port whose service tag a packet has.
    fn tagged(&self, frame: &Frame) -> Option<&'a Port> {
        self.ports.iter().find(|port| port.has_tag(frame))
    }

    fn with_mac(&self, mac: Mac) -> Option<&'a Port> {
        if mac == Mac::UNKNOWN {
            return None;
        }
        self.ports.iter().find(|port| port.mac == mac)
    }

    fn is_of_port(&self, frame: &Frame) -> bool {
        self.with_mac(frame.src).is_some()
    }
}

/// Why a packet that seems to be sent by `port` goes nowhere, if so.
fn lost(port: &Port, frame: &Frame) -> Option<Lost> {
    // What the module sends to a VF has its tag too, but not its source address.
    if frame.src != port.mac || frame.dst == port.mac || port.mac == Mac::UNKNOWN {
        Some(Lost::Reflection)
    // A VM could register itself for VLANs with a switch.
    } else if frame.is_link_local() || frame.dst.is_registration() {
        Some(Lost::LinkLocal)
    } else {
        None
    }
}

fn vid(frame: &Frame) -> Option<u16> {
    frame.tag.map(|Tag(control)| control & 0x0fff)
}

/// VID 0 is a priority only.
fn is_tagged(frame: &Frame) -> bool {
    vid(frame).is_some_and(|vid| vid != 0)
}

mod tests;
