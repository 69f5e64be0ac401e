# SPDX-License-Identifier: GPL-2.0
"""Compile-fail cases: sources that the real kernel build command must refuse, at the lines they mark.

A case begins with `//@ object: <path>`, the object of build/mod whose rustc command is replayed with the
case as its source, and marks each line that must be refused with `//~ CODE`, where CODE is an error code
such as E0382, the name of a denied lint, or `error` for an error without code. The same source with the
marked lines blanked must compile; `//~ -` marks a line that is blanked though it has no error of its own.

For errors that only instantiation shows, `//@ emit: obj` compiles to machine code, and `//@ error: CODE`
asks for an error that lies outside of the case.
"""

import json
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from .result import FAIL, PASS, Case

_OBJECT = re.compile(r"^//@ object: (\S+)$", re.MULTILINE)
_EMIT = re.compile(r"^//@ emit: (obj|metadata)$", re.MULTILINE)
_ELSEWHERE = re.compile(r"^//@ error: (\S+)$", re.MULTILINE)
_MARK = re.compile(r"//~ (\S+)")
_PATH = re.compile(r'(#\[path = "|include(?:_str|_bytes)?!\(")(?!/)')
_TIMEOUT_S = 120


class BadCase(Exception):
    """The case or the command it asks for cannot be used; the message says why."""


def marks(source):
    """Returns the set of (line, code) that the marks of a source ask for; line 0 is outside of the case."""
    found = {(0, code) for code in _ELSEWHERE.findall(source)}
    for number, line in enumerate(source.splitlines(), 1):
        found.update((number, code) for code in _MARK.findall(line) if code != "-")
    return found


def without_marked(source):
    """Returns the source with each marked line blank, so that line numbers stay."""
    return "\n".join("" if _MARK.search(line) else line for line in source.splitlines()) + "\n"


def rustc_command(cmd_text):
    """Returns the rustc call in the text of a Kbuild `.cmd` file: (environment, words).

    Fails with BadCase if there is none.
    """
    match = re.search(r"^savedcmd_\S+ := (.*)$", cmd_text, re.MULTILINE)
    if not match:
        raise BadCase("the .cmd file holds no saved command")
    lexer = shlex.shlex(match.group(1).replace("$$", "$"), posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words, command = list(lexer), []
    for word in [*words, ";"]:
        if word and set(word) <= set(";&|"):
            start = next((i for i, w in enumerate(command) if re.fullmatch(r"(?:.*/)?(?:rustc|clippy-driver)[-\d.]*", w)), None)
            if start is not None:
                return dict(word.split("=", 1) for word in command[:start] if "=" in word), command[start:]
            command = []
        else:
            command.append(word)
    raise BadCase("the saved command calls no rustc")


def replay(words, source, output, emit):
    """Returns the rustc call `words` with another source and output, errors as JSON and nothing else changed."""
    result, skip_next = [], False
    for word in words:
        if skip_next:
            skip_next = False
        elif word in ("--emit", "-o", "--error-format"):
            skip_next = True
        elif word.startswith(("--emit=", "--error-format=", "--remap-path-prefix=", "-Dwarnings")) or re.fullmatch(r"[^-@].*\.rs", word):
            continue
        else:
            result.append(word)
    return [*result, f"--emit={emit}", "-o", str(output), "--error-format=json", str(source)]


def _span_in(span, names):
    """Returns the innermost place in the case itself: macros of other files are expanded outwards."""
    while span:
        if span["file_name"] in names:
            return span["line_start"]
        expansion = span.get("expansion")
        span = expansion and expansion["span"]
    return 0


def errors(stderr, source):
    """Returns the set of (line, code) and the rendered text of the errors in rustc's JSON output."""
    found, texts = set(), []
    for line in stderr.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            texts.append(line)
            continue
        if not isinstance(message, dict) or message.get("level") not in ("error", "error: internal compiler error"):
            continue
        primary = [span for span in message.get("spans", []) if span["is_primary"]]
        if not primary and not message.get("code"):
            # "aborting due to ..." and notes about --explain.
            if message.get("message", "").startswith(("aborting due to", "could not compile")):
                continue
        code = (message.get("code") or {}).get("code") or "error"
        lines = {_span_in(span, {str(source)}) for span in primary} or {0}
        found.update((number, code) for number in lines)
        texts.append(message.get("rendered") or message.get("message", ""))
    return found, "\n".join(texts)


def _compile(saved, text, origin, emit, cwd):
    """Compiles the text as if it lay at `origin`; returns (status, errors, rendered errors)."""
    # Paths relative to the case still work from the temporary copy.
    text = _PATH.sub(lambda match: f"{match.group(1)}{origin.parent}/", text)
    with tempfile.TemporaryDirectory(prefix="compile-fail-") as directory:
        source = Path(directory) / origin.name
        source.write_text(text, encoding="utf-8")
        call = replay(saved[1], source, Path(directory) / "out", emit)
        env = {**os.environ, **saved[0], "RUSTC_BOOTSTRAP": "1"}
        try:
            done = subprocess.run(call, cwd=cwd, env=env, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return 1, {(0, "time-out")}, f"no end after {_TIMEOUT_S} s"
        except OSError as error:
            raise BadCase(f"cannot run {call[0]}: {error.strerror}") from error
        found, rendered = errors(done.stderr, source)
        return done.returncode, found, rendered or done.stderr


def _list(found):
    return ", ".join(f"{code} in line {line}" for line, code in sorted(found)) or "nothing"


def run_case(path, mods):
    """Returns the two Cases of the case file `path`, with the objects below the directory `mods`."""
    refused, accepted = f"{path.stem} is refused", f"{path.stem} compiles without the marked lines"
    try:
        source = path.read_text(encoding="utf-8")
        want = marks(source)
        wanted_object = _OBJECT.search(source)
        if not wanted_object:
            raise BadCase("no line '//@ object: <path>'")
        if not want or not _MARK.search(source):
            raise BadCase("no line is marked with '//~ CODE'")
        obj = mods / wanted_object.group(1)
        cmd = obj.parent / f".{obj.name}.cmd"
        if not cmd.exists():
            raise BadCase(f"{wanted_object.group(1)} is not built (no {cmd.name})")
        saved = rustc_command(cmd.read_text(encoding="utf-8"))
        emit = (_EMIT.search(source) or ["", "metadata"])[1]
        status, got, rendered = _compile(saved, source, path, emit, mods)
        verdict = PASS if got == want and status != 0 else FAIL
        detail = "" if verdict == PASS else f"wanted {_list(want)}; got {_list(got)}\n{rendered}"
        first = Case(refused, verdict, detail)
        status, got, rendered = _compile(saved, without_marked(source), path, emit, mods)
        return [first, Case(accepted, PASS) if status == 0 else Case(accepted, FAIL, f"status {status}\n{rendered}")]
    except (BadCase, OSError, UnicodeDecodeError) as error:
        return [Case(refused, FAIL, str(error)), Case(accepted, FAIL, "not tried")]
