// SPDX-License-Identifier: GPL-2.0

//! Packets for a VM that is paused or absent are held, and handed over when it is back.
//!
//! ```text
//!            hold                    replay
//!  Serving ---------> Holding --------------------> Replaying
//!     ^                  ^                            |  |
//!     |                  +----------- hold -----------+  |
//!     +------------- next: nothing is left --------------+
//! ```
//!
//! Order is kept: what comes while others wait queues behind them. [`Hold::next`] serves on only when it is
//! asked again after the last packet, so the caller must have handed over each packet before it asks for the
//! next.

use super::mem::{
    List,
    NoMemory, //
};

/// How much is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Packets, up to [`Bounds::MAX_PACKETS`].
    pub(crate) packets: usize,
    /// Bytes of all of them.
    pub(crate) len_bytes: u64,
    /// How long a packet waits before it is too old to be of use.
    pub(crate) age_ns: u64,
}

impl Bounds {
    /// Most packets that may be held.
    pub(crate) const MAX_PACKETS: usize = 1 << 16;
}

/// What happens to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// They pass.
    Serving,
    /// They wait.
    Holding,
    /// Those that wait are handed over.
    Replaying,
}

/// What becomes of a packet that arrives. What is given back is the caller's to deliver or to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival<H> {
    /// It goes to the VM.
    Pass(H),
    /// It waits.
    Held(Event),
    /// It is dropped: too many packets, or too many bytes, wait already.
    Overflow(H),
}

/// Whether somebody is to be told that a packet waits for the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Yes: it is the first.
    Raise,
    /// No.
    None,
}

/// Why a command does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongPhase(pub(crate) Phase);

#[derive(Clone, Copy, Debug)]
struct Waiting<H> {
    handle: H,
    len_bytes: u64,
    since_ns: u64,
}

/// The packets of one VF that wait. A handle stands for a packet.
///
/// # Invariants
///
/// - `count` entries of `ring` from `head` on, around its end, are filled, in the order of arrival; the
///   others are [`None`].
/// - `len_bytes` is the sum of their lengths; it and `count` are within the bounds.
/// - Nothing waits in [`Phase::Serving`].
#[derive(Debug)]
pub(crate) struct Hold<H> {
    phase: Phase,
    bounds: Bounds,
    ring: List<Option<Waiting<H>>>,
    head: usize,
    count: usize,
    len_bytes: u64,
    /// Whether the event of this hold was raised.
    is_announced: bool,
}

impl<H> Hold<H> {
    /// Room for what the bounds allow; nothing waits.
    pub(crate) fn new(bounds: Bounds) -> Result<Self, NoMemory> {
        let bounds = Bounds {
            packets: bounds.packets.min(Bounds::MAX_PACKETS),
            ..bounds
        };
        let mut ring = List::new();
        ring.reserve_many(bounds.packets)?;
        for _ in 0..bounds.packets {
            ring.push(None)?;
        }
        // INVARIANT: Nothing waits.
        Ok(Self {
            phase: Phase::Serving,
            bounds,
            ring,
            head: 0,
            count: 0,
            len_bytes: 0,
            is_announced: false,
        })
    }

    /// What happens to packets.
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// How much is held at most.
    pub(crate) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How many packets wait.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// How many bytes they have.
    pub(crate) const fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The VM is paused or gone: from now on packets wait. During a replay, what was not yet handed over
    /// goes on waiting, and the event says so at once.
    pub(crate) fn hold(&mut self) -> Result<Event, WrongPhase> {
        if self.phase == Phase::Holding {
            return Err(WrongPhase(self.phase));
        }
        self.phase = Phase::Holding;
        self.is_announced = self.count > 0;
        Ok(event(self.is_announced))
    }

    /// A packet arrives for the VM.
    pub(crate) fn arrive(&mut self, handle: H, len_bytes: u64, now_ns: u64) -> Arrival<H> {
        if self.phase == Phase::Serving {
            return Arrival::Pass(handle);
        }
        let total_bytes = self.len_bytes.saturating_add(len_bytes);
        let tail = self.wrap(self.head.saturating_add(self.count));
        let Some(slot) = self.ring.get_mut(tail).filter(|slot| slot.is_none()) else {
            return Arrival::Overflow(handle);
        };
        if total_bytes > self.bounds.len_bytes {
            return Arrival::Overflow(handle);
        }
        // INVARIANT: The bytes were checked; a ring that is full has no empty slot.
        *slot = Some(Waiting {
            handle,
            len_bytes,
            since_ns: now_ns,
        });
        self.count = self.count.saturating_add(1);
        self.len_bytes = total_bytes;
        let is_first = self.phase == Phase::Holding && !self.is_announced;
        self.is_announced |= is_first;
        Arrival::Held(event(is_first))
    }

    /// When the oldest packet is too old; [`None`] if none waits.
    pub(crate) fn due_ns(&self) -> Option<u64> {
        let oldest = self.ring.get(self.head)?.as_ref()?;
        Some(oldest.since_ns.saturating_add(self.bounds.age_ns))
    }

    /// Takes out the oldest packet if it is too old. To be called until it gives none.
    pub(crate) fn expire(&mut self, now_ns: u64) -> Option<H> {
        self.due_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.pop()
    }

