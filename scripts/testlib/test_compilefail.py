# SPDX-License-Identifier: GPL-2.0
"""Tests of the compile-fail runner, with the build command of a made-up object."""

import tempfile
import unittest
from pathlib import Path

from . import compilefail
from .result import FAIL, PASS

SAVED = (
    "savedcmd_m/m.o := OBJTREE=/x RUST_MODFILE=m rustc --edition=2021 -Cpanic=abort --crate-type rlib -L m "
    "--crate-name m --emit=dep-info=m/.m.o.d,obj=m/m.o ../m/m.rs && ./tools/objtool/objtool --hacks m/m.o ; "
    "echo '$$x;y'\n\nsource_m/m.o := ../m/m.rs\n"
)
HEAD = "//@ object: m/m.o\n#![allow(dead_code, missing_docs)]\n"
MOVED = "fn f(x: String) {\n    drop(x);\n    drop(x); //~ E0382\n}\n"


class Cases(unittest.TestCase):
    """Whole cases."""

    def run_case(self, source, saved=SAVED):
        """Returns the Cases of one source."""
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            (top / "mods" / "m").mkdir(parents=True)
            (top / "mods" / "m" / ".m.o.cmd").write_text(saved, encoding="utf-8")
            (top / "helper.rs").write_text("pub fn g(_x: u8) {}\n", encoding="utf-8")
            constant = "pub struct C<const N: usize>;\nimpl<const N: usize> C<N> {\n    const OK: () = assert!(N > 1);\n"
            (top / "constant.rs").write_text(constant + "    #[inline(never)]\n    pub fn f() {\n        Self::OK\n    }\n}\n", encoding="utf-8")
            path = top / "a_case.rs"
            path.write_text(source, encoding="utf-8")
            return compilefail.run_case(path, top / "mods")

    def check(self, source, *verdicts, detail=""):
        """Compares the two verdicts of a source."""
        cases = self.run_case(source)
        self.assertEqual([case.verdict for case in cases], list(verdicts), [case.detail for case in cases])
        self.assertIn(detail, "\n".join(case.detail for case in cases))

    def test_the_marked_error_is_found(self):
        self.check(HEAD + MOVED, PASS, PASS)

    def test_another_code_is_a_failure(self):
        self.check(HEAD + MOVED.replace("E0382", "E0308"), FAIL, PASS, detail="wanted E0308 in line 5; got E0382 in line 5")

    def test_an_error_in_another_line_is_a_failure(self):
        self.check(HEAD + MOVED + "fn g() -> u8 { \"x\" }\n", FAIL, FAIL, detail="E0308 in line 7")

    def test_a_source_that_compiles_is_a_failure(self):
        self.check(HEAD + "fn f() {} //~ E0382\n", FAIL, PASS, detail="got nothing")

    def test_a_source_that_fails_without_the_line_too_is_a_failure(self):
        self.check(HEAD + MOVED.replace("    drop(x);\n", "    drop(y); //~ E0425\n", 1) + "use nonsense;\n", FAIL, FAIL)

    def test_the_name_of_a_lint_is_a_code(self):
        self.check(HEAD + "#![deny(unused_must_use)]\nfn f() {\n    Ok::<u8, u8>(1); //~ unused_must_use\n}\n", PASS, PASS)

    def test_errors_without_a_code_are_marked_error(self):
        self.check(HEAD + "fn f() {\n    nonsense!(); //~ error\n}\n", PASS, PASS)

    def test_errors_in_a_macro_count_where_it_is_used(self):
        self.check(HEAD + "macro_rules! m { ($x:expr) => { drop($x) } }\nfn f(x: String) {\n    m!(x);\n    m!(x); //~ E0382\n}\n", PASS, PASS)

    def test_paths_are_seen_from_the_case(self):
        self.check(HEAD + '#[path = "helper.rs"]\nmod helper;\nfn f() {\n    helper::g("x"); //~ E0308\n}\n', PASS, PASS)

    def test_errors_of_instantiation_need_machine_code(self):
        source = HEAD + "struct C<const N: usize>;\nimpl<const N: usize> C<N> {\n    const OK: () = assert!(N > 1);ERR\n"
        source += "    #[inline(never)]\n    fn f() {\n        Self::OK\n    }\n}\npub fn g() {\n    C::<1>::f(); //~ -\n}\n"
        self.check(source.replace("ERR", ""), FAIL, FAIL, detail="no line is marked")
        self.check("//@ error: E0080\n" + source.replace("ERR", ""), FAIL, PASS, detail="got nothing")
        self.check("//@ error: E0080\n//@ emit: obj\n" + source.replace("ERR", ""), FAIL, PASS, detail="got E0080 in line 7")
        path = '#[path = "constant.rs"]\nmod constant;\npub fn g() {\n    constant::C::<1>::f(); //~ -\n}\n'
        self.check("//@ error: E0080\n//@ emit: obj\n" + HEAD + path, PASS, PASS)

    def test_a_case_without_mark_or_object_is_a_failure(self):
        self.check(HEAD + "fn f() {}\n", FAIL, FAIL, detail="no line is marked")
        self.check("fn f() {} //~ E0382\n", FAIL, FAIL, detail="//@ object")

    def test_an_object_that_is_not_built_is_a_failure(self):
        self.check(HEAD.replace("m/m.o", "m/n.o") + MOVED, FAIL, FAIL, detail="m/n.o is not built")

    def test_a_command_without_rustc_is_a_failure(self):
        cases = self.run_case(HEAD + MOVED, saved="savedcmd_m/m.o := gcc -c m.c\n")
        self.assertEqual([case.verdict for case in cases], [FAIL, FAIL])


class Commands(unittest.TestCase):
    """Replaying."""

    def test_only_source_and_output_are_replaced(self):
        env, words = compilefail.rustc_command(SAVED)
        self.assertEqual(env, {"OBJTREE": "/x", "RUST_MODFILE": "m"})
        self.assertEqual(words[0], "rustc")
        self.assertNotIn("&&", words)
        call = compilefail.replay(words, "case.rs", "out", "metadata")
        self.assertEqual([word for word in call if word.endswith(".rs")], ["case.rs"])
        self.assertEqual([word for word in call if word.startswith("--emit")], ["--emit=metadata"])
        self.assertIn("-Cpanic=abort", call)
        self.assertIn("--crate-name", call)


if __name__ == "__main__":
    unittest.main()
