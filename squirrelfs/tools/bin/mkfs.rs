// SPDX-License-Identifier: GPL-2.0

//! `mkfs.squirrelfs`.

fn main() -> std::process::ExitCode {
    squirrelfs_tools::mkfs::main()
}
