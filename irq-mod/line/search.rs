// SPDX-License-Identifier: GPL-2.0

//! Finding the vectors that a target stands for.

use crate::model::spec::LineTarget;
use kernel_ext::{
    irq,
    pci::{
        Address,
        Function, //
    }, //
};

/// Whether all vectors that a target stands for could be looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// Yes.
    Complete,
    /// No: a driver is coming or going.
    Disturbed,
}

/// Calls `attach` for the interrupts that are in use of those that `target` stands for.
pub(super) fn each_irq(target: LineTarget<'_>, mut attach: impl FnMut(u32)) -> Search {
    match target {
        LineTarget::Irq(irq) => attach(irq),
        LineTarget::Name(pattern) => {
            let mut next = 0;
            while let Some(irq) = irq::next_named(next, |name| pattern.matches(name)) {
                attach(irq);
                next = irq.saturating_add(1);
            }
        }
        LineTarget::Pci { function, index } => {
            let address = Address {
                domain: function.domain(),
                bus: function.bus(),
                device: function.device(),
                function: function.function(),
            };
            if let Some(function) = Function::find(address) {
                return each_vector(&function, index, attach);
            }
        }
    }
    Search::Complete
}

/// Calls `attach` for the vectors of a function that are in use.
fn each_vector(function: &Function, index: Option<u16>, mut attach: impl FnMut(u32)) -> Search {
    let indices = match index {
        Some(index) => index..index.saturating_add(1),
        None => {
            0..function
                .msix_vectors()
                .max(u16::from(function.msi_vectors()))
        }
    };
    for index in indices {
        match irq::vector(function, index) {
            irq::Vector::Line(irq) => attach(irq),
            irq::Vector::Absent => {}
            irq::Vector::Busy => return Search::Disturbed,
        }
    }
    Search::Complete
}
