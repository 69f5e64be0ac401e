// SPDX-License-Identifier: GPL-2.0

//! What becomes of a packet, and why.

use super::{
    cache::{
        FlowCache,
        Generation, //
    },
    classifier::{
        Hit,
        Options,
        Table, //
    },
    field::Action,
    key::{
        Direction,
        Flags,
        Key,
        Mask, //
    },
    mem::NoMemory,
    packet::{
        Header,
        Reason, //
    },
    ruleset::RuleSet,
    text::Switch, //
};

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// A rule, a flow or the default says so.
    Policy,
    /// It would bounce, but too many did.
    BounceLimit,
}

/// Why a packet is bounced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BounceReason {
    /// A rule, a flow or the default says so.
    Policy,
    /// Everything of this VF is.
    Quarantine,
    /// It could not be read, and no rule matches.
    Unparsed(Reason),
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes where it was going.
    Accept,
    /// It goes nowhere.
    Drop(DropReason),
    /// It goes to the hypervisor.
    Bounce(BounceReason),
}

/// Who decided: whose counter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The quarantine.
    Quarantine,
    /// A learned flow.
    Learned,
    /// The rule with this place in the list.
    Rule(u32),
    /// No rule matches.
    Default,
}

/// A verdict and all that is to be counted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// What becomes of the packet.
    pub(crate) verdict: Verdict,
    /// Who decided.
    pub(crate) source: Source,
    /// Whether the table was spared.
    pub(crate) is_cached: bool,
}

impl Decision {
    /// The same, unless it would bounce and `may_bounce`, which takes one of the budget, says no.
    pub(crate) fn limited(self, may_bounce: impl FnOnce() -> bool) -> Self {
        match self.verdict {
            Verdict::Bounce(_) if !may_bounce() => Self {
                verdict: Verdict::Drop(DropReason::BounceLimit),
                ..self
            },
            _ => self,
        }
    }
}

/// The rules of a VF as they are searched; never changed, but replaced as a whole.
#[derive(Debug)]
pub(crate) struct Policy {
    rx: Side,
    tx: Side,
    generation: Generation,
}

/// Patterns that are looked through faster than a flow is remembered.
const SHORT_CHAIN: usize = 16;

/// The rules for one direction.
#[derive(Debug)]
struct Side {
    table: Table,
    /// All that matters to the table, and what a cached answer must not be shared across.
    relevant: Mask,
    default: Action,
    /// Looking up takes more than one probe of a short chain, which costs no more than remembering.
    is_slow: bool,
}

impl Policy {
    /// Makes the rules ready to be searched.
    pub(crate) fn new(
        rules: &RuleSet,
        generation: Generation,
        options: Options,
    ) -> Result<Self, NoMemory> {
        let side = |direction| {
            let table = Table::build(rules.rules(), direction, options)?;
            let mut relevant = *table.relevant();
            relevant.set_flags(Flags::TX);
            Ok(Side {
                is_slow: table.tuple_count() > 1 || table.longest_chain() > SHORT_CHAIN,
                table,
                relevant,
                default: rules.default_action(direction),
            })
        };
        Ok(Self {
            rx: side(Direction::Rx)?,
            tx: side(Direction::Tx)?,
            generation,
        })
    }

    const fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Rx => &self.rx,
            Direction::Tx => &self.tx,
        }
    }

    /// Whether it is worth it to remember what the table said.
    #[inline]
    pub(crate) const fn is_slow(&self, direction: Direction) -> bool {
        self.side(direction).is_slow
    }

    /// The table for a direction.
    pub(crate) const fn table(&self, direction: Direction) -> &Table {
        &self.side(direction).table
    }
}

/// What stands above the rules of a VF.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Above {
    /// Whether everything bounces.
    pub(crate) quarantine: Switch,
    /// What level 2 has said of the packet's flow.
    pub(crate) learned: Option<Action>,
}

/// Decides about a packet, whose header was read for the same direction. Without a cache the table is asked.
///
/// In this order: quarantine, learned flows, rules, the default. What could not be read bounces where the
/// default would accept it.
#[inline]
pub(crate) fn decide(
    header: &Header,
    direction: Direction,
    policy: &Policy,
    above: Above,
    cache: Option<&mut FlowCache>,
) -> Decision {
    if above.quarantine.is_on() {
        let verdict = Verdict::Bounce(BounceReason::Quarantine);
        return decision(verdict, Source::Quarantine, false);
    }
    if let Some(action) = above.learned {
        return decision(verdict(action), Source::Learned, true);
    }
    let side = policy.side(direction);
    let (hit, is_cached) = find(side, header.key(), policy.generation, cache);
    match (hit, side.default, header.unparsed()) {
        (Some(Hit { rule, action }), _, _) => {
            decision(verdict(action), Source::Rule(rule), is_cached)
        }
        (None, Action::Accept | Action::Bounce, Some(reason)) => {
            let verdict = Verdict::Bounce(BounceReason::Unparsed(reason));
            decision(verdict, Source::Default, is_cached)
        }
        (None, default, _) => decision(verdict(default), Source::Default, is_cached),
    }
}

const fn decision(verdict: Verdict, source: Source, is_cached: bool) -> Decision {
    Decision {
        verdict,
        source,
        is_cached,
    }
}

/// Asks the cache, then the table.
#[inline]
fn find(
    side: &Side,
    key: &Key,
    generation: Generation,
    cache: Option<&mut FlowCache>,
) -> (Option<Hit>, bool) {
    match cache {
        Some(cache) => find_cached(side, key, generation, cache),
        None => (side.table.lookup(key), false),
    }
}

// Else the table's code is here twice, and is called for every packet.
#[inline(never)]
fn find_cached(
    side: &Side,
    key: &Key,
    generation: Generation,
    cache: &mut FlowCache,
) -> (Option<Hit>, bool) {
    let place = cache.place(key, &side.relevant);
    if let Some(hit) = cache.lookup(&place, generation) {
        return (hit, true);
    }
    let hit = side.table.lookup(key);
    cache.insert(&place, generation, hit);
    (hit, false)
}

const fn verdict(action: Action) -> Verdict {
    match action {
        Action::Accept => Verdict::Accept,
        Action::Drop => Verdict::Drop(DropReason::Policy),
        Action::Bounce => Verdict::Bounce(BounceReason::Policy),
    }
}

mod tests;