    /// The VM is back: what waits is to be handed over.
    pub(crate) fn replay(&mut self) -> Result<(), WrongPhase> {
        if self.phase != Phase::Holding {
            return Err(WrongPhase(self.phase));
        }
        self.phase = Phase::Replaying;
        Ok(())
    }

    /// Gives the next packet to hand over. If there is none, packets pass from now on.
    pub(crate) fn next(&mut self) -> Option<H> {
        if self.phase != Phase::Replaying {
            return None;
        }
        let next = self.pop();
        if next.is_none() {
            // INVARIANT: Nothing was left.
            self.phase = Phase::Serving;
        }
        next
    }

    /// Gives the next packet to drop, whatever the phase: the VF goes away. If there is none, packets pass.
    pub(crate) fn abandon(&mut self) -> Option<H> {
        let next = self.pop();
        if next.is_none() {
            // INVARIANT: Nothing was left.
            self.phase = Phase::Serving;
        }
        next
    }

    fn pop(&mut self) -> Option<H> {
        let oldest = self.ring.get_mut(self.head)?.take()?;
        // INVARIANT: One less, from the front.
        self.head = self.wrap(self.head.saturating_add(1));
        self.count = self.count.saturating_sub(1);
        self.len_bytes = self.len_bytes.saturating_sub(oldest.len_bytes);
        Some(oldest.handle)
    }

    /// An index that is less than twice the length of the ring, brought into it.
    fn wrap(&self, index: usize) -> usize {
        index.checked_sub(self.ring.len()).unwrap_or(index)
    }
}

const fn event(is_raised: bool) -> Event {
    if is_raised {
        Event::Raise
    } else {
        Event::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(packets: usize, len_bytes: u64, age_ns: u64) -> Hold<u32> {
        Hold::new(Bounds {
            packets,
            len_bytes,
            age_ns,
        })
        .unwrap()
    }

    #[test]
    fn packets_pass_until_they_are_held_and_the_first_raises_one_event() {
        let mut hold = hold(8, 1_000, 1_000);
        assert_eq!(hold.arrive(1, 60, 0), Arrival::Pass(1));
        assert_eq!(hold.hold(), Ok(Event::None));
        assert_eq!(hold.arrive(2, 60, 0), Arrival::Held(Event::Raise));
        assert_eq!(hold.arrive(3, 60, 0), Arrival::Held(Event::None));
        assert_eq!(hold.hold(), Err(WrongPhase(Phase::Holding)));
    }

    #[test]
    fn a_replay_keeps_the_order_of_what_comes_during_it() {
        let mut hold = hold(8, 1_000, 1_000);
        hold.hold().unwrap();
        hold.arrive(1, 60, 0);
        hold.arrive(2, 60, 0);
        hold.replay().unwrap();
        assert_eq!(hold.next(), Some(1));
        assert_eq!(hold.arrive(3, 60, 0), Arrival::Held(Event::None));
        assert_eq!([hold.next(), hold.next()], [Some(2), Some(3)]);
        assert_eq!(hold.phase(), Phase::Replaying);
        assert_eq!(hold.next(), None);
        assert_eq!(hold.arrive(4, 60, 0), Arrival::Pass(4));
    }

    #[test]
    fn a_vm_that_is_gone_again_during_a_replay_is_called_again() {
        let mut hold = hold(8, 1_000, 1_000);
        hold.hold().unwrap();
        hold.arrive(1, 60, 0);
        hold.arrive(2, 60, 0);
        hold.replay().unwrap();
        assert_eq!(hold.next(), Some(1));
        assert_eq!(hold.hold(), Ok(Event::Raise));
        assert_eq!(hold.next(), None);
        hold.replay().unwrap();
        assert_eq!(hold.next(), Some(2));
    }

    #[test]
    fn what_does_not_fit_is_given_back_and_what_is_old_is_taken_out() {
        let mut hold = hold(2, 100, 10);
        hold.hold().unwrap();
        assert_eq!(hold.arrive(1, 101, 0), Arrival::Overflow(1));
        hold.arrive(2, 60, 0);
        assert_eq!(hold.arrive(3, 41, 1), Arrival::Overflow(3));
        hold.arrive(4, 40, 5);
        assert_eq!(hold.arrive(5, 0, 5), Arrival::Overflow(5));
        assert_eq!(hold.due_ns(), Some(10));
        assert_eq!(hold.expire(9), None);
        assert_eq!([hold.expire(10), hold.expire(10)], [Some(2), None]);
        assert_eq!((hold.len(), hold.len_bytes()), (1, 40));
        assert_eq!(hold.arrive(6, 60, 11), Arrival::Held(Event::None));
        assert_eq!(hold.expire(21), Some(4));
    }

    #[test]
    fn nothing_is_held_where_nothing_may_be() {
        let mut hold = hold(0, 100, 10);
        hold.hold().unwrap();
        assert_eq!(hold.arrive(1, 1, 0), Arrival::Overflow(1));
        hold.replay().unwrap();
        assert_eq!(hold.next(), None);
        assert_eq!(hold.phase(), Phase::Serving);
    }
}
