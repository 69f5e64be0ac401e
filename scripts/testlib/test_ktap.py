# SPDX-License-Identifier: GPL-2.0
"""Tests of the KTAP reader: only a plain pass is a pass."""

import unittest

from . import ktap
from .result import FAIL, PASS, SKIP


def verdicts(text):
    """Returns the verdicts of all cases of a text."""
    return [case.verdict for case in ktap.cases(text)]


class Reader(unittest.TestCase):
    """One text a behaviour."""

    def test_passes_failures_and_skips_are_told_apart(self):
        text = "KTAP version 1\n1..3\nok 1 - a\n# t.sh:3: wanted 1, got 2\nnot ok 2 - b\nok 3 - c # SKIP no device\n"
        found = ktap.cases(text)
        self.assertEqual([case.verdict for case in found], [PASS, FAIL, SKIP])
        self.assertEqual(found[1].detail, "t.sh:3: wanted 1, got 2")
        self.assertEqual(found[2].detail, "no device")

    def test_a_missing_plan_is_a_failure(self):
        self.assertEqual(verdicts("KTAP version 1\nok 1 - a\n"), [PASS, FAIL])

    def test_an_empty_text_is_a_failure(self):
        self.assertEqual(verdicts(""), [FAIL])
        self.assertEqual(verdicts("KTAP version 1\n1..0\n"), [FAIL])

    def test_a_plan_with_a_reason_and_no_case_is_a_skip(self):
        self.assertEqual(verdicts("TAP version 13\n1..0 # SKIP no such device\n"), [SKIP])

    def test_a_plan_that_differs_from_what_ran_is_a_failure(self):
        self.assertEqual(verdicts("1..3\nok 1 - a\nok 2 - b\n"), [PASS, PASS, FAIL])
        self.assertEqual(verdicts("1..1\nok 1 - a\nok 2 - b\n"), [PASS, PASS, FAIL])

    def test_a_number_out_of_order_is_a_failure(self):
        self.assertEqual(verdicts("1..2\nok 1 - a\nok 3 - b\n"), [PASS, PASS, FAIL])

    def test_a_missing_number_is_accepted(self):
        self.assertEqual(verdicts("1..2\nok - a\nok b\n"), [PASS, PASS])

    def test_todo_is_no_pass(self):
        self.assertEqual(verdicts("1..2\nnot ok 1 - a # TODO later\nok 2 - b # TODO later\n"), [SKIP, FAIL])

    def test_a_failed_skip_is_a_failure(self):
        self.assertEqual(verdicts("1..1\nnot ok 1 - a # SKIP no device\n"), [FAIL])

    def test_dmesg_stamps_are_ignored(self):
        text = "[    1.234567] KTAP version 1\n[    1.3] 1..1\n<6>[   12.000001][  T12] ok 1 - a\n"
        self.assertEqual(verdicts(text), [PASS])

    def test_leaves_of_subtests_are_counted(self):
        text = "KTAP version 1\n1..2\n    KTAP version 1\n    ok 1 - a\n    not ok 2 - b\n    1..2\nnot ok 1 - s\nok 2 - t\n"
        self.assertEqual(verdicts(text), [PASS, FAIL, PASS])

    def test_subtests_without_a_version_line_are_read_too(self):
        self.assertEqual(verdicts("1..1\n    # Subtest: s\n    1..2\n    ok 1 - a\n    ok 2 - b\nok 1 - s\n"), [PASS, PASS])

    def test_a_subtest_that_died_fails_even_if_its_parent_claims_otherwise(self):
        text = "KTAP version 1\n1..1\n    KTAP version 1\n    ok 1 - a\nok 1 - s\n"
        self.assertEqual(verdicts(text), [PASS, FAIL])

    def test_a_parent_that_fails_on_its_own_account_is_counted(self):
        text = "1..1\n    KTAP version 1\n    ok 1 - a\n    1..1\n# left loaded: x\nnot ok 1 - s\n"
        found = ktap.cases(text)
        self.assertEqual([case.verdict for case in found], [PASS, FAIL])
        self.assertIn("left loaded: x", found[1].detail)

    def test_a_reason_beside_failed_cases_is_counted_too(self):
        text = "1..1\n    KTAP version 1\n    not ok 1 - a\n    1..1\n# left loaded: x\nnot ok 1 - s\n"
        self.assertEqual(verdicts(text), [FAIL, FAIL])
        self.assertEqual(verdicts(text.replace("# left", "    # left")), [FAIL])

    def test_nesting_may_be_deep(self):
        text = "1..1\n    1..1\n        KTAP version 1\n        1..1\n        ok 1 - a\n    ok 1 - b\nok 1 - c\n"
        self.assertEqual(verdicts(text), [PASS])

    def test_an_output_that_breaks_off_in_a_subtest_is_a_failure(self):
        self.assertIn(FAIL, verdicts("KTAP version 1\n1..2\n    KTAP version 1\n    ok 1 - a\n"))

    def test_the_time_of_a_subtest_is_kept(self):
        node = ktap.parse("1..1\n    KTAP version 1\n    ok 1 - a\n    1..1\n# time_ms 1500\nok 1 - s\n")[0]
        self.assertEqual(node.time_s, 1.5)

    def test_words_that_only_begin_like_a_verdict_are_no_verdict(self):
        self.assertEqual(verdicts("1..1\nokay then\nok 1 - a\n"), [PASS])


if __name__ == "__main__":
    unittest.main()
