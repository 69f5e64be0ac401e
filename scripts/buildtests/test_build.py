# SPDX-License-Identifier: GPL-2.0
"""The build: reproducible, incremental, and clear about what it cannot work with."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
# The folders of the modules that Kbuild lists.
MODULES = re.search(r"^modules := (.*)$", (TOP / "Kbuild").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
SOURCES = ("Makefile", "Kbuild", "rust", "scripts", "selftests", *sorted({name.split("/")[0] for name in MODULES}))


def copy_to(directory):
    """Copies what a build needs to the new `directory` and returns it."""
    directory.mkdir(parents=True)
    for name in SOURCES:
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, directory / name, symlinks=True)
        else:
            shutil.copy(source, directory / name)
    return directory


def make(directory, *words):
    """Runs make; returns its output, or fails with it."""
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", "-C", directory, *words], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"make {' '.join(words)} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def modules(directory):
    """Returns {name: content} of the modules built in a checkout."""
    return {path.name: path.read_bytes() for path in (directory / "build" / "mod").glob("*.ko")}


class Build(unittest.TestCase):
    """Two checkouts at paths of different lengths, built once for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        base = Path(cls.temp.name)
        cls.one = copy_to(base / "one")
        cls.other = copy_to(base / "a-much-longer-name" / "of-a-checkout")
        cls.output = make(cls.one, "modules")
        make(cls.other, "modules")

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    def test_two_directories_give_the_same_modules(self):
        one, other = modules(self.one), modules(self.other)
        self.assertTrue(one)
        self.assertEqual(one.keys(), other.keys())
        for name, content in one.items():
            self.assertEqual(content, other[name], f"{name} differs")

    def test_the_build_warns_of_nothing(self):
        for word in ("warning", "WARNING", "objtool"):
            self.assertNotIn(word, self.output)

    def test_nothing_is_rebuilt_without_a_change(self):
        output = make(self.one, "modules")
        for step in ("RUSTC", "CC ", "BINDGEN", "LD "):
            self.assertNotIn(step, output)

    def test_a_change_in_one_module_leaves_the_others_alone(self):
        make(self.one, "modules")
        with open(self.one / "irq-mod" / "model" / "interval.rs", "a", encoding="utf-8") as file:
            file.write("\nconst _: () = ();\n")
        output = make(self.one, "modules")
        self.assertIn("irq_mod.o", output)
        self.assertNotIn("testdev.o", output)
        self.assertNotIn("kernel_ext.o", output)

    def test_a_change_in_the_support_crate_rebuilds_its_users(self):
        make(self.other, "modules")
        with open(self.other / "rust" / "param.rs", "a", encoding="utf-8") as file:
            file.write("\nconst _: () = ();\n")
        output = make(self.other, "modules")
        for name in ("kernel_ext.o", "irq_mod.o", "testdev.o"):
            self.assertIn(name, output)
        self.assertNotIn("BINDGEN", output)

    def test_a_build_leaves_the_sources_alone(self):
        names = {path.name for path in self.one.iterdir()}
        self.assertEqual(names, {*SOURCES, "build"})
        self.assertEqual([], [str(path) for name in SOURCES for path in (self.one / name).rglob("*.o")])


if __name__ == "__main__":
    unittest.main()
