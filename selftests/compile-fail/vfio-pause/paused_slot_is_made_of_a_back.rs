// SPDX-License-Identifier: GPL-2.0
//@ object: vfio-pause/vfio_pause.o

//! Only a pause makes a paused slot.

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

use back::Back;
use kernel::time::{Instant, Monotonic};
use stage::Paused;

/// Makes one.
pub(crate) fn run(back: Back) {
    let since = Instant::<Monotonic>::now();
    let back = Some(back);
    let held: Option<hal::Held> = None;
    let _ = Paused { back, held, since }; //~ E0451
}
