// SPDX-License-Identifier: GPL-2.0

//! Spreads patterns over tuples.
//!
//! Each pattern has a ladder of masks, from coarse (prefixes cut to whole bytes, ports all or nothing) to
//! its own. Patterns whose masks are alike meet on the first rung and share a tuple, if not too many of
//! them would share a bucket; otherwise they go a rung further. If that makes more tuples than there may
//! be, the largest remain, and what was in the others is sorted by the one field that tells most of it
//! apart. What has no tuple even then goes to the finest one that can hold it; one with the empty mask can
//! hold everything.

mod crowd;
mod ladder;

use super::{
    super::{
        hash::Hasher,
        key::{
            Direction,
            Mask,
            Pattern, //
        },
        mem::{
            List,
            NoMemory, //
        },
        rule::Rule, //
    },
    split,
    Entry,
    Guard,
    Hit,
    Options,
    Slot,
    Table,
    Tuple, //
};
use crowd::Crowd;
use ladder::{
    rung_mask,
    strong,
    BESIDE,
    RUNGS, //
};

/// A pattern, before its place is known.
#[derive(Clone, Copy, Debug)]
struct Placed {
    entry: Entry,
    rank: u32,
    /// Of the ladder.
    rung: usize,
    /// The draft that holds it.
    draft: usize,
    /// So many share its bucket that it goes further even if the others stay.
    is_alone: bool,
}

/// A tuple that is being filled.
#[derive(Clone, Copy, Debug)]
struct Draft {
    rung: usize,
    /// What chose the tuple; the final mask may have more bits.
    mask: Mask,
    /// How many chose it.
    count: u32,
    /// How many of these found their bucket full.
    crowded: u32,
    is_kept: bool,
    /// What all of its patterns have; [`None`] if it holds none.
    held: Option<Held>,
}

/// What all patterns of a tuple have.
#[derive(Clone, Copy, Debug)]
struct Held {
    shared: Mask,
    common: Pattern,
    best: u32,
    count: usize,
}

pub(super) fn build(
    rules: &[Rule],
    direction: Direction,
    options: Options,
) -> Result<Table, NoMemory> {
    let mut placed = ranked(rules, direction)?;
    let hasher = Hasher::new(options.seed);
    let drafts = place(&mut placed, &hasher, options)?;
    let mut table = lay_out(&placed, &drafts, hasher)?;
    for Placed { entry, .. } in placed.iter() {
        table.relevant = table.relevant.or(entry.pattern.mask());
    }
    Ok(table)
}

/// The patterns of the rules, the deciding one of any two before the other.
fn ranked(rules: &[Rule], direction: Direction) -> Result<List<Placed>, NoMemory> {
    let mut order: List<(u64, u32)> = List::new();
    order.reserve_many(rules.len())?;
    for (index, rule) in (0_u32..).zip(rules) {
        if rule.direction == direction {
            let rank = (u64::from(rule.priority) << 32) | u64::from(index);
            order.push((rank, index))?;
        }
    }
    order.sort_by_key(|(rank, _)| *rank);

    let mut placed = List::new();
    for (rank, (_, index)) in (0_u32..).zip(order.iter()) {
        let Some(rule) = usize::try_from(*index).ok().and_then(|at| rules.get(at)) else {
            continue;
        };
        let hit = Hit {
            rule: *index,
            action: rule.action,
        };
        rule.patterns(|pattern| {
            placed.push(Placed {
                entry: Entry { pattern, hit },
                rank,
                rung: 0,
                draft: 0,
                is_alone: false,
            })
        })?;
    }
    Ok(placed)
}

/// Drafts that are looked through for each pattern; what needs more goes where it can.
const MAX_DRAFTS: usize = 512;
/// A tuple with fewer bits than this holds no patterns but its own, if it can be helped.
const MIN_SHARING_BITS: u32 = 40;

