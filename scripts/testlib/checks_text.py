# SPDX-License-Identifier: GPL-2.0
"""Checks of the gate that read any text file. Each takes the tree's top and the files, and yields complaints."""

import ast
import re

from . import tree

_SPDX = re.compile(r"SPDX-License-Identifier: GPL-2\.0(?:-only)?\b")
# Built from parts so that this file does not complain about itself.
_MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:work|root)" + r"/|/home/" + r"\w")
_LINK = re.compile(r"\b(?:https?|ftp|git|ssh)" + r"://")
_WARN_LINES, _MAX_LINES = 400, 600
_SOURCES = {".rs", ".c", ".h", ".py", ".sh", ".mk", ".awk", ".S"}
_NAMED_SOURCES = {"Makefile", "Kbuild"}
# Texts that are not ours to word: the licence, and lists that tools write.
_VERBATIM = {"LICENSE", "COPYING", "Cargo.lock"}


def _text(path):
    """Returns the lines of a text file, or None if it is not text."""
    try:
        return path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return None


def _is_source(path):
    return path.suffix in _SOURCES or path.name in _NAMED_SOURCES or tree.first_line(path).startswith("#!")


def spdx(top, files):
    """Every source begins with its licence, scripts in the line after `#!`."""
    for path in filter(_is_source, files):
        lines = _text(path) or [""]
        index = 1 if lines[0].startswith("#!") and len(lines) > 1 else 0
        if not _SPDX.search(lines[index]):
            yield f"{path.relative_to(top)}:{index + 1}: no 'SPDX-License-Identifier: GPL-2.0' in this line"


def whitespace(top, files):
    """No blanks at line ends, no carriage returns, exactly one line end at the end of a file."""
    for path in files:
        lines = _text(path)
        if lines is None or lines == [""] or path.name in _VERBATIM:
            continue
        name = path.relative_to(top)
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                yield f"{name}:{number}: blank or carriage return at the line's end"
        if lines[-1] != "":
            yield f"{name}:{len(lines)}: no line end at the end of the file"
        elif len(lines) > 1 and lines[-2] == "":
            yield f"{name}:{len(lines) - 1}: empty line at the end of the file"


def length(top, files):
    """No source has more than 600 lines."""
    for path in filter(_is_source, files):
        count = len(_text(path) or []) - 1
        if count > _MAX_LINES:
            yield f"{path.relative_to(top)}: {count} lines; split it (at most {_MAX_LINES})"


def long_files(top, files):
    """Yields notes, not complaints: sources of more than 400 lines."""
    for path in filter(_is_source, files):
        count = len(_text(path) or []) - 1
        if _WARN_LINES < count <= _MAX_LINES:
            yield f"{path.relative_to(top)}: {count} lines (aim at {_WARN_LINES})"


def places(top, files):
    """No link to a host and no path of some machine."""
    for path in files:
        if path.name in _VERBATIM:
            continue
        for number, line in enumerate(_text(path) or [], 1):
            if _MACHINE_PATH.search(line):
                yield f"{path.relative_to(top)}:{number}: path of a certain machine"
            if _LINK.search(line):
                yield f"{path.relative_to(top)}:{number}: link to a host"


def python(top, files):
    """Every Python file compiles."""
    for path in filter(tree.is_python, files):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path))
        except (SyntaxError, ValueError) as error:
            yield f"{path.relative_to(top)}:{getattr(error, 'lineno', 0)}: {error}"
