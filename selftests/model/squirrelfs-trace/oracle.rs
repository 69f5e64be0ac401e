// SPDX-License-Identifier: GPL-2.0

//! What a crash may leave: as the simulator of the core sees it, but for what was done before, which is
//! learnt from what the medium showed.

#[path = "../squirrelfs/oracle/compare.rs"]
pub(crate) mod compare;
#[path = "history.rs"]
pub(crate) mod session;
#[path = "../squirrelfs/oracle/tree.rs"]
pub(crate) mod tree;