/// Finds a tuple for each pattern.
fn place(
    placed: &mut List<Placed>,
    hasher: &Hasher,
    options: Options,
) -> Result<List<Draft>, NoMemory> {
    let mut drafts: List<Draft> = List::new();
    drafts.push(Draft::new(usize::MAX, Mask::NONE))?;
    for rung in 0..RUNGS {
        climb(placed, &mut drafts, rung, hasher, options)?;
        for item in placed.iter_mut().filter(|item| item.rung == rung) {
            // If many are crowded, none stays: else they would need two tuples.
            let is_full = drafts
                .get(item.draft)
                .is_some_and(|draft| draft.crowded.saturating_mul(8) > draft.count);
            if rung.saturating_add(1) < RUNGS && (is_full || item.is_alone) {
                item.rung = rung.saturating_add(1);
            }
        }
    }
    // One is for what no other holds; that is the first.
    let room = options.max_masks.max(1).saturating_sub(1);
    if drafts.len().saturating_sub(1) <= room {
        keep_largest(placed, &mut drafts, room, options)?;
    } else {
        let beside = room / 4;
        keep_largest(placed, &mut drafts, room.saturating_sub(beside), options)?;
        for item in placed.iter_mut() {
            if !drafts.get(item.draft).is_some_and(|draft| draft.is_kept) {
                item.rung = BESIDE;
            }
        }
        climb(placed, &mut drafts, BESIDE, hasher, options)?;
        keep_largest(placed, &mut drafts, beside, options)?;
    }
    if let Some(last_resort) = drafts.first_mut() {
        last_resort.is_kept = true;
    }
    for item in placed.iter_mut() {
        let own = strong(item.entry.pattern.mask());
        if !drafts.get(item.draft).is_some_and(|draft| draft.is_kept) {
            item.draft = finest(&drafts, &own);
        }
        if let Some(draft) = drafts.get_mut(item.draft) {
            draft.hold(&item.entry.pattern, item.rank);
        }
    }
    Ok(drafts)
}

/// Finds a draft for each pattern that is on this rung.
fn climb(
    placed: &mut List<Placed>,
    drafts: &mut List<Draft>,
    rung: usize,
    hasher: &Hasher,
    options: Options,
) -> Result<(), NoMemory> {
    let mut crowd = Crowd::new(placed.len())?;
    for item in placed.iter_mut().filter(|item| item.rung == rung) {
        let pattern = item.entry.pattern;
        let mask = rung_mask(&strong(pattern.mask()), rung);
        let found = drafts
            .iter()
            .position(|draft| draft.rung == rung && draft.mask == mask);
        item.draft = match found {
            Some(at) => at,
            None if drafts.len() < MAX_DRAFTS || rung == BESIDE => {
                drafts.push(Draft::new(rung, mask))?;
                drafts.len().saturating_sub(1)
            }
            None => 0,
        };
        let chain = crowd.add(hasher, item.draft, pattern.value(), &mask);
        item.is_alone = chain > options.max_chain.saturating_mul(4);
        if let Some(draft) = drafts.get_mut(item.draft) {
            draft.count = draft.count.saturating_add(1);
            draft.crowded = draft
                .crowded
                .saturating_add(u32::from(chain > options.max_chain));
        }
    }
    Ok(())
}

/// Chooses up to `room` drafts that become tuples.
fn keep_largest(
    placed: &List<Placed>,
    drafts: &mut List<Draft>,
    mut room: usize,
    options: Options,
) -> Result<(), NoMemory> {
    for draft in drafts.iter_mut() {
        draft.count = 0;
    }
    for item in placed.iter() {
        if let Some(draft) = drafts.get_mut(item.draft) {
            draft.count = draft.count.saturating_add(1);
        }
    }
    let mut order: List<(u64, usize)> = List::new();
    order.reserve_many(drafts.len())?;
    for (at, draft) in drafts.iter().enumerate() {
        // Of two of the same size the coarser one is kept: it can hold the other's.
        let size = u64::from(u32::MAX.saturating_sub(draft.count));
        let key = (size << 32) | u64::from(draft.mask.ones());
        if draft.count > 0 && !draft.is_kept && draft.rung <= BESIDE {
            order.push((key, at))?;
        }
    }
    order.sort_by_key(|(key, _)| *key);

    for (_, at) in order.iter() {
        let Some(draft) = drafts.get(*at) else {
            continue;
        };
        let (mask, is_small) = (draft.mask, draft.count <= options.max_chain);
        let is_spare = is_small
            && drafts.iter().any(|other| {
                let can_share = other.is_kept && other.mask.ones() >= MIN_SHARING_BITS;
                can_share && other.mask.is_within(&mask)
            });
        if let Some(draft) = drafts.get_mut(*at).filter(|_| room > 0 && !is_spare) {
            draft.is_kept = true;
            room = room.saturating_sub(1);
        }
    }
    Ok(())
}

