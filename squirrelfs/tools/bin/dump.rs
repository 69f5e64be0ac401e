// SPDX-License-Identifier: GPL-2.0

//! `dump.squirrelfs`.

fn main() -> std::process::ExitCode {
    squirrelfs_tools::dump::main()
}
