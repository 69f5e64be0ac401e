// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! A paused slot has no registers to give to anybody.

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

use stage::Paused;

/// Looks for registers.
pub(crate) fn run(paused: &Paused) {
    let _ = paused.window(0); //~ E0599
}
