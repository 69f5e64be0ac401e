# SPDX-License-Identifier: GPL-2.0
"""The cache of what machines are made of: kernel, initial file systems, boot snapshots, the KVM verdict."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import initramfs
from profiles import Profile
from qemu import QEMU, SNAPSHOT_FORMAT, GuestError, Machine, Vm, identity

# Files of a kind that are kept when a new one is made, by last use; a snapshot takes about 130 MB.
KEPT = 16
NEEDED_MIB = 1024
# A kernel that runs at all under KVM is ready in less.
KVM_PROBE_TIMEOUT_S = 5.0
# A temporary file that has not been written for so long has no writer any more.
ABANDONED_S = 3600


class StoreError(Exception):
    """The cache cannot be used; the message says what to do."""


class Store:
    """Files below the directory `path`, each made under a lock, complete or absent."""

    def __init__(self, path: Path):
        self.path = path
        self.release = newest_kernel()
        self.image = Path("/usr/lib/modules") / self.release / "vmlinuz"
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot create {path}: {error.strerror}; set RVM_CACHE to a writable directory"
            ) from error

    def _made(self, name: str, make) -> Path:
        """Returns the file `name`; if it is missing or damaged, `make(temporary path)` writes it first.

        Its size is the end of its real name, so that a file that was cut short is known as such.
        """
        whole, _ = self._find(name)
        if whole:
            return whole
        with self._lock(name):
            whole, damaged = self._find(name)
            if whole:
                return whole
            for path in damaged:
                print(f"vm: {path} is damaged and is made anew", file=sys.stderr)
                path.unlink(missing_ok=True)
            free_mib = shutil.disk_usage(self.path).free >> 20
            if free_mib < NEEDED_MIB:
                raise StoreError(
                    f"the VM needs {NEEDED_MIB} MB below {self.path}, but only {free_mib} MB are free; "
                    "free some or set RVM_CACHE"
                )
            sweep(self.path, name)
            self._prune(name.partition("-")[0])
            temporary = self.path / f"{name}.tmp.{secrets.token_hex(8)}"
            try:
                make(temporary)
                path = self.path / f"{name}.{settle(temporary)}"
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def _find(self, name: str) -> tuple[Path | None, list[Path]]:
        """Returns the file `name` if it is whole, marked as used just now, and all its damaged versions."""
        damaged = []
        for path in self.path.glob(f"{name}.*"):
            size = path.name.removeprefix(f"{name}.")
            with contextlib.suppress(FileNotFoundError):
                if size.isdigit() and path.stat().st_size == int(size):
                    os.utime(path)
                    return path, []
                if size.isdigit():
                    damaged.append(path)
        return None, damaged

    @contextlib.contextmanager
    def _lock(self, name: str):
        with open(self.path / f".{name}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def kernel(self) -> Path:
        """Returns the decompressed kernel, which boots a second faster than the compressed one."""
        name = f"vmlinux-{self.release}-{digest(identity(self.image))}"
        return self._made(name, lambda to: to.write_bytes(initramfs.vmlinux(self.image.read_bytes())))

    def initrd(self, profile: Profile) -> Path:
        """Returns the initial file system of `profile`."""
        parts = (profile.load, profile.modules, profile.rescan)
        sources = [initramfs.HERE / name for name in ("init", "initramfs.py")]
        name = "initrd-" + digest(
            *parts,
            *[hashlib.sha256(path.read_bytes()).hexdigest() for path in sources],
            *[identity(path) for path in (self.image, "/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu")],
        )
        return self._made(name, lambda to: to.write_bytes(initramfs.build(self.release, *parts)))

    def plugin(self, directory: Path) -> Path:
        """Returns the QEMU plugin made from the C sources in `directory`."""
        sources = sorted(str(path) for path in directory.glob("*.c"))
        command = ["gcc", "-shared", "-fPIC", "-fvisibility=hidden", "-O2", "-Wall", "-Wextra", "-Werror"]
        # What was included is part of the result, and so the preprocessed text of the name.
        text = self._output([*command, "-E", "-P", *sources])
        name = f"plugin-{directory.name}-" + digest(command, hashlib.sha256(text).hexdigest(), identity(shutil.which(QEMU)))
        return self._made(name, lambda to: self._output([*command, "-o", str(to), *sources]))

    @staticmethod
    def _output(command: list[str]) -> bytes:
        """Runs a compiler and returns its standard output; raises StoreError with its first complaint."""
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            complaint = next((line for line in done.stderr.decode(errors="replace").splitlines() if "error" in line), "")
            raise StoreError(f"a plugin of QEMU cannot be built: {complaint or done.returncode}")
        return done.stdout

    def snapshot(self, profile: Profile, machine: Machine) -> Path:
        """Returns the memory image of `machine` at READY, booting it first if there is none yet."""

        def make(to: Path) -> None:
            log = to.with_name(f"boot-{profile.name}.log")
            log.unlink(missing_ok=True)
            empty = self.path / "empty"
            empty.mkdir(exist_ok=True)
            with Vm(machine, log, empty, empty) as vm:
                try:
                    vm.wait_ready()
                    vm.save(to)
                except GuestError as error:
                    raise GuestError(
                        f"the boot for a snapshot failed, {error}; its log is {log}; remove {self.path} if it fails again"
                    ) from error

        name = f"snap-{profile.name}-" + digest(SNAPSHOT_FORMAT, identity(shutil.which(QEMU)), machine.args())
        return self._made(name, make)

    @staticmethod
    def drop(opened) -> None:
        """Removes the file that `opened` was opened from, unless another one has taken its place."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(opened.name), os.fstat(opened.fileno())):
                os.unlink(opened.name)

    def _prune(self, kind: str) -> None:
        found = [path for path in self.path.glob(f"{kind}-*") if ".tmp." not in path.name]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[KEPT - 1 :]:
            path.unlink(missing_ok=True)

    def kvm_works(self, profile: Profile) -> bool:
        """Says whether this host's /dev/kvm can boot the kernel, by a probe once per boot of the host."""
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return False
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

        def probe(to: Path) -> None:
            machine = Machine(self.kernel(), self.initrd(profile), cpus=1, mem_mib=512, accel="kvm")
            with Vm(machine, Path("/dev/null"), self.path, self.path) as vm:
                try:
                    vm.wait_ready(KVM_PROBE_TIMEOUT_S)
                    verdict = "yes"
                except GuestError as error:
                    verdict = f"no: {error}"
            to.write_text(verdict, encoding="utf-8")

        return self._made(f"kvm-{boot}", probe).read_text(encoding="utf-8") == "yes"


def newest_kernel() -> str:
    """Returns the release of the newest installed kernel that has an image beside its modules."""
    found = [path.parent.name for path in Path("/usr/lib/modules").glob("*/vmlinuz")]
    if not found:
        raise StoreError("no kernel image below /usr/lib/modules; run scripts/setup")
    return max(found, key=version)


def version(release: str) -> list[int]:
    """Returns the numbers in a release such as `7.3.4+deb13-amd64`, for comparison."""
    return [int(number) for number in re.findall(r"\d+", release)]


def sweep(directory: Path, name: str) -> None:
    """Removes what interrupted runs left behind. The caller holds the lock of the file `name`.

    Nobody else can be writing a temporary file of that name then; the others' must be old. A process number
    would prove nothing, because each run has its own name space of them.
    """
    for path in directory.glob("*.tmp.*"):
        with contextlib.suppress(FileNotFoundError):
            if path.name.startswith(f"{name}.tmp.") or time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()


def settle(path: Path) -> int:
    """Brings a file to the disk, before its name promises that it is complete; returns its size in bytes."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def digest(*parts) -> str:
    """Returns a short hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
