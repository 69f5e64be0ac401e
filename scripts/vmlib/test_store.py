# SPDX-License-Identifier: GPL-2.0
"""Tests of the cache: what is damaged is made anew, and what is in use stays."""

import contextlib
import io
import os
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import store

HOUR_S = 3600


class Files(unittest.TestCase):
    """Files of a cache in an empty directory."""

    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        with mock.patch.object(store, "newest_kernel", return_value="7.3.4"):
            self.store = store.Store(Path(where.name))
        self.made = 0

    def make(self, to: Path) -> None:
        """Writes a file and counts."""
        self.made += 1
        to.write_bytes(b"0123456789")

    def get(self) -> Path:
        """Returns the file `kind-name` of the cache, without the message about damage."""
        with contextlib.redirect_stderr(io.StringIO()):
            return self.store._made("kind-name", self.make)

    def left(self) -> list[str]:
        """Returns the names of all files that are not locks."""
        return sorted(path.name for path in self.store.path.iterdir() if not path.name.endswith(".lock"))

    def test_made_once(self):
        self.assertEqual(self.get(), self.get())
        self.assertEqual((self.made, self.left()), (1, ["kind-name.10"]))

    def test_cut_short_is_made_anew(self):
        for size in (0, 9, 11):
            os.truncate(self.get(), size)
            self.assertEqual(self.get().read_bytes(), b"0123456789")
        self.assertEqual((self.made, self.left()), (4, ["kind-name.10"]))

    def test_failure_leaves_nothing(self):
        def fail(to: Path) -> None:
            self.make(to)
            raise OSError("full")

        with self.assertRaises(OSError):
            self.store._made("kind-name", fail)
        self.assertEqual(self.left(), [])

    def test_content_is_on_the_disk_before_the_name(self):
        synced = []

        def sync(_number: int) -> None:
            synced.extend(self.left())

        with mock.patch.object(os, "fsync", sync):
            self.get()
        self.assertEqual(len(synced), 1)
        self.assertIn(".tmp.", synced[0])

    def test_own_left_overs_and_old_ones_are_swept(self):
        other = self.store.path
        for name in ("kind-name.tmp.1", "other.tmp.2", "other.tmp.ff"):
            (other / name).touch()
        os.utime(other / "other.tmp.2", (0, time.time() - 2 * HOUR_S))
        self.get()
        # The number of a process that is gone proves nothing about one in another name space.
        self.assertEqual(self.left(), ["kind-name.10", "other.tmp.ff"])

    def test_temporary_names_differ(self):
        names = []

        def fail(to: Path) -> None:
            names.append(to.name)
            raise OSError

        for _ in range(2):
            with self.assertRaises(OSError):
                self.store._made("kind-name", fail)
        self.assertNotEqual(*names)

    def test_a_plugin_is_made_anew_for_a_changed_source(self):
        source = self.store.path / "plugin" / "a.c"
        source.parent.mkdir()
        with mock.patch.object(store.shutil, "which", lambda _name: "/dev/null"):
            made = []
            for text in ("int a;", "int a; ", "int b;"):
                source.write_text(text)
                made.append(self.store.plugin(source.parent))
            self.assertEqual(made[0], made[1])
            self.assertNotEqual(made[0], made[2])
            source.write_text("int a")
            with self.assertRaisesRegex(store.StoreError, "error: expected"):
                self.store.plugin(source.parent)

    def test_only_the_opened_file_is_dropped(self):
        with open(self.get(), "rb") as opened:
            os.rename(opened.name, f"{opened.name}.tmp.aside")
            self.get()
            self.store.drop(opened)
            self.assertIn("kind-name.10", self.left())
        with open(self.get(), "rb") as opened:
            self.store.drop(opened)
            self.store.drop(opened)
        self.assertNotIn("kind-name.10", self.left())


if __name__ == "__main__":
    unittest.main()
