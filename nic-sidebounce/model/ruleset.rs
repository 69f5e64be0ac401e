// SPDX-License-Identifier: GPL-2.0

//! The rules of one VF, and how text changes them: all of it or nothing.

use super::{
    field::Action,
    key::Direction,
    line::{
        Command,
        Kind,
        Malformed, //
    },
    mem::{
        List,
        NoMemory, //
    },
    rule::Rule, //
};
use core::fmt;

/// How much a VF may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rules.
    pub(crate) max_rules: usize,
    /// Patterns that make up the rules; a rule with a range has several.
    pub(crate) max_patterns: usize,
}

impl Limits {
    /// For a VF of which nothing else is said.
    #[cfg(not(MODULE))]
    pub(crate) const DEFAULT: Self = Self {
        max_rules: 16_384,
        max_patterns: 65_536,
    };
}

/// Why text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is wrong.
    Malformed(Malformed),
    /// Memory ran out.
    NoMemory,
    /// Whoever wanted it does not want it any more.
    Stopped,
}

impl From<NoMemory> for Refusal {
    fn from(NoMemory: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// The rules of one VF.
///
/// # Invariants
///
/// `patterns` is how many patterns make up the rules; it and the rules are within the limits.
#[derive(Debug)]
pub(crate) struct RuleSet {
    rules: List<Rule>,
    patterns: usize,
    /// What becomes of packets to the VM that no rule matches.
    default_rx: Action,
    /// What becomes of packets from the VM that no rule matches.
    default_tx: Action,
    limits: Limits,
}

impl RuleSet {
    /// No rules: everything bounces.
    pub(crate) const fn new(limits: Limits) -> Self {
        // INVARIANT: Nothing has no patterns.
        Self {
            rules: List::new(),
            patterns: 0,
            default_rx: Action::Bounce,
            default_tx: Action::Bounce,
            limits,
        }
    }

    /// The rules, in the order in which they were added.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How many patterns make up the rules.
    pub(crate) const fn pattern_count(&self) -> usize {
        self.patterns
    }

    /// What becomes of packets that no rule matches.
    pub(crate) const fn default_action(&self, direction: Direction) -> Action {
        match direction {
            Direction::Rx => self.default_rx,
            Direction::Tx => self.default_tx,
        }
    }

    /// The rules after the commands in `text`; these stay as they are. Gives up once `is_stopped`.
    pub(crate) fn changed(
        &self,
        text: &str,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Self, Refusal> {
        let mut new = Self::new(self.limits);
        new.default_rx = self.default_rx;
        new.default_tx = self.default_tx;
        new.rules.reserve_many(self.rules.len())?;
        for rule in self.rules.iter() {
            new.rules.push(*rule)?;
        }
        // INVARIANT: They have the same rules.
        new.patterns = self.patterns;
        let mut number = 0_u32;
        for line in text.lines() {
            number = number.saturating_add(1);
            if is_stopped() {
                return Err(Refusal::Stopped);
            }
            if let Some(command) = Command::parse(line, number).map_err(Refusal::Malformed)? {
                new.apply(&command, number)?;
            }
        }
        Ok(new)
    }

    /// Does what the line of this number says.
    fn apply(&mut self, command: &Command, line: u32) -> Result<(), Refusal> {
        match command {
            Command::Add(rule) => self.add(*rule, line),
            Command::Delete(priority) => self.keep(line, |rule| rule.priority != *priority),
            Command::Flush => {
                // INVARIANT: Nothing has no patterns.
                self.rules = List::new();
                self.patterns = 0;
                Ok(())
            }
            Command::Default(Direction::Rx, action) => {
                self.default_rx = *action;
                Ok(())
            }
            Command::Default(Direction::Tx, action) => {
                self.default_tx = *action;
                Ok(())
            }
            Command::Template(template) => template.rules(|rule| self.add(rule, line)),
        }
    }

    fn add(&mut self, rule: Rule, line: u32) -> Result<(), Refusal> {
        let patterns = self.patterns.saturating_add(rule.pattern_count());
        if self.rules.len() >= self.limits.max_rules {
            return Err(refused(line, Kind::TooMany, "no more rules"));
        }
        if patterns > self.limits.max_patterns {
            return Err(refused(line, Kind::TooMany, "smaller or fewer ranges"));
        }
        self.rules.push(rule)?;
        // INVARIANT: Checked above.
        self.patterns = patterns;
        Ok(())
    }

    /// Removes the rules that are not to be kept; there must be one.
    fn keep(&mut self, line: u32, keep: impl Fn(&Rule) -> bool) -> Result<(), Refusal> {
        let before = self.rules.len();
        let mut gone = 0_usize;
        self.rules.retain(|rule| {
            let is_kept = keep(rule);
            if !is_kept {
                gone = gone.saturating_add(rule.pattern_count());
            }
            is_kept
        });
        if self.rules.len() == before {
            return Err(refused(line, Kind::Missing, "a priority that a rule has"));
        }
        // INVARIANT: Those of the others.
        self.patterns = self.patterns.saturating_sub(gone);
        Ok(())
    }
}

/// Pairs the places of rules that both lists have, in the same order; others may be between them. Gives up after
/// `steps` comparisons.
pub(crate) fn pairs(old: &[Rule], new: &[Rule], steps: usize, mut give: impl FnMut(usize, usize)) {
    let mut from = 0_usize;
    let mut left = steps;
    for (place, rule) in new.iter().enumerate() {
        let rest = old.get(from..).unwrap_or(&[]);
        let found = rest.iter().take(left).position(|former| former == rule);
        left = left.saturating_sub(found.map_or(rest.len(), |gap| gap.saturating_add(1)));
        if let Some(gap) = found {
            let former = from.saturating_add(gap);
            give(former, place);
            from = former.saturating_add(1);
        }
    }
}

impl fmt::Display for RuleSet {
    /// Writes the lines that make the same rules out of none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for direction in [Direction::Rx, Direction::Tx] {
            let action = self.default_action(direction);
            writeln!(f, "default {direction} {action}")?;
        }
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

fn refused(line: u32, kind: Kind, expected: &'static str) -> Refusal {
    Refusal::Malformed(Malformed {
        line,
        column: 1,
        kind,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> RuleSet {
        RuleSet::new(Limits::DEFAULT)
    }

    fn wrong(set: &RuleSet, text: &str) -> (u32, Kind) {
        match set.changed(text, || false) {
            Err(Refusal::Malformed(malformed)) => (malformed.line, malformed.kind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_changes_all_or_nothing() {
        let one = empty()
            .changed("add prio 1 dir rx action drop\n", || false)
            .unwrap();
        assert_eq!(wrong(&one, "flush\n\nadd prio x"), (3, Kind::Syntax));
        assert_eq!(one.rules().len(), 1);
        let two = one.changed(
            "add prio 2 dir tx action drop\n# x\ndefault rx drop",
            || false,
        );
        let two = two.unwrap();
        assert_eq!(two.rules().len(), 2);
        assert_eq!(two.default_action(Direction::Rx), Action::Drop);
        assert_eq!(two.default_action(Direction::Tx), Action::Bounce);
        assert_eq!(
            two.changed("del prio 1", || false).unwrap().rules().len(),
            1
        );
        assert_eq!(wrong(&two, "del prio 3"), (1, Kind::Missing));
    }

    #[test]
    fn a_text_ends_when_nobody_wants_it_any_more() {
        let stopped = empty().changed("flush", || true);
        assert!(matches!(stopped, Err(Refusal::Stopped)));
    }

    #[test]
    fn rules_that_stay_are_found_between_others() {
        let rules = |priorities: &[u32]| {
            let line = |priority| format!("add prio {priority} dir rx action drop\n");
            let text: String = priorities.iter().map(line).collect();
            empty().changed(&text, || false).unwrap()
        };
        let found = |old: &[u32], new: &[u32], steps| {
            let mut found = Vec::new();
            let give = |old, new| found.push((old, new));
            pairs(rules(old).rules(), rules(new).rules(), steps, give);
            found
        };
        assert_eq!(found(&[1, 2, 3], &[9, 1, 3], 9), [(0, 1), (2, 2)]);
        assert_eq!(found(&[1, 2], &[2, 1], 9), [(1, 0)]);
        assert_eq!(found(&[1, 2, 3], &[9, 1, 3], 4), [(0, 1)]);
        assert_eq!(found(&[], &[1], 9), []);
    }

    #[test]
    fn rules_and_their_patterns_are_bounded() {
        let set = RuleSet::new(Limits {
            max_rules: 2,
            max_patterns: 31,
        });
        let wide = "add prio 1 dir rx proto tcp dst_port 1-65534 action drop\n";
        let one = set.changed(wide, || false).unwrap();
        assert_eq!(one.pattern_count(), 30);
        assert_eq!(wrong(&one, wide), (1, Kind::TooMany));
        let small = "add prio 1 dir rx action drop\n";
        let two = one.changed(small, || false).unwrap();
        assert_eq!(two.pattern_count(), 31);
        assert_eq!(wrong(&two, small), (1, Kind::TooMany));
    }

    #[test]
    fn rules_are_printed_as_what_makes_them() {
        let text = "template clean-traffic mac 02:00:00:00:00:01 ip 10.0.0.1 ip 2001:db8::1\n\
                    template allow-dhcp\ntemplate trunk 5,100-199\ndefault tx accept\n";
        let set = empty().changed(text, || false).unwrap();
        assert_eq!(set.rules().len(), 8 + 4 + 10);
        let again = empty().changed(&set.to_string(), || false).unwrap();
        assert_eq!(again.rules(), set.rules());
        assert_eq!(again.to_string(), set.to_string());
    }
}
