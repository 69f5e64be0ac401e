# SPDX-License-Identifier: GPL-2.0
"""What lies where in a checkout: modules, sources, tests."""

import os
from pathlib import Path

# Directories that hold nothing of ours.
_FOREIGN = {"build", "target", ".git", "__pycache__", ".cache"}
# Generated for one machine.
_GENERATED = {"rust-project.json"}


def files(top):
    """Returns the sorted paths of all files below `top` that belong to the project."""
    found = []
    for directory, names, entries in os.walk(top):
        names[:] = sorted(name for name in names if name not in _FOREIGN)
        found += [Path(directory) / entry for entry in entries if entry not in _GENERATED]
    return sorted(path for path in found if path.is_file() and not path.is_symlink() and path.suffix != ".pyc")


def first_line(path):
    """Returns the first line of a file, or an empty one if it is not text."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline()
    except UnicodeDecodeError:
        return ""


def is_shell(path):
    """Whether the file is a shell script: by its suffix or its first line."""
    line = first_line(path) if not path.suffix else ""
    return path.suffix == ".sh" or (line.startswith("#!") and "sh" in line.split("/")[-1].split()[-1])


def is_python(path):
    """Whether the file is Python: by its suffix or its first line."""
    return path.suffix == ".py" or (not path.suffix and "python3" in first_line(path) and first_line(path)[:2] == "#!")


def modules(top):
    """Returns the kernel modules of the tree by name: {name: directory}, drivers by their own name."""
    fragments = [*top.glob("*/module.mk"), *top.glob("drivers/*/module.mk")]
    return {path.parent.name: path.parent for path in sorted(fragments)}


def models(top):
    """Returns the host-testable models: {module name: path of model/mod.rs}."""
    roots = [*top.glob("*/model/mod.rs"), *top.glob("drivers/*/model/mod.rs")]
    return {path.parent.parent.name: path for path in sorted(roots) if "selftests" not in path.parts}
