# SPDX-License-Identifier: GPL-2.0
"""Runs one Python unittest file and prints KTAP: `python3 unit.py FILE`."""

import importlib
import sys
import unittest
from pathlib import Path


class KtapResult(unittest.TestResult):
    """Prints one KTAP line a test method."""

    def _line(self, verdict, test, detail="", directive=""):
        for line in detail.splitlines():
            print(f"# {line}")
        name = (test.shortDescription() or test.id()).replace("#", "")
        print(f"{verdict} {self.testsRun} - {name}{directive}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line("not ok", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        if not hasattr(test, "_testMethodName"):
            # setUpClass or setUpModule: no method has been counted for it.
            self.testsRun += 1
        self._line("not ok", test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print("# " + str(subtest) + "\n# " + self._exc_info_to_string(err, test).replace("\n", "\n# "))
            self._line("not ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("ok", test, directive=f" # SKIP {reason}")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._line("not ok", test, directive=" # TODO expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._line("not ok", test, "an expected failure passes")


def main():
    """Returns the exit status: 0 all passed, 1 otherwise."""
    path = Path(sys.argv[1]).resolve()
    # A file in a package (testlib) is imported as part of it, so that relative imports work.
    package = path.parent.name if (path.parent / "__init__.py").exists() else None
    sys.path.insert(0, str(path.parent.parent if package else path.parent))
    print("KTAP version 1")
    name = f"{package}.{path.stem}" if package else path.stem
    suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name))
    result = KtapResult()
    suite.run(result)
    print(f"1..{result.testsRun}")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
