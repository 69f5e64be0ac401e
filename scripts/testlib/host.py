# SPDX-License-Identifier: GPL-2.0
"""Tests that run on the host: models, the Cargo workspace, Python units, the gate, compile-fail cases."""

import os
import re
import sys
import time
from pathlib import Path

from . import compilefail, ktap, process, tree
from .result import FAIL, PASS, SKIP, Case, Test

_RUST_CASE = re.compile(r"^test (\S.*?) \.\.\. (ok|FAILED|ignored(?:, (.*))?|bench:.*)$", re.MULTILINE)
_RUST_SUMMARY = re.compile(r"^test result: ", re.MULTILINE)
_RUST_RUNNING = re.compile(r"^running (\d+) tests?$", re.MULTILINE)
_CARGO_TARGET = re.compile(r"^ +(?:Running|Doc-tests) (?:unittests )?(\S+)", re.MULTILINE)
_TIMEOUT_S = 600


def run(command, cwd, timeout_s=_TIMEOUT_S):
    """Runs a command; returns (status, standard output and error together)."""
    return process.run(command, cwd, timeout_s)[:2]


def rust_cases(output, status):
    """Returns the Cases of a libtest output; whatever does not add up is a failure."""
    cases = []
    for name, verdict, reason in _RUST_CASE.findall(output):
        if verdict == "ok":
            cases.append(Case(name, PASS))
        elif verdict.startswith("ignored"):
            cases.append(Case(name, SKIP, reason or "marked #[ignore]"))
        else:
            section = re.search(rf"^---- {re.escape(name)} std\w+ ----\n(.*?)(?=^----|^failures:|\Z)", output, re.MULTILINE | re.DOTALL)
            cases.append(Case(name, FAIL, section.group(1).strip() if section else "failed"))
    promised = sum(int(number) for number in _RUST_RUNNING.findall(output))
    if promised != len(cases) or not _RUST_SUMMARY.search(output):
        cases.append(Case("the run is complete", FAIL, f"{promised} tests promised, {len(cases)} seen\n{tail(output)}"))
    elif status != 0 and not any(case.verdict == FAIL for case in cases):
        cases.append(Case("the run succeeds", FAIL, f"status {status}\n{tail(output)}"))
    return cases


def tail(text, lines=30):
    """Returns the last lines of a text."""
    return "\n".join(text.splitlines()[-lines:])


def _newest(directory):
    return max((path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()), default=0)


def model_test(top, module, root):
    """Compiles the model of a module as a test program, unless nothing changed, and runs it."""
    start = time.monotonic()
    binary = top / "build" / "host" / f"{module}-model"
    binary.parent.mkdir(parents=True, exist_ok=True)
    if not binary.exists() or binary.stat().st_mtime_ns <= _newest(root.parent):
        fresh = binary.with_suffix(f".{os.getpid()}")
        command = ["rustc", "--test", "--edition", "2021", "-A", "dead_code", "-A", "unused_imports", "-D", "warnings"]
        command += ["--crate-name", f"{module.replace('-', '_')}_model", "-o", str(fresh), str(root)]
        status, output = run(command, top)
        if status != 0:
            return Test.failed(module, "model", f"{root.relative_to(top)} does not compile\n{output}", time.monotonic() - start)
        fresh.rename(binary)
    status, output = run([str(binary), "--color=never"], top)
    cases = rust_cases(output, status) or [Case("the model has tests", FAIL, f"no #[test] in {root.parent.relative_to(top)}")]
    return Test(module, "model", time.monotonic() - start, cases)


def cargo_test(top, long):
    """Runs the tests of the Cargo workspace, without the network if that is enough."""
    start = time.monotonic()
    command = ["cargo", "test", "--workspace", "--no-fail-fast", "--color=never"]
    command = ["env", "RVM_LONG=1", *command] if long else command
    # Whether everything needed is at hand is cargo's knowledge; a build tells, before any test runs.
    offline = run([*command, "--no-run", "--offline"], top)[0] == 0
    # The models' own tests run without cargo already.
    command += ["--offline", "--"] if offline else ["--"]
    status, output = run([*command, "--skip", "model::"], top)
    cases = rust_cases(output, status)
    if not cases:
        cases = [Case("the workspace has tests", FAIL, tail(output))]
    return Test("workspace", "cargo", time.monotonic() - start, cases)


def python_test(top, path):
    """Runs one Python unit test file; its cases are its test methods."""
    start = time.monotonic()
    runner = Path(__file__).with_name("unit.py")
    status, output = run([sys.executable, "-B", str(runner), str(path)], top)
    return Test("scripts", f"{path.parent.name}/{path.stem}", time.monotonic() - start, from_ktap(status, output))


def shell_test(top, path):
    """Runs a host script that prints KTAP, such as the self test of the virtual machine runner."""
    start = time.monotonic()
    status, output = run(["bash", str(path)], top, timeout_s=900)
    return Test("scripts", f"{path.parent.name}/{path.stem}", time.monotonic() - start, from_ktap(status, output))


def shell_files(top):
    """Returns the host scripts that print KTAP."""
    return sorted((top / "scripts").glob("*/selftest.sh"))


def machine_test(top, path, long):
    """Runs a host program that boots machines itself and prints KTAP: selftests/<module>/<directory>/host_*.py."""
    start = time.monotonic()
    command = [sys.executable, "-B", str(path)]
    command = ["env", "RVM_LONG=1", *command] if long else command
    status, output = run(command, top, timeout_s=3600 if long else 900)
    return Test(machine_module(top, path), path.stem.removeprefix("host_"), time.monotonic() - start, from_ktap(status, output))


def machine_files(top):
    """Returns the host programs that boot machines."""
    return sorted(top.glob("selftests/*/*/host_*.py"))


def machine_module(top, path):
    """Returns the module whose test it is."""
    return path.relative_to(top / "selftests").parts[0]


def from_ktap(status, output):
    """Returns the Cases of a program that prints KTAP, one more that fails if its status contradicts them."""
    cases = ktap.cases(output)
    if status not in (0, 4) and not any(case.verdict == FAIL for case in cases):
        cases.append(Case("the program succeeds", FAIL, f"status {status}\n{tail(output)}"))
    return cases


def gate(top):
    """Runs the static gate; its cases are its checks."""
    start = time.monotonic()
    status, output = run([str(top / "scripts" / "check")], top, timeout_s=1200)
    return Test("gate", "check", time.monotonic() - start, from_ktap(status, output))


def compile_fail_files(top):
    """Returns the compile-fail cases: {module: [path]}."""
    found = {}
    for path in sorted(top.glob("selftests/compile-fail/*/*.rs")):
        found.setdefault(path.parent.name, []).append(path)
    return found


def compile_fail_test(top, module, path):
    """Runs one compile-fail case."""
    start = time.monotonic()
    cases = compilefail.run_case(path, top / "build" / "mod")
    return Test(module, f"refuses/{path.stem}", time.monotonic() - start, cases)


def build(top):
    """Builds the modules; a failure is one failed case."""
    start = time.monotonic()
    if not (top / "Makefile").exists():
        return Test.failed("build", "modules", "the tree has no Makefile")
    status, output = run(["make", "-C", str(top), "all"], top, timeout_s=1200)
    case = Case("the modules build", PASS) if status == 0 else Case("the modules build", FAIL, tail(output))
    return Test("build", "modules", time.monotonic() - start, [case])


def unit_files(top):
    """Returns the Python unit test files."""
    return [path for path in tree.files(top / "scripts") if path.name.startswith("test_") and path.suffix == ".py"]
