# SPDX-License-Identifier: GPL-2.0
"""Guest images: the decompressed kernel and the initial file system, made once and kept in the cache."""

import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Real programs of the guest; everything else is a busybox applet.
PROGRAMS = (
    "bash dash ip ss tc bridge ethtool kmod setpci lspci taskset chrt ps ping "
    "env timeout nice nohup xargs find setsid unshare nsenter flock"
).split()
KMOD_NAMES = ("modprobe", "insmod", "rmmod", "lsmod", "modinfo", "depmod")
TERMINALS = ("l/linux", "s/screen", "s/screen-256color", "v/vt100", "x/xterm", "x/xterm-256color")
# Loaded in every profile: the file system that the checkout is seen through.
ALWAYS_LOADED = ("9pnet_virtio", "9p")


class ImageError(Exception):
    """A guest image cannot be made from what is installed."""


def decompress(data: bytes) -> bytes:
    """Decompresses `data` in any of the formats of kernels and modules, by its first bytes.

    Raises ImageError for another format or a broken stream.
    """
    try:
        if data.startswith(b"\x7fELF"):
            return data
        if data.startswith(b"\xfd7zXZ\x00"):
            return lzma.LZMADecompressor().decompress(data)
        if data.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(31).decompress(data)
    except (lzma.LZMAError, zlib.error) as error:
        raise ImageError(f"broken compressed data: {error}") from error
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        zstd = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False)
        # The payload of a kernel is followed by its length, which zstd takes for a broken second frame.
        if zstd.stdout:
            return zstd.stdout
    raise ImageError("compressed in an unknown format")


def vmlinux(image: bytes) -> bytes:
    """Returns the ELF kernel inside an x86 boot image (Documentation/arch/x86/boot.rst, payload_offset)."""
    if image[0x202:0x206] != b"HdrS":
        raise ImageError("the kernel image has no x86 boot header")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((image[0x1F1] or 4) + 1) * 512 + offset
    return decompress(image[start : start + length])


def cpio(entries: dict[str, tuple[int, bytes]]) -> bytes:
    """Packs `{path: (mode, content)}` as an uncompressed newc archive; a link's content is its target.

    Parent directories are added. The same entries give the same bytes.
    """
    full = dict(entries)
    for path in entries:
        for parent in list(Path(path).parents)[:-1]:
            full.setdefault(str(parent), (stat.S_IFDIR | 0o755, b""))
    out = bytearray()

    def add(number: int, path: str, mode: int, content: bytes) -> None:
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        out.extend(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        out.extend(bytes(-len(out) % 4))
        out.extend(content)
        out.extend(bytes(-len(out) % 4))

    # Sorted, a directory comes before what it holds.
    for number, path in enumerate(sorted(full), 1):
        add(number, path, *full[path])
    add(0, "TRAILER!!!", 0, b"")
    return bytes(out)


def dependencies(module: bytes) -> list[str]:
    """Returns the names in the `depends=` entry of a decompressed module."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return found[1].decode().split(",") if found and found[1] else []


def module_closure(tree: Path, names: list[str]) -> dict[Path, bytes]:
    """Returns the decompressed modules `names` and all they depend on, by path relative to `tree`.

    Names that are built into the kernel need no file. Raises ImageError for an unknown name.
    """
    paths = {}
    for path in (tree / "kernel").rglob("*.ko*"):
        paths[path.name.split(".ko")[0].replace("-", "_")] = path
    builtin = (tree / "modules.builtin").read_text()
    known = {Path(line).name.removesuffix(".ko").replace("-", "_") for line in builtin.split()}
    found: dict[Path, bytes] = {}
    todo = [name.replace("-", "_") for name in names]
    done = set()
    while todo:
        name = todo.pop()
        if name in done or name in known:
            continue
        done.add(name)
        if name not in paths:
            raise ImageError(f"this kernel has no module {name}")
        content = decompress(paths[name].read_bytes())
        found[paths[name].relative_to(tree).with_name(name_of(paths[name]))] = content
        todo.extend(item.replace("-", "_") for item in dependencies(content))
    return found


def name_of(path: Path) -> str:
    """Returns the file name of a module without its compression suffix."""
    return path.name.split(".ko")[0] + ".ko"


def libraries(programs: list[str]) -> set[str]:
    """Returns the paths of the shared libraries that `programs` are linked with."""
    listing = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(/\S+\.so\S*) \(0x", listing))


def program_files() -> dict[str, tuple[int, bytes]]:
    """Returns the guest's programs, their libraries and the links to busybox."""
    entries: dict[str, tuple[int, bytes]] = {}

    def add(path: str) -> None:
        entries[os.path.realpath(os.path.dirname(path)).lstrip("/") + "/" + os.path.basename(path)] = (
            stat.S_IFREG | 0o755,
            Path(path).read_bytes(),
        )

    def link(path: str, target: str) -> None:
        entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    for name in ("bin", "sbin", "lib", "lib64"):
        link(name, f"usr/{name}")
    found = {name: shutil.which(name) for name in [*PROGRAMS, "busybox"]}
    missing = [name for name, path in found.items() if not path]
    if missing:
        raise ImageError(f"programs for the guest are missing: {' '.join(missing)}")
    for path in found.values():
        add(path)
    for path in libraries([found[name] for name in PROGRAMS]):
        add(path)
    for name in KMOD_NAMES:
        link(f"usr/sbin/{name}", "../bin/kmod")
    link("usr/bin/sh", "dash")
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout
    for name in applets.split():
        # It would run other applets in place of the real programs of that name; bash has its own.
        if name == "time":
            continue
        if not any(f"usr/{where}/{name}" in entries for where in ("bin", "sbin")):
            link(f"usr/bin/{name}", "busybox")
    for name in TERMINALS:
        path = Path("/usr/lib/terminfo") / name
        if path.exists():
            entries[f"usr/lib/terminfo/{name}"] = (stat.S_IFREG | 0o644, path.read_bytes())
    return entries


def build(release: str, load: list[str], available: list[str], rescan: list[str]) -> bytes:
    """Returns the initial file system with the modules `load` (loaded at boot) and `available`.

    Raises ImageError if a program or module is missing.
    """
    tree = Path("/usr/lib/modules") / release
    entries = program_files()
    load = [*ALWAYS_LOADED, *load]

    def add(path: str, content: bytes, mode: int = 0o644) -> None:
        entries[path] = (stat.S_IFREG | mode, content)

    with tempfile.TemporaryDirectory() as staging:
        stage = Path(staging) / "lib/modules" / release
        stage.mkdir(parents=True)
        for path, content in module_closure(tree, [*load, *available]).items():
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
            (stage / path).write_bytes(content)
        for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            shutil.copy(tree / name, stage / name)
        subprocess.run(["depmod", "-b", staging, release], check=True)
        for path in stage.rglob("*"):
            if path.is_file():
                add(f"usr/lib/modules/{release}/{path.relative_to(stage)}", path.read_bytes())
    add("init", (HERE / "init").read_bytes(), 0o755)
    add("etc/rvm/load", "".join(f"{name}\n" for name in load).encode())
    add("etc/rvm/rescan", "".join(f"{slot}\n" for slot in rescan).encode())
    add("etc/passwd", b"root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    add("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    add("etc/hosts", b"127.0.0.1 localhost\n")
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "mnt"):
        entries[name] = (stat.S_IFDIR | 0o755, b"")
    return cpio(entries)
