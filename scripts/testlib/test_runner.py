# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/test as a whole, on small trees with a stub in place of the VM."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import host
from .result import FAIL, PASS, SKIP, Case, Test, details, totals

SCRIPTS = Path(__file__).resolve().parents[1]
# Runs the command here instead of in a guest; the VM "breaks" if the tree has a file `broken`.
STUB = """#!/bin/bash
while [ "$1" != -- ]; do
	[ "$1" != --out ] || export RVM_OUT=$2
	[ "$1" != --log ] || echo 'Oops: from the console' >"$2"
	shift
done
shift
[ ! -e broken ] || exit 125
"$@"
status=$?
[ $status -lt 128 ] || exit 125
exit $status
"""
PASSING = "#[test]\nfn one_is_one() {\n    assert_eq!(1, 1);\n}\n"
GUEST = '. "$(dirname "$0")/../lib/ktest.sh"\nit "a"\nBODY\nfinish\n'


class Trees(unittest.TestCase):
    """One tree a test."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = Path(holder.name)
        shutil.copytree(SCRIPTS / "testlib", self.top / "scripts" / "testlib", ignore=shutil.ignore_patterns("test_*", "__pycache__"))
        shutil.copy(SCRIPTS / "test", self.top / "scripts" / "test")
        shutil.copytree(SCRIPTS.parent / "selftests" / "lib", self.top / "selftests" / "lib")
        self.write("scripts/check", "#!/bin/sh\nprintf 'KTAP version 1\\nok 1 - spdx\\n1..1\\n'\n").chmod(0o755)
        self.write("scripts/vm", STUB).chmod(0o755)
        self.write("Makefile", "all:\n")

    def write(self, path, text):
        """Writes a file of the tree."""
        path = self.top / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run_tests(self, *arguments):
        """Runs scripts/test; returns (status, last line)."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("RVM_")}
        env["RVM_IN_ROOT"] = "1"
        done = subprocess.run(
            [sys.executable, str(self.top / "scripts" / "test"), *arguments],
            capture_output=True, text=True, timeout=120, check=False, env=env,
        )  # fmt: skip
        self.output = done.stdout + done.stderr
        return done.returncode, (done.stdout.splitlines() or [""])[-1]

    def expect(self, arguments, status, last):
        """Runs scripts/test and compares status and last line."""
        self.assertEqual(self.run_tests(*arguments), (status, last), self.output)

    def test_all_kinds_are_counted(self):
        self.write("m/model/mod.rs", PASSING + "#[test]\n#[ignore = \"slow\"]\nfn slow() {}\n")
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", "expect_equal 1 1\nit b\nskip 'no device'"))
        self.expect([], 0, "4 passed, 0 failed, 2 skipped")
        self.assertIn("skip m x_01: b: no device", self.output)
        self.assertIn("skip m model: slow: slow", self.output)
        root = ElementTree.parse(self.top / "build" / "test" / "junit.xml").getroot()
        self.assertEqual(len(root.findall("./testsuite/testcase")), 6)
        self.assertEqual(len(root.findall("./testsuite/testcase/skipped")), 2)

    def test_a_failed_model_test_fails_the_run(self):
        self.write("m/model/mod.rs", PASSING + "#[test]\nfn bad() {\n    assert_eq!(1, 2);\n}\n")
        self.expect(["--module", "m"], 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("left: 1", self.output)

    def test_a_model_that_does_not_compile_or_has_no_test_fails_the_run(self):
        self.write("m/model/mod.rs", "nonsense\n")
        self.expect(["--module", "m"], 1, "0 passed, 1 failed, 0 skipped")
        self.write("m/model/mod.rs", "fn f() {}\n")
        self.expect(["--module", "m"], 1, "0 passed, 1 failed, 0 skipped")

    def test_a_model_is_built_again_when_a_file_of_it_changes(self):
        self.write("m/model/mod.rs", "mod part;\n")
        part = self.write("m/model/part.rs", PASSING)
        self.expect(["--module", "m"], 0, "1 passed, 0 failed, 0 skipped")
        part.write_text(PASSING + PASSING.replace("one_is_one", "again"), encoding="utf-8")
        self.expect(["--module", "m"], 0, "2 passed, 0 failed, 0 skipped")

    def test_a_failed_guest_case_fails_the_run(self):
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", "expect_equal 1 2"))
        self.expect(["--module", "m"], 1, "1 passed, 1 failed, 0 skipped")
        self.assertIn("test_x_01.sh:3: wanted '1', got '2'", self.output)

    def test_a_vm_that_breaks_fails_all_its_tests_and_shows_the_console(self):
        for number in (1, 2):
            self.write(f"selftests/m/test_x_0{number}.sh", GUEST.replace("BODY", "true"))
        self.write("broken", "")
        self.expect(["--module", "m"], 1, "1 passed, 2 failed, 0 skipped")
        self.assertIn("Oops: from the console", self.output)

    def test_tests_after_one_that_ends_the_vm_run_in_another_vm(self):
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", 'kill -9 "$(awk \'/^PPid/ {print $2}\' /proc/$PPID/status)"'))
        for name in ("y", "z"):
            self.write(f"selftests/m/test_{name}_01.sh", GUEST.replace("BODY", "true"))
        self.expect(["--module", "m"], 1, "3 passed, 1 failed, 0 skipped")
        self.assertIn("no result: the kernel of the VM broke", self.output)

    def test_a_missing_vm_is_a_failure(self):
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", "true"))
        (self.top / "scripts" / "vm").unlink()
        self.expect(["--module", "m"], 1, "1 passed, 1 failed, 0 skipped")

    def test_a_build_that_fails_fails_what_needs_it(self):
        self.write("Makefile", "all:\n\tfalse\n")
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", "true"))
        self.write("m/model/mod.rs", PASSING)
        self.expect([], 1, "1 passed, 3 failed, 0 skipped")

    def test_a_gate_that_complains_or_dies_fails_the_run(self):
        self.write("scripts/check", "#!/bin/sh\nprintf 'KTAP version 1\\n# a.rs:1: x\\nnot ok 1 - spdx\\n1..1\\n'; exit 1\n")
        self.expect(["--only", "gate"], 1, "1 passed, 1 failed, 0 skipped")
        self.write("scripts/check", "#!/bin/sh\nprintf 'KTAP version 1\\nok 1 - spdx\\n'; exit 1\n")
        self.expect(["--only", "gate"], 1, "2 passed, 1 failed, 0 skipped")

    def test_nothing_to_run_is_a_failure(self):
        self.expect(["--only", "nonsense"], 1, "0 passed, 0 failed, 0 skipped")
        self.assertIn("no test has such a name", self.output)
        self.expect(["--module", "nonsense"], 2, "")
        self.assertIn("no module 'nonsense'", self.output)

    def test_a_tree_that_cannot_be_written_to_is_an_error(self):
        self.write("build", "")
        self.expect([], 2, "")
        self.assertRegex(self.output, r"\Atest: error: cannot write to \S+/build/test: [^\n]+\n\Z")

    def test_outside_of_the_build_root_it_is_entered(self):
        self.write("scripts/root", '#!/bin/sh\necho "root $*"\n').chmod(0o755)
        env = {name: value for name, value in os.environ.items() if not name.startswith("RVM_")}
        for name, argument in (("test", "--long"), ("check", "spdx")):
            with self.subTest(name):
                program = self.top / "scripts" / name
                shutil.copy(SCRIPTS / name, program)
                done = subprocess.run([sys.executable, str(program), argument], capture_output=True, text=True, check=False, env=env)
                self.assertEqual(done.stdout, f"root {program} {argument}\n", done.stderr)

    def test_an_interrupted_run_ends_what_it_started(self):
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", "true"))
        self.write("scripts/vm", f'#!/bin/bash\nexec bash -c \'echo $$ >"{self.top}/pid"; sleep 60; true\'\n')
        with subprocess.Popen(
            [sys.executable, str(self.top / "scripts" / "test"), "--module", "m"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "RVM_IN_ROOT": "1"}
        ) as child:
            deadline = time.monotonic() + 30
            while not (self.top / "pid").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.2)
            child.terminate()
            self.assertEqual(child.wait(30), 130)
        pid = int((self.top / "pid").read_text(encoding="utf-8"))
        self.assertFalse(Path(f"/proc/{pid}").exists())

    def test_long_tests_run_only_when_asked_for(self):
        self.write("selftests/m/test_x_01.sh", "# long: yes\n" + GUEST.replace("BODY", 'expect_equal 1 "$RVM_LONG"'))
        self.write("m/model/mod.rs", PASSING)
        self.expect(["--module", "m"], 0, "1 passed, 0 failed, 0 skipped")
        self.assertIn("1 long tests left out", self.output)
        self.expect(["--module", "m", "--long"], 0, "3 passed, 0 failed, 0 skipped")

    def test_a_benchmark_may_say_something_else(self):
        shutil.copy(SCRIPTS / "bench", self.top / "scripts" / "bench")
        self.write("selftests/m/bench_x.sh", "printf 'a\\tb\\t5\\nstray line\\na\\tb\\tc\\na\\tb\\t7\\n'\n")
        command = [sys.executable, str(self.top / "scripts" / "bench"), "m"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "RVM_IN_ROOT": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "bench_x.sh: stray line\nbench_x.sh: a\tb\tc\n")
        self.assertRegex(done.stdout, r"a +b +5 +5\.\.7")

    def test_measures_of_operations_become_columns(self):
        shutil.copy(SCRIPTS / "bench", self.top / "scripts" / "bench")
        self.write("selftests/m/bench_x.sh", "# icount: no\nprintf 'a\top: ns\t5\nb\top: ns\t7\na\tno: B\t1\na\top: ns\t3\na\top: ns\t9\n'\n")
        command = [sys.executable, str(self.top / "scripts" / "bench"), "m"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "RVM_IN_ROOT": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[1:5], ["         ns  B", "  op  a   5", "  op  b   7", "  no  a      1"])

    def test_tests_that_want_to_be_alone_run_while_nothing_else_does(self):
        body = f'mkdir "{self.top}/busy"\nsleep 0.5\nexpect_ok rmdir "{self.top}/busy"'
        for name, head in (("x_01", "# alone: yes\n"), ("y_01", "# alone: yes\n# cpus: 2\n")):
            self.write(f"selftests/m/test_{name}.sh", head + GUEST.replace("BODY", body.replace("mkdir", "expect_ok mkdir")))
        self.expect(["--module", "m"], 0, "3 passed, 0 failed, 0 skipped")

    def test_two_runs_in_one_checkout_take_turns(self):
        self.write("selftests/m/test_x_01.sh", GUEST.replace("BODY", f'expect_ok mkdir "{self.top}/ran"'))
        lock = self.write("build/test/.lock", "")
        with lock.open("w", encoding="utf-8") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with ThreadPoolExecutor(1) as pool:
                run = pool.submit(self.run_tests, "--only", "m/x_01")
                time.sleep(1)
                self.assertFalse((self.top / "ran").exists())
                fcntl.flock(other, fcntl.LOCK_UN)
                self.assertEqual(run.result(), (0, "2 passed, 0 failed, 0 skipped"), self.output)
        self.assertIn("waiting", self.output)

    def test_names_select(self):
        for name in ("x_01", "y_01"):
            self.write(f"selftests/m/test_{name}.sh", GUEST.replace("BODY", "true"))
        self.run_tests("--list", "--only", "m/x*")
        self.assertEqual(self.output, "m/x_01\n")
        self.write("selftests/m/config.sh", "MODULE_KO=m\nPROFILE=sriov\nCPUS=2\n")
        self.run_tests("--list", "--module", "m")
        self.assertEqual(sorted(self.output.split()), ["m/attr", "m/fault", "m/load", "m/stress", "m/use", "m/x_01", "m/y_01"])


