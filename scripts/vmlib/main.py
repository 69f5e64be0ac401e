# SPDX-License-Identifier: GPL-2.0
"""scripts/vm: runs a command as root in a virtual machine with the stock kernel.

The checkout is visible in the guest at its path on the host, read-only, and is the working directory; the
directory RVM_OUT (/out) is writable and is the host's --out directory. Standard output and error are the
command's. The exit status is the command's, or

  2    wrong usage, or the host lacks something: nothing was run
  124  the command took longer than --timeout
  125  the kernel reported a fault or became tainted, a module was left loaded, or the boot hung
"""

import argparse
import base64
import os
import shlex
import shutil
import signal
import sys
import tempfile
import termios
import time
from pathlib import Path

import profiles
from initramfs import ImageError
from qemu import GuestError, Machine, Vm, escape
from store import Store, StoreError
from verdict import Outcome, judge

TOP = Path(__file__).resolve().parents[2]
# Logs of failed runs that are kept.
KEPT_RUNS = 20
USAGE_STATUS = 2


class UsageError(Exception):
    """The command line makes no sense; the message is one sentence."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is a single sentence."""

    def error(self, message: str):
        raise UsageError(f"{message}; see scripts/vm --help")


def whole(low: int, high: int):
    """Returns a converter to whole numbers from `low` to `high`."""

    def convert(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low} to {high}")
        return int(text)

    return convert


