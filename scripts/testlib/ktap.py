# SPDX-License-Identifier: GPL-2.0
"""Reader of KTAP (and TAP) that trusts nothing: what is not plainly a pass is a failure."""

import re
from dataclasses import dataclass, field

from .result import FAIL, PASS, SKIP, Case

_STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
_CASE = re.compile(r"^(not ok|ok)\b(?: +(\d+))?(?: *- *| +|$)(.*)$")
_PLAN = re.compile(r"^1\.\.(\d+)(?: +# *SKIP *(.*))?$", re.IGNORECASE)
_DIRECTIVE = re.compile(r"(?:^|\s)#\s*(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b[:\s]*(.*)$", re.IGNORECASE)
_HEADER = re.compile(r"^K?TAP version \d+$")
_TIME = re.compile(r"^# *time_ms +(\d+)$")
_INDENT = 4


@dataclass
class Node:
    """A case line, with the cases of the subtest before it as children."""

    name: str
    verdict: str
    detail: str = ""
    children: list = field(default_factory=list)
    time_s: float = 0.0
    # Whether something was said beside the subtest: a failure of the whole then has a reason of its own.
    said: bool = False

    def cases(self):
        """Returns the leaves as cases, plus the node itself where it fails for a reason of its own."""
        if not self.children:
            return [Case(self.name, self.verdict, self.detail)]
        leaves = [case for child in self.children for case in child.cases()]
        if self.verdict == FAIL and (self.said or not any(case.verdict == FAIL for case in leaves)):
            leaves.append(Case(self.name, FAIL, self.detail or "the subtest as a whole failed"))
        return leaves


class _Level:
    """One document or subtest while it is read."""

    def __init__(self, indent):
        self.indent = indent
        self.nodes = []
        self.notes = []
        self.plan = None
        self.skip_all = None
        self.errors = []
        self.time_s = 0.0
        # Cases of a subtest that no case line has claimed yet, and what was said after the last of them.
        self.orphans = []
        self.orphan_notes = []

    def case(self, match):
        """Takes a case line."""
        status, number, rest = match.groups()
        directive = _DIRECTIVE.search(rest)
        name = (rest[: directive.start()] if directive else rest).strip() or f"case {len(self.nodes) + 1}"
        verdict, detail = (PASS, "") if status == "ok" else (FAIL, "\n".join(self.notes + self.orphan_notes))
        if directive:
            word, reason = directive.group(1).upper(), directive.group(2).strip()
            if word == "SKIP" and status == "ok":
                verdict, detail = SKIP, reason or "no reason given"
            elif word in ("TODO", "XFAIL") and status == "not ok":
                verdict, detail = SKIP, f"known to fail: {reason or 'no reason given'}"
            elif word in ("TODO", "XFAIL"):
                verdict, detail = FAIL, f"marked {word}, but it passes"
            else:
                verdict, detail = FAIL, "\n".join([f"{status} with {word} {reason}".strip(), *self.notes])
        if number is not None and int(number) != len(self.nodes) + 1:
            self.errors.append(f"case number {number} where {len(self.nodes) + 1} was due")
        self.nodes.append(Node(name, verdict, detail, self.orphans, self.time_s, bool(self.notes)))
        self.orphans, self.notes, self.orphan_notes, self.time_s = [], [], [], 0.0

    def close(self):
        """Returns the nodes, with one more that fails if the document is not sound."""
        errors = list(self.errors)
        if self.plan is None:
            errors.append("no plan: it ended early")
        elif self.plan != len(self.nodes):
            errors.append(f"{self.plan} cases planned, {len(self.nodes)} seen")
        if not self.nodes and not self.orphans and self.plan == 0:
            if self.skip_all is not None:
                return [Node("all cases", SKIP, self.skip_all or "no reason given")]
            errors.append("no case")
        nodes = self.nodes + self.orphans
        if errors:
            nodes.append(Node("the report is complete", FAIL, "\n".join(errors + self.notes[-10:])))
        return nodes


def parse(text):
    """Returns the list of top-level Nodes of a KTAP text, including a failing one for each defect found."""
    levels = [_Level(0)]
    for raw in text.splitlines():
        line = _STAMP.sub("", raw.replace("\r", "").replace("\t", "    ")).rstrip()
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        header = _HEADER.match(body)
        case, plan = _CASE.match(body), _PLAN.match(body)
        if header and indent > levels[-1].indent:
            levels.append(_Level(indent))
            continue
        if not (header or case or plan):
            time = _TIME.match(body)
            level = next(level for level in reversed(levels) if level.indent <= indent)
            if time:
                level.time_s = int(time.group(1)) / 1000
            elif body:
                level.notes.append(body.removeprefix("# "))
            continue
        # A subtest without a version line begins with its first deeper case or plan.
        if indent >= levels[-1].indent + _INDENT:
            levels.append(_Level(indent))
        while indent < levels[-1].indent and len(levels) > 1:
            done = levels.pop()
            levels[-1].orphans += done.close()
            levels[-1].orphan_notes = done.notes
        level = levels[-1]
        if case:
            level.case(case)
        elif plan:
            if level.plan is not None:
                level.errors.append("two plans")
            level.plan, level.skip_all = int(plan.group(1)), plan.group(2)
    while len(levels) > 1:
        done = levels.pop()
        levels[-1].orphans += done.close()
    return levels[0].close()


def cases(text):
    """Returns all Cases of a KTAP text."""
    return [case for node in parse(text) for case in node.cases()]
