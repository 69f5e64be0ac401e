// SPDX-License-Identifier: GPL-2.0

//! What is told about a decision, in numbers that programs know: the fields of events, a sample's cookie, the
//! mark of a frame that bounced.

use super::{
    field::Action,
    key::Direction,
    packet::Reason,
    verdict::{
        BounceReason,
        Decision,
        DropReason,
        Source,
        Verdict, //
    },
};

/// The number of an action.
pub(crate) const fn action_code(action: Action) -> u8 {
    match action {
        Action::Accept => 0,
        Action::Drop => 1,
        Action::Bounce => 2,
    }
}

/// The number of a direction.
pub(crate) const fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::Rx => 0,
        Direction::Tx => 1,
    }
}

const fn unparsed_code(reason: Reason) -> u8 {
    match reason {
        Reason::Cut => 16,
        Reason::Tags => 17,
        Reason::Snap => 18,
        Reason::Version => 19,
        Reason::Length => 20,
        Reason::Arp => 21,
        Reason::Extensions => 22,
        Reason::Order => 23,
        Reason::SourceRoute => 24,
        Reason::TinyFragment => 25,
        Reason::Checksum => 26,
    }
}

/// A decision about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The filter's number.
    pub(crate) filter: u32,
    /// Where the frame goes.
    pub(crate) direction: Direction,
    /// The decision.
    pub(crate) decision: Decision,
    /// The priority of the rule, if it was one that decided, or else 0.
    pub(crate) priority: u32,
}

impl Note {
    /// The layout of [`Self::cookie`].
    pub(crate) const COOKIE_VERSION: u8 = 1;

    /// In the most significant byte of [`Self::mark`].
    const SIGN: u8 = 0x5b;

    /// The number of the verdict, which is that of an action.
    pub(crate) const fn verdict_code(&self) -> u8 {
        action_code(match self.decision.verdict {
            Verdict::Accept => Action::Accept,
            Verdict::Drop(_) => Action::Drop,
            Verdict::Bounce(_) => Action::Bounce,
        })
    }

    /// The number of the reason: 0 policy, 1 quarantine, 2 too many bounced, from 16 on why it could not be
    /// read.
    pub(crate) const fn reason_code(&self) -> u8 {
        match self.decision.verdict {
            Verdict::Accept
            | Verdict::Drop(DropReason::Policy)
            | Verdict::Bounce(BounceReason::Policy) => 0,
            Verdict::Bounce(BounceReason::Quarantine) => 1,
            Verdict::Drop(DropReason::BounceLimit) => 2,
            Verdict::Bounce(BounceReason::Unparsed(reason)) => unparsed_code(reason),
        }
    }

    /// The number of who decided.
    pub(crate) const fn source_code(&self) -> u8 {
        match self.decision.source {
            Source::Default => 0,
            Source::Rule(_) => 1,
            Source::Learned => 2,
            Source::Quarantine => 3,
        }
    }

    /// Numbers in network byte order: version, direction, verdict, reason and source in a byte each, three
    /// bytes of zero, then filter and priority in four bytes each.
    pub(crate) const fn cookie(&self) -> [u8; 16] {
        let [f0, f1, f2, f3] = self.filter.to_be_bytes();
        let [p0, p1, p2, p3] = self.priority.to_be_bytes();
        [
            Self::COOKIE_VERSION,
            direction_code(self.direction),
            self.verdict_code(),
            self.reason_code(),
            self.source_code(),
            0,
            0,
            0,
            f0,
            f1,
            f2,
            f3,
            p0,
            p1,
            p2,
            p3,
        ]
    }

    /// From the most significant bit on: 8 bits 0x5b; 1 bit direction, 1 is from the VM; 3 bits who decided, 1
    /// more than in an event, or 5 for what could not be read; 20 bits priority, all ones if it is larger.
    pub(crate) fn mark(&self) -> u32 {
        const PRIORITY: u32 = 0xf_ffff;
        let why = match self.decision.verdict {
            Verdict::Bounce(BounceReason::Unparsed(_)) => 5,
            _ => self.source_code().saturating_add(1),
        };
        let direction = direction_code(self.direction);
        u32::from_be_bytes([Self::SIGN, direction << 7 | why << 4, 0, 0])
            | self.priority.min(PRIORITY)
    }

    /// Whether a mark is one of [`Self::mark`], so far as can be told.
    pub(crate) const fn is_mark(mark: u32) -> bool {
        let [sign, ..] = mark.to_be_bytes();
        sign == Self::SIGN
    }

    /// Whether it is one of a frame that bounced on its way in `direction`, so far as can be told.
    pub(crate) const fn is_mark_of(mark: u32, direction: Direction) -> bool {
        let [_, why, ..] = mark.to_be_bytes();
        Self::is_mark(mark) && why >> 7 == direction_code(direction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(verdict: Verdict, source: Source) -> Note {
        Note {
            filter: 0x0102_0304,
            direction: Direction::Tx,
            decision: Decision {
                verdict,
                source,
                is_cached: false,
            },
            priority: 7,
        }
    }

    #[test]
    fn a_cookie_tells_all_in_network_byte_order() {
        let note = note(Verdict::Bounce(BounceReason::Policy), Source::Rule(3));
        let cookie = [1, 1, 2, 0, 1, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 7];
        assert_eq!(note.cookie(), cookie);
    }

    #[test]
    fn a_mark_tells_who_bounced_and_a_large_priority_does_not_spill() {
        let bounced = |reason, source| note(Verdict::Bounce(reason), source);
        let mut by_rule = bounced(BounceReason::Policy, Source::Rule(0));
        assert_eq!(by_rule.mark(), 0x5ba0_0007);
        by_rule.priority = u32::MAX;
        by_rule.direction = Direction::Rx;
        assert_eq!(by_rule.mark(), 0x5b2f_ffff);
        let unparsed = bounced(BounceReason::Unparsed(Reason::Cut), Source::Default);
        assert_eq!(unparsed.mark(), 0x5bd0_0007);
        let quarantined = bounced(BounceReason::Quarantine, Source::Quarantine);
        assert_eq!(quarantined.mark(), 0x5bc0_0007);
        assert!(Note::is_mark(by_rule.mark()) && !Note::is_mark(0x5a00_0000));
        for mark in [0x5b2f_ffff, 0x5ba0_0007, 0x5aa0_0007] {
            let is_of = [Direction::Rx, Direction::Tx].map(|way| Note::is_mark_of(mark, way));
            assert_eq!(is_of, [mark == 0x5b2f_ffff, mark == 0x5ba0_0007]);
        }
    }

    #[test]
    fn every_reason_why_a_packet_cannot_be_read_has_its_number() {
        let codes: Vec<_> = Reason::ALL.iter().map(|one| unparsed_code(*one)).collect();
        assert_eq!(codes, (16..=26).collect::<Vec<u8>>());
        let limited = note(Verdict::Drop(DropReason::BounceLimit), Source::Default);
        assert_eq!((limited.verdict_code(), limited.reason_code()), (1, 2));
    }
}
