// SPDX-License-Identifier: GPL-2.0

//! Running the programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What a program did.
#[derive(Debug)]
pub(crate) struct Done {
    /// [`None`] if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Whether it said this, on either output.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.out.contains(text) || self.err.contains(text)
    }
}

/// Runs a program with the words of `line` as its arguments, in `dir`.
fn run(program: &str, dir: &Path, line: &str) -> Done {
    let output = Command::new(program)
        .args(line.split_whitespace())
        .current_dir(dir)
        .env("SOURCE_DATE_EPOCH", "1000000000")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let done = Done {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(!done.err.contains("panicked"), "{program} {line}: {done:?}");
    done
}

/// A directory to work in.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn mkfs(&self, line: &str) -> Done {
        run(env!("CARGO_BIN_EXE_mkfs-squirrelfs"), self.0.path(), line)
    }

    pub(crate) fn fsck(&self, line: &str) -> Done {
        run(env!("CARGO_BIN_EXE_fsck-squirrelfs"), self.0.path(), line)
    }

    pub(crate) fn dump(&self, line: &str) -> Done {
        run(env!("CARGO_BIN_EXE_dump-squirrelfs"), self.0.path(), line)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("the file can be read")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("the file can be written");
    }

    /// Puts `bytes` into the file at `at`.
    pub(crate) fn patch(&self, name: &str, at: usize, bytes: &[u8]) {
        let mut all = self.read(name);
        all[at..at + bytes.len()].copy_from_slice(bytes);
        self.write(name, &all);
    }
}
