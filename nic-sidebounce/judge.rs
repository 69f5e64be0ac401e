// SPDX-License-Identifier: GPL-2.0

//! Level 1 of one filter: its rules, the flows that were learned, and how much may bounce.

use crate::{
    model::{
        budget::Bucket,
        cache::{
            FlowCache,
            Generation, //
        },
        classifier::Options,
        field::Action,
        flow::Flow,
        key::{
            Direction,
            Key, //
        },
        learned::{
            Learned,
            Refused, //
        },
        line::Malformed,
        packet::{
            self,
            Header,
            Tag, //
        },
        rule::Rule,
        ruleset::{
            self,
            Limits,
            Refusal,
            RuleSet, //
        },
        verdict::{
            decide,
            Above,
            Decision,
            DropReason,
            Policy,
            Source,
            Verdict, //
        }, //
    },
    seen::{
        self,
        Seen, //
    },
    settings::Settings,
    stats::{
        Counter,
        Counters, //
    }, //
};
use core::fmt;
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
    net::Packet,
    random,
    sched::{
        is_killed,
        now_ns, //
    },
    sync::{
        new_raw_spinlock,
        peek,
        with_bottom_halves_off,
        Cpu,
        PerCpu,
        Published,
        RawSpinLock,
        Reader,
        Tally, //
    }, //
};

/// Flows that a filter learns.
const LEARNED_FLOWS: usize = 1024;

/// What filters are made with.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) limits: Limits,
    pub(crate) max_masks: usize,
    pub(crate) cached_flows: usize,
}

/// Rules as they were written and as they are searched, and their counters: packets and bytes of each.
pub(crate) struct Ruled {
    rules: RuleSet,
    policy: Policy,
    tally: Tally,
}

impl Ruled {
    fn new(rules: RuleSet, generation: Generation, options: Options) -> Result<Arc<Self>> {
        let policy = Policy::new(&rules, generation, options)?;
        let tally = Tally::new(rules.rules().len().saturating_mul(2))?;
        let ruled = Self {
            rules,
            policy,
            tally,
        };
        Ok(Arc::new(ruled, GFP_KERNEL)?)
    }

    /// How the rules are searched.
    pub(crate) fn shape(&self) -> Shape {
        let [rx, tx] = [Direction::Rx, Direction::Tx].map(|way| self.policy.table(way));
        Shape {
            patterns: self.rules.pattern_count(),
            masks: rx.tuple_count().max(tx.tuple_count()),
            chain: rx.longest_chain().max(tx.longest_chain()),
            len_bytes: rx.len_bytes().saturating_add(tx.len_bytes()),
        }
    }

    /// The rule at `place` of the list.
    pub(crate) fn rule(&self, place: usize) -> Option<&Rule> {
        self.rules.rules().get(place)
    }

    #[inline]
    fn count(&self, cpu: Cpu, rule: u32, len_bytes: u32) {
        if let Ok(rule) = usize::try_from(rule) {
            self.tally.add_pair(cpu, rule, 1, len_bytes.into());
        }
    }

    /// The priority of the rule at `place`, 0 if there is none.
    fn priority(&self, place: u32) -> u32 {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        self.rule(place).map_or(0, |rule| rule.priority)
    }

    /// How many packets and bytes the rule at `place` has decided about.
    pub(crate) fn counted(&self, place: usize) -> (u64, u64) {
        let packets = place.wrapping_mul(2);
        let bytes = packets.wrapping_add(1);
        (self.tally.sum(packets), self.tally.sum(bytes))
    }

    /// Goes on counting from where `old` had got, for rules that were there before in the same order.
    fn carry(&self, old: &Self) {
        // Some milliseconds, if next to nothing is as it was.
        const STEPS: usize = 1 << 20;
        ruleset::pairs(
            old.rules.rules(),
            self.rules.rules(),
            STEPS,
            |former, place| {
                let (packets, bytes) = old.counted(former);
                with_bottom_halves_off(|| {
                    self.tally.add_pair(Cpu::current(), place, packets, bytes);
                });
            },
        );
    }
}

/// How rules are searched.
pub(crate) struct Shape {
    /// What the rules consist of: one with a range is several.
    pub(crate) patterns: usize,
    /// Most hash tables that a packet is looked up in.
    pub(crate) masks: usize,
    /// Most patterns in one bucket of such a table.
    pub(crate) chain: usize,
    /// The memory of the tables in bytes.
    pub(crate) len_bytes: usize,
}

/// What is known of texts.
struct Written {
    generation: Generation,
    /// Why the last text was refused, if it was.
    refused: Option<Malformed>,
}

