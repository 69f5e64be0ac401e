// SPDX-License-Identifier: GPL-2.0

//! What becomes of packets.

#![cfg(test)]

use super::{
    super::{
        budget::{
            Bucket,
            Budget, //
        },
        learned::Learned,
        packet::parse,
        ruleset::Limits,
    },
    *,
};

/// A VF with these rules.
struct Vf {
    policy: Policy,
    learned: Learned,
    cache: FlowCache,
    quarantine: Switch,
    budget: Budget,
    bucket: Bucket,
}

impl Vf {
    fn new(text: &str) -> Self {
        let rules = RuleSet::new(Limits::DEFAULT)
            .changed(text, || false)
            .unwrap();
        Self {
            policy: Policy::new(&rules, Generation::FIRST, Options::new(1)).unwrap(),
            learned: Learned::new(8, 1).unwrap(),
            cache: FlowCache::new(64, 1).unwrap(),
            quarantine: Switch::Off,
            budget: Budget::Unlimited,
            bucket: Bucket::FULL,
        }
    }

    fn decide(&mut self, bytes: &[u8], direction: Direction) -> Decision {
        let header = parse(bytes, None, direction);
        let above = Above {
            quarantine: self.quarantine,
            learned: self.learned.lookup(header.key(), 5),
        };
        let cache = Some(&mut self.cache);
        let decision = decide(&header, direction, &self.policy, above, cache);
        decision.limited(|| match self.budget.take(self.bucket, 5) {
            Some(bucket) => {
                self.bucket = bucket;
                true
            }
            None => false,
        })
    }

    fn verdict(&mut self, bytes: &[u8]) -> Verdict {
        self.decide(bytes, Direction::Rx).verdict
    }
}

/// A frame that carries nothing that is looked into.
fn frame() -> Vec<u8> {
    let mut bytes = vec![2; 60];
    (bytes[12], bytes[13]) = (0x88, 0xcc);
    bytes
}

const BOUNCE: Verdict = Verdict::Bounce(BounceReason::Policy);

#[test]
fn without_rules_everything_bounces() {
    let mut vf = Vf::new("");
    let decision = vf.decide(&frame(), Direction::Tx);
    assert_eq!(
        (decision.verdict, decision.source),
        (BOUNCE, Source::Default)
    );
}

#[test]
fn a_rule_decides_for_its_direction_and_the_cache_remembers() {
    let mut vf = Vf::new("add prio 1 dir rx ethertype 0x88cc action accept");
    for is_cached in [false, true] {
        let decision = vf.decide(&frame(), Direction::Rx);
        assert_eq!(decision.verdict, Verdict::Accept);
        assert_eq!(decision.source, Source::Rule(0));
        assert_eq!(decision.is_cached, is_cached);
    }
    assert_eq!(vf.decide(&frame(), Direction::Tx).verdict, BOUNCE);
}

#[test]
fn what_could_not_be_read_bounces_where_the_default_would_accept() {
    let cut = &frame()[..13];
    let unparsed = Verdict::Bounce(BounceReason::Unparsed(Reason::Cut));
    assert_eq!(Vf::new("default rx accept").verdict(cut), unparsed);
    assert_eq!(Vf::new("").verdict(cut), unparsed);
    let dropped = Verdict::Drop(DropReason::Policy);
    assert_eq!(Vf::new("default rx drop").verdict(cut), dropped);
    let accept = "add prio 1 dir rx action accept";
    assert_eq!(Vf::new(accept).verdict(cut), unparsed);
    assert_eq!(Vf::new(accept).verdict(&frame()), Verdict::Accept);
}

#[test]
fn quarantine_stands_above_learned_flows_and_these_above_rules() {
    let mut vf = Vf::new("add prio 1 dir rx action drop");
    let header = parse(&frame()[..], None, Direction::Rx);
    vf.learned
        .learn(header.key(), Action::Accept, 0, 9)
        .unwrap();
    let decision = vf.decide(&frame(), Direction::Rx);
    assert_eq!(
        (decision.verdict, decision.source),
        (Verdict::Accept, Source::Learned)
    );
    vf.quarantine = Switch::On;
    let quarantined = Verdict::Bounce(BounceReason::Quarantine);
    assert_eq!(vf.verdict(&frame()), quarantined);
}

#[test]
fn a_bounce_beyond_the_budget_is_a_drop() {
    let mut vf = Vf::new("");
    vf.budget = Budget::new(1, 2).unwrap();
    let verdicts = [(); 3].map(|()| vf.verdict(&frame()));
    let limited = Verdict::Drop(DropReason::BounceLimit);
    assert_eq!(verdicts, [BOUNCE, BOUNCE, limited]);
}

#[test]
fn what_is_known_of_one_direction_is_not_taken_for_the_other() {
    let mut vf = Vf::new("add prio 1 dir rx action drop\ndefault tx accept");
    for _ in 0..2 {
        let dropped = Verdict::Drop(DropReason::Policy);
        assert_eq!(vf.decide(&frame(), Direction::Rx).verdict, dropped);
        assert_eq!(vf.decide(&frame(), Direction::Tx).verdict, Verdict::Accept);
    }
}

#[test]
fn what_one_probe_finds_is_not_worth_remembering() {
    let policy = |text: &str, max_masks| {
        let rules = RuleSet::new(Limits::DEFAULT)
            .changed(text, || false)
            .unwrap();
        let options = Options {
            max_masks,
            ..Options::new(1)
        };
        Policy::new(&rules, Generation::FIRST, options).unwrap()
    };
    let addresses = |count: u32| -> String {
        (0..count)
            .map(|last| format!("add prio 1 dir rx dst_ip 10.0.0.{last} action drop\n"))
            .collect()
    };
    let one = policy(&addresses(100), 64);
    assert!(!one.is_slow(Direction::Rx) && !one.is_slow(Direction::Tx));
    let two = format!("{}add prio 2 dir rx proto udp action drop", addresses(99));
    assert!(policy(&two, 64).is_slow(Direction::Rx));
    assert!(policy(&two, 1).is_slow(Direction::Rx));
}
