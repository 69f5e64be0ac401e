# SPDX-License-Identifier: GPL-2.0
"""Tests of the archive writer and the image readers."""

import gzip
import lzma
import stat
import struct
import subprocess
import tempfile
import unittest

import initramfs

ENTRIES = {
    "init": (stat.S_IFREG | 0o755, b"#!/bin/sh\n"),
    "a/b/empty": (stat.S_IFREG | 0o600, b""),
    "a/link": (stat.S_IFLNK | 0o777, b"b/empty"),
}


class Cpio(unittest.TestCase):
    """The archive, judged by cpio(1)."""

    def test_archive_unpacks(self):
        command = ["cpio", "-itv", "--quiet"]
        listing = subprocess.run(command, input=initramfs.cpio(ENTRIES), capture_output=True, check=True).stdout
        lines = [line.split() for line in listing.decode().splitlines()]
        self.assertEqual(
            [(line[0], " ".join(line[8:])) for line in lines],
            [
                ("drwxr-xr-x", "a"),
                ("drwxr-xr-x", "a/b"),
                ("-rw-------", "a/b/empty"),
                ("lrwxrwxrwx", "a/link -> b/empty"),
                ("-rwxr-xr-x", "init"),
            ],
        )
        with tempfile.TemporaryDirectory() as where:
            subprocess.run(["cpio", "-i", "--quiet"], input=initramfs.cpio(ENTRIES), cwd=where, check=True)
            with open(f"{where}/init", "rb") as file:
                self.assertEqual(file.read(), b"#!/bin/sh\n")

    def test_archive_does_not_depend_on_order(self):
        self.assertEqual(initramfs.cpio(ENTRIES), initramfs.cpio(dict(reversed(ENTRIES.items()))))


class Images(unittest.TestCase):
    """Compressed kernels and modules."""

    def test_formats(self):
        elf = b"\x7fELF" + bytes(1000)
        zstd = subprocess.run(["zstd", "-qc"], input=elf, capture_output=True, check=True).stdout
        for data in (elf, gzip.compress(elf), lzma.compress(elf), zstd):
            self.assertEqual(initramfs.decompress(data), elf)
            # In a kernel image the length follows.
            if data != elf:
                self.assertEqual(initramfs.decompress(data + b"\xf0\x03\0\0"), elf)

    def test_junk_is_refused(self):
        for data in (b"", b"junk", lzma.compress(b"x")[:4]):
            with self.assertRaises(initramfs.ImageError):
                initramfs.decompress(data)

    def test_payload_of_a_kernel(self):
        elf = b"\x7fELF" + bytes(100)
        payload = gzip.compress(elf)
        image = bytearray(1024 + 16) + payload + b"rest"
        image[0x1F1] = 1
        image[0x202:0x206] = b"HdrS"
        struct.pack_into("<II", image, 0x248, 16, len(payload))
        self.assertEqual(initramfs.vmlinux(bytes(image)), elf)
        with self.assertRaises(initramfs.ImageError):
            initramfs.vmlinux(bytes(1000))

    def test_dependencies(self):
        self.assertEqual(initramfs.dependencies(b"x\0depends=a,b-c\0y"), ["a", "b-c"])
        self.assertEqual(initramfs.dependencies(b"x\0depends=\0y"), [])


if __name__ == "__main__":
    unittest.main()
