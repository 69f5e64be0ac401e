// SPDX-License-Identifier: GPL-2.0

//! Watching and holding the interrupts of a line that belongs to another driver.
//!
//! C headers: [`include/linux/irq.h`](srctree/include/linux/irq.h),
//! [`include/linux/irqdesc.h`](srctree/include/linux/irqdesc.h)
//!
//! A [`Hook`] puts itself in front of an edge-triggered line's flow handler and hands every
//! interrupt to a [`Flow`], which delivers it or holds it back for later. Each hook has an [`Alarm`]
//! for that. The driver that requested the line notices nothing.
//!
//! ```text
//!              device raises                     alarm rings
//!                   |                                |
//!            Flow::arrived                     Flow::expired
//!             /          \                     /          \
//!   Arrived::deliver  Arrived::hold    Expired::replay   (nothing held)
//!           |              |                  |
//!      the driver's   acknowledged,   occurs again: Flow::arrived
//!        handler      perhaps masked
//! ```
//!
//! The kernel frees a line's descriptor when its driver frees its vectors, at any time. Therefore a
//! hook never keeps using the one it was attached to: each access looks it up again and compares
//! it, as an RCU reader, which hard interrupt context is.

mod alarm;
mod chains;
mod changes;
mod desc;
mod find;
mod hook;
mod line;
mod postings;
mod timer;

pub use alarm::Alarm;
pub use changes::Changes;
pub use find::{
    is_named,
    next_named,
    vector,
    Vector, //
};
pub use hook::{
    Flow,
    Hook,
    Refusal,
    Status, //
};
pub use line::{
    Arrived,
    Expired,
    Masking,
    Reentry,
    Replay, //
};
pub use postings::Postings;
