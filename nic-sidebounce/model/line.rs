// SPDX-License-Identifier: GPL-2.0

//! The lines in which a user writes rules: one command each, `#` begins a comment.

use super::{
    field::{
        number,
        Action,
        ArpOp,
        Ethertype,
        Frag,
        MacMatch,
        Proto,
        TcpFlags,
        Unparsed,
        VidMatch, //
    },
    key::Direction,
    name::Name,
    prefix::Prefix,
    range::Range,
    rule::{
        Demands,
        Label,
        Rule, //
    },
    template::Template,
    text, //
};
use core::fmt;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is not of the expected form.
    Syntax,
    /// A number is too large, or the second of two below the first.
    Range,
    /// Two things in it exclude each other, or one lacks another.
    Conflict,
    /// There are as many as there can be.
    TooMany,
    /// There is no such rule.
    Missing,
}

/// Where a text is wrong, and what should stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Counts from 1.
    pub(crate) line: u32,
    /// In bytes; counts from 1.
    pub(crate) column: u32,
    /// What is wrong.
    pub(crate) kind: Kind,
    /// What should stand there.
    pub(crate) expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            kind,
            expected,
        } = self;
        let kind = match kind {
            Kind::Syntax => "malformed",
            Kind::Range => "out of range",
            Kind::Conflict => "conflict",
            Kind::TooMany => "too many",
            Kind::Missing => "no such rule",
        };
        write!(
            f,
            "line {line}, column {column}: {kind}: expected {expected}"
        )
    }
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Another rule.
    Add(Rule),
    /// No more rules of this priority.
    Delete(u32),
    /// No more rules at all.
    Flush,
    /// What becomes of packets that no rule matches.
    Default(Direction, Action),
    /// Several rules.
    Template(Template),
}

impl Command {
    /// Reads the line of this number; [`None`] if it is empty or a comment.
    pub(crate) fn parse(text: &str, line: u32) -> Result<Option<Self>, Malformed> {
        let mut words = Words::new(text, line);
        let Some(word) = words.next() else {
            return Ok(None);
        };
        let command = match word.text {
            "add" => Self::Add(add(&mut words)?),
            "del" => {
                words.keyword("prio")?;
                Self::Delete(words.value("a priority", number)?)
            }
            "flush" => Self::Flush,
            "default" => Self::Default(
                words.value("rx or tx", Direction::parse)?,
                words.value("accept, drop or bounce", Action::parse)?,
            ),
            "template" => Self::Template(Template::parse(&mut words)?),
            _ => return Err(word.wrong(Kind::Syntax, "add, del, flush, default or template")),
        };
        match words.next() {
            None => Ok(Some(command)),
            Some(word) => Err(word.wrong(Kind::Syntax, "the end of the line")),
        }
    }
}

/// A word and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    line: u32,
    column: u32,
    pub(crate) text: &'a str,
}

impl Word<'_> {
    /// Says what is wrong with it.
    pub(crate) fn wrong(&self, kind: Kind, expected: &'static str) -> Malformed {
        Malformed {
            line: self.line,
            column: self.column,
            kind,
            expected,
        }
    }

    /// Reads it.
    pub(crate) fn read<T>(
        &self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, text::Malformed>,
    ) -> Result<T, Malformed> {
        parse(self.text).map_err(|malformed| {
            let kind = match malformed {
                text::Malformed::Syntax => Kind::Syntax,
                text::Malformed::Range => Kind::Range,
            };
            self.wrong(kind, expected)
        })
    }
}

/// The words of a line.
pub(crate) struct Words<'a> {
    line: u32,
    /// Of `rest`.
    column: u32,
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// Those of the line of this number.
    pub(crate) const fn new(text: &'a str, line: u32) -> Self {
        Self {
            line,
            column: 1,
            rest: text,
        }
    }

    /// The next word, if a comment does not come before it.
    pub(crate) fn next(&mut self) -> Option<Word<'a>> {
        let text = self.rest.trim_start_matches([' ', '\t']);
        self.skip(self.rest.len().saturating_sub(text.len()), text);
        let end = text.find([' ', '\t']).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        if word.is_empty() || word.starts_with('#') {
            return None;
        }
        let column = self.column;
        self.skip(word.len(), rest);
        Some(Word {
            line: self.line,
            column,
            text: word,
        })
    }

    fn skip(&mut self, bytes: usize, rest: &'a str) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.column = self.column.saturating_add(bytes);
        self.rest = rest;
    }

    /// What stands where a word is missing.
    pub(crate) fn end(&self) -> Word<'a> {
        Word {
            line: self.line,
            column: self.column,
            text: "",
        }
    }

    /// The next word, which must be there.
    pub(crate) fn word(&mut self, expected: &'static str) -> Result<Word<'a>, Malformed> {
        match self.next() {
            Some(word) => Ok(word),
            None => Err(self.end().wrong(Kind::Syntax, expected)),
        }
    }

    /// The next word, read.
    pub(crate) fn value<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, text::Malformed>,
    ) -> Result<T, Malformed> {
        self.word(expected)?.read(expected, parse)
    }

    /// The next word, which must be this one.
    pub(crate) fn keyword(&mut self, expected: &'static str) -> Result<(), Malformed> {
        let word = self.word(expected)?;
        if word.text == expected {
            return Ok(());
        }
        Err(word.wrong(Kind::Syntax, expected))
    }

    /// Reads the value behind `word` into `slot`, which must still be empty.
    pub(crate) fn fill<T>(
        &mut self,
        word: &Word<'_>,
        slot: &mut Option<T>,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, text::Malformed>,
    ) -> Result<(), Malformed> {
        if slot.is_some() {
            return Err(word.wrong(Kind::Conflict, "each word once"));
        }
        *slot = Some(self.value(expected, parse)?);
        Ok(())
    }
}

