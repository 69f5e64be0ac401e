// SPDX-License-Identifier: GPL-2.0

//! Does to a simulated memory what a trace says.

use crate::{
    model::pm::{zero_bytes, Offset, Pm, LINE_BYTES, WORD_BYTES},
    reader::Event,
    sim::memory::Memory,
};

/// Streams of fewer bytes are tried word by word, as stores with a write-back; longer ones are a unit.
const RUN_BYTES: usize = 3 * LINE_BYTES as usize;

/// Bytes that were streamed one behind the other.
#[derive(Default)]
struct Run {
    cpu: u8,
    at: u64,
    bytes: Vec<u8>,
}

impl Run {
    fn end(&mut self, memory: &Memory) {
        let (at, bytes) = (Offset(self.at), std::mem::take(&mut self.bytes));
        if bytes.is_empty() {
            return;
        }
        memory.run_on(usize::from(self.cpu));
        if bytes.len() < RUN_BYTES {
            let mut rest = &bytes[..];
            let mut at = at;
            while !rest.is_empty() {
                let within = (LINE_BYTES - at.0 % LINE_BYTES) as usize;
                let (part, later) = rest.split_at(rest.len().min(within));
                store(memory, at.0, part);
                memory.write_back(at.line());
                (at, rest) = (at.plus(part.len() as u64), later);
            }
        } else if bytes.iter().all(|byte| *byte == 0) {
            zero_bytes(&memory, at, bytes.len() as u64);
        } else {
            memory.copy(at, &bytes);
        }
    }
}

/// Stores bytes through the cache, as words; bytes around them keep their values.
fn store(memory: &Memory, at: u64, bytes: &[u8]) {
    let mut rest = bytes;
    let mut at = at;
    while !rest.is_empty() {
        let skip = at % WORD_BYTES;
        let (part, later) = rest.split_at(rest.len().min((WORD_BYTES - skip) as usize));
        let place = Offset(at - skip);
        let mut word = memory.load(place).to_le_bytes();
        word[skip as usize..][..part.len()].copy_from_slice(part);
        memory.store(place, u64::from_le_bytes(word));
        at += part.len() as u64;
        rest = later;
    }
}

/// Does `events`, in order.
pub(crate) fn replay(memory: &Memory, events: &[Event]) {
    let mut run = Run::default();
    for event in events {
        if let Event::Stream {
            cpu,
            at,
            bytes,
            len,
        } = *event
        {
            if (cpu, at) != (run.cpu, run.at + run.bytes.len() as u64) {
                run.end(memory);
                (run.cpu, run.at) = (cpu, at);
            }
            run.bytes.extend(&bytes[..len]);
            continue;
        }
        run.end(memory);
        match *event {
            Event::Store {
                cpu,
                at,
                bytes,
                len,
            } => {
                memory.run_on(usize::from(cpu));
                store(memory, at, &bytes[..len]);
            }
            Event::WriteBack { cpu, at } => {
                memory.run_on(usize::from(cpu));
                memory.write_back(Offset(at).line());
            }
            Event::Fence { cpu } => {
                memory.run_on(usize::from(cpu));
                memory.fence();
            }
            Event::Stream { .. } => {}
        }
    }
    run.end(memory);
}

/// What was counted in a section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) stores: u64,
    pub(crate) streamed_bytes: u64,
    pub(crate) write_backs: u64,
    /// Fences of the file system.
    pub(crate) fences: u64,
    /// Fences directly behind a stream of data: the kernel's copy from user space ends with one.
    pub(crate) copy_fences: u64,
}

impl Cost {
    /// What `events` cost; nothing of the script's data is zero, and all else that is streamed is.
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut cost = Self::default();
        let mut follows_data = false;
        for event in events {
            let was = std::mem::take(&mut follows_data);
            match event {
                Event::Store { .. } => cost.stores += 1,
                Event::WriteBack { .. } => cost.write_backs += 1,
                Event::Fence { .. } if was => cost.copy_fences += 1,
                Event::Fence { .. } => cost.fences += 1,
                Event::Stream { bytes, len, .. } => {
                    cost.streamed_bytes += *len as u64;
                    follows_data = *bytes != [0; 8];
                }
            }
        }
        cost
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.stores += other.stores;
        self.streamed_bytes += other.streamed_bytes;
        self.write_backs += other.write_backs;
        self.fences += other.fences;
        self.copy_fences += other.copy_fences;
    }
}
