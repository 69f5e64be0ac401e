# SPDX-License-Identifier: GPL-2.0
"""Tests of the reader of traces."""

import io
import struct
import unittest

import trace

HEAD = struct.pack("<8sQQQ", b"PMTRACE1", 0x20000000, 0x1000, 0)


def event(kind, size=0, offset=0, value=0, cpu=0):
    """Returns the bytes of one event."""
    return struct.pack("<QQ", trace.KINDS.index(kind) | cpu << 8 | size << 16 | offset << 24, value)


def parsed(*parts):
    """Returns the events of a trace of these parts."""
    file = io.BytesIO(HEAD + b"".join(parts))
    trace.head(file)
    return list(trace.events(file))


class Reading(unittest.TestCase):
    """Files become events, or an error."""

    def test_head_gives_the_range(self):
        self.assertEqual(trace.head(io.BytesIO(HEAD)), (0x20000000, 0x1000))

    def test_events_are_printed(self):
        counts = struct.pack("<10Q", *range(1, 10), 0)
        found = parsed(
            event("begin", offset=6),
            b"create".ljust(16, b"\0"),
            event("store", 2, 0x123456789A, 0xBEEF, cpu=3),
            event("nt", 8, 0x40, 0x1234),
            event("clwb", offset=0x80),
            event("sfence"),
            event("end", offset=72),
            counts,
        )
        text = "begin 0 create|store 3 123456789a 2 beef|nt 0 40 8 1234|clwb 0 80|sfence 0|end 0 kernel_instructions=1"
        self.assertEqual("|".join(str(each).split(" user")[0] for each in found), text)
        self.assertEqual(found[-1].counts["nt_bytes"], 8)

    def test_broken_files_are_refused(self):
        for parts in ([b"x"], [event("begin", offset=6)], [event("end", offset=8), bytes(16)], [event("store", 9)], [struct.pack("<QQ", 99, 0)], [struct.pack("<QQ", 0, 0)]):
            with self.subTest(parts), self.assertRaises(trace.TraceError):
                parsed(*parts)
        with self.assertRaises(trace.TraceError):
            trace.head(io.BytesIO(b"something else" * 9))


class Words(unittest.TestCase):
    """Stores are cut at words of 8 bytes."""

    def test_aligned_store_is_one_word(self):
        (store,) = parsed(event("store", 8, 0x10, 0x1122334455667788))
        self.assertEqual(list(store.words()), [(0x10, 0xFFFFFFFFFFFFFFFF, 0x1122334455667788)])

    def test_part_of_a_word_keeps_its_place(self):
        (store,) = parsed(event("store", 2, 0x13, 0xABCD))
        self.assertEqual(list(store.words()), [(0x10, 0xFFFF000000, 0xABCD000000)])

    def test_store_over_the_end_of_a_word_is_two(self):
        (store,) = parsed(event("store", 4, 0x3E, 0x44332211))
        self.assertEqual(list(store.words()), [(0x38, 0xFFFF << 48, 0x2211 << 48), (0x40, 0xFFFF, 0x4433)])

    def test_fences_have_none(self):
        (fence,) = parsed(event("sfence"))
        self.assertEqual(list(fence.words()), [])


class Replay(unittest.TestCase):
    """The stores of a trace change an image."""

    def test_later_stores_win(self):
        image = io.BytesIO(bytes(16))
        trace.replay(image, parsed(event("store", 4, 2, 0x04030201), event("clwb"), event("nt", 1, 3, 0xFF)))
        self.assertEqual(image.getvalue(), b"\0\0\x01\xff\x03\x04" + bytes(10))


if __name__ == "__main__":
    unittest.main()
