# SPDX-License-Identifier: GPL-2.0
"""QEMU: the argument list of a machine, its process with QMP and streams, and boot snapshots."""

import errno
import json
import os
import selectors
import shlex
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from verdict import Outcome

QEMU = "qemu-system-x86_64"
# Generous, because two cores may be shared by many machines; an idle host needs 3 s.
BOOT_TIMEOUT_S = 60.0
# Only quiet and cryptomgr.notests shorten the boot; the rest turns a fault into an end.
KERNEL_ARGS = (
    "console=ttyS0 panic=-1 oops=panic quiet cryptomgr.notests mitigations=off audit=0 apparmor=0 nowatchdog"
)
STREAMS = ("ctl", "out", "err")
# A page has a fixed place in the file: it is read in large pieces, in a third of the time.
SNAPSHOT_FORMAT = "mapped-ram"


class GuestError(Exception):
    """The guest ended, failed or stayed silent before it was ready."""


@dataclass
class Machine:
    """What the guest sees. Two equal machines can share a snapshot; paths of a run are not part of it."""

    kernel: Path
    initrd: Path
    cpus: int
    mem_mib: int
    accel: str = "tcg"
    icount: bool = False
    one_thread: bool = False
    cpu: str = ""
    machine: str = ""
    memory: str = ""
    kernel_args: str = ""
    devices: list[str] = field(default_factory=list)
    # A TCG plugin, which is no part of what the guest sees: its argument is the run's output directory.
    plugin: Path | None = None

    def args(self) -> list[str]:
        """Returns QEMU's arguments, except for the host's ends of ports and directories."""
        accel, cpu, machine = "tcg,thread=multi", self.cpu or "Nehalem", "q35"
        if self.accel == "kvm":
            # An emulated IOMMU that remaps interrupts needs the interrupt chip outside of the kernel.
            accel, cpu, machine = "kvm", "host", "q35,kernel-irqchip=split"
        elif self.icount or self.one_thread:
            accel = "tcg,thread=single"
        args = ["-accel", accel, "-cpu", cpu, "-machine", ",".join(filter(None, (machine, self.machine)))]
        args += ["-smp", str(self.cpus), "-m", ",".join(filter(None, (f"{self.mem_mib}M", self.memory)))]
        args += ["-icount", "shift=0,sleep=off"] if self.icount else []
        args += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-bios", "qboot.rom"]
        args += ["-kernel", str(self.kernel), "-initrd", str(self.initrd)]
        args += ["-append", " ".join(filter(None, (KERNEL_ARGS, self.kernel_args)))]
        args += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-device", "isa-serial,chardev=log"]
        args += ["-device", "pci-testdev,addr=0x10", "-device", "edu,addr=0x11"]
        args += ["-device", "virtio-serial-pci,id=ports,addr=0x12", "-device", "virtconsole,bus=ports.0,chardev=tty"]
        for number, name in enumerate(STREAMS, 1):
            args += ["-device", f"virtserialport,bus=ports.0,nr={number},chardev={name},name={name}"]
        for number, name in enumerate(("checkout", "out"), 0x13):
            args += ["-device", f"virtio-9p-pci,fsdev={name}9p,mount_tag={name},addr={number:#x}"]
        return args + [word for line in self.devices for word in shlex.split(line)]


def escape(path: Path) -> str:
    """Returns `path` as a value inside a QEMU option, where a comma separates."""
    return str(path).replace(",", ",,")


