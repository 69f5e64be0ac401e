// SPDX-License-Identifier: GPL-2.0

use super::super::crash::{Limits, Seen};
use super::*;

const A: Offset = Offset(0);
const B: Offset = Offset(64);

/// What a crash may leave in the words at `places`, in order.
fn outcomes<const N: usize>(memory: &Memory, places: [Offset; N]) -> Vec<[u64; N]> {
    let mut found: Vec<_> = memory
        .crash_point()
        .images(Limits::default(), &mut Seen::default())
        .map(|image| places.map(|at| image.load(at)))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn stores_to_one_line_become_durable_in_order() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.store(A.word(1), 2);
    let places = [A, A.word(1)];
    assert_eq!(outcomes(&memory, places), [[0, 0], [1, 0], [1, 2]]);
    assert_eq!((memory.load(A), memory.load(A.word(1))), (1, 2));
}

#[test]
fn stores_to_two_lines_become_durable_in_any_order() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.store(B, 2);
    assert_eq!(outcomes(&memory, [A, B]), [[0, 0], [0, 2], [1, 0], [1, 2]]);
}

#[test]
fn a_fence_alone_makes_nothing_durable() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.fence();
    assert_eq!(outcomes(&memory, [A]), [[0], [1]]);
}

#[test]
fn a_write_back_alone_makes_nothing_durable() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.write_back(A);
    assert_eq!(outcomes(&memory, [A]), [[0], [1]]);
    memory.fence();
    assert_eq!(outcomes(&memory, [A]), [[1]]);
    assert_eq!(memory.pending_lines(), 0);
}

#[test]
fn a_store_after_the_write_back_is_not_durable_after_the_fence() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.write_back(A.word(7));
    memory.store(A, 2);
    memory.fence();
    memory.fence();
    assert_eq!(outcomes(&memory, [A]), [[1], [2]]);
    memory.write_back(A);
    memory.fence();
    assert_eq!(outcomes(&memory, [A]), [[2]]);
}

#[test]
fn zeros_past_the_cache_need_no_write_back() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.zero(A, LINE_BYTES);
    memory.store(A.word(1), 3);
    assert_eq!(outcomes(&memory, [A, A.word(1)]), [[0, 0], [0, 3], [1, 0]]);
    memory.fence();
    assert_eq!(outcomes(&memory, [A, A.word(1)]), [[0, 0], [0, 3]]);
}

#[test]
fn requests_beyond_the_end_or_unaligned_are_recorded_and_dropped() {
    let memory = Memory::new(4096);
    let (end, odd) = (Offset(4096), Offset(4));
    let beyond = Offset(u64::MAX);
    memory.store(end, 1);
    memory.store(odd, 1);
    assert_eq!((memory.load(end), memory.load(odd)), (0, 0));
    memory.write_back(beyond);
    memory.write_back(odd);
    memory.zero(Offset(4032), 128);
    memory.zero(beyond, LINE_BYTES);
    memory.zero(A, 32);
    let (value, len_bytes) = (1, LINE_BYTES);
    let expected = [
        Defect::Store { at: end, value },
        Defect::Store { at: odd, value },
        Defect::Load { at: end },
        Defect::Load { at: odd },
        Defect::WriteBack { at: beyond },
        Defect::Zero {
            at: Offset(4032),
            len_bytes: 128,
        },
        Defect::Zero {
            at: beyond,
            len_bytes,
        },
        Defect::Zero {
            at: A,
            len_bytes: 32,
        },
    ];
    assert_eq!(memory.defects(), expected);
    assert_eq!(outcomes(&memory, [A]), [[0]]);
}

#[test]
fn a_defect_in_an_image_is_known_to_the_region_it_came_of() {
    let memory = Memory::new(4096);
    let mut seen = Seen::default();
    for image in memory.crash_point().images(Limits::default(), &mut seen) {
        image.load(Offset(4096));
    }
    assert_eq!(memory.defects(), [Defect::Load { at: Offset(4096) }]);
}

#[test]
fn a_defect_of_a_mutant_is_not_the_programs() {
    let memory = Memory::new(4096);
    let mutant = memory.clone().with_fault(Fault::DropFence(0));
    mutant.write_back(Offset(4096));
    assert_eq!((memory.defects().len(), mutant.defects().len()), (0, 1));
}

#[test]
fn what_is_asked_for_is_counted() {
    let memory = Memory::new(8192);
    memory.store(A, 1);
    memory.store(B, 1);
    memory.write_back(A);
    memory.zero(Offset(4096), 4096);
    memory.fence();
    memory.fence();
    let expected = Counts {
        fences: 2,
        write_backs: 1,
        stores: 2,
        streams: 1,
        zeroed_bytes: 4096,
    };
    assert_eq!(memory.counts(), expected);
}

#[test]
fn a_fence_does_not_wait_for_what_another_cpu_wrote_back() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    memory.write_back(A);
    memory.copy(B, &2_u64.to_le_bytes());
    memory.run_on(1);
    memory.fence();
    assert_eq!(outcomes(&memory, [A, B]).len(), 4);
    memory.store(A.word(1), 3);
    memory.write_back(A);
    memory.fence();
    assert_eq!(outcomes(&memory, [A, B]), [[1, 0], [1, 2]]);
    memory.run_on(0);
    memory.fence();
    assert_eq!(outcomes(&memory, [A, B]), [[1, 2]]);
}

#[test]
fn bytes_past_the_cache_keep_what_is_around_them() {
    let memory = Memory::new(4096);
    memory.store(A, u64::MAX);
    memory.copy(Offset(3), &[0; 10]);
    assert_eq!(memory.load(A), 0xff_ffff);
    assert_eq!(memory.load(A.word(1)), 0);
    memory.copy(Offset(4090), &[1; 10]);
    let (at, len_bytes) = (Offset(4090), 10);
    assert_eq!(memory.defects(), [Defect::Copy { at, len_bytes }]);
}

#[test]
fn a_clone_goes_its_own_way() {
    let memory = Memory::new(4096);
    memory.store(A, 1);
    let clone = memory.clone();
    clone.write_back(A);
    clone.fence();
    assert_eq!(outcomes(&memory, [A]), [[0], [1]]);
    assert_eq!(outcomes(&clone, [A]), [[1]]);
    assert_eq!(memory.content_hash(), clone.content_hash());
}

#[test]
fn bytes_are_little_endian() {
    let memory = Memory::new(4096);
    memory.store(A.word(1), 0x0102);
    let bytes = memory.to_bytes();
    assert_eq!((bytes.len(), &bytes[8..11]), (4096, &[2, 1, 0][..]));
}
