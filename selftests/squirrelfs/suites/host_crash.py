#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Kills machines that copy a large tree of files to a persistent NVDIMM, and looks for each file afterwards.

Each round boots a machine on the same NVDIMM, a file of the host: it checks and mounts what the round before left,
compares every entry that was reported complete byte by byte, removes all, and copies again until QEMU is killed at a
moment drawn from a fixed seed. Prints KTAP. Environment: RVM_LONG more rounds, and SUITES_FS as in suites.sh.
"""

import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
SEED = 3
ROUNDS, LONG_ROUNDS = 3, 10
# Entries that are complete when the kill is due; the tree has more than 10,000 of them.
EARLIEST, LATEST, LONG_LATEST = 200, 3000, 10500
# And a while, so that it falls within an operation.
LATEST_S = 0.05
TIMEOUT_S = 300
SIZE = 256 << 20
# Where a namespace of the mode fsdax keeps its description, and where its content begins.
DESCRIPTION_AT, CONTENT_AT = 4096, 2 << 20
PAGE, ALIGN = 4096, 2 << 20
MODE_RAM = 1


def checksum(data):
    """Returns the kernel's nd_fletcher64 of some bytes."""
    low = high = 0
    for (word,) in struct.iter_unpack("<I", data):
        low = (low + word) & 0xFFFFFFFF
        high = (high + low) & 0xFFFFFFFFFFFFFFFF
    return (high << 32 | low) & 0xFFFFFFFFFFFFFFFF


def make_nvdimm(path):
    """Makes a file that a kernel takes for an NVDIMM with a namespace of the mode fsdax: struct nd_pfn_sb."""
    head = struct.pack("<16s16s16sIHH", b"NVDIMM_PFN_INFO", b"rvm-crash-tests!", bytes(16), 0, 1, 4)
    head += struct.pack("<QQI", CONTENT_AT, (SIZE - CONTENT_AT) // PAGE, MODE_RAM)
    head += struct.pack("<IIIIH", 0, 0, ALIGN, PAGE, 64)
    block = head.ljust(PAGE - 8, b"\0")
    block += struct.pack("<Q", checksum(block + bytes(8)))
    with open(path, "wb") as file:
        file.truncate(SIZE)
        file.seek(DESCRIPTION_AT)
        file.write(block)


class Machine:
    """A machine that runs crash_guest.sh on the NVDIMM; killed when the `with` block is left."""

    def __init__(self, work, step):
        self.work, self.step = work, step
        command = [TOP / "scripts/vm", "--profile", "pmem", "--cpus", "2", "--nvdimm", work / "nvdimm", "--out", work / "out"]
        command += ["--log", work / f"console-{step}.log", "--timeout", str(TIMEOUT_S), "--"]
        command += ["env", f"SUITES_FS={os.environ.get('SUITES_FS', 'squirrelfs')}"]
        command += ["bash", (HERE / "crash_guest.sh").relative_to(TOP), step]
        self.process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.rest()

    def line(self):
        """Returns the next whole line, or an empty text at the end."""
        line = self.process.stdout.readline()
        return line.decode(errors="replace").rstrip("\n") if line.endswith(b"\n") else ""

    def rest(self):
        """Returns what it says until it ends, on standard output and on standard error."""
        # communicate() would not see what line() has buffered.
        rest, errors = self.process.stdout.read(), self.process.stderr.read()
        self.process.wait()
        return rest, errors

    def why(self):
        """Returns why the machine has ended."""
        rest, errors = self.rest()
        return (rest + errors).decode(errors="replace").strip().replace("\n", "; ") or f"status {self.process.returncode}"

    def compare(self):
        """Waits for the comparison; returns (what was compared, None) or (None, what is wrong)."""
        line = self.line()
        if line.startswith("compared: "):
            return line.removeprefix("compared: "), None
        return None, line or self.why()

    def copy_until_killed(self, count, wait_s):
        """Lets the copy report `count` entries, then kills; returns what is wrong, if anything."""
        line = self.line()
        if line != "copying":
            return line or self.why()
        reported = []
        while len(reported) < count:
            line = self.line()
            if not line:
                return f"the copy ended after {len(reported)} entries: {self.why()}"
            reported.append(line)
        time.sleep(wait_s)
        # scripts/vm passes it on as SIGKILL to QEMU.
        self.process.send_signal(signal.SIGTERM)
        rest = self.rest()[0]
        # What the guest had said before that counts, too.
        whole = rest.decode(errors="replace").split("\n")[:-1]
        (self.work / "out/list").write_text("".join(f"{name}\n" for name in reported + whole), encoding="utf-8")
        return None


def rounds(work, say, count, latest):
    """Runs all rounds; returns whether all is well."""
    chance = random.Random(SEED)
    for number in range(count + 1):
        step = "first" if number == 0 else "last" if number == count else "next"
        with Machine(work, step) as machine:
            if step != "first":
                what, wrong = machine.compare()
                if not say(f"round {number}: what was reported complete is there after the kill", wrong, what):
                    return False
            if step == "last":
                why = machine.why()
                wrong = None if machine.process.returncode == 0 else why
                return say("it is clean at the end", wrong)
            kill_at = chance.randint(EARLIEST, latest)
            wrong = machine.copy_until_killed(kill_at, chance.uniform(0, LATEST_S))
            if wrong:
                return say(f"round {number + 1}: the tree can be copied", wrong)
    return True


def main():
    """Returns the exit status."""
    long = "RVM_LONG" in os.environ
    number = 0

    def say(sentence, wrong, note=None):
        nonlocal number
        number += 1
        for line in (wrong or note or "").split("; "):
            if line:
                print(f"# {line}")
        print(f"{'not ok' if wrong else 'ok'} {number} - {sentence}", flush=True)
        return not wrong

    print("KTAP version 1", flush=True)
    base = TOP / "build/test"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="crash-") as directory:
        work = Path(directory)
        (work / "out").mkdir()
        make_nvdimm(work / "nvdimm")
        well = rounds(work, say, LONG_ROUNDS if long else ROUNDS, LONG_LATEST if long else LATEST)
    print(f"1..{number}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
