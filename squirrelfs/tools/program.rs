// SPDX-License-Identifier: GPL-2.0

//! What the programs have in common: how they fail and speak.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a program ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its exit code.
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Prints a line of results. A reader that has gone away does not stop the work.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}
pub(crate) use say;

/// Prints a line about `program` on standard error.
pub(crate) fn complain(program: &str, message: impl Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{program}: {message}");
}

/// Ends `program`: prints why it failed, if it did, and gives its exit code.
pub(crate) fn end(program: &str, result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => code.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                complain(program, &failure.message);
            }
            failure.code.into()
        }
    }
}

/// The failure of a wrong command line.
pub(crate) fn usage(program: &str, code: u8, message: impl Display) -> Failure {
    Failure::new(code, format!("{message}; see {program} --help"))
}

/// What `-V` prints.
pub(crate) fn version(program: &str) -> String {
    format!(
        "{program} {} (squirrelfs format {})",
        env!("CARGO_PKG_VERSION"),
        crate::model::layout::VERSION
    )
}
