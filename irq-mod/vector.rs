// SPDX-License-Identifier: GPL-2.0

//! One moderated vector of a line.

use crate::{
    guest::Guest,
    meter::{
        Counted,
        Meter,
        Meters, //
    },
    model::{
        activity::Activity,
        budget::Limit,
        guard::Guard,
        interval::{
            Overflow,
            OverflowRule, //
        },
        policy::Intervals,
        rate::Fill,
        window::Window, //
    },
    ops::now_ns,
    settings::Settings,
    stats::Counters,
    waiter::Waiter, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};
use kernel_ext::{
    irq::{
        Alarm,
        Hook,
        Refusal,
        Status, //
    },
    power::Phase,
    sync::{
        new_raw_spinlock,
        peek,
        RawSpinLock, //
    }, //
};

/// What changes with every interrupt.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) window: Window,
    pub(crate) guard: Guard,
    fill: Fill,
    /// [`None`] without a guest, whose packets do not matter.
    meter: Option<Arc<Meter>>,
    pub(crate) counters: Counters,
    /// What the alarm was set to last, other than by the guest.
    pub(crate) armed_ns: u64,
}

impl State {
    /// The intervals to decide with at `now_ns`.
    pub(crate) fn intervals(&mut self, now_ns: u64) -> Intervals {
        let mut intervals = self.settings.intervals;
        if self.settings.adaptive.is_on() {
            intervals.latency = self.guard.interval(now_ns, intervals.latency);
        }
        intervals.overflow = self.overflow(now_ns);
        intervals
    }

    /// The overflow interval at `now_ns`.
    fn overflow(&mut self, now_ns: u64) -> Overflow {
        match (self.settings.overflow, &self.meter) {
            (OverflowRule::Fixed(overflow), _) => overflow,
            // It never applies.
            (OverflowRule::Auto, None) => Overflow::DEFAULT,
            (OverflowRule::Auto, Some(meter)) => self.fill.overflow(now_ns, || {
                let terms = self.settings.terms(meter.told());
                (meter.reading(), terms)
            }),
        }
    }
}

/// The moderation of a vector; its callbacks are in [`crate::ops`].
///
/// A vector without a guest whose interval is 0 is open: its interrupts are delivered and counted without
/// the lock. `is_open` is written with the lock held and may be read late; an interrupt that passes then is
/// delivered besides what is held, which stays until its alarm.
///
/// Lock order: `state` is taken before the descriptor's lock and never held while an interrupt is
/// delivered.
#[pin_data]
pub(crate) struct Moderator {
    #[pin]
    pub(crate) state: RawSpinLock<State>,
    is_open: Atomic<u32>,
    /// Interrupts that passed by.
    passed: Atomic<u64>,
    guest: Option<Arc<Guest>>,
    waiter: Arc<Waiter>,
}

impl Moderator {
    /// Whether an interrupt is delivered whatever the state is; it is counted then.
    #[inline]
    pub(crate) fn passes(&self) -> bool {
        let is_open = peek(&self.is_open) != 0;
        if is_open {
            self.passed.add(1, Relaxed);
        }
        is_open
    }

    /// What the guest does; a line without one is served as if it ran.
    pub(crate) fn activity(&self) -> Activity {
        self.guest
            .as_ref()
            .map_or(Activity::Unknown, |guest| guest.activity())
    }

    /// Books a delivery with the guest's budget, see [`crate::budget::Budget::book`].
    pub(crate) fn book(&self, now_ns: u64, due_ns: u64) -> u64 {
        self.guest
            .as_ref()
            .map_or(0, |guest| guest.budget.book(now_ns, due_ns))
    }

    /// Lets what is held wait for its interval only, if the guest has no limit any more. Returns whether
    /// that changes something.
    pub(crate) fn unbook(&self, state: &mut State) -> bool {
        let is_free = |guest: &Arc<Guest>| guest.budget.limit() == Limit::NONE;
        self.guest.as_ref().is_some_and(is_free) && state.window.unbook()
    }

    /// Sets the alarm to `at_ns`, which is right for `assumed`, and lets the guest know that something is
    /// held. If the guest does something else by now, or has lost its limit, the alarm is set anew.
    ///
    /// With the state's lock held, since a later decision must not be overwritten by this one.
    pub(crate) fn arm(
        &self,
        state: &mut State,
        intervals: &Intervals,
        assumed: Activity,
        at_ns: u64,
    ) {
        self.set_alarm(state, at_ns);
        let Some(guest) = &self.guest else {
            return;
        };
        let prompt_ns = state.window.interval_ns(intervals, Activity::Running);
        self.waiter
            .announce(prompt_ns.unwrap_or(0), state.window.booked_ns());
        // Once more after each time: the guest may have set the alarm before this did. The timer's own lock
        // then is between its change and this look at it.
        let mut assumed = assumed;
        loop {
            let is_unbooked = self.unbook(state);
            let activity = guest.activity();
            if activity == assumed && !is_unbooked {
                break;
            }
            assumed = activity;
            if let Some(at_ns) = state.window.due_ns(intervals, activity) {
                self.set_alarm(state, at_ns);
            }
        }
    }

    fn set_alarm(&self, state: &mut State, at_ns: u64) {
        state.armed_ns = at_ns;
        self.waiter.set_alarm(at_ns);
    }

    /// Nothing is held any more. Returns when the alarm was to ring, in nanoseconds.
    pub(crate) fn settle(&self, state: &State) -> u64 {
        if self.guest.is_none() {
            return state.armed_ns;
        }
        self.waiter.settle().unwrap_or(state.armed_ns)
    }

