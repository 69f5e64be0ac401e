# SPDX-License-Identifier: GPL-2.0
"""Rust sources as text: comments and literals blanked, test code found."""

import re

_TOKEN = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*)
  | (?P<raw>\b(?:br|cr|r)(?P<hashes>\#*)")
  | (?P<string>(?:\b[bc])?")
  | (?P<char>\bb?'(?:\\(?:u\{[0-9a-fA-F_]+\}|x[0-9a-fA-F]{2}|.)|[^\\'\n])'|'(?:\\(?:u\{[0-9a-fA-F_]+\}|x[0-9a-fA-F]{2}|.)|[^\\'\n])')
    """,
    re.VERBOSE,
)
_TEST = re.compile(r"#\[(?:cfg\(\s*(?:test|all\(\s*test\b[^\]]*|any\(\s*test\b[^\]]*)\s*\)|test)\]|#!\[cfg\(test\)\]")

_CONST = re.compile(r"\bconst\s*\{|^[ \t]*(?:pub(?:\([^)]*\))?\s+)?const\s+\w+\s*:", re.MULTILINE)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _block_end(text, start):
    """Returns where the block comment that begins at `start` ends; they nest."""
    depth, position = 0, start
    for match in re.finditer(r"/\*|\*/", text[start:]):
        depth += 1 if match.group() == "/*" else -1
        position = start + match.end()
        if depth == 0:
            return position
    return len(text)


def code(text):
    """Returns the source with comments and literals replaced by blanks; every position stays."""
    parts, position = [], 0
    while True:
        match = _TOKEN.search(text, position)
        if not match:
            return "".join(parts) + text[position:]
        if match["line"] is not None or match["char"] is not None:
            end = match.end()
        elif match["block"] is not None:
            end = _block_end(text, match.start())
        elif match["raw"] is not None:
            close = text.find('"' + match["hashes"], match.end())
            end = len(text) if close < 0 else close + 1 + len(match["hashes"])
        else:
            close = re.compile(r'(?:\\.|[^"\\])*"', re.DOTALL).match(text, match.end())
            end = close.end() if close else len(text)
        parts += [text[position : match.start()], _blank(text[match.start() : end])]
        position = end


def without_consts(blanked):
    """Returns blanked code with `const` items and blocks blanked too: what they do is done by the compiler."""
    for match in _CONST.finditer(blanked):
        depth, assigned = 0, match.group().endswith("{")
        for index in range(match.end() - assigned, len(blanked)):
            char = blanked[index]
            if depth == 0 and (char in ",)" or (char == "{" and not assigned)):
                # A parameter of a type.
                break
            depth += (char in "{([") - (char in "})]")
            assigned = assigned or char == "="
            if depth == 0 and char == ("}" if match.group().endswith("{") else ";"):
                blanked = blanked[: match.start()] + _blank(blanked[match.start() : index + 1]) + blanked[index + 1 :]
                break
    return blanked


def line_of(text, position):
    """Returns the number of the line that holds the position, from 1."""
    return text.count("\n", 0, position) + 1


def without_tests(blanked):
    """Returns blanked code with test items blanked too."""
    position = 0
    while True:
        match = _TEST.search(blanked, position)
        if not match:
            return blanked
        if match.group().startswith("#!"):
            return _blank(blanked)
        end, depth = match.end(), 0
        for index in range(match.end(), len(blanked)):
            char = blanked[index]
            depth += (char in "{([") - (char in "})]")
            if (char == "}" and depth == 0) or (char == ";" and depth == 0) or depth < 0:
                end = index + 1
                break
        else:
            end = len(blanked)
        blanked = blanked[: match.start()] + _blank(blanked[match.start() : end]) + blanked[end:]
        position = end