class Vm:
    """A QEMU process of its own; leaving the `with` block ends it, and so does the end of this process.

    `log` is appended to, `checkout` is shown read-only, `out` read-write; they are only looked at when the
    guest mounts them, so a machine that is going to be saved may get any directories.
    """

    def __init__(self, machine: Machine, log: Path, checkout: Path, out: Path, tty: bool = False, snapshot=None):
        self.outcome = Outcome()
        self.log = log
        self._pending = b""
        self._qmp_pending = b""
        ours, theirs = {}, {}
        for name in ("qmp", *STREAMS):
            ours[name], theirs[name] = socket.socketpair()
        self.ports = ours
        # setpriv makes the kernel end QEMU should this process be killed.
        args = ["setpriv", "--pdeathsig", "KILL", QEMU, *machine.args()]
        for name, end in theirs.items():
            args += ["-chardev", f"socket,id={name},fd={end.fileno()}"]
        args += ["-qmp", "chardev:qmp", "-chardev", f"file,id=log,append=on,path={escape(log)}"]
        args += ["-chardev", "stdio,id=tty,signal=off" if tty else "null,id=tty"]
        for name, path, mode in (("checkout", checkout, "on"), ("out", out, "off")):
            common = "security_model=none,multidevs=remap"
            args += ["-fsdev", f"local,id={name}9p,path={escape(path)},readonly={mode},{common}"]
        if machine.plugin:
            args += ["-plugin", f"file={escape(machine.plugin)},out={escape(out)}"]
        fds = [end.fileno() for end in theirs.values()]
        if snapshot is not None:
            args += ["-add-fd", f"fd={snapshot.fileno()},set=1", "-incoming", "defer"]
            fds.append(snapshot.fileno())
        self.process = subprocess.Popen(
            args,
            pass_fds=fds,
            stdin=None if tty else subprocess.DEVNULL,
            stdout=None if tty else subprocess.PIPE,
            stderr=None if tty else subprocess.STDOUT,
        )
        for end in theirs.values():
            end.close()

    def __enter__(self) -> "Vm":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        for port in self.ports.values():
            port.close()
        if self.process.stdout:
            self.process.stdout.close()

    def qmp(self, command: str, **arguments) -> dict:
        """Runs a monitor command and returns its result; raises GuestError if QEMU refuses or is gone."""
        port = self.ports["qmp"]
        port.settimeout(BOOT_TIMEOUT_S)
        try:
            port.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            while True:
                line, newline, rest = self._qmp_pending.partition(b"\n")
                if not newline:
                    data = port.recv(65536)
                    if not data:
                        raise GuestError(f"QEMU ended: {self.complaint()}")
                    self._qmp_pending += data
                    continue
                self._qmp_pending = rest
                reply = json.loads(line)
                if "error" in reply:
                    raise GuestError(f"QEMU refused {command}: {reply['error']['desc']}")
                if "return" in reply:
                    return reply["return"]
        except OSError as error:
            raise GuestError(f"QEMU does not answer to {command}: {error}; {self.complaint()}") from error

    def complaint(self) -> str:
        """Returns what QEMU itself said, once it has ended."""
        if not self.process.stdout:
            return ""
        self.process.kill()
        return self.process.stdout.read().decode(errors="replace").strip().replace("\n", "; ")

    def expect(self, word: str, deadline: float) -> str:
        """Waits for the guest's next line, which must begin with `word`, and returns the rest of it.

        Raises GuestError for another line, the end of the guest, and at `deadline` (of time.monotonic).
        """
        port = self.ports["ctl"]
        while b"\n" not in self._pending:
            port.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = port.recv(65536)
            except TimeoutError:
                raise GuestError(f"the guest is silent, {word} was expected") from None
            except OSError as error:
                raise GuestError(f"the guest ended: {error}") from error
            if not data:
                raise GuestError(f"the guest ended before {word}; {self.complaint()}")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        text = line.decode(errors="replace")
        if text.partition(" ")[0] != word:
            raise GuestError(text.removeprefix("FAIL "))
        return text.partition(" ")[2]

    def wait_ready(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Waits until a cold boot has reached READY."""
        self.expect("READY", time.monotonic() + timeout_s)

    def save(self, path: Path) -> None:
        """Writes the whole machine to the file `path`; afterwards it can only be ended."""
        self.qmp("qmp_capabilities")
        # With a running CPU and an nvdimm, saving makes QEMU 11.1 abort.
        self.qmp("stop")
        self.qmp("migrate-set-capabilities", capabilities=[{"capability": SNAPSHOT_FORMAT, "state": True}])
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.qmp("migrate", uri=f"file:{path}")
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while (info := self.qmp("query-migrate")).get("status") != "completed":
            if info.get("status") == "failed" or time.monotonic() > deadline:
                raise GuestError(f"the snapshot failed: {info.get('error-desc', 'no space?')}")
            time.sleep(0.02)
        self.qmp("quit")
        self.process.wait()

    def resume(self) -> None:
        """Starts a machine that was made from a snapshot."""
        self.qmp("qmp_capabilities")
        self.qmp("migrate-set-capabilities", capabilities=[{"capability": SNAPSHOT_FORMAT, "state": True}])
        self.qmp("migrate-incoming", uri="file:/dev/fdset/1")
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while self.qmp("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise GuestError("the snapshot could not be read")
            time.sleep(0.005)
        self.qmp("cont")

    def run(self, request: bytes, mark: bytes, timeout_s: float | None, sinks: dict) -> None:
        """Sends `request`, copies the streams to the file objects `sinks` and fills in the outcome.

        `mark` ends each stream. Raises GuestError if the guest does not start the command.
        """
        self.ports["ctl"].sendall(request + b"\n")
        self.outcome.taint_before = int(self.expect("STARTED", time.monotonic() + BOOT_TIMEOUT_S))
        started = time.monotonic()
        held = {name: b"" for name in sinks}
        control, self._pending = self._pending, b""
        with selectors.DefaultSelector() as selector:
            for name in STREAMS:
                self.ports[name].settimeout(None)
                selector.register(self.ports[name], selectors.EVENT_READ, name)
            # QEMU passes ports on in no order: the report may come after the end of the streams.
            while selector.get_map() and (held or not has_report(control)):
                wait_s = None if timeout_s is None else started + timeout_s - time.monotonic()
                if wait_s is not None and wait_s <= 0:
                    self.outcome.timed_out_s = timeout_s
                    return
                for key, _ in selector.select(wait_s):
                    data = read(key.fileobj)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.data == "ctl":
                        control += data
                    elif key.data in held:
                        ready, held[key.data], ended = split_stream(held[key.data] + data, mark)
                        sinks[key.data].write(ready)
                        sinks[key.data].flush()
                        if ended:
                            del held[key.data]
        for name, data in held.items():
            sinks[name].write(data)
            sinks[name].flush()
        self._report(control)
        if self.outcome.status is not None:
            self._end()

    def _report(self, control: bytes) -> None:
        """Reads what the guest reported; a line that is cut short does not count."""
        for line in control.decode(errors="replace").split("\n")[:-1]:
            word, _, rest = line.partition(" ")
            if word == "STATUS":
                self.outcome.status = int(rest)
            elif word == "TAINT":
                self.outcome.taint_after = int(rest)
            elif word == "LEAKED":
                self.outcome.leaked = tuple(rest.split())
            elif word == "FAIL":
                self.outcome.failure = rest

    def _end(self) -> None:
        """Lets the guest end and waits for it."""
        try:
            self.ports["ctl"].sendall(b"BYE\n")
            self.process.wait(BOOT_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired):
            self.outcome.failure = "it did not end after its report"

    def finish(self) -> Outcome:
        """Ends QEMU if it has not ended yet and returns the complete outcome."""
        if self.outcome.timed_out_s is not None or self.outcome.failure:
            self.process.kill()
        try:
            self.outcome.exit_code = self.process.wait(BOOT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.outcome.failure = self.outcome.failure or "it did not end"
            self.process.kill()
            self.outcome.exit_code = self.process.wait()
        self.outcome.log = self.log.read_text(errors="replace") if self.log.exists() else ""
        return self.outcome


def read(port: socket.socket) -> bytes:
    """Reads what there is; a connection that QEMU's end has reset is at its end."""
    try:
        return port.recv(1 << 16)
    except OSError as error:
        if error.errno != errno.ECONNRESET:
            raise
        return b""


def has_report(control: bytes) -> bool:
    """Whether what the guest said on its control port ends with a complete report, see vmlib/init."""
    return any(line.split(b" ")[0] in (b"LEAKED", b"FAIL") for line in control.split(b"\n")[:-1])


def split_stream(data: bytes, mark: bytes) -> tuple[bytes, bytes, bool]:
    """Splits stream data into what can be passed on, what may be the start of `mark`, and whether it ended.

    `mark` must begin with a byte that it does not hold a second time.
    """
    if data.endswith(mark):
        return data[: -len(mark)], b"", True
    start = data.rfind(mark[:1])
    if start >= 0 and mark.startswith(data[start:]):
        return data[:start], data[start:], False
    return data, b"", False


def identity(path: str | os.PathLike) -> list:
    """Returns what changes whenever an installed file is replaced."""
    status = os.stat(path)
    return [str(path), status.st_size, status.st_mtime_ns]
