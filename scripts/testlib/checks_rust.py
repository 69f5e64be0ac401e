# SPDX-License-Identifier: GPL-2.0
"""Checks of the gate for the house rules of Rust. Each takes the tree's top and the files, and yields complaints."""

import re

from . import rust_text

_UNSAFE = re.compile(r"\bunsafe\b")
_UNSAFE_BLOCK = re.compile(r"\bunsafe\s*(?:\{|impl\b)")
_UNSAFE_FN = re.compile(r"\bunsafe\s+(?:extern\s+)?fn\s+(\w+)")
_PANIC = re.compile(r"\.unwrap\(\)|\.expect\(|\b(?:panic|todo|unimplemented|unreachable|dbg|assert(?:_eq|_ne)?)!")
_CAST = re.compile(r"\bas\s+(?:[\w:]+|\S)")
# Where `as` is no conversion: another name for something.
_RENAMING = re.compile(r"\b(?:use|extern\s+crate)\b[^;]*;")
_LEAK = re.compile(r"\b(?:forget|leak|into_raw|into_foreign)\s*(?:::<[^>]*>)?\(|\b(?:ManuallyDrop|MaybeUninit)\b")
_HOST_DIRECTORIES = ("selftests", "scripts")
_BORDER = re.compile(r"(?:ffi|shim\w*)\.rs$")


def _sources(top, files):
    """Yields (path below top, text, blanked code) of each Rust file."""
    for path in files:
        if path.suffix == ".rs":
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(top), text, rust_text.code(text)


def _kernel_side(name):
    """Whether the rules of module code hold: not for the support crate nor for programs of the host."""
    return name.parts[0] not in ("rust", *_HOST_DIRECTORIES) and "tools" not in name.parts


def unsafe_places(top, files):
    """`unsafe` stands in rust/ and in the border files ffi.rs and shim.* only."""
    for name, _, blanked in _sources(top, files):
        # Compile-fail cases show what even unsafe code is refused.
        border = _BORDER.search(name.name) and "model" not in name.parts
        if name.parts[0] == "rust" or border or name.parts[:2] == ("selftests", "compile-fail"):
            continue
        for match in _UNSAFE.finditer(blanked):
            yield f"{name}:{rust_text.line_of(blanked, match.start())}: 'unsafe' outside of rust/, ffi.rs and shim.rs"


def _comment_above(lines, blanked_lines, index, wanted):
    """Whether the comments directly above the statement around line `index` (from 0) hold the wanted text."""
    if wanted in lines[index] and wanted not in blanked_lines[index]:
        return True
    index -= 1
    while index >= 0:
        text, bare = lines[index].strip(), blanked_lines[index].strip()
        if text.startswith(("//", "/*", "*")) and not bare:
            if wanted in text:
                return True
        elif not text or (bare and bare[-1] in ";{}," and not bare.startswith("#[")):
            return False
        index -= 1
    return False


def safety_comments(top, files):
    """Each unsafe block and impl has a SAFETY comment, each unsafe fn a section `# Safety`."""
    for name, text, blanked in _sources(top, files):
        lines, blanked_lines = text.split("\n"), blanked.split("\n")
        for match in _UNSAFE_BLOCK.finditer(blanked):
            line = rust_text.line_of(blanked, match.start())
            if not _comment_above(lines, blanked_lines, line - 1, "SAFETY:"):
                yield f"{name}:{line}: no '// SAFETY:' above this"
        for number, line in enumerate(blanked_lines, 1):
            if len(_UNSAFE_BLOCK.findall(line)) > 1:
                yield f"{name}:{number}: two unsafe blocks on one line; each has a reason of its own"
        for match in _UNSAFE_FN.finditer(blanked):
            line = rust_text.line_of(blanked, match.start())
            if _in_trait_impl(blanked_lines, line - 1) or _in_foreign_block(blanked_lines, line - 1):
                continue
            if not _comment_above(lines, blanked_lines, line - 1, "# Safety"):
                yield f"{name}:{line}: no '# Safety' in the documentation of {match.group(1)}"


def _enclosing(lines, index):
    """Returns the nearest line above with less indentation, where the block around line `index` begins."""
    indent = len(lines[index]) - len(lines[index].lstrip())
    for line in reversed(lines[:index]):
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            return line
    return ""


def _in_trait_impl(lines, index):
    # The trait states the contract; its implementations fulfil it.
    return re.search(r"\bimpl\b.*\bfor\b", _enclosing(lines, index)) is not None


def _in_foreign_block(lines, index):
    return re.match(r"\s*(?:unsafe\s+)?extern\b[^;]*\{\s*$", _enclosing(lines, index)) is not None and "fn" not in _enclosing(lines, index)


def panics(top, files):
    """Module code neither panics, unwraps nor asserts outside of its tests, unless a comment `PANIC:` says why it may."""
    for name, text, blanked in _sources(top, files):
        if _kernel_side(name):
            bare, lines = rust_text.without_consts(rust_text.without_tests(blanked)), text.split("\n")
            for match in _PANIC.finditer(bare):
                line = rust_text.line_of(bare, match.start())
                if not _comment_above(lines, blanked.split("\n"), line - 1, "// PANIC:"):
                    yield f"{name}:{line}: '{match.group()}' can bring the kernel down; return an error"


def _in_qualified_path(code, position):
    """Whether an `as` that ends at the position is that of `<Type as Trait>::name`."""
    depth = 0
    for index in range(position, len(code)):
        if code[index] in ";{}" or (depth == 0 and code[index] in ",)]="):
            return False
        depth += (code[index] in "<([") - (code[index] in ">)]" and code[index - 1] not in "-=")
        if depth < 0:
            return code.startswith("::", index + 1)
    return False


def casts(top, files):
    """Module code converts numbers by `from` and `try_from`, not by `as`."""
    for name, _, blanked in _sources(top, files):
        if _kernel_side(name):
            bare = _RENAMING.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), rust_text.without_tests(blanked))
            for match in _CAST.finditer(bare):
                if _in_qualified_path(bare, match.start() + len("as")):
                    continue
                yield f"{name}:{rust_text.line_of(bare, match.start())}: cast '{match.group()}' may lose bits; use from or try_from"


def leaks(top, files):
    """Module code leaks nothing: what leads the kernel to a module must be dropped before its unload."""
    for name, _, blanked in _sources(top, files):
        # A model knows nothing of the kernel, so nothing leads from the kernel to it.
        if _kernel_side(name) and "model" not in name.parts:
            bare = rust_text.without_tests(blanked)
            for match in _LEAK.finditer(bare):
                yield f"{name}:{rust_text.line_of(bare, match.start())}: '{match.group()}' leaks; see Soundness in rust/kernel_ext.rs"