/// What stands for a port, and so on.
const MAC: &str = "a MAC address, perhaps /mask";
const IP: &str = "an IP address, perhaps /length";
const IPV4: &str = "an IPv4 address, perhaps /length";
const PORT: &str = "a port (0-65535) or two as in 22-23";
const BYTE: &str = "a number (0-255)";

fn port(text: &str) -> Result<Range, text::Malformed> {
    Range::parse(text, u16::MAX)
}

fn label(text: &str) -> Result<Label, text::Malformed> {
    let name = Name::new(text).ok_or(text::Malformed::Syntax)?;
    Ok(Label::new(name))
}

/// Reads what follows `add`: pairs of a word and a value, in any order.
fn add(words: &mut Words<'_>) -> Result<Rule, Malformed> {
    let start = words.end();
    let mut demands = Demands::default();
    let (mut priority, mut direction, mut action, mut name) = (None, None, None, None);
    while let Some(word) = words.next() {
        let d = &mut demands;
        match word.text {
            "prio" => words.fill(&word, &mut priority, "a priority", number)?,
            "dir" => words.fill(&word, &mut direction, "rx or tx", Direction::parse)?,
            "action" => words.fill(&word, &mut action, "accept, drop or bounce", Action::parse)?,
            "name" => words.fill(&word, &mut name, "a name", label)?,
            "dst_mac" => words.fill(&word, &mut d.dst_mac, MAC, MacMatch::parse)?,
            "src_mac" => words.fill(&word, &mut d.src_mac, MAC, MacMatch::parse)?,
            "vid" => words.fill(&word, &mut d.vid, "none or a VID (0-4094)", VidMatch::parse)?,
            "ethertype" => {
                let expected = "ip, ipv6, arp or 0x and four digits";
                words.fill(&word, &mut d.ethertype, expected, Ethertype::parse)?;
            }
            "proto" => {
                let expected = "tcp, udp, sctp, icmp, icmpv6 or a number (0-255)";
                words.fill(&word, &mut d.proto, expected, Proto::parse)?;
            }
            "src_ip" => words.fill(&word, &mut d.src_ip, IP, Prefix::parse)?,
            "dst_ip" => words.fill(&word, &mut d.dst_ip, IP, Prefix::parse)?,
            "src_port" => words.fill(&word, &mut d.src_port, PORT, port)?,
            "dst_port" => words.fill(&word, &mut d.dst_port, PORT, port)?,
            "icmp_type" => words.fill(&word, &mut d.icmp_type, BYTE, number)?,
            "icmp_code" => words.fill(&word, &mut d.icmp_code, BYTE, number)?,
            "tcp_flags" => {
                let expected = "flags and mask as in 0x02/0x12";
                words.fill(&word, &mut d.tcp_flags, expected, TcpFlags::parse)?;
            }
            "arp_op" => words.fill(&word, &mut d.arp_op, "request or reply", ArpOp::parse)?,
            "arp_spa" => words.fill(&word, &mut d.arp_spa, IPV4, Prefix::parse)?,
            "arp_tpa" => words.fill(&word, &mut d.arp_tpa, IPV4, Prefix::parse)?,
            "arp_sha" => words.fill(&word, &mut d.arp_sha, MAC, MacMatch::parse)?,
            "arp_tha" => words.fill(&word, &mut d.arp_tha, MAC, MacMatch::parse)?,
            "frag" => words.fill(&word, &mut d.frag, "yes, no, first or later", Frag::parse)?,
            "unparsed" => words.fill(&word, &mut d.unparsed, "yes or no", Unparsed::parse)?,
            _ => {
                let expected = "a field, prio, dir, action or name";
                return Err(word.wrong(Kind::Syntax, expected));
            }
        }
    }
    if let Some(expected) = demands.conflict() {
        return Err(start.wrong(Kind::Conflict, expected));
    }
    let missing = |expected| words.end().wrong(Kind::Syntax, expected);
    Ok(Rule {
        priority: priority.ok_or_else(|| missing("prio and a priority"))?,
        direction: direction.ok_or_else(|| missing("dir and rx or tx"))?,
        demands,
        action: action.ok_or_else(|| missing("action and accept, drop or bounce"))?,
        name,
    })
}

mod tests;
