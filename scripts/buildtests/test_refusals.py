# SPDX-License-Identifier: GPL-2.0
"""What scripts/kdir and scripts/setup cannot work with ends in one clear sentence and a non-zero status."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
KDIR, SETUP = TOP / "scripts" / "kdir", TOP / "scripts" / "setup"


def run(command, **env):
    """Runs a program with more environment; returns (status, standard output, standard error)."""
    done = subprocess.run([str(word) for word in command], env={**os.environ, **{k: str(v) for k, v in env.items()}},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


class Refusals(unittest.TestCase):
    """Each test gets an empty directory."""

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.dir = Path(temp.name)

    def refused(self, words, command, **env):
        """The command fails, prints no result, and its last line is an error with these words."""
        status, out, err = run(command, **env)
        self.assertNotEqual(status, 0)
        self.assertEqual(out, "")
        last = err.splitlines()[-1]
        self.assertIn(": error: ", last)
        for word in words:
            self.assertIn(word, last)

    def stub(self, name, text):
        """Puts a program in front of all others; returns the PATH for it."""
        path = self.dir / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return f"{path.parent}:{os.environ['PATH']}"

    def tree(self, **config):
        """Makes a configured kernel tree without anything in it; returns it."""
        kdir = self.dir / "kernel"
        (kdir / "include" / "config").mkdir(parents=True)
        (kdir / "Makefile").touch()
        (kdir / "rust").mkdir()
        rustc = run(["rustc", "--version"])[1].strip()
        bindgen = run(["bindgen", "--version"])[1].strip()
        values = {"CONFIG_RUST": "y", "CONFIG_RUSTC_VERSION_TEXT": f'"{rustc}"',
                  "CONFIG_BINDGEN_VERSION_TEXT": f'"{bindgen}"', **config}
        text = "".join(f"{name}={value}\n" for name, value in values.items() if value is not None)
        (kdir / "include" / "config" / "auto.conf").write_text(text, encoding="utf-8")
        (kdir / "include" / "config" / "kernel.release").write_text("7.3.4-test\n", encoding="utf-8")
        return kdir

    def test_kdir_that_does_not_exist(self):
        self.refused(["is not a directory"], [KDIR], KDIR=self.dir / "nowhere")

    def test_kdir_that_is_not_configured(self):
        self.refused(["not a configured kernel tree", "make prepare"], [KDIR], KDIR=self.dir)

    def test_kernel_without_rust(self):
        self.refused(["no CONFIG_RUST=y"], [KDIR], KDIR=self.tree(CONFIG_RUST=None))

    def test_kernel_of_another_series(self):
        kdir = self.tree()
        (kdir / "include" / "config" / "kernel.release").write_text("6.12.1\n", encoding="utf-8")
        self.refused(["6.12.1", "7.3.x"], [KDIR], KDIR=kdir)

    def test_kernel_of_another_compiler(self):
        kdir = self.tree(CONFIG_RUSTC_VERSION_TEXT='"rustc 1.99.0"')
        self.refused(["built with 'rustc 1.99.0'", "install that rustc"], [KDIR], KDIR=kdir)

    def test_kernel_of_another_bindgen(self):
        kdir = self.tree(CONFIG_BINDGEN_VERSION_TEXT='"bindgen 0.1"')
        self.refused(["built with 'bindgen 0.1'", "install that bindgen"], [KDIR], KDIR=kdir)

    def test_kernel_that_is_not_built(self):
        self.refused(["no Rust metadata"], [KDIR], KDIR=self.tree())

    def test_metadata_of_another_kernel(self):
        kdir = self.tree()
        (kdir / "rust" / "libkernel.rmeta").touch()
        (kdir / "rust" / "exports_core_generated.h").write_text(
            "EXPORT_SYMBOL_RUST_GPL(_RNvOurs);\nEXPORT_SYMBOL_RUST_GPL(_RNvBoth);\n", encoding="utf-8")
        symvers = "0x0\t_RNvBoth\tvmlinux\tEXPORT_SYMBOL_GPL\t\n0x0\t_RNvTheirs\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"
        (kdir / "Module.symvers").write_text(symvers, encoding="utf-8")
        self.refused(["does not match", "1 symbols agree", "1 are missing", "1 are foreign"], [KDIR], KDIR=kdir)

    def test_metadata_of_the_same_kernel_is_accepted(self):
        kdir = self.tree()
        (kdir / "rust" / "libkernel.rmeta").touch()
        (kdir / "rust" / "exports_core_generated.h").write_text("EXPORT_SYMBOL_RUST_GPL(_RNvBoth);\n", encoding="utf-8")
        (kdir / "Module.symvers").write_text("0x0\t_RNvBoth\tvmlinux\tEXPORT_SYMBOL_GPL\t\n", encoding="utf-8")
        self.assertEqual(run([KDIR], KDIR=kdir)[:2], (0, f"{kdir}\n"))

    def test_headers_and_source_that_do_not_exist(self):
        self.refused(["is not a directory"], [KDIR, "--headers", self.dir / "nowhere"], KDIR="")
        self.refused(["does not exist"], [KDIR, "--source", self.dir / "nowhere.tar.xz"], KDIR="")

    def test_source_that_is_no_kernel(self):
        (self.dir / "source").mkdir()
        (self.dir / "source" / "Makefile").write_text("all:\n", encoding="utf-8")
        command = [KDIR, "--source", self.dir / "source", "--out", self.dir / "out"]
        self.refused(["could not be read"], command, KDIR="")

    def test_options_that_are_unknown(self):
        self.refused(["unknown option '--nonsense'"], [KDIR, "--nonsense"])
        self.refused(["unknown option '--nonsense'"], [SETUP, "--nonsense"])
        self.refused(["--headers needs a value"], [KDIR, "--headers"])

    def test_disk_that_is_full(self):
        path = self.stub("df", "echo 'Filesystem 1M Used Available'; echo 'disk 10 5 5 50% /'")
        self.refused(["only 5 MB are free", "RVM_CACHE"], [SETUP], PATH=path, RVM_CACHE=self.dir / "cache")

    def test_cache_that_cannot_be_written(self):
        self.refused(["cannot create", "RVM_CACHE"], [SETUP], RVM_CACHE="/proc/nowhere")

    def test_archive_that_does_not_answer(self):
        path = self.stub("apt-get", "echo 'E: Could not connect' >&2; exit 100")
        env = {"PATH": path, "RVM_CACHE": self.dir / "cache", "DEBIAN_MIRROR": "file:/nowhere"}
        self.stub("apt-cache", "exit 100")
        self.refused(["cannot read the package lists", "DEBIAN_MIRROR"], [SETUP], **env)

    def test_archive_without_the_kernel(self):
        path = self.stub("apt-get", "exit 0")
        self.stub("apt-cache", "echo linux-headers-6.12.1+deb13-amd64")
        env = {"PATH": path, "RVM_CACHE": self.dir / "cache", "DEBIAN_MIRROR": "file:/nowhere"}
        self.refused(["no suite of", "7.3"], [SETUP], **env)

    def test_other_things_in_the_cache_directory_are_kept(self):
        (self.dir / "thesis").touch()
        (self.dir / ".rust-virt-modules").touch()
        (self.dir / "vm").mkdir()
        self.assertEqual(run([SETUP, "--remove"], RVM_CACHE=self.dir)[0], 0)
        self.assertEqual([path.name for path in self.dir.iterdir()], ["thesis"])

    def test_result_directory_of_somebody_else_is_kept(self):
        (self.dir / "precious").touch()
        command = [KDIR, "--source", "/etc/passwd", "--out", self.dir]
        self.refused(["holds something else"], command, KDIR="")
        self.assertTrue((self.dir / "precious").exists())

    def test_kernel_tree_with_parts_missing(self):
        kdir = self.tree()
        (kdir / "Makefile").unlink()
        self.refused(["has no Makefile"], [KDIR], KDIR=kdir)
        (kdir / "Makefile").touch()
        (kdir / "rust" / "libkernel.rmeta").touch()
        self.refused(["no Module.symvers"], [KDIR], KDIR=kdir)
        (kdir / "Module.symvers").write_text("0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n", encoding="utf-8")
        self.refused(["no exports_*_generated.h"], [KDIR], KDIR=kdir)
        (kdir / "rust" / "exports_core_generated.h").write_text("EXPORT_SYMBOL_RUST_GPL(_RNvOurs);\n", encoding="utf-8")
        self.refused(["none of the Rust symbols"], [KDIR], KDIR=kdir)

    def test_cache_that_is_not_named_well(self):
        self.refused(["not an absolute path"], [SETUP], RVM_CACHE="here")
        self.refused(["RVM_CACHE"], [SETUP], RVM_CACHE="", XDG_CACHE_HOME="", HOME="")

    def test_directories_that_the_shell_would_look_into_do_not_matter(self):
        self.assertEqual(run([SETUP, "--path"], CDPATH=f".:{self.dir}")[0], 0)

    def test_cache_of_somebody_else_is_not_removed(self):
        (self.dir / "precious").touch()
        self.refused(["not removed"], [SETUP, "--remove"], RVM_CACHE=self.dir)
        self.assertTrue((self.dir / "precious").exists())


if __name__ == "__main__":
    unittest.main()
