// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! The DMA of a paused slot goes nowhere, whatever its user asks for.

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

use dma::Mapping;
use kernel::sync::Arc;
use stage::Paused;

/// Attaches a domain.
pub(crate) fn run(paused: &mut Paused, mapping: &Arc<Mapping>) {
    let _ = paused.attach(Some(mapping), None); //~ E0599
}
