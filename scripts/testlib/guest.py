# SPDX-License-Identifier: GPL-2.0
"""Guest tests: found by name, grouped by the VM they need, run many to a boot."""

import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import ktap, process
from .result import FAIL, Case, Test

_HEADER = re.compile(r"^# (profile|cpus|timeout|long|icount|threads|alone): *(\S+) *$")
_SETTING = re.compile(r"^(PROFILE|CPUS|TIMEOUT_S)=[\"']?([\w.-]+)[\"']?", re.MULTILINE)
_GROUPS = ("load", "attr", "fault", "use", "stress")
_DEFAULT_TIMEOUT_S = 60
_GROUP_TIMEOUT_S = 180
# Beyond the tests' own times: booting, and a guest slowed down by its neighbours.
_MARGIN_S = 60
# What a status of scripts/vm says about the VM, where it is not that of the command.
_VM_ENDED = {124: "the VM ran out of time", 125: "the kernel of the VM broke"}


@dataclass(frozen=True)
class Machine:
    """The VM a test needs; without a profile or a number of CPUs, what scripts/vm thinks best."""

    profile: str = ""
    cpus: int = 0
    icount: bool = False
    # Whether one thread of the host emulates all CPUs: with one for each, a CPU may meet old code where the kernel has
    # patched itself.
    one_thread: bool = False
    # Whether nothing else may run on the host meanwhile: what it measures is time.
    alone: bool = False

    def options(self):
        """Returns the options of scripts/vm."""
        options = ["--profile", self.profile] if self.profile else []
        options += ["--cpus", str(self.cpus)] if self.cpus else []
        options += ["--icount"] if self.icount else []
        return options + (["--one-thread"] if self.one_thread else [])


@dataclass
class Script:
    """One guest test: a script below selftests/, its argument, and what it needs."""

    module: str
    name: str
    path: str
    argument: str = ""
    machine: Machine = Machine()
    timeout_s: int = _DEFAULT_TIMEOUT_S
    long: bool = False

    def entry(self):
        """Returns the argument of guest.sh that names this test."""
        return f"{self.module}/{self.name}:{self.timeout_s}:{self.path}" + (f":{self.argument}" if self.argument else "")


@dataclass
class Group:
    """Tests of one module that share a boot."""

    module: str
    machine: Machine
    scripts: list = field(default_factory=list)

    def name(self):
        """Returns a name fit for a file."""
        cpus = f"-cpus{self.machine.cpus}" if self.machine.cpus else ""
        machine = self.machine
        words = {"icount": machine.icount, "one-thread": machine.one_thread, "alone": machine.alone}
        return "-".join([f"{self.module}-{machine.profile or 'base'}{cpus}"] + [word for word, is_wanted in words.items() if is_wanted])


def _profile(name):
    # So that tests that name the default share a VM with those that do not.
    return "" if name == "base" else name


def _machine(settings):
    return Machine(
        _profile(settings.get("profile", "")),
        int(settings.get("cpus", 0)),
        settings.get("icount") == "yes",
        settings.get("threads") == "one",
        settings.get("alone") == "yes",
    )


def header(text):
    """Returns the settings in the comment at the head of a test script, as a dictionary of strings."""
    settings = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        match = _HEADER.match(line)
        if match:
            settings[match.group(1)] = match.group(2)
    return settings


def find(top):
    """Returns all guest tests of the tree: the modules' own and the shared groups of each config.sh."""
    scripts = []
    for path in sorted(top.glob("selftests/*/config.sh")):
        settings = dict(_SETTING.findall(path.read_text(encoding="utf-8")))
        machine = Machine(_profile(settings.get("PROFILE", "")), int(settings.get("CPUS", 0)))
        for group in _GROUPS:
            # The groups take the name of the module's directory, which may lie below drivers/.
            scripts.append(
                Script(
                    path.parent.name,
                    group,
                    f"selftests/lib/group_{group}.sh",
                    path.parent.name,
                    machine,
                    int(settings.get("TIMEOUT_S", _GROUP_TIMEOUT_S)),
                )
            )
    for path in sorted(top.glob("selftests/*/test_*.sh")):
        settings = header(path.read_text(encoding="utf-8"))
        scripts.append(
            Script(
                path.parent.name,
                path.stem.removeprefix("test_"),
                str(path.relative_to(top)),
                "",
                _machine(settings),
                int(settings.get("timeout", _DEFAULT_TIMEOUT_S)),
                settings.get("long") == "yes",
            )
        )
    return scripts


