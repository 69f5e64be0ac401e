# SPDX-License-Identifier: GPL-2.0
"""Tests of selftests/lib: sample guest tests that pass, fail, skip and die, run by bash on this host."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from . import guest, ktap
from .result import FAIL, PASS, SKIP

LIB = Path(__file__).resolve().parents[2] / "selftests" / "lib"
# A host need not let us read its kernel messages; /dev/kmsg is left alone the same way.
PROLOGUE = f'dmesg() {{ cat "$LOG" 2>/dev/null; }}\n. {LIB}/ktest.sh\n'


class Sandbox(unittest.TestCase):
    """A directory for scripts, and a way to run them."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = Path(holder.name)

    def script(self, body, name="sample.sh"):
        """Writes a test script; returns its path."""
        path = self.directory / name
        path.write_text(PROLOGUE + body + "\n", encoding="utf-8")
        return path

    def run_test(self, body, **env):
        """Runs a test script; returns (status, cases)."""
        done = subprocess.run(
            ["bash", str(self.script(body))], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **env}
        )
        self.output = done.stdout + done.stderr
        return done.returncode, ktap.cases(done.stdout)

    def check(self, body, status, *verdicts):
        """Runs a test script and compares its status and the verdicts of its cases."""
        got, cases = self.run_test(body)
        self.assertEqual(([case.verdict for case in cases], got), (list(verdicts), status), self.output)
        return cases


class Library(Sandbox):
    """ktest.sh."""

    def test_cases_that_hold_pass(self):
        cases = self.check('it "one is one" expect_equal 1 1\nit "two"\nexpect_ok true\nexpect_between 1 3 2\nfinish', 0, PASS, PASS)
        self.assertEqual(cases[0].name, "one is one")

    def test_a_failed_check_says_where_and_what(self):
        cases = self.check('it "x"\nexpect_equal 1 2\nit "y" true\nfinish', 1, FAIL, PASS)
        self.assertEqual(cases[0].detail, "sample.sh:4: wanted '1', got '2'")

    def test_a_check_in_a_function_of_the_test_names_the_line_in_it(self):
        cases = self.check('f() {\nexpect_equal 1 2\ntrue\n}\nit "x" f\nfinish', 1, FAIL)
        self.assertTrue(cases[0].detail.startswith("sample.sh:4: "), cases[0].detail)

    def test_a_command_that_fails_without_a_word_fails_its_case(self):
        cases = self.check('it "x" false\nfinish', 1, FAIL)
        self.assertIn("'false' ended with status 1", cases[0].detail)

    def test_checks_in_subshells_and_jobs_count(self):
        self.check('it "x"\n(expect_equal 1 2)\nit "y"\nexpect_equal 1 2 & wait\nfinish', 1, FAIL, FAIL)

    def test_a_check_outside_of_any_case_is_not_lost(self):
        self.check('expect_equal 1 2\nit "x" true\nfinish', 1, FAIL, PASS)

    def test_skipped_cases_are_skipped_with_their_reason(self):
        cases = self.check('it "x"\nskip "no device"\nit "y" true\nfinish', 0, SKIP, PASS)
        self.assertEqual(cases[0].detail, "no device")

    def test_a_skip_does_not_hide_a_failure(self):
        self.check('it "x"\nexpect_equal 1 2\nskip "no device"\nfinish', 1, FAIL)

    def test_a_test_skipped_as_a_whole_ends_with_4(self):
        self.check('skip "no device"\nit "never" false\nfinish', 4, SKIP)

    def test_a_script_that_dies_has_no_plan(self):
        self.check('it "x" true\nexit 0', 0, PASS, FAIL)

    def test_a_script_without_a_case_fails(self):
        self.check("finish", 1, FAIL)

    def test_bail_ends_the_test_as_failed(self):
        self.check('it "x" true\nbail "no device"\nit "never" true\nfinish', 1, PASS, FAIL)

    def test_a_module_that_is_not_built_is_a_failure_and_no_skip(self):
        self.check("need_module no_such_module\nfinish", 1, FAIL)

    def test_errnos_are_checked_by_name(self):
        self.check(
            'it "a" expect_errno ENOSPC write /dev/full 1\nit "b" expect_errno ENOENT cat /no/such\n'
            'it "c" expect_errno "EINVAL|ENOSPC" write /dev/full 1\nit "d" expect_errno EISDIR write / 1\nfinish',
            0, PASS, PASS, PASS, PASS,
        )  # fmt: skip

    def test_a_value_of_several_lines_is_one_write(self):
        self.check("it a expect_errno ENOSPC write /dev/full $'1\\n2'\nit b expect_ok write /dev/null $'1\\n2\\n'\nfinish", 0, PASS, PASS)

    def test_another_errno_or_a_success_is_a_failure(self):
        cases = self.check(
            'it "a" expect_errno ERANGE write /dev/full 1\nit "b" expect_errno ERANGE write /dev/null 1\n'
            'it "c" expect_errno ENOSPC false\nfinish',
            1, FAIL, FAIL, FAIL,
        )  # fmt: skip
        self.assertIn("wanted ERANGE, got ENOSPC", cases[0].detail)
        self.assertIn("wanted ERANGE, got success", cases[1].detail)

    def test_messages_of_the_module_tools_are_understood(self):
        said = {
            "insmod: ERROR: could not insert module x.ko: Numerical result out of range": "ERANGE",
            "insmod: can't insert 'x.ko': Device or resource busy": "EBUSY",
            "rmmod: ERROR: Module x is in use": "EBUSY",
            "bash: line 1: printf: write error: Operation not supported": "EOPNOTSUPP",
            "bash: read: read error: 9: No such device": "ENODEV",
            "cat: read error: No such device or address": "ENXIO",
            "bash: printf: write error: Connection timed out": "ETIMEDOUT",
        }
        for text, errno in said.items():
            with self.subTest(text):
                self.check(f"f() {{ echo \"{text}\" >&2; return 1; }}\nit x expect_errno {errno} f\nfinish", 0, PASS)

    def test_what_is_to_happen_soon_is_waited_for(self):
        self.check(
            '(sleep 0.3; : >"${0%/*}/f") &\nit "x" expect_soon 5 test -e "${0%/*}/f"\nit "y" expect_soon 0 false\nfinish', 1, PASS, FAIL
        )

    def test_cleanup_runs_in_reverse_even_if_the_test_dies(self):
        self.run_test('at_end printf "%s\\n" "a b"\nat_end echo last\nexit 3')
        self.assertIn("last\na b\n", self.output)

    def test_kernel_messages_are_checked(self):
        log = self.directory / "log"
        log.write_text("[    1.0] igb 0000:01:00.0: irq_mod: held\n[    1.1] WARNING: CPU: 0\n", encoding="utf-8")
        body = 'it a expect_dmesg "irq_mod: h[e]ld"\nit b expect_dmesg nothing\nit c expect_no_dmesg\nit d expect_no_dmesg nothing\nfinish'
        _, cases = self.run_test(body, LOG=str(log))
        self.assertEqual([case.verdict for case in cases], [PASS, FAIL, FAIL, PASS])

    def test_the_last_case_sees_the_messages_of_those_before_it_and_of_no_other_script(self):
        body = (
            'log() {{ echo "$*" >>"$LOG"; }}\nktest_mark() {{ log "ktest-${{1:-mark}} $$"; }}\nlog {before}\nktest_mark begin\n'
            'it a log {during}\nit b expect_no_dmesg\nit c expect_quiet_kernel\nfinish'
        )
        for before, during, last in (("BUG", "all is well", PASS), ("all is well", "BUG", FAIL)):
            with self.subTest(during):
                log = self.directory / during
                _, cases = self.run_test(body.format(before=before, during=during), LOG=str(log))
                self.assertEqual([case.verdict for case in cases], [PASS, PASS, last], self.output)