class Outputs(unittest.TestCase):
    """Reading of what test programs print."""

    GOOD = "\nrunning 2 tests\ntest a ... ok\ntest b::c ... ignored, slow\n\ntest result: ok. 1 passed; 0 failed; 1 ignored\n"

    def test_rust_tests_are_counted(self):
        self.assertEqual([case.verdict for case in host.rust_cases(self.GOOD, 0)], [PASS, SKIP])

    def test_a_rust_test_program_that_dies_is_a_failure(self):
        for output, status in ((self.GOOD.replace("test a ... ok\n", ""), 0), (self.GOOD.split("\n\ntest result")[0], 101), (self.GOOD, 101)):
            with self.subTest(output=output, status=status):
                self.assertIn(FAIL, [case.verdict for case in host.rust_cases(output, status)])

    def test_a_test_without_cases_counts_as_failed(self):
        empty = Test("m", "t")
        self.assertEqual(totals([empty]), (0, 1, 0))
        self.assertEqual(empty.verdict(), FAIL)
        self.assertTrue(list(details([empty])))

    def test_a_program_that_passes_all_cases_but_fails_is_a_failure(self):
        cases = host.from_ktap(3, "KTAP version 1\nok 1 - a\n1..1\n")
        self.assertEqual([case.verdict for case in cases], [PASS, FAIL])
        self.assertEqual(host.from_ktap(0, "KTAP version 1\nok 1 - a\n1..1\n"), [Case("a", PASS)])


if __name__ == "__main__":
    unittest.main()
