// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! A slot in error is not resumed before somebody has looked at it.

#![allow(dead_code)]

#[path = "../../../vfio-pause/back.rs"]
mod back;
#[path = "../../../vfio-pause/dma.rs"]
mod dma;
#[path = "../../../vfio-pause/hal.rs"]
mod hal;
#[path = "../../../vfio-pause/knobs.rs"]
mod knobs;
#[path = "../../../vfio-pause/model/mod.rs"]
mod model;
#[path = "../../../vfio-pause/stage.rs"]
mod stage;
#[path = "../../../vfio-pause/stats.rs"]
mod stats;
#[path = "../../../vfio-pause/wiring.rs"]
mod wiring;

use stage::{Failed, User};

/// Resumes it.
pub(crate) fn run(failed: Failed, user: &User) {
    let _ = failed.resume(user); //~ E0599
}