def group(scripts):
    """Sorts tests into Groups that can share a boot, the longest first."""
    groups = {}
    for script in scripts:
        key = (script.module, script.machine)
        groups.setdefault(key, Group(script.module, script.machine)).scripts.append(script)
    return sorted(groups.values(), key=lambda each: -sum(script.timeout_s for script in each.scripts))


def tests_of(members, output, status, log_tail):
    """Turns the KTAP output of guest.sh into one Test a script.

    `status` is that of scripts/vm: 0 or 1 from guest.sh, 124 time-out, 125 the kernel broke. With any other
    status than 0 and 1, the first test without a result, or else the last one, carries the blame; tests
    after it have not run.
    """
    nodes = {}
    for node in ktap.parse(output):
        nodes.setdefault(node.name, node)
    tests, blamed = [], False
    why = _VM_ENDED.get(status, f"scripts/vm ended with status {status}")
    for script in members:
        node = nodes.get(f"{script.module}/{script.name}")
        if node is not None:
            tests.append(Test(script.module, script.name, node.time_s, node.cases()))
        elif blamed:
            tests.append(Test.failed(script.module, script.name, f"not run: {why} before"))
        else:
            blamed = True
            tests.append(Test.failed(script.module, script.name, f"no result: {why}\n{log_tail}"))
    if status not in (0, 1) and not blamed:
        tests[-1].cases.append(Case("the VM ends well", FAIL, f"{why}\n{log_tail}"))
    elif status == 1 and not any(test.count(FAIL) for test in tests):
        tests[-1].cases.append(Case("the tests end well", FAIL, f"no case failed, but the status is 1\n{log_tail}"))
    return tests


def run_group(top, vm, members, long):
    """Runs the tests of a Group in one VM and returns their Tests; those after a test that ends the VM, in a second one."""
    out = top / "build" / "test" / "vm" / members.name()
    shutil.rmtree(out, ignore_errors=True)
    tests, rest = _boot(top, vm, members, long, out)
    if not rest:
        return tests
    again, _ = _boot(top, vm, Group(members.module, members.machine, rest), long, out / "again")
    names = {(each.module, each.name) for each in again}
    return [each for each in tests if (each.module, each.name) not in names] + again


def _boot(top, vm, members, long, out):
    """Boots one VM and runs the tests of a Group in it; returns their Tests, and the Scripts that an earlier one kept from running."""
    scripts = members.scripts
    out.mkdir(parents=True)
    log = out / "console.log"
    timeout_s = sum(script.timeout_s for script in scripts) + _MARGIN_S
    command = [str(vm), *members.machine.options(), "--timeout", str(timeout_s), "--out", str(out), "--log", str(log), "--"]
    # The guest has no locale but C.
    command += ["env", "LC_ALL=C", *(["RVM_LONG=1"] if long else []), "bash", "selftests/lib/guest.sh", *(script.entry() for script in scripts)]
    start = time.monotonic()
    status, output, message = process.run(command, top, timeout_s + _MARGIN_S, separate=True)
    boot_s = time.monotonic() - start
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    shown = message.splitlines()[-10:] + text.splitlines()[-30:] + [f"console: {log}", f"VM time: {boot_s:.1f} s"]
    reported = {node.name for node in ktap.parse(output)}
    missing = [script for script in scripts if f"{script.module}/{script.name}" not in reported]
    return tests_of(scripts, output, status, "\n".join(shown)), missing[1:] if status in _VM_ENDED else []


def vm_program(top):
    """Returns the VM runner: scripts/vm, unless the environment names another one."""
    return Path(os.environ.get("RVM_VM") or top / "scripts" / "vm")
