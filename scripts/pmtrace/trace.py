#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Reads the traces of the QEMU plugin pmtrace, whose format is described in pmtrace.c.

usage: trace.py FILE.trace                     print the events, one a line
       trace.py FILE.trace FILE.image TO       write the memory as it was when the recording ended

A line is `KIND CPU` and, for stores, offset, size and value; for write-backs, the line's offset; for marks, the section's
name or its counts. Numbers are hexadecimal but for CPUs, sizes and counts.
"""

import os
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("", "store", "nt", "clwb", "clflushopt", "clflush", "sfence", "mfence", "locked", "begin", "end")
STORES = ("store", "nt")
WRITE_BACKS = ("clwb", "clflushopt", "clflush")
FENCES = ("sfence", "mfence")
# The fields of struct pmark_counts.
COUNTS = ("kernel_instructions", "user_instructions", "fences", "locked", "flushes")
COUNTS += ("stores", "cached_bytes", "nt_bytes", "interrupts")
WORD_BYTES = 8
_HEAD = struct.Struct("<8sQQQ")
_EVENT = struct.Struct("<QQ")


class TraceError(Exception):
    """The file is no whole trace; the message is one sentence."""


@dataclass(frozen=True)
class Event:
    """One event; `content` is what was stored, `label` and `counts` belong to marks."""

    kind: str
    cpu: int = 0
    offset: int = 0
    content: bytes = b""
    label: str = ""
    counts: dict = field(default_factory=dict)

    def words(self):
        """Yields (offset, mask, value) for each aligned word of 8 bytes that a store changes part of."""
        offset, content = self.offset, self.content
        while content:
            inside = offset % WORD_BYTES
            part, content = content[: WORD_BYTES - inside], content[WORD_BYTES - inside :]
            mask = int.from_bytes(b"\xff" * len(part), "little") << 8 * inside
            yield offset - inside, mask, int.from_bytes(part, "little") << 8 * inside
            offset += len(part)

    def __str__(self):
        words = [self.kind, str(self.cpu)]
        if self.kind in STORES:
            words += [f"{self.offset:x}", str(len(self.content)), f"{int.from_bytes(self.content, 'little'):x}"]
        elif self.kind in WRITE_BACKS:
            words.append(f"{self.offset:x}")
        elif self.kind == "begin":
            words.append(self.label)
        elif self.kind == "end":
            words += [f"{name}={value}" for name, value in self.counts.items()]
        return " ".join(words)


def head(file):
    """Reads the head of an open trace; returns the physical start of the range and its length in bytes."""
    data = file.read(_HEAD.size)
    if len(data) != _HEAD.size or not data.startswith(b"PMTRACE1"):
        raise TraceError("not a trace of pmtrace")
    return _HEAD.unpack(data)[1:3]


def events(file):
    """Yields the events of an open trace whose head has been read."""
    while data := file.read(_EVENT.size):
        if len(data) != _EVENT.size:
            raise TraceError("the trace is cut short")
        first, value = _EVENT.unpack(data)
        number, cpu, size, offset = first & 0xFF, first >> 8 & 0xFF, first >> 16 & 0xFF, first >> 24
        if not 0 < number < len(KINDS) or size > WORD_BYTES:
            raise TraceError(f"the trace has an event of kind {number} and size {size}")
        kind = KINDS[number]
        if kind in ("begin", "end"):
            length = -(-offset // _EVENT.size) * _EVENT.size
            payload = file.read(length)
            if len(payload) != length:
                raise TraceError("the trace is cut short")
            payload = payload[:offset]
            if kind == "begin":
                yield Event(kind, cpu, label=payload.decode(errors="replace"))
            elif offset == 8 * len(COUNTS):
                yield Event(kind, cpu, counts=dict(zip(COUNTS, struct.unpack(f"<{len(COUNTS)}Q", payload))))
            else:
                raise TraceError("the trace has counts of another version")
        else:
            yield Event(kind, cpu, offset, value.to_bytes(8, "little")[:size])


def replay(image, changes):
    """Applies all stores among the events `changes` to the open file `image`."""
    for event in changes:
        if event.content:
            image.seek(event.offset)
            image.write(event.content)


def main():
    """Returns the exit status."""
    if len(sys.argv) not in (2, 4):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1], "rb") as file:
            start, length = head(file)
            if len(sys.argv) == 2:
                print(f"# range {start:x} length {length:x}")
                for event in events(file):
                    print(event)
                return 0
            # Unlike shutil, this keeps the holes, which are most of it.
            subprocess.run(["cp", "--sparse=auto", "--", *sys.argv[2:]], check=True)
            with open(sys.argv[3], "r+b") as image:
                replay(image, events(file))
    except BrokenPipeError:
        # Whoever read the output has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (OSError, TraceError, subprocess.CalledProcessError) as error:
        print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
