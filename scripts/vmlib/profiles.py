# SPDX-License-Identifier: GPL-2.0
"""Profiles: the devices and modules of a machine, one JSON file each in scripts/profiles."""

import json
from dataclasses import dataclass, field
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent.parent / "profiles"


class ProfileError(Exception):
    """There is no such profile, or its file is malformed."""


@dataclass
class Profile:
    """A profile's file; its keys are these fields, without the name."""

    name: str
    # One line: what it is for.
    about: str
    cpus: int = 1
    mem_mib: int = 512
    # QEMU arguments, words separated by blanks. PCI slots from 0x10 of the root bus are taken.
    devices: list[str] = field(default_factory=list)
    # Appended to the values of -machine and -m; the value of -cpu under emulation.
    machine: str = ""
    memory: str = ""
    cpu: str = ""
    kernel_args: str = ""
    # Modules loaded before the snapshot, and those that modprobe finds beside them.
    load: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    # A QEMU plugin, made from scripts/<plugin>/*.c; the machine is emulated then.
    plugin: str = ""
    # A machine with a device that QEMU refuses to save has no snapshot: each of its machines boots.
    cold: bool = False
    # PCI devices whose registers QEMU does not save: removed before the snapshot, found anew after it. These
    # are pci-testdev and edu, which every machine has.
    rescan: list[str] = field(default_factory=lambda: ["0000:00:10.0", "0000:00:11.0"])


def names() -> list[str]:
    """Returns the names of all profiles."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json"))


def load(name: str) -> Profile:
    """Reads the profile `name`; raises ProfileError."""
    if name not in names():
        raise ProfileError(f"unknown profile '{name}' (known: {' '.join(names())})")
    try:
        return Profile(name=name, **json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ProfileError(f"the profile {name}.json is malformed: {error}") from error
