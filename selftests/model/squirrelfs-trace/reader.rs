// SPDX-License-Identifier: GPL-2.0

//! Reads the traces of the QEMU plugin; scripts/pmtrace/pmtrace.c describes the format.

/// Bytes of the head, and of an event.
const HEAD: usize = 32;
const EVENT: usize = 16;

/// What a CPU did to the memory. Positions are bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// So many bytes, through the cache.
    Store {
        cpu: u8,
        at: u64,
        bytes: [u8; 8],
        len: usize,
    },
    /// So many bytes, past the cache.
    Stream {
        cpu: u8,
        at: u64,
        bytes: [u8; 8],
        len: usize,
    },
    /// Whichever instruction: none is ordered with anything but by a fence.
    WriteBack {
        cpu: u8,
        at: u64,
    },
    Fence {
        cpu: u8,
    },
}

/// Events of one operation, or between two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// The operation as a line of the script; [`None`] between two.
    pub(crate) label: Option<String>,
    pub(crate) events: Vec<Event>,
}

fn word(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?))
}

/// Cuts a whole trace into its sections. Between two there is one without a label, if anything happened.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Section>, String> {
    if bytes.len() < HEAD || !bytes.starts_with(b"PMTRACE1") {
        return Err("not a trace of pmtrace".into());
    }
    let mut rest = &bytes[HEAD..];
    let mut sections = Vec::new();
    let mut now = Section::default();
    let cut = "the trace is cut short";
    while !rest.is_empty() {
        let (first, value) = (word(rest), rest.get(8..).and_then(word));
        let (first, value) = first.zip(value).ok_or(cut)?;
        rest = &rest[EVENT..];
        let [kind, cpu, size, ..] = first.to_le_bytes();
        let (at, bytes, len) = (first >> 24, value.to_le_bytes(), usize::from(size));
        match kind {
            1 | 2 if !(1..=8).contains(&len) => return Err(format!("a store of {len} bytes")),
            1 => now.events.push(Event::Store {
                cpu,
                at,
                bytes,
                len,
            }),
            2 => now.events.push(Event::Stream {
                cpu,
                at,
                bytes,
                len,
            }),
            3..=5 => now.events.push(Event::WriteBack { cpu, at }),
            6 | 7 => now.events.push(Event::Fence { cpu }),
            // It orders, too. The module does not rely on that, so that nothing is lost without it.
            8 => {}
            9 | 10 => {
                let long = usize::try_from(at).map_err(|_| cut)?;
                let payload = rest.get(..long).ok_or(cut)?;
                let text = String::from_utf8_lossy(payload).into_owned();
                rest = rest.get(long.next_multiple_of(EVENT)..).ok_or(cut)?;
                if (kind == 9) == now.label.is_some() {
                    return Err("a section begins within another, or ends without one".into());
                }
                let done = std::mem::replace(
                    &mut now,
                    Section {
                        label: (kind == 9).then_some(text),
                        events: Vec::new(),
                    },
                );
                sections.push(done);
            }
            _ => return Err(format!("an event of kind {kind}")),
        }
    }
    if now.label.is_some() {
        return Err("the last section does not end".into());
    }
    sections.push(now);
    sections.retain(|section| section.label.is_some() || !section.events.is_empty());
    Ok(sections)
}
