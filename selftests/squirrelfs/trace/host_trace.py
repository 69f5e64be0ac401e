#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Crash states of what the module really does: each store, write-back and fence of a script of operations is traced.

One machine runs script.txt on a new file system under the QEMU plugin pmtrace. The program of
selftests/model/squirrelfs-trace recovers what a crash may have left at any moment of it with the core, and compares.
A choice of these images is then mounted by the module itself, in a second machine, which has to find what the core
finds. Prints KTAP. Environment: RVM_LONG more images of each kind; TRACE_KEEP a directory to work in, which stays.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
CRATE = "squirrelfs-trace"
TIMEOUT_S = 120
SAMPLES, LONG_SAMPLES = 20, 50
LONG = "RVM_LONG" in os.environ
# Lines of a listing that differ, and complaints, that are shown.
SHOWN = 20
SHOWN_COLUMNS = 300


def machine(work, *args):
    """Starts a machine that runs guest.sh; its output directory is `work`."""
    command = [TOP / "scripts/vm", "--profile", "pmtrace", "--cpus", "2", "--timeout", str(TIMEOUT_S), "--out", work]
    command += ["--log", work / f"console-{args[0]}.log", "--", "bash", (HERE / "guest.sh").relative_to(TOP), *args]
    return subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def build():
    """Starts to build the checker: where no other test waits for cargo, and with its checks on."""
    command = [TOP / "scripts/root", "cargo", "build", "--quiet", "--locked", "--profile", "test", "--package", CRATE]
    command += ["--target-dir", TOP / "build/cargo"]
    return subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def checker(work, what, *args):
    """Runs the checker on the trace; returns (whether it is content, the lines it prints)."""
    command = [TOP / "scripts/root", TOP / "build/cargo/debug" / CRATE, what, work / "script.image", work / "script.trace", *args]
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode == 0, done.stdout.splitlines()


def wait(process):
    """Waits for a machine or a build; returns what is wrong, as lines."""
    output = process.communicate()[0].decode(errors="replace").splitlines()
    return [] if process.returncode == 0 else output or [f"ended with status {process.returncode}"]


def listing(path):
    """Returns the lines of a listing in order, with checksums in place of contents."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("content "):
            _, name, digits = (line + " ").split(" ", 2)
            line = f"{hashlib.sha256(bytes.fromhex(digits)).hexdigest()}  {name}"
        lines.append(line.rstrip())
    return sorted(lines)


def differences(work, name):
    """Returns what the module found otherwise than the core."""
    expected, found = (set(listing(work / f"{name}.{kind}")) for kind in ("expected", "found"))
    lines = [f"{name}: the core finds {line}" for line in sorted(expected - found)]
    return lines + [f"{name}: the module finds {line}" for line in sorted(found - expected)]


class Report:
    """Prints KTAP."""

    def __init__(self):
        self.count, self.well = 0, True
        print("KTAP version 1", flush=True)

    def say(self, sentence, wrong, notes=()):
        """Prints one case; `wrong` are lines, none if all is well. Returns whether it is."""
        self.count += 1
        for line in [*notes, *wrong[:SHOWN]]:
            print(f"# {line[:SHOWN_COLUMNS]}")
        print(f"{'not ok' if wrong else 'ok'} {self.count} - {sentence}", flush=True)
        self.well = self.well and not wrong
        return not wrong


def check(report, work):
    """Checks the crash states; returns whether there are images for the module to mount."""
    count = LONG_SAMPLES if LONG else SAMPLES
    content, lines = checker(work, "check", str(count), work)
    violations = [line for line in lines if line.startswith("violation: ")]
    over = [line for line in lines if line.startswith("over budget: ")]
    notes = [line for line in lines if line not in violations and line not in over]
    if not content and not violations and not over:
        violations = ["the checker failed"]
    report.say("every crash leaves an operation done or not done, and done once it has returned", violations, notes)
    report.say("no operation takes more fences than it may", over)
    return (work / "final.expected").exists()


def run(report, work):
    """Runs all cases."""
    building, recording = build(), machine(work, "record")
    wrong = wait(recording) + wait(building)
    if not report.say("the module does the script of operations", wrong) or not check(report, work):
        return
    report.say("the module shows what the core reads after the script", differences(work, "final"))
    names = sorted(path.stem for path in work.glob("*.image") if path.stem.isdigit())
    mounting = machine(work, "mount", *names)
    content, lines = checker(work, "mutate")
    missed = [line for line in lines if line.startswith("not found: ")]
    notes = [line for line in lines if line not in missed]
    report.say("a trace without one of its fences or write-backs is found wrong", missed or ([] if content else ["the checker failed"]), notes)
    wrong = wait(mounting) or [line for name in names for line in differences(work, name)]
    report.say("the module recovers crash images as the core does", wrong, [f"{len(names)} images"])


def main():
    """Returns the exit status."""
    report = Report()
    with contextlib.ExitStack() as stack:
        base = TOP / "build/test"
        base.mkdir(parents=True, exist_ok=True)
        work = os.environ.get("TRACE_KEEP") or stack.enter_context(tempfile.TemporaryDirectory(dir=base, prefix="trace-"))
        work = Path(work).resolve()
        work.mkdir(parents=True, exist_ok=True)
        run(report, work)
    print(f"1..{report.count}")
    return 0 if report.well else 1


if __name__ == "__main__":
    sys.exit(main())