class Driver(Sandbox):
    """guest.sh and the reader of its output."""

    def members(self, *bodies, timeout_s=20):
        """Returns one Script for each body."""
        scripts = []
        for number, body in enumerate(bodies):
            path = self.script(body, f"t{number}.sh")
            scripts.append(guest.Script("m", f"t{number}", str(path), timeout_s=timeout_s))
        return scripts

    def drive(self, scripts):
        """Runs guest.sh; returns (status, output)."""
        done = subprocess.run(
            ["bash", str(LIB / "guest.sh"), *(script.entry() for script in scripts)],
            capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "RVM_OUT": str(self.directory)},
        )  # fmt: skip
        return done.returncode, done.stdout

    def test_each_script_is_one_test(self):
        scripts = self.members('it "x" true\nfinish', 'it "y" false\nfinish', 'skip "no device"', 'it "z" true\nkill -9 $$')
        status, output = self.drive(scripts)
        tests = guest.tests_of(scripts, output, status, "")
        self.assertEqual([test.verdict() for test in tests], [PASS, FAIL, SKIP, FAIL], output)
        self.assertEqual(status, 1)
        self.assertTrue((self.directory / "m_t0.ktap").exists())

    def test_a_script_that_hangs_is_ended_and_the_next_one_runs(self):
        scripts = self.members('it "x" sleep 60\nfinish', 'it "y" true\nfinish', timeout_s=1)
        status, output = self.drive(scripts)
        tests = guest.tests_of(scripts, output, status, "")
        self.assertEqual([test.verdict() for test in tests], [FAIL, PASS], output)
        self.assertIn("no end after 1 s", tests[0].cases[-1].detail)

    def test_a_vm_that_dies_fails_the_test_it_was_at_and_those_after(self):
        scripts = self.members('it "x" true\nfinish', "", "")
        _, output = self.drive(scripts[:1])
        output = output.replace("1..1\n", "1..3\n", 1)
        tests = guest.tests_of(scripts, output, 125, "Oops: 0002")
        self.assertEqual([test.verdict() for test in tests], [PASS, FAIL, FAIL])
        self.assertIn("Oops: 0002", tests[1].cases[0].detail)
        self.assertIn("not run", tests[2].cases[0].detail)

    def test_a_kernel_that_breaks_after_the_last_test_is_a_failure(self):
        scripts = self.members('it "x" true\nfinish')
        _, output = self.drive(scripts)
        tests = guest.tests_of(scripts, output, 125, "WARNING: CPU: 0")
        self.assertEqual(tests[0].verdict(), FAIL)

    def test_settings_come_from_the_head_of_the_script(self):
        text = "#!/bin/bash\n# SPDX\n# profile: sriov\n# cpus: 2\n# timeout: 90\n# text\n\n# cpus: 4\n"
        self.assertEqual(guest.header(text), {"profile": "sriov", "cpus": "2", "timeout": "90"})

    def test_tests_that_need_the_same_vm_share_it(self):
        two = guest.Machine("sriov", 2)
        scripts = [guest.Script("a", "1", "p"), guest.Script("a", "2", "p", machine=two), guest.Script("a", "3", "p"), guest.Script("b", "1", "p")]
        found = sorted((each.name(), len(each.scripts)) for each in guest.group(scripts))
        self.assertEqual(found, [("a-base", 2), ("a-sriov-cpus2", 1), ("b-base", 1)])


