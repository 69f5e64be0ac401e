# SPDX-License-Identifier: GPL-2.0
"""Results of tests: the unit counted is the case; a test (a script, a source file) holds cases."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

PASS = "ok"
FAIL = "FAIL"
SKIP = "skip"


@dataclass
class Case:
    """One verdict.

    `detail` is the diagnostic of a failure or the reason of a skip.
    """

    name: str
    verdict: str
    detail: str = ""


@dataclass
class Test:
    """One test of one module: a named list of cases that took `seconds` together."""

    module: str
    name: str
    seconds: float = 0.0
    cases: list = field(default_factory=list)

    def count(self, verdict):
        """Returns how many cases have the verdict."""
        return sum(case.verdict == verdict for case in self.cases)

    def verdict(self):
        """Returns FAIL if any case failed or there is none, SKIP if all were skipped, otherwise PASS."""
        if not self.cases or self.count(FAIL):
            return FAIL
        return SKIP if self.count(SKIP) == len(self.cases) else PASS

    def line(self):
        """Returns the line that is printed when the test ends."""
        skipped = self.count(SKIP)
        cases = f"{len(self.cases)} case{'s' if len(self.cases) != 1 else ''}"
        if self.count(FAIL):
            cases += f", {self.count(FAIL)} failed"
        if skipped:
            cases += f", {skipped} skipped"
        return f"{self.verdict():4} {self.module:16} {self.name:28} {self.seconds:6.2f} s  {cases}"

    @classmethod
    def failed(cls, module, name, detail, seconds=0.0):
        """Returns a test that is one failure: something kept its cases from running."""
        return cls(module, name, seconds, [Case(name, FAIL, detail)])


def totals(tests):
    """Returns the numbers of passed, failed and skipped cases; a test without a case is a failure."""
    passed = sum(test.count(PASS) for test in tests)
    failed = sum(test.count(FAIL) if test.cases else 1 for test in tests)
    skipped = sum(test.count(SKIP) for test in tests)
    return passed, failed, skipped


def details(tests):
    """Yields the lines that explain each failure and each skip."""
    for test in tests:
        if not test.cases:
            yield f"FAIL {test.module} {test.name}: it reported no case"
        for case in test.cases:
            if case.verdict == FAIL:
                yield f"FAIL {test.module} {test.name}: {case.name}"
                yield from ("     " + line for line in case.detail.splitlines())
    for test in tests:
        for case in test.cases:
            if case.verdict == SKIP:
                yield f"skip {test.module} {test.name}: {case.name}: {case.detail or 'no reason given'}"


def _printable(text):
    """Replaces what XML 1.0 cannot hold."""
    return "".join(char if char in "\t\n" or char >= " " and char not in "\ufffe\uffff" else "?" for char in text)


def write_junit(tests, path):
    """Writes the tests as JUnit XML."""
    root = ElementTree.Element("testsuites")
    for test in tests:
        cases = test.cases or [Case(test.name, FAIL, "it reported no case")]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{test.module}/{test.name}",
            tests=str(len(cases)),
            failures=str(sum(case.verdict == FAIL for case in cases)),
            skipped=str(test.count(SKIP)),
            time=f"{test.seconds:.3f}",
        )
        for case in cases:
            element = ElementTree.SubElement(
                suite, "testcase", classname=f"{test.module}.{test.name}", name=_printable(case.name)
            )
            if case.verdict != PASS:
                kind = "failure" if case.verdict == FAIL else "skipped"
                first = (case.detail.splitlines() or [""])[0]
                ElementTree.SubElement(element, kind, message=_printable(first)).text = _printable(case.detail)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