/// Level 1 of one filter.
#[pin_data]
pub(crate) struct Judge {
    ruled: Published<Arc<Ruled>>,
    #[pin]
    written: Mutex<Written>,
    options: Options,
    /// [`None`] if flows are not to be remembered.
    caches: Option<PerCpu<FlowCache>>,
    #[pin]
    learned: RawSpinLock<Learned>,
    /// Whether any flow was ever learned: spares the lock.
    has_learned: Atomic<bool>,
    /// See [`Bucket`].
    bucket: Atomic<u64>,
    /// When it was told last that too many bounce, 0 for never.
    limit_told_ns: Atomic<u64>,
}

impl Judge {
    /// No rules.
    pub(crate) fn new(bounds: Bounds) -> Result<impl PinInit<Self, Error>> {
        let options = Options {
            max_masks: bounds.max_masks,
            ..Options::new(random::number())
        };
        let rules = RuleSet::new(bounds.limits);
        let generation = Generation::FIRST;
        let ruled = Published::new(Ruled::new(rules, generation, options)?)?;
        let caches = match bounds.cached_flows {
            0 => None,
            flows => Some(PerCpu::new(|| {
                Ok(FlowCache::new(flows, random::number())?)
            })?),
        };
        let learned = Learned::new(LEARNED_FLOWS, random::number())?;
        let written = Written {
            generation,
            refused: None,
        };
        Ok(try_pin_init!(Self {
            ruled,
            written <- new_mutex!(written, "nic_sidebounce::Judge"),
            options,
            caches,
            learned <- new_raw_spinlock!(learned, "nic_sidebounce::Judge::learned"),
            has_learned: Atomic::new(false),
            bucket: Atomic::new(Bucket::FULL.0),
            limit_told_ns: Atomic::new(0),
        }))
    }

    /// Decides about a packet; `tag` is what the kernel took out of it, unless that is the service VLAN's. With
    /// bottom halves off.
    #[inline]
    pub(crate) fn judge(
        &self,
        reader: Reader<'_>,
        packet: &Packet,
        tag: Option<Tag>,
        direction: Direction,
        settings: &Settings,
        counters: &Counters,
    ) -> Decision {
        let cpu = Cpu::current();
        let seen = Seen::new(packet);
        let header = packet::parse(&seen, tag, direction);
        let above = Above {
            quarantine: settings.quarantine,
            learned: self.learned(&header),
        };
        let ruled = self.ruled.get(reader);
        let mut cache = match &self.caches {
            Some(caches) if ruled.policy.is_slow(direction) => caches.try_take(cpu),
            _ => None,
        };
        let decision = decide(
            &header,
            direction,
            &ruled.policy,
            above,
            cache.as_deref_mut(),
        );
        drop(cache);
        if let Source::Rule(rule) = decision.source {
            ruled.count(cpu, rule, seen.len_bytes());
        }
        let decision = decision.limited(|| self.may_bounce(settings));
        count(&decision, cpu, direction, counters);
        if let Some(reason) = header.unparsed() {
            counters.count_unparsed(reason);
        }
        decision
    }

    #[inline]
    fn learned(&self, header: &Header) -> Option<Action> {
        if !peek(&self.has_learned) {
            return None;
        }
        self.learned.lock().lookup(header.key(), now_ns())
    }

    /// Another rate holds: what was used up of the former one does not count.
    pub(crate) fn fill_bucket(&self) {
        self.bucket.store(Bucket::FULL.0, Relaxed);
    }

    /// A packet was dropped since too many bounced; whether that is to be told, which is at most once a second.
    pub(crate) fn note_limit(&self) -> bool {
        const PAUSE_NS: u64 = 1_000_000_000;
        let now_ns = now_ns();
        let told_ns = peek(&self.limit_told_ns);
        let is_due = told_ns == 0 || now_ns.saturating_sub(told_ns) >= PAUSE_NS;
        is_due && self.limit_told_ns.cmpxchg(told_ns, now_ns, Relaxed).is_ok()
    }

    /// The priority of the rule at `place` in the list, 0 if it is not there any more.
    pub(crate) fn priority(&self, place: u32) -> u32 {
        self.ruled.with(|ruled| ruled.priority(place))
    }

    /// Takes one bounce out of the bucket, if there is one.
    fn may_bounce(&self, settings: &Settings) -> bool {
        let budget = settings.budget();
        let now_ns = now_ns();
        let mut old = peek(&self.bucket);
        loop {
            let Some(new) = budget.take(Bucket(old), now_ns) else {
                return false;
            };
            match self.bucket.cmpxchg(old, new.0, Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
    }

    /// From now on, for `duration_s` seconds, packets of the same flow are accepted.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub(crate) fn learn_from(
        &self,
        packet: &Packet,
        direction: Direction,
        duration_s: u32,
    ) -> Result<(), Refused> {
        let header = packet::parse(&Seen::new(packet), seen::tag(packet), direction);
        self.learn(header.key(), Action::Accept, duration_s)
    }

    /// From now on, for `duration_s` seconds, this becomes of packets of the flow that `key` is of.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub(crate) fn learn(&self, key: &Key, action: Action, duration_s: u32) -> Result<(), Refused> {
        let now_ns = now_ns();
        let until_ns = now_ns.saturating_add(u64::from(duration_s).saturating_mul(1_000_000_000));
        self.learned.lock().learn(key, action, now_ns, until_ns)?;
        self.has_learned.store(true, Relaxed);
        Ok(())
    }

