#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes what a machine inside of a machine boots from: image.py DIRECTORY writes vmlinux and initrd there."""

import shutil
import stat
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parents[2] / "scripts/vmlib"))

import initramfs  # noqa: E402
from store import newest_kernel  # noqa: E402

APPLETS = "sh mount insmod stty ip cat ls sleep grep readlink ping".split()


def initrd(tree: Path) -> bytes:
    """Returns an initial file system with busybox and igbvf from the modules' directory `tree`."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise initramfs.ImageError("busybox is missing")
    entries = {
        "init": (stat.S_IFREG | 0o755, (HERE / "init").read_bytes()),
        "bin/busybox": (stat.S_IFREG | 0o755, Path(busybox).read_bytes()),
    }
    for name in ("dev", "proc", "sys"):
        entries[name] = (stat.S_IFDIR | 0o755, b"")
    for name in APPLETS:
        entries[f"bin/{name}"] = (stat.S_IFLNK | 0o777, b"busybox")
    for path, content in initramfs.module_closure(tree, ["igbvf"]).items():
        entries[path.name] = (stat.S_IFREG | 0o644, content)
    return initramfs.cpio(entries)


def main() -> None:
    """Writes both files."""
    to = Path(sys.argv[1])
    tree = Path("/usr/lib/modules") / newest_kernel()
    (to / "initrd").write_bytes(initrd(tree))
    (to / "vmlinux").write_bytes(initramfs.vmlinux((tree / "vmlinuz").read_bytes()))


if __name__ == "__main__":
    main()
