# SPDX-License-Identifier: GPL-2.0
"""Tests of the gate: each check complains about a small bad tree and is content with a good one."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from . import checks_docs, checks_rust, checks_text, rust_text, tree

SPDX = "// SPDX-License-Identifier: GPL-2.0\n"


class Tree(unittest.TestCase):
    """A tree made of the given files."""

    def complaints(self, check, files):
        """Returns what a check says about a tree: {path: text}."""
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            for path, text in files.items():
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_bytes(text.encode())
            return list(check(top, tree.files(top)))

    def refuses(self, check, files, *wanted):
        """The check has one complaint for each wanted text, which is part of it."""
        found = self.complaints(check, files)
        self.assertEqual(len(found), len(wanted), found)
        for complaint, text in zip(found, wanted):
            self.assertIn(text, complaint)

    def accepts(self, check, files):
        """The check has no complaint."""
        self.assertEqual(self.complaints(check, files), [])


class Text(Tree):
    """checks_text."""

    def test_sources_without_licence(self):
        self.refuses(checks_text.spdx, {"a.rs": "fn f() {}\n", "b": "#!/bin/bash\ntrue\n"}, "a.rs:1", "b:2")
        self.refuses(checks_text.spdx, {"a.rs": "// SPDX-License-Identifier: MIT\n"}, "a.rs:1")
        self.accepts(checks_text.spdx, {"a.rs": SPDX, "b": "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0\n", "c.txt": "x\n"})

    def test_white_space(self):
        self.refuses(checks_text.whitespace, {"a.md": "x \n", "b.md": "x", "c.md": "x\r\n", "d.md": "x\n\n"}, "a.md:1", "b.md:1", "c.md:1", "d.md:2")
        self.accepts(checks_text.whitespace, {"a.md": "x\n\ny\n", "empty": ""})

    def test_long_files(self):
        self.refuses(checks_text.length, {"a.rs": SPDX * 601}, "a.rs: 601")
        self.accepts(checks_text.length, {"a.rs": SPDX * 600, "b.txt": "x\n" * 900})
        self.assertEqual(len(self.complaints(checks_text.long_files, {"a.rs": SPDX * 401, "b.rs": SPDX * 400})), 1)

    def test_paths_of_a_machine_and_links(self):
        bad = "see /" + "work/x\n"
        self.refuses(checks_text.places, {"a.md": bad, "b.py": "x = 'https:" + "//x'\n"}, "a.md:1", "b.py:1")
        self.accepts(checks_text.places, {"a.md": "see scripts/" + "root/x, network/x and srctree/work/x\n", "LICENSE": "http:" + "//x\n"})

    def test_python_that_does_not_compile(self):
        self.refuses(checks_text.python, {"a.py": "def f(:\n", "b": "#!/usr/bin/env python3\nif\n"}, "a.py:1", "b:2")
        self.accepts(checks_text.python, {"a.py": "x = 1\n"})


class Rust(Tree):
    """checks_rust."""

    def test_unsafe_outside_of_its_places(self):
        source = "fn f() { unsafe { g() } }\n"
        self.refuses(checks_rust.unsafe_places, {"m/a.rs": source}, "m/a.rs:1")
        self.accepts(checks_rust.unsafe_places, {"rust/a.rs": source, "m/ffi.rs": source, "m/shim.rs": source, "selftests/compile-fail/m/a.rs": source})
        self.refuses(checks_rust.unsafe_places, {"m/model/ffi.rs": source}, "m/model/ffi.rs:1")
        self.accepts(checks_rust.unsafe_places, {"m/a.rs": '// unsafe\nfn f() { g("unsafe", r#"unsafe""#); /* unsafe */ }\n#![deny(unsafe_code)]\n'})

    def test_unsafe_without_reason(self):
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": "fn f() {\n    unsafe { g() }\n}\n"}, "rust/a.rs:2")
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": "unsafe impl Sync for X {}\n"}, "rust/a.rs:1")
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": "// SAFETY: So.\nlet s = S {\n    a: unsafe { g() },\n};\n"}, "rust/a.rs:3")
        far = "// SAFETY: for f.\nlet x = unsafe { f() };\nlet y = unsafe { g() };\n"
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": far}, "rust/a.rs:3")

    def test_two_unsafe_blocks_need_two_reasons(self):
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": "// SAFETY: So.\nlet x = (unsafe { f() }, unsafe { g() });\n"}, "rust/a.rs:2: two")

    def test_unsafe_with_reason(self):
        good = "fn f() {\n    // SAFETY: It is\n    // so.\n    let x =\n        unsafe { g() };\n    h(\n        // SAFETY: As above.\n        unsafe { g() },\n    );\n    let s = S {\n        // SAFETY: As above.\n        a: unsafe { g() },\n    };\n}\n"
        self.accepts(checks_rust.safety_comments, {"rust/a.rs": good + "// SAFETY: Read only.\n#[allow(x)]\nunsafe impl Sync for X {}\n"})

    def test_unsafe_functions_state_their_contract(self):
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": "/// Does.\nunsafe fn f() {}\n"}, "documentation of f")
        self.refuses(checks_rust.safety_comments, {"rust/a.rs": '/// Does.\npub unsafe extern "C" fn f() {}\n'}, "documentation of f")
        self.accepts(checks_rust.safety_comments, {"rust/a.rs": "/// Does.\n///\n/// # Safety\n///\n/// - x\n#[inline]\npub unsafe fn f() {}\n"})
        implementation = "// SAFETY: So.\nunsafe impl T for X {\n    unsafe fn f() {}\n}\ntype F = unsafe extern \"C\" fn(u32);\n"
        self.accepts(checks_rust.safety_comments, {"rust/a.rs": implementation})

    def test_leaks(self):
        bad = "fn f() {\n    core::mem::forget(x);\n    KBox::into_raw(x);\n    KBox::leak(x);\n    ManuallyDrop::new(x);\n}\n"
        self.refuses(checks_rust.leaks, {"m/a.rs": bad}, "a.rs:2", "a.rs:3", "a.rs:4", "a.rs:5")
        self.accepts(checks_rust.leaks, {"rust/a.rs": bad, "m/a.rs": "fn f() { drop(x); } // forget(x)\n"})

    def test_panics(self):
        bad = "fn f() {\n    x.unwrap();\n    y.expect(\"z\");\n    panic!(\"z\");\n    todo!();\n}\n"
        self.refuses(checks_rust.panics, {"m/a.rs": bad}, "a.rs:2", "a.rs:3", "a.rs:4", "a.rs:5")
        tests = "fn f() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn g() { x.unwrap(); }\n}\n"
        self.accepts(checks_rust.panics, {"m/a.rs": tests + "#[expect(dead_code)]\nfn h() { x.unwrap_or(1); } // .unwrap()\n"})
        self.refuses(checks_rust.panics, {"m/a.rs": tests + "fn h() { x.unwrap(); }\n"}, "a.rs:7")
        self.accepts(checks_rust.panics, {"rust/a.rs": bad, "selftests/model/a.rs": bad})

    def test_assertions(self):
        bad = "fn f() {\n    assert!(x);\n    assert_eq!(x, y);\n    match x {\n        _ => unreachable!(),\n    }\n}\n"
        self.refuses(checks_rust.panics, {"m/a.rs": bad}, "a.rs:2", "a.rs:3", "a.rs:5")
        constant = "const _: () = assert!(A == 1);\npub(crate) const B: [u8; 2] = {\n    assert!(A == 1);\n    [0; 2]\n};\nfn f() {\n    const { assert!(A == 1) };\n}\n"
        self.accepts(checks_rust.panics, {"m/a.rs": constant})
        self.accepts(checks_rust.panics, {"m/a.rs": "fn f() {\n    // PANIC: Never in the kernel.\n    #[cfg(not(MODULE))]\n    assert!(x);\n    static_assert!(y);\n}\n"})
        for function in ("const fn f() { assert!(x) }\n", "impl<const N: bool> X<N> { fn f() { assert!(N); } }\n", "impl<\n    const N: bool,\n> X<N> {\n    fn f() { assert!(N); }\n    const A: u8 = 1;\n}\n"):
            with self.subTest(function):
                self.refuses(checks_rust.panics, {"m/a.rs": function}, "assert!")

    def test_casts(self):
        self.refuses(checks_rust.casts, {"m/a.rs": "fn f(x: u64) -> u32 { x as u32 }\n"}, "as u32")
        for target in ("kernel::ffi::c_int", "Alias", "_", "*const u8", "u32 > y"):
            with self.subTest(target):
                self.refuses(checks_rust.casts, {"m/a.rs": f"fn f() {{ g(x as {target}) }}\n"}, f"as {target.split()[0][0]}")
        self.accepts(checks_rust.casts, {"m/a.rs": "pub use a::{\n    b as c,\n    d as _, //\n};\nextern crate a as b;\ntype T = <X<u8> as Y<Z, W>>::V;\n"})
        self.accepts(checks_rust.casts, {"m/a.rs": "use x as y;\nfn f() { <X as Y>::f(); } // x as u32\n"})

    def test_blanking_keeps_every_position(self):
        source = "let a = 'x'; let b: &'static str = \"a\\\"b // c\"; /* /* n */ unsafe */ let c = br##\"\"#\"##; let d = '\\''; // e\nf();\n"
        blanked = rust_text.code(source)
        self.assertEqual(len(blanked), len(source))
        self.assertEqual(blanked.count("\n"), source.count("\n"))
        self.assertEqual(" ".join(blanked.split()), "let a = ; let b: &'static str = ; let c = ; let d = ; f();")


class Documents(Tree):
    """checks_docs."""

    MODULE = {"m/module.mk": "", "m/sysfs.rs": "impl Attribute<L> for A {\n    const NAME: &'static CStr = c\"latency_us\";\n    const MODE: Mode = Mode::ReadWrite;\n}\n"}
    ENTRY = "What:\t\t/sys/kernel/m/<line>/latency_us\nDate:\t\tMay 2026\nContact:\tx\nDescription:\n\t\t(RW) Microseconds.\n"
    TABLE = "# m\n\n## Settings\n\n| file | unit |\n|---|---|\n| `latency_us` | us |\n\n## Limits\n\n| `x` |\n"

    def test_abi_and_sources_agree(self):
        self.accepts(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY})

    def test_attributes_without_abi(self):
        self.refuses(checks_docs.abi, self.MODULE, "m/ABI: missing")
        self.refuses(checks_docs.abi, {**self.MODULE, "m/ABI": ""}, "no entry for the attribute latency_us")

    def test_abi_without_attribute(self):
        self.refuses(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY + "\n" + self.ENTRY.replace("latency", "overflow")}, "overflow_us")

    def test_abi_with_other_rights(self):
        self.refuses(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY.replace("RW", "RO")}, "(RO) here, RW")
        self.refuses(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY.replace("(RW) ", "")}, "does not begin with")

    def test_abi_entries_are_complete(self):
        self.refuses(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY.replace("Date:\t\tMay 2026\n", "")}, "no Date")

    def test_drivers_are_checked_too(self):
        self.refuses(checks_docs.abi, {f"drivers/{path}": text for path, text in self.MODULE.items()}, "drivers/m/ABI: missing")

    def test_attribute_names_are_found(self):
        source = 'Dir::new(Parent::Kernel, c"m", &[&G], x);\nsysfs_group!(static S: L, in c"stats" = [A]);\n// c"old"\ncounters! { Held => c"held", Lost => c"lost" }\n'
        self.assertEqual(checks_docs.attributes([source]), {"held": None, "lost": None})

    def test_what_has_a_name_but_no_rights_is_no_attribute(self):
        family = "impl Protocol for Family {\n    const NAME: &'static CStr = c\"m\";\n    const VERSION: u8 = 1;\n}\n"
        self.accepts(checks_docs.abi, {**self.MODULE, "m/netlink.rs": family, "m/ABI": self.ENTRY})

    def test_attributes_may_be_declared_in_any_file(self):
        source = self.MODULE["m/sysfs.rs"]
        self.accepts(checks_docs.abi, {"m/module.mk": "", "m/line.rs": source, "m/ABI": self.ENTRY})
        self.refuses(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY, "m/line.rs": source.replace("latency", "hold")}, "attribute hold_us")
        self.accepts(checks_docs.abi, {**self.MODULE, "m/ABI": self.ENTRY, "m/line.rs": 'f(c"x");\n', "m/model/a.rs": source.replace("latency", "hold")})

    def test_every_module_is_in_the_top_readme(self):
        row = "| m | does | [m](m/README.md) |\n"
        self.accepts(checks_docs.readme_modules, {"m/module.mk": "", "README.md": row})
        self.refuses(checks_docs.readme_modules, {"m/module.mk": "", "README.md": row[2:]}, "links to m")
        self.refuses(checks_docs.readme_modules, {"m/module.mk": "", "drivers/n/module.mk": "", "README.md": row}, "drivers/n/README.md")
        self.refuses(checks_docs.readme_modules, {"m/module.mk": ""}, "links to m")

    def test_the_settings_table_has_the_ranges_of_the_tests(self):
        table = self.TABLE.replace("| unit |", "| range |").replace("| us |", "| 0 to 1,000 |")
        good = {**self.MODULE, "m/ABI": self.ENTRY, "m/README.md": table, "selftests/m/config.sh": "attributes() {\n\tattr stats/latency_us int 0 1000 100\n}\n"}
        self.accepts(checks_docs.readme_tables, good)
        for bad in ("0 to 100", "1 to 1000", "0 to 10000", ""):
            with self.subTest(bad):
                self.refuses(checks_docs.readme_tables, {**good, "m/README.md": table.replace("0 to 1,000", bad)}, "range of latency_us")
        self.refuses(checks_docs.readme_tables, {**good, "m/README.md": self.TABLE}, "range of latency_us is ''")

    def test_one_entry_may_name_several_files(self):
        entries = checks_docs.abi_entries("What: /sys/a/{x,y}_us\nWhat: /sys/a/z\nWhat: /sys/a/\nDate: x\nDescription: (RO) t\n")
        self.assertEqual(set(checks_docs.abi_names(entries)), {"x_us", "y_us", "z"})

    def test_two_directories_may_have_files_of_one_name(self):
        row = next(line for line in self.TABLE.splitlines() if "`" in line)
        again = row.replace("`", "`other/", 1)
        entries = self.ENTRY + "\n" + self.ENTRY.replace("<line>", "<line>/other")
        good = {**self.MODULE, "m/ABI": entries, "m/README.md": self.TABLE.replace(row, f"{row}\n{again}")}
        self.accepts(checks_docs.readme_tables, good)
        self.refuses(checks_docs.readme_tables, {**good, "m/README.md": self.TABLE}, "lack /sys/kernel/m/<line>/other/latency_us")
        self.refuses(checks_docs.readme_tables, {**good, "m/ABI": self.ENTRY}, "name other/latency_us")
        self.refuses(checks_docs.readme_tables, {**good, "m/ABI": self.ENTRY, "m/README.md": self.TABLE.replace(row, f"{row}\n{row}")}, "twice")

    def test_a_file_of_debugfs_is_described_like_an_attribute(self):
        debug = 'dir.read_callback_file(c"hold_us", line, show);\n'
        entry = self.ENTRY + "\nWhat: /sys/kernel/debug/m/hold_us\nDate: x\nContact: x\nDescription: (RO) t\n"
        self.accepts(checks_docs.abi, {**self.MODULE, "m/lines.rs": debug, "m/ABI": entry})
        self.refuses(checks_docs.abi, {**self.MODULE, "m/lines.rs": debug, "m/ABI": self.ENTRY}, "hold_us")

    def test_the_settings_table_names_what_the_abi_does(self):
        good = {**self.MODULE, "m/ABI": self.ENTRY, "m/README.md": self.TABLE}
        self.accepts(checks_docs.readme_tables, good)
        self.refuses(checks_docs.readme_tables, {**good, "m/README.md": self.TABLE.replace("latency", "x")}, "name x_us", "lack /sys/kernel/m/<line>/latency_us")
        self.refuses(checks_docs.readme_tables, {**good, "m/README.md": "# m\n"}, "no section 'Settings'")
        self.refuses(checks_docs.readme_tables, {"m/module.mk": ""}, "m/README.md: missing")


class Program(unittest.TestCase):
    """scripts/check as a whole, copied into small trees."""

    SCRIPTS = Path(__file__).resolve().parents[1]
    GOOD = {
        "a.rs": SPDX + "\nfn f() {}\n",
        "b.sh": "#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0\necho \"$1\"\n",
        "Makefile": "# SPDX-License-Identifier: GPL-2.0\nclippy:\n",
        ".rustfmt.toml": 'edition = "2021"\n',
    }

    def check(self, files, *checks):
        """Runs checks on a tree; returns (status, the lines with verdicts, all output)."""
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            shutil.copytree(self.SCRIPTS / "testlib", top / "scripts" / "testlib", ignore=shutil.ignore_patterns("test_*", "__pycache__"))
            shutil.copy(self.SCRIPTS / "check", top / "scripts" / "check")
            for path, text in files.items():
                (top / path).write_text(text, encoding="utf-8")
            kdir = subprocess.run([str(self.SCRIPTS / "kdir")], capture_output=True, text=True, check=True).stdout.strip()
            command = [sys.executable, str(top / "scripts" / "check"), *checks]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "KDIR": kdir, "RVM_IN_ROOT": "1"})
        lines = [line for line in done.stdout.splitlines() if line.startswith(("ok", "not ok"))]
        return done.returncode, lines, done.stdout + done.stderr

    def test_a_good_tree_passes(self):
        status, lines, output = self.check(self.GOOD)
        self.assertEqual(status, 0, output)
        self.assertEqual([line for line in lines if not line.startswith("ok")], [])
        self.assertIn("checkpatch # SKIP no C source", output)

    def test_what_the_tools_refuse_is_refused(self):
        bad = {
            "rustfmt": {"a.rs": SPDX + "fn f( ) {}\n"},
            "shellcheck": {"b.sh": "#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0\necho $1\n"},
            "clippy": {"Makefile": "clippy:\n\tfalse\n"},
            "python": {"c.py": "if\n"},
            "checkpatch": {"d.c": "// SPDX-License-Identifier: GPL-2.0\nint f(){return 0;}\n"},
        }
        for name, files in bad.items():
            with self.subTest(name):
                status, lines, output = self.check({**self.GOOD, **files}, name)
                self.assertEqual((status, lines), (1, [f"not ok 1 - {name}"]), output)
                # The complaint is about the file, not about a missing tool.
                self.assertIn("clippy" if name == "clippy" else next(iter(files)), output)

    def test_a_tool_that_is_missing_is_a_failure(self):
        status, _, output = self.check({**self.GOOD, "Makefile": ""}, "clippy")
        self.assertEqual(status, 1, output)

    def test_an_unknown_check_is_an_error(self):
        status, _, output = self.check(self.GOOD, "nonsense")
        self.assertEqual(status, 2)
        self.assertIn("no check 'nonsense'", output)


if __name__ == "__main__":
    unittest.main()
