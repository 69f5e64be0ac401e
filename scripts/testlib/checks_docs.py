# SPDX-License-Identifier: GPL-2.0
"""Checks of the gate that compare documents with sources: sysfs attributes, ABI files, README tables."""

import re

from . import tree

_C_STRING = re.compile(r'(?<!in )\bc"([A-Za-z][\w-]*)"')
# Names of directories, not of files.
_DIRECTORY = re.compile(r"\b(?:Dir::new|Parent::\w+)\s*(?:\((?:[^()]|\([^()]*\))*\)|,\s*c\"[^\"]*\")")
_NAMED = re.compile(r'const NAME: &\'static CStr =\s*c"([^"]+)";(?:[^;}]*const MODE: Mode = Mode::(\w+);)?', re.DOTALL)
# Files of debugfs, which are read only.
_DEBUG_FILE = re.compile(r"\.read_(?:only|callback)_file\(\s*c\"([^\"]+)\"")
_FIELD = re.compile(r"^(What|Date|KernelVersion|Contact|Description|Users):[ \t]*(.*)$")
_RIGHTS = {"ReadOnly": "RO", "ReadWrite": "RW", "WriteOnly": "WO"}
_RANGED = re.compile(r"^[ \t]*attr[ \t]+(\S+)[ \t]+(?:int|act|wo)[ \t]+(-?\d+)[ \t]+(-?\d+)\b", re.MULTILINE)
# Where every C string is an attribute; elsewhere only what is declared as one.
_ATTRIBUTE_FILES = ("sysfs.rs", "stats.rs")


def attributes(sources):
    """Returns the sysfs attributes that the Rust texts declare: {name: 'RO', 'RW', 'WO' or None if unknown}.

    An attribute is a C string literal other than the name of a directory.
    """
    found = {}
    for text in sources:
        text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
        for name in _C_STRING.findall(_DIRECTORY.sub("", text)):
            found.setdefault(name, None)
        found.update(_named(text))
    return found


def _named(text):
    return {name: _RIGHTS.get(mode) for name, mode in _NAMED.findall(text)}


def abi_entries(text):
    """Returns the entries of an ABI file, each a dictionary of its fields; `What` is a list."""
    entries, field = [], None
    for line in text.splitlines():
        match = _FIELD.match(line)
        if match:
            field, value = match.group(1), match.group(2).strip()
            if field == "What" and (not entries or len(entries[-1]) > 1):
                entries.append({"What": []})
            elif not entries:
                continue
            if field == "What":
                entries[-1]["What"].append(value)
            else:
                entries[-1][field] = value
        elif field and field != "What" and entries and line[:1].isspace():
            entries[-1][field] += "\n" + line.strip()
    return entries


def abi_paths(entries):
    """Returns {path: description} of the files that ABI entries name; directories end in a slash."""
    paths = {}
    for entry in entries:
        for what in entry["What"]:
            head, slash, last = what.rpartition("/")
            braces = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", last)
            for each in [braces[1] + part.strip() + braces[3] for part in braces[2].split(",")] if braces else [last]:
                if each:
                    paths[head + slash + each] = entry.get("Description", "")
    return paths


def abi_names(entries):
    """Returns {attribute name: description} of the same files."""
    return {path.rsplit("/", 1)[-1]: description for path, description in abi_paths(entries).items()}


def settings(readme):
    """Returns the rows of the tables in section "Settings" of a README as [(attribute's path, range or None)].

    None without such a section.
    """
    rows, header, inside, seen = [], None, False, False
    for line in readme.splitlines():
        if line.startswith("#"):
            inside = re.fullmatch(r"#+ Settings\b.*", line) is not None
            seen = seen or inside
        if not inside or not line.lstrip().startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip()[1:].removesuffix("|").split("|")]
        header = header or cells
        limits = dict(zip(header, cells)).get("range")
        rows += [(name, limits) for name in re.findall(r"`([^`]+)`", cells[0])]
    return rows if seen else None


