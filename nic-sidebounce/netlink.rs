// SPDX-License-Identifier: GPL-2.0

//! The family `sidebounce` of generic netlink, for programs that watch and teach. `sidebounce.yaml` describes it.

mod attrs;
mod dump;
mod learn;

use crate::model::{
    field::Action,
    flow::Lesson,
    key::Key,
    name::Name,
    rule::Rule, //
};
use kernel::prelude::*;
use kernel_ext::genl::{
    Command,
    Family,
    MulticastGroup,
    Protocol,
    Registration, //
};

/// What the family needs of the module. All calls come in process context, several at once, and may sleep.
pub(crate) trait Control: Send + Sync + 'static {
    /// What a dump of rules keeps of a filter, without keeping that from being removed.
    type Rules: Rules;
    /// What a dump of learned flows keeps, likewise.
    type Flows: Flows;

    /// The rules of a filter as they are now.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such filter, [`ENODEV`] during unload.
    fn rules(&self, filter: Name<'_>) -> Result<Self::Rules>;

    /// The learned flows of a filter.
    ///
    /// # Errors
    ///
    /// As [`Self::rules`].
    fn flows(&self, filter: Name<'_>) -> Result<Self::Flows>;

    /// Lets a filter learn what becomes of a flow.
    ///
    /// # Errors
    ///
    /// As [`Self::rules`], or why it cannot.
    fn learn(&self, filter: Name<'_>, lesson: &Lesson) -> Result;

    /// Lets a filter forget what it has learned.
    ///
    /// # Errors
    ///
    /// As [`Self::rules`]; also [`ENOENT`] if one flow is named that was not learned.
    fn unlearn(&self, filter: Name<'_>, what: Unlearn) -> Result;
}

/// The rules of a filter at some time.
pub(crate) trait Rules: Send + 'static {
    /// The rule at a place in the list, with what it has counted by now; [`None`] behind the last one.
    fn get(&self, place: usize) -> Option<CountedRule<'_>>;
}

/// A rule and its counters.
pub(crate) struct CountedRule<'a> {
    pub(crate) rule: &'a Rule,
    /// How many packets it has decided about.
    pub(crate) packets: u64,
    /// How many bytes these had.
    pub(crate) bytes: u64,
}

/// The learned flows of a filter.
pub(crate) trait Flows: Send + 'static {
    /// The first flow that holds at a place of the table or behind it, and its place. A flow that is learned
    /// throughout a dump stays at its place.
    fn next(&self, place: usize) -> Option<(usize, LearnedFlow)>;
}

/// A flow and what becomes of it.
pub(crate) struct LearnedFlow {
    pub(crate) key: Key,
    pub(crate) action: Action,
    /// For how long more.
    pub(crate) remaining_ms: u64,
}

/// What is to be forgotten.
pub(crate) enum Unlearn {
    /// All flows.
    All,
    /// The one whose packets have this in common.
    One(Key),
}

/// Something that listeners are told.
#[derive(Clone, Copy)]
pub(crate) enum Event<'a> {
    /// The filter is in another state.
    State(&'a str),
    /// A packet is held, and none was before.
    FirstHeld,
    /// Packets are not bounced, since too many were. To be told once a second at most, since guests cause it.
    BounceLimit,
}

/// The family: one static of the module.
pub(crate) struct Netlink<C: Control> {
    family: Family<Sidebounce<C>>,
}

/// The family that programs find; dropping it takes it from them. No command takes a lock that is held then.
pub(crate) type Opened<C> = Registration<Sidebounce<C>>;

impl<C: Control> Netlink<C> {
    /// The family of the module, not yet open.
    pub(crate) const fn new(module: &ThisModule) -> Self {
        Self {
            family: Family::new(module),
        }
    }

    /// Lets programs find it, until the result is dropped. The last thing in the module's init function that may fail.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if it is open, [`EEXIST`] if another module has the name, [`ENOMEM`].
    pub(crate) fn open(&'static self, control: C) -> Result<Opened<C>> {
        self.family.open(Ok(Sidebounce(control)))
    }

    /// Tells listeners what has happened to a filter, if there are any. Process context or softirq.
    pub(crate) fn tell(&self, filter: &str, event: Event<'_>) {
        let number: u32 = match event {
            Event::State(_) => 0,
            Event::FirstHeld => 1,
            Event::BounceLimit => 2,
        };
        // A listener that does not get it is told so by the kernel; for others nothing is lost.
        let _ = self.family.multicast(EVENTS, EVENT, |message| {
            message.put_text(attrs::FILTER, filter)?;
            message.put(attrs::EVENT_KIND, number)?;
            match event {
                Event::State(state) => message.put_text(attrs::STATE, state),
                Event::FirstHeld | Event::BounceLimit => Ok(()),
            }
        });
    }
}

const RULE_GET: u8 = 1;
const FLOW_GET: u8 = 2;
const FLOW_LEARN: u8 = 3;
const FLOW_FORGET: u8 = 4;
const EVENT: u8 = 5;

/// The place of the only group.
const EVENTS: u32 = 0;

/// What the family is about.
pub(crate) struct Sidebounce<C>(C);

impl<C: Control> Protocol for Sidebounce<C> {
    const NAME: &'static CStr = c"sidebounce";
    const VERSION: u32 = 1;
    const GROUPS: &'static [MulticastGroup] = &[MulticastGroup::const_new(c"events")];
    const COMMANDS: &'static [Command<Self>] = &[
        Command::dump::<dump::RuleDump<C>>(),
        Command::dump::<dump::FlowDump<C>>(),
        Command::action::<learn::Learn>(),
        Command::action::<learn::Forget>(),
    ];
}
