// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! A paused slot has no interrupts to change.

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

/// Looks for interrupts.
pub(crate) fn run(paused: &mut Paused) {
    let _ = paused.irqs(); //~ E0599
}
