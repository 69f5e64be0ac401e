// SPDX-License-Identifier: GPL-2.0

//! The reader of traces.

mod reader;

use reader::{read, Event, Section};

fn event(kind: u8, cpu: u8, size: u8, at: u64, value: u64) -> Vec<u8> {
    let first = [&[kind, cpu, size], &at.to_le_bytes()[..5]].concat();
    [first, value.to_le_bytes().to_vec()].concat()
}

fn trace(events: &[Vec<u8>]) -> Vec<u8> {
    let head = [*b"PMTRACE1", [0; 8], [0; 8], [0; 8]].concat();
    [&[head], events].concat().concat()
}

fn begin(label: &[u8; 16]) -> Vec<u8> {
    [event(9, 0, 0, 7, 0), label.to_vec()].concat()
}

fn end() -> Vec<u8> {
    [event(10, 0, 0, 72, 0), vec![0; 80]].concat()
}

#[test]
fn a_trace_is_cut_into_operations_and_what_is_between_them() {
    let (fence, locked) = (event(6, 1, 0, 0, 0), event(8, 0, 0, 0, 0));
    let store = event(1, 1, 4, 0x1234, 0x0102);
    let bytes = trace(&[
        begin(b"mkdir d\0\0\0\0\0\0\0\0\0"),
        store,
        locked,
        end(),
        fence,
        begin(b"rmdir d\0\0\0\0\0\0\0\0\0"),
        event(3, 0, 0, 64, 0),
        end(),
    ]);
    let at = 0x1234;
    let (bytes_stored, len) = ([2, 1, 0, 0, 0, 0, 0, 0], 4);
    let store = Event::Store {
        cpu: 1,
        at,
        bytes: bytes_stored,
        len,
    };
    let section = |label: Option<&str>, event| Section {
        label: label.map(Into::into),
        events: vec![event],
    };
    let expected = [
        section(Some("mkdir d"), store),
        section(None, Event::Fence { cpu: 1 }),
        section(Some("rmdir d"), Event::WriteBack { cpu: 0, at: 64 }),
    ];
    assert_eq!(read(&bytes).unwrap(), expected);
}

#[test]
fn what_is_no_whole_trace_is_refused() {
    let label = b"mkdir d\0\0\0\0\0\0\0\0\0";
    let whole = trace(&[begin(label), end()]);
    assert!(read(&whole).is_ok());
    assert!(read(&whole[..whole.len() - 1]).is_err());
    assert!(read(&whole[1..]).is_err());
    assert!(read(&trace(&[begin(label)])).is_err());
    assert!(read(&trace(&[end()])).is_err());
    assert!(read(&trace(&[event(11, 0, 0, 0, 0)])).is_err());
    assert!(read(&trace(&[event(1, 0, 9, 0, 0)])).is_err());
}