class Use(Sandbox):
    """group_use.sh."""

    def use(self, readme):
        """Runs the group on a README; returns the cases."""
        shutil.copytree(LIB, self.directory / "selftests" / "lib")
        for directory in ("selftests/m", "m"):
            (self.directory / directory).mkdir(parents=True)
        (self.directory / "selftests" / "m" / "config.sh").write_text("MODULE_KO=m\n", encoding="utf-8")
        (self.directory / "m" / "README.md").write_text(readme, encoding="utf-8")
        script = self.directory / "selftests" / "lib" / "group_use.sh"
        done = subprocess.run(["bash", str(script), "m"], capture_output=True, text=True, timeout=60, check=False)
        self.output = done.stdout + done.stderr
        return [case.verdict for case in ktap.cases(done.stdout)]

    def block(self, text):
        """Returns the verdicts of the commands of one block, without that of the last, general case."""
        return self.use(f"# m\n\n## Try it in a VM\n\n```console\n{text}\n```\n")[:-1]

    def test_output_is_compared(self):
        self.assertEqual(self.block("# echo one\none\n# echo two\nthree"), [PASS, FAIL], self.output)

    def test_missing_and_surplus_output_is_a_failure(self):
        self.assertEqual(self.block("# true\none\n# printf 'a\\nb\\n'\na"), [FAIL, FAIL], self.output)

    def test_dots_stand_for_any_text(self):
        text = "# echo a 5 b\na ... b\n# seq 3\n1\n...\n3\n# seq 2\n1\n...\n2\n# seq 3\n1\n...\n4"
        self.assertEqual(self.block(text), [PASS, PASS, PASS, FAIL], self.output)

    def test_characters_of_patterns_are_literal(self):
        self.assertEqual(self.block("# echo '[a] *'\n[a] *\n# echo abc\na*c\n# echo 'a\\b'\na\\b"), [PASS, FAIL, PASS], self.output)

    def test_errors_of_the_shell_read_as_in_a_terminal(self):
        text = "# echo 1 >/dev/full\nbash: echo: write error: No space left on device"
        self.assertEqual(self.block(text), [PASS], self.output)

    def test_commands_share_one_shell_and_may_be_continued(self):
        text = "# x=5\n# echo \\\n> $x\n5\n$ for i in a b; do\n> echo $i\n> done\na\nb"
        self.assertEqual(self.block(text), [PASS, PASS, PASS], self.output)

    def test_commands_for_the_host_are_not_run(self):
        self.assertEqual(self.block("$ make shell\n# echo a\na"), [PASS], self.output)

    def test_a_readme_without_commands_fails(self):
        self.assertEqual(self.use("# m\n\n```console\n# true\n```\n"), [FAIL], self.output)


if __name__ == "__main__":
    unittest.main()
