// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! A slot that was resumed cannot be resumed again.

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

use stage::{Paused, User};

/// Resumes twice.
pub(crate) fn run(paused: Paused, user: &User) {
    let _ = paused.resume(user).is_ok();
    let _ = paused.resume(user).is_ok(); //~ E0382
}