    /// The first flow that holds at `place` of the table or behind it, and its place: its key, what becomes of
    /// it, and for how many milliseconds more.
    pub(crate) fn next_learned(&self, place: usize) -> Option<(usize, Key, Action, u64)> {
        let now_ns = now_ns();
        let learned = self.learned.lock();
        let (place, key, action, until_ns) = learned.next(place, now_ns)?;
        Some((
            place,
            key,
            action,
            until_ns.saturating_sub(now_ns) / 1_000_000,
        ))
    }

    /// Forgets the flow that `key` is of; whether it was known.
    pub(crate) fn unlearn(&self, key: &Key) -> bool {
        self.learned.lock().unlearn(key).is_some()
    }

    /// Writes the flows that were learned: direction, seconds left, what becomes of them, and the flow.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub(crate) fn show_flows(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let mut place = 0;
        while let Some((found, key, action, rest_ms)) = self.next_learned(place) {
            let flow = Flow::of(&key);
            let direction = flow.direction;
            let rest_s = rest_ms.div_ceil(1000);
            writeln!(out, "{direction} {rest_s} {action} {flow}")?;
            place = found.saturating_add(1);
        }
        Ok(())
    }

    /// Forgets all that was learned.
    pub(crate) fn unlearn_all(&self) {
        self.has_learned.store(false, Relaxed);
        self.learned.lock().clear();
    }

    /// Changes the rules as `text` says, all of it or nothing. No packet meets a mix.
    ///
    /// # Errors
    ///
    /// Those of the grammar, see [`Malformed`]; [`ENOMEM`]; [`EINTR`] if the process is being killed.
    pub(crate) fn write(&self, text: &str) -> Result {
        // A shell whose line was refused may write the end of it once more: that takes nothing back.
        if text.trim().is_empty() {
            return Ok(());
        }
        let mut written = self.written.lock();
        let old = self.ruled();
        let rules = match old.rules.changed(text, is_killed) {
            Ok(rules) => rules,
            Err(Refusal::NoMemory) => return Err(ENOMEM),
            Err(Refusal::Stopped) => return Err(EINTR),
            Err(Refusal::Malformed(malformed)) => {
                written.refused = Some(malformed);
                return Err(malformed.kind.into());
            }
        };
        let generation = written.generation.next();
        if generation == Generation::FIRST {
            // Caches could not tell old entries.
            return Err(EOVERFLOW);
        }
        let new = Ruled::new(rules, generation, self.options)?;
        // The grace period is over: nobody counts in the old ones any more.
        drop(self.ruled.replace(new.clone())?);
        new.carry(&old);
        written.generation = generation;
        written.refused = None;
        Ok(())
    }

    /// The rules as they are now.
    pub(crate) fn ruled(&self) -> Arc<Ruled> {
        self.ruled.with(Arc::clone)
    }

    /// Writes the rules that there are.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub(crate) fn show(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.ruled().rules)
    }

    /// Writes what each rule has decided about: its priority, packets, bytes and name.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    pub(crate) fn show_counters(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let ruled = self.ruled();
        for (place, rule) in ruled.rules.rules().iter().enumerate() {
            let (packets, bytes) = ruled.counted(place);
            write!(out, "{} {packets} {bytes}", rule.priority)?;
            match &rule.name {
                Some(name) => writeln!(out, " {}", name.as_str())?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }

    /// Why the last text was refused; [`None`] if it was not.
    pub(crate) fn refused(&self) -> Option<Malformed> {
        self.written.lock().refused
    }
}

fn count(decision: &Decision, cpu: Cpu, direction: Direction, counters: &Counters) {
    counters.count_on(
        cpu,
        match (decision.verdict, direction) {
            (Verdict::Accept, Direction::Rx) => Counter::RxAccepted,
            (Verdict::Accept, Direction::Tx) => Counter::TxAccepted,
            (Verdict::Drop(DropReason::BounceLimit), _) => Counter::BounceLimited,
            (Verdict::Drop(DropReason::Policy), Direction::Rx) => Counter::RxDropped,
            (Verdict::Drop(DropReason::Policy), Direction::Tx) => Counter::TxDropped,
            (Verdict::Bounce(_), Direction::Rx) => Counter::RxBounced,
            (Verdict::Bounce(_), Direction::Tx) => Counter::TxBounced,
        },
    );
    match decision.source {
        Source::Learned => counters.count_on(cpu, Counter::LearnedHits),
        _ if decision.is_cached => counters.count_on(cpu, Counter::Cached),
        _ => {}
    }
}
