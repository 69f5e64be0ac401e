#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Takes a network card out of a machine while a user has a slot on one of its virtual functions, and puts it back.

The machine's own script, surprise_guest.sh, does the checks; here is the hand at the card. Its root ports are driven
by the kernel's pciehp, as in a real machine, so that a card can also vanish without the kernel having been asked.
Prints KTAP.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
if "RVM_IN_ROOT" not in os.environ:
    # QEMU, the kernel and the cache are those of the build root.
    os.execv(TOP / "scripts/root", ["root", "python3", "-B", __file__])
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "scripts/vmlib"))

import main as runner  # noqa: E402
import profiles  # noqa: E402
from qemu import GuestError, Machine, Vm  # noqa: E402
from store import Store  # noqa: E402
from verdict import judge  # noqa: E402

TIMEOUT_S = 120
PLUG_TIMEOUT_S = 20
PROFILE = "viommu"
CARD = {"driver": "igb", "id": "card0", "bus": "rp0", "netdev": "wire0", "mac": "52:54:00:00:00:01", "romfile": ""}


class Hand:
    """A sink of the guest's output that does what lines with an @ ask for, and passes on the others."""

    def __init__(self, vm):
        self.vm, self.pending = vm, b""
        self.actions = {b"@unplug": self._unplug, b"@plug": self._plug}

    def write(self, data):
        """Takes some output."""
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            action = self.actions.get(line)
            if action:
                action()
            else:
                sys.stdout.buffer.write(line + b"\n")

    def flush(self):
        """Shows what was passed on."""
        sys.stdout.buffer.flush()

    def _unplug(self):
        self.vm.qmp("device_del", id=CARD["id"])

    def _plug(self):
        # The kernel lets go of a card first, and of its slot a second or so later.
        deadline = time.monotonic() + PLUG_TIMEOUT_S
        while True:
            try:
                self.vm.qmp("device_add", **CARD)
                return
            except GuestError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def machine():
    """Returns the machine of the profile, with a card that has a name and root ports that the kernel drives."""
    profile = profiles.load(PROFILE)
    store = Store(runner.cache() / "vm")
    card = "-device igb,bus=rp0,"
    devices = [line.replace(card, f"{card}id={CARD['id']},") for line in profile.devices]
    assert devices != profile.devices
    return Machine(
        kernel=store.kernel(),
        initrd=store.initrd(profile),
        cpus=profile.cpus,
        mem_mib=profile.mem_mib,
        kernel_args=profile.kernel_args,
        devices=[*devices, "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
    )


def run(directory):
    """Runs the machine; returns the runner's status and a sentence about what went wrong outside of the script."""
    options = runner.parse(["--", "bash", str((HERE / "surprise_guest.sh").relative_to(TOP)), CARD["mac"]])
    mark = "@RVM-END-" + os.urandom(16).hex()
    with Vm(machine(), directory / "kernel.log", TOP, directory) as vm:
        try:
            vm.wait_ready()
            vm.qmp("qmp_capabilities")
            vm.run(runner.request(options, mark), mark.encode(), TIMEOUT_S, {"out": Hand(vm), "err": sys.stderr.buffer})
        except GuestError as error:
            vm.outcome.failure = str(error)
        return judge(vm.finish())


def main():
    """Returns the exit status."""
    base = TOP / "build/test"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="surprise-") as directory:
        status, sentence = run(Path(directory))
    if sentence:
        print(f"# {sentence}\nnot ok 99 - the machine ends well", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
