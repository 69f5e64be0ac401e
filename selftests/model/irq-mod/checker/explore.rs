// SPDX-License-Identifier: GPL-2.0

//! Visits every state of a small system, whatever the order of its steps.

use std::{
    collections::{hash_map::Entry, HashMap},
    fmt::Debug,
    hash::{BuildHasherDefault, Hash, Hasher},
};

/// A system that can take one of several steps at a time. No sequence of steps leads back to a state.
pub(crate) trait System: Clone + Hash {
    type Step: Copy + Debug;

    /// The steps that can be taken now; none at the end.
    fn steps(&self) -> Vec<Self::Step>;

    /// Takes a step, or says which promise it broke.
    fn take(&mut self, step: Self::Step) -> Result<(), &'static str>;

    /// Checks what must hold at the end.
    fn end(&self) -> Result<(), &'static str>;
}

/// What was visited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visited {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// Number of different sequences of steps from the beginning to an end.
    pub(crate) interleavings: f64,
    /// Length of the longest of them.
    pub(crate) depth: usize,
}

/// A broken promise and the shortest way there.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) promise: &'static str,
    pub(crate) trace: Vec<String>,
}

/// Two independent hashes of 64 bits: among millions of states, none is taken for another.
struct Fingerprint([u64; 2]);

impl Fingerprint {
    fn of<S: Hash>(state: &S) -> (u64, u64) {
        let mut this = Self([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344]);
        state.hash(&mut this);
        this.0.into()
    }

    fn add(&mut self, word: u64) {
        const KEYS: [u64; 2] = [0xa409_3822_299f_31d1, 0x082e_fa98_ec4e_6c89];
        for (lane, key) in self.0.iter_mut().zip(KEYS) {
            let product = u128::from(*lane ^ word) * u128::from(key);
            *lane = (product >> 64) as u64 ^ product as u64 ^ lane.rotate_left(23);
        }
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.add(u64::from(byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0[0]
    }
}

/// The hash of what is a hash already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Known = HashMap<(u64, u64), u32, BuildHasherDefault<Same>>;

/// A way into a state that has been found: from which, and by which step.
struct Found<T> {
    from: u32,
    step: Option<T>,
}

fn trace<T: Debug>(found: &[Found<T>], mut at: u32) -> Vec<String> {
    let mut trace = Vec::new();
    while let Some(step) = &found[at as usize].step {
        trace.push(format!("{step:?}"));
        at = found[at as usize].from;
    }
    trace.reverse();
    trace
}

/// Visits all states, nearest first, up to `limit` of them.
pub(crate) fn explore<S: System>(start: S, limit: usize) -> Result<Visited, Violation> {
    let mut known = Known::default();
    known.insert(Fingerprint::of(&start), 0);
    let mut found = vec![Found {
        from: 0,
        step: None,
    }];
    let mut next = Vec::new();
    let mut frontier = vec![(0, start)];
    while !frontier.is_empty() {
        let mut further = Vec::new();
        for (at, state) in frontier {
            let steps = state.steps();
            if steps.is_empty() {
                state.end().map_err(|promise| Violation {
                    promise,
                    trace: trace(&found, at),
                })?;
            }
            for step in steps {
                let mut after = state.clone();
                if let Err(promise) = after.take(step) {
                    let mut trace = trace(&found, at);
                    trace.push(format!("{step:?}"));
                    return Err(Violation { promise, trace });
                }
                let to = match known.entry(Fingerprint::of(&after)) {
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(entry) => {
                        let to = found.len() as u32;
                        entry.insert(to);
                        found.push(Found {
                            from: at,
                            step: Some(step),
                        });
                        further.push((to, after));
                        to
                    }
                };
                next.push((at, to));
            }
        }
        assert!(found.len() <= limit, "more than {limit} states");
        frontier = further;
    }
    let (interleavings, depth) = paths(found.len(), &next);
    Ok(Visited {
        states: found.len(),
        steps: next.len(),
        interleavings,
        depth,
    })
}

/// Number and greatest length of the ways through the graph `edges`, sorted by where they begin.
fn paths(states: usize, edges: &[(u32, u32)]) -> (f64, usize) {
    let mut incoming = vec![0_usize; states];
    let mut first = vec![edges.len(); states + 1];
    for (index, &(from, to)) in edges.iter().enumerate().rev() {
        incoming[to as usize] += 1;
        first[from as usize] = index;
    }
    for state in (0..states).rev() {
        first[state] = first[state].min(first[state + 1]);
    }
    let mut ways = vec![0.0; states];
    let mut depths = vec![0; states];
    ways[0] = 1.0;
    let (mut total, mut depth, mut visited) = (0.0, 0, 0);
    let mut ready = vec![0];
    while let Some(at) = ready.pop() {
        visited += 1;
        depth = depth.max(depths[at]);
        let outgoing = &edges[first[at]..first[at + 1]];
        if outgoing.is_empty() {
            total += ways[at];
        }
        for &(_, to) in outgoing {
            let to = to as usize;
            ways[to] += ways[at];
            depths[to] = depths[to].max(depths[at] + 1);
            incoming[to] -= 1;
            if incoming[to] == 0 {
                ready.push(to);
            }
        }
    }
    assert_eq!(visited, states, "a sequence of steps leads back to a state");
    (total, depth)
}