/// The tuple with the most bits of those that can hold patterns with this mask: at least the first.
fn finest(drafts: &[Draft], own: &Mask) -> usize {
    let kept = drafts.iter().enumerate();
    let kept = kept.filter(|(_, draft)| draft.is_kept && draft.mask.is_within(own));
    let finest = kept.max_by_key(|(_, draft)| draft.mask.ones());
    finest.map_or(0, |(at, _)| at)
}

impl Draft {
    const fn new(rung: usize, mask: Mask) -> Self {
        Self {
            rung,
            mask,
            count: 0,
            crowded: 0,
            is_kept: false,
            held: None,
        }
    }

    fn hold(&mut self, pattern: &Pattern, rank: u32) {
        let shared = strong(pattern.mask());
        let held = self.held.get_or_insert(Held {
            shared,
            common: *pattern,
            best: rank,
            count: 0,
        });
        held.shared = held.shared.and(&shared);
        held.common = held.common.common(pattern);
        held.best = held.best.min(rank);
        held.count = held.count.saturating_add(1);
    }
}

/// Puts the patterns where lookups find them.
fn lay_out(placed: &List<Placed>, drafts: &List<Draft>, hasher: Hasher) -> Result<Table, NoMemory> {
    // Which place among the tuples each draft gets; those that are empty get none.
    let mut order: List<(u64, usize)> = List::new();
    for (at, draft) in drafts.iter().enumerate() {
        if let Some(held) = draft.held {
            order.push((u64::from(held.best), at))?;
        }
    }
    order.sort_by_key(|(best, _)| *best);
    let mut tuples: List<Tuple> = List::new();
    let mut tuple_of = List::filled(0_usize, drafts.len())?;
    let mut buckets = 0_usize;
    for (place, (_, at)) in order.iter().enumerate() {
        let held = drafts.get(*at).and_then(|draft| draft.held);
        let (Some(held), Some(slot)) = (held, tuple_of.get_mut(*at)) else {
            continue;
        };
        *slot = place;
        let size = held.count.saturating_mul(2).next_power_of_two();
        tuples.push(Tuple {
            guard: Guard::new(&held.common),
            mask: held.shared,
            hasher,
            best: held.best,
            bucket: buckets,
            bucket_mask: size.saturating_sub(1),
        })?;
        // The end of the last bucket of one tuple is the start of the first of the next.
        buckets = buckets.saturating_add(size);
    }

    // Count, then sum, then put: all in the order of ranks, so each bucket is sorted.
    let home = |item: &Placed| {
        let tuple = tuples.get(*tuple_of.get(item.draft)?)?;
        let hash = hasher.hash(item.entry.pattern.value(), &tuple.mask);
        let (bucket, check) = split(hash, tuple.bucket_mask);
        Some((tuple.bucket.saturating_add(bucket), check))
    };
    let mut starts = List::filled(0_u32, buckets.saturating_add(1))?;
    for item in placed.iter() {
        if let Some(count) = home(item).and_then(|(bucket, _)| starts.get_mut(bucket)) {
            *count = count.saturating_add(1);
        }
    }
    let mut sum = 0_u32;
    for start in starts.iter_mut() {
        let count = core::mem::replace(start, sum);
        sum = sum.saturating_add(count);
    }
    let mut next = List::filled(0_u32, starts.len())?;
    for (next, start) in next.iter_mut().zip(starts.iter()) {
        *next = *start;
    }
    let empty = Slot { check: 0, rank: 0 };
    let mut slots = List::filled(empty, placed.len())?;
    let mut entries = List::new();
    if let Some(first) = placed.first() {
        entries = List::filled(first.entry, placed.len())?;
    }
    for item in placed.iter() {
        let Some((bucket, check)) = home(item) else {
            continue;
        };
        let Some(next) = next.get_mut(bucket) else {
            continue;
        };
        let at = usize::try_from(*next).unwrap_or(usize::MAX);
        *next = next.saturating_add(1);
        if let (Some(slot), Some(entry)) = (slots.get_mut(at), entries.get_mut(at)) {
            *slot = Slot {
                check,
                rank: item.rank,
            };
            *entry = item.entry;
        }
    }
    // INVARIANT: Tuples are in the order of their best ranks; buckets were counted, summed and filled in
    // the order of ranks.
    Ok(Table {
        tuples,
        starts,
        slots,
        entries,
        relevant: Mask::NONE,
    })
}