def parse(words: list[str]) -> argparse.Namespace:
    """Parses the command line; raises UsageError."""
    split = words.index("--") if "--" in words else len(words)
    parser = Parser(
        prog="scripts/vm",
        usage="scripts/vm [OPTION...] -- COMMAND [ARGUMENT...]\n"
        "       scripts/vm [OPTION...] --shell\n       scripts/vm --list",
        description=__doc__.split("\n", 2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--profile", default="base", help="devices and modules, see --list (default: base)")
    parser.add_argument("--cpus", type=whole(1, 16), help="number of CPUs (default: the profile's)")
    parser.add_argument("--mem", type=whole(256, 16384), metavar="MIB", help="memory (default: the profile's)")
    parser.add_argument("--icount", action="store_true", help="count instructions: time is the number executed")
    parser.add_argument("--one-thread", action="store_true", help="emulate all CPUs by one thread")
    parser.add_argument("--cold", action="store_true", help="boot the kernel instead of using a snapshot")
    parser.add_argument("--nvdimm", type=Path, metavar="FILE", help="one more NVDIMM, which keeps its content in FILE; implies --cold")
    parser.add_argument("--timeout", type=whole(1, 86400), metavar="S", help="seconds for COMMAND (default: 600)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="directory that RVM_OUT writes to")
    parser.add_argument("--log", type=Path, metavar="FILE", help="where to put the kernel log")
    parser.add_argument("--keep", action="store_true", help="keep log and output directory after a success, too")
    parser.add_argument("--shell", action="store_true", help="an interactive shell on this terminal")
    parser.add_argument("--list", action="store_true", help="list the profiles")
    options = parser.parse_args(words[:split])
    options.command = words[split + 1 :]
    if options.shell and options.command:
        raise UsageError("--shell takes no command")
    if not (options.shell or options.list or options.command):
        raise UsageError("no command given; see scripts/vm --help")
    if options.shell and not os.isatty(0):
        raise UsageError("--shell needs a terminal as standard input")
    if options.shell:
        options.command = ["bash", "-i"]
    elif options.timeout is None:
        options.timeout = 600
    return options


def run_directory() -> Path:
    """Makes a fresh directory for a run's log and outputs, and removes the oldest ones."""
    base = TOP / "build/vm"
    if not os.access(base if base.exists() else TOP, os.W_OK):
        base = cache() / "vm/runs"
    base.mkdir(parents=True, exist_ok=True)
    old = sorted(base.glob("run-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in old[KEPT_RUNS:]:
        shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("run-%H%M%S-"), dir=base))


def cache() -> Path:
    """Returns the project's cache directory, which scripts/lib.sh has chosen."""
    return Path(os.environ["RVM_CACHE_DIR"])


def request(options: argparse.Namespace, mark: str) -> bytes:
    """Returns the line that makes the guest run the command."""
    columns, rows = shutil.get_terminal_size()
    values = {
        "now": str(round(time.time())),
        "top": str(TOP),
        "mark": mark,
        "console": os.environ.get("TERM", "linux") if options.shell else "",
        "rows": str(rows),
        "columns": str(columns),
    }
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    script += "set -- " + shlex.join(options.command) + "\n"
    return base64.b64encode(script.encode(errors="surrogateescape"))


def attempt(options: argparse.Namespace, machine: Machine, log: Path, out: Path, snapshot=None) -> Outcome:
    """Runs the command in a machine that boots, or that goes on from the open file `snapshot`."""
    log.write_bytes(b"")
    mark = "@RVM-END-" + os.urandom(16).hex()
    sinks = {"out": sys.stdout.buffer, "err": sys.stderr.buffer}
    with Vm(machine, log, TOP, out, options.shell, snapshot) as vm:
        try:
            if snapshot:
                vm.resume()
            else:
                vm.wait_ready()
            vm.run(request(options, mark), mark.encode(), options.timeout, sinks)
        except GuestError as error:
            vm.outcome.failure = str(error)
        return vm.finish()


def resumed(options: argparse.Namespace, machine: Machine, log: Path, out: Path, snapshot) -> Outcome:
    """Runs the command from the snapshot in the file `snapshot()`, of which a useless one is replaced once."""
    with open(snapshot(), "rb") as file:
        outcome = attempt(options, machine, log, out, file)
        if outcome.taint_before is not None:
            return outcome
        # The command was not started, so it can be started again.
        print(f"vm: the snapshot {file.name} failed ({outcome.failure}) and is made anew", file=sys.stderr)
        Store.drop(file)
    with open(snapshot(), "rb") as file:
        return attempt(options, machine, log, out, file)


def nvdimm(path: Path) -> str:
    """Returns QEMU's arguments for an NVDIMM that is the file `path`; the profile must have a slot for it."""
    backend = f"memory-backend-file,id=filenv,share=on,mem-path={escape(path)},size={path.stat().st_size}"
    return shlex.join(["-object", backend, "-device", "nvdimm,memdev=filenv,unarmed=off"])


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns the exit status of the runner."""
    profile = profiles.load(options.profile)
    store = Store(cache() / "vm")
    machine = Machine(
        kernel=store.kernel(),
        initrd=store.initrd(profile),
        cpus=options.cpus or profile.cpus,
        mem_mib=options.mem or profile.mem_mib,
        icount=options.icount,
        one_thread=options.one_thread,
        cpu=profile.cpu,
        machine=profile.machine,
        memory=profile.memory,
        kernel_args=profile.kernel_args,
        devices=profile.devices,
    )
    if profile.plugin:
        machine.plugin = store.plugin(TOP / "scripts" / profile.plugin)
    elif not options.icount and store.kvm_works(profile):
        machine.accel = "kvm"
    if options.nvdimm:
        machine.devices = [*machine.devices, nvdimm(options.nvdimm.absolute())]
    directory = run_directory()
    log = options.log.absolute() if options.log else directory / "kernel.log"
    out = options.out.absolute() if options.out else directory / "out"
    out.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    if options.cold or profile.cold or options.icount or options.nvdimm:
        outcome = attempt(options, machine, log, out)
    else:
        outcome = resumed(options, machine, log, out, lambda: store.snapshot(profile, machine))
    status, sentence = judge(outcome)
    if sentence:
        print(f"vm: {sentence}; kernel log: {log}", file=sys.stderr)
    elif not (options.keep or status):
        if options.out or not any(out.iterdir()):
            shutil.rmtree(directory)
    return status


def interrupted(number: int, _frame) -> None:
    """Turns a signal into an exception, so that the machine is ended on the way out."""
    raise SystemExit(128 + number)


def main() -> int:
    """Runs the program and returns its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    terminal = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        options = parse(sys.argv[1:])
        if options.list:
            for name in profiles.names():
                print(f"{name:8} {profiles.load(name).about}")
            return 0
        return run(options)
    except (UsageError, profiles.ProfileError, StoreError, ImageError) as error:
        print(f"vm: error: {error}", file=sys.stderr)
    except GuestError as error:
        print(f"vm: {error}", file=sys.stderr)
        return 125
    except BrokenPipeError:
        # Whoever read the output has gone; nothing is left to say or to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"vm: error: {error.filename or 'the host'}: {error.strerror}", file=sys.stderr)
    finally:
        if terminal:
            termios.tcsetattr(0, termios.TCSADRAIN, terminal)
    return USAGE_STATUS


if __name__ == "__main__":
    sys.exit(main())
