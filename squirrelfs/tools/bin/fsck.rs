// SPDX-License-Identifier: GPL-2.0

//! `fsck.squirrelfs`.

fn main() -> std::process::ExitCode {
    squirrelfs_tools::fsck::main()
}
