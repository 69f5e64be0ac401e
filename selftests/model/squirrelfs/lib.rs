// SPDX-License-Identifier: GPL-2.0

//! squirrelfs' model on the host: every crash state of its operations, recovered and compared.

#![allow(dead_code)]

#[path = "../../../squirrelfs/model/mod.rs"]
mod model;
mod oracle;
mod sim;

#[cfg(test)]
mod crash_tests;