def _declared(directory):
    found = {}
    for path in sorted(directory.rglob("*.rs")):
        if "model" in path.relative_to(directory).parts:
            continue
        text = path.read_text(encoding="utf-8")
        if path.name in _ATTRIBUTE_FILES:
            found.update(attributes([text]))
        else:
            named = _named(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
            # Other things have names, too, but no rights.
            found.update({name: rights for name, rights in named.items() if rights})
        found.update(dict.fromkeys(_DEBUG_FILE.findall(text), "RO"))
    return found


def abi(top, _files):
    """Every attribute has an ABI entry with its rights, and every ABI entry is about an attribute."""
    for module, directory in tree.modules(top).items():
        declared, path = _declared(directory), directory / "ABI"
        name = path.relative_to(top)
        if not path.exists():
            if declared:
                yield f"{name}: missing; {module} has attributes: {' '.join(sorted(declared))}"
            continue
        entries = abi_entries(path.read_text(encoding="utf-8"))
        for entry in entries:
            for field in ("Date", "Contact", "Description"):
                if not entry.get(field):
                    yield f"{name}: {entry['What'][0]}: no {field}"
        described = abi_names(entries)
        for each in sorted(declared.keys() - described.keys()):
            yield f"{name}: no entry for the attribute {each}"
        for each in sorted(described.keys() - declared.keys()):
            yield f"{name}: entry for {each}, which no source declares"
        for each in sorted(declared.keys() & described.keys()):
            rights = re.match(r"\((RO|RW|WO|R|W)\)", described[each].strip())
            if not rights:
                yield f"{name}: {each}: the description does not begin with (RO), (RW) or (WO)"
            elif declared[each] and not rights[1].startswith(declared[each]):
                yield f"{name}: {each}: ({rights[1]}) here, {declared[each]} in the source"


def readme_tables(top, _files):
    """The table in section "Settings" of a module's README names the attributes of its ABI file, with their ranges."""
    for module, directory in tree.modules(top).items():
        path, abi_path = directory / "README.md", directory / "ABI"
        name = path.relative_to(top)
        if not path.exists():
            yield f"{name}: missing"
            continue
        rows = settings(path.read_text(encoding="utf-8"))
        described = abi_paths(abi_entries(abi_path.read_text(encoding="utf-8"))) if abi_path.exists() else {}
        if rows is None:
            if described:
                yield f"{name}: no section 'Settings'"
            continue
        paths = [each for each, _ in rows]
        for each in sorted({each for each in paths if paths.count(each) > 1}):
            yield f"{name}: {each} is in the settings twice"
        lacking = set(described)
        # A row has the end of a path, and stands for the shortest that ends so.
        for each in sorted(set(paths)):
            ends = [path for path in described if f"/{path}".endswith(f"/{each}")]
            if ends:
                lacking.discard(min(ends, key=lambda path: (path.count("/"), path)))
            else:
                yield f"{name}: the settings name {each}, which {abi_path.name} does not describe"
        for each in sorted(lacking):
            yield f"{name}: the settings lack {each}"
        rows = [(each.rsplit("/", 1)[-1], limits) for each, limits in rows]
        for each, low, high in _ranged(top, module):
            limits = dict(rows).get(each, f"{low} to {high}")
            numbers = re.findall(r"-?\d+", re.sub(r"(?<=\d),(?=\d{3})", "", limits or ""))
            if low not in numbers or high not in numbers:
                yield f"{name}: the range of {each} is '{limits or ''}' here, {low} to {high} in the tests"


def _ranged(top, module):
    """Yields (attribute, least, most) of the files whose numbers the module's config.sh states."""
    path = top / "selftests" / module / "config.sh"
    if path.exists():
        for file, low, high in _RANGED.findall(path.read_text(encoding="utf-8")):
            yield file.rsplit("/", 1)[-1], low, high


def readme_modules(top, _files):
    """Every module has a row in a table of the top README that links to its own README."""
    path = top / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for module, directory in tree.modules(top).items():
        link = f"]({directory.relative_to(top)}/README.md)"
        if not any(link in row for row in rows):
            yield f"README.md: no row of a table links to {module}: '{link[1:]}'"