    /// Holds again, after it was drained.
    fn resume(&self) {
        self.state.lock().window.resume();
    }

    /// Lets new settings reach what is held, too.
    fn set(&self, settings: Settings) {
        let mut state = self.state.lock();
        state.settings = settings;
        let is_open = is_open(settings, self.guest.is_some());
        self.is_open.store(u32::from(is_open), Relaxed);
        self.unbook(&mut state);
        state.fill.disturb();
        let intervals = state.intervals(now_ns());
        let activity = self.activity();
        if let Some(at_ns) = state.window.due_ns(&intervals, activity) {
            self.arm(&mut state, &intervals, activity, at_ns);
        }
    }
}

/// Whether nothing is to be held, now and until the settings change.
fn is_open(settings: Settings, has_guest: bool) -> bool {
    !has_guest && settings.intervals.holds_nothing(Activity::Unknown)
}

/// A guest that can reach a vector; dropping it takes that back.
struct Reach {
    guest: Arc<Guest>,
    waiter: Arc<Waiter>,
}

impl Drop for Reach {
    fn drop(&mut self) {
        self.guest.unlink(&self.waiter);
    }
}

/// A vector under moderation; dropping it gives the vector back.
pub(crate) struct Vector {
    // Fields drop in declaration order: what is held is delivered, then the guest cannot reach it.
    hook: Hook<Moderator>,
    reach: Option<Reach>,
    /// While its overflow interval follows the rate of its packets.
    counted: Option<Counted>,
    meter: Arc<Meter>,
}

impl Vector {
    /// Attaches to the vector with the interrupt number `irq`.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub(crate) fn attach(
        irq: u32,
        settings: Settings,
        guest: Option<&Arc<Guest>>,
        meters: &Arc<Meters>,
    ) -> Result<Self, Refusal> {
        let alarm = Alarm::new(irq).map_err(|_| Refusal::NoMemory)?;
        let meter = Meter::new(irq).map_err(|_| Refusal::NoMemory)?;
        let waiter = Waiter::new(alarm.clone()).map_err(|_| Refusal::NoMemory)?;
        // Reachable before the first interrupt can be held.
        let reach = match guest {
            Some(guest) => {
                guest.link(&waiter).map_err(|_| Refusal::NoMemory)?;
                Some(Reach {
                    guest: guest.clone(),
                    waiter: waiter.clone(),
                })
            }
            None => None,
        };
        let shared = guest.map(|_| meter.clone());
        let moderator = pin_init!(Moderator {
            state <- new_raw_spinlock!(
                State {
                    settings,
                    window: Window::new(),
                    guard: Guard::new(),
                    fill: Fill::new(),
                    meter: shared,
                    counters: Counters::default(),
                    armed_ns: 0,
                },
                "irq_mod::Moderator",
            ),
            is_open: Atomic::new(u32::from(is_open(settings, guest.is_some()))),
            passed: Atomic::new(0),
            guest: guest.cloned(),
            waiter,
        });
        let mut vector = Self {
            hook: Hook::attach(alarm, moderator)?,
            reach,
            counted: None,
            meter,
        };
        vector.count(settings, meters);
        Ok(vector)
    }

    /// Has its packets counted, if they matter: without a guest there is no overflow interval.
    fn count(&mut self, settings: Settings, meters: &Arc<Meters>) {
        if settings.overflow != OverflowRule::Auto || self.reach.is_none() {
            self.counted = None;
        } else if self.counted.is_none() {
            // Where that fails nothing is known of them.
            self.counted = meters.count(&self.meter).ok();
        }
    }

    pub(crate) fn irq(&self) -> u32 {
        self.hook.irq()
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.hook.status() == Status::Attached
    }

    /// Holds nothing while the system is about to sleep; what is held is delivered before this returns.
    ///
    /// A caller at a time: what is about to be dropped must not hold again.
    pub(crate) fn enter(&self, phase: Phase) {
        match phase {
            Phase::Running => self.hook.flow().resume(),
            Phase::Suspending => self.hook.drain(),
        }
    }

    /// Lets new settings reach what is held, too.
    pub(crate) fn set(&mut self, settings: Settings, meters: &Arc<Meters>) {
        self.count(settings, meters);
        self.hook.flow().set(settings);
    }

    /// The interval in force, in microseconds.
    pub(crate) fn effective_us(&self) -> u32 {
        let moderator = self.hook.flow();
        let mut state = moderator.state.lock();
        let now_ns = now_ns();
        let mut intervals = state.settings.intervals;
        if state.settings.adaptive.is_on() {
            intervals.latency = state.guard.peek(now_ns, intervals.latency);
        }
        intervals.overflow = state.overflow(now_ns);
        intervals.effective_us(moderator.activity())
    }

    /// How many packets a second come, estimated from above; 0 if that is not known.
    pub(crate) fn packets_per_s(&self) -> u64 {
        let state = self.hook.flow().state.lock();
        state.fill.per_s(now_ns()).unwrap_or(0)
    }

    /// Descriptors of the ring that its packets come through; 0 if that is not known.
    pub(crate) fn ring(&self) -> u32 {
        self.counted
            .as_ref()
            .map_or(0, |_| self.meter.told().ring())
    }

    /// A consistent copy of the counters.
    pub(crate) fn counters(&self) -> Counters {
        let moderator = self.hook.flow();
        let mut counters = moderator.state.lock().counters;
        counters.pass(peek(&moderator.passed));
        counters
    }
}
