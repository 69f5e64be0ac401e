// SPDX-License-Identifier: GPL-2.0

//! Changing the number of virtual functions of a physical function under slots that are in use.

use crate::{
    driver::Table,
    model::{
        plan::{
            Failure,
            Outcome,
            Plan,
            Step, //
        },
        spec::Reconfigure,
        state::Event, //
    },
};
use kernel::prelude::*;
use kernel_ext::pci::Function;

/// Runs the transaction.
///
/// # Errors
///
/// The first error of a step. Unless the plan was to undo something and could not, all is as before.
pub(crate) fn run(table: &Table, pf: &Function, request: Reconfigure) -> Result {
    let mut plan = Plan::new(pf.vfs(), request.count);
    let mut error = None;
    loop {
        let result = match plan.step() {
            Step::PauseSlots => table.each_of(request.pf, |slot| slot.event(Event::Hold)),
            Step::Disable => pf.set_vfs(0),
            // Functions are bound by the time they are there.
            Step::Enable(count) => pf.set_vfs(count),
            Step::ResumeSlots => {
                if plan.is_lost() {
                    table.each_of(request.pf, |slot| slot.event(Event::Abandon))?;
                }
                table.each_of(request.pf, |slot| {
                    let released = slot.event(Event::Release);
                    if slot.backing().is_none() {
                        slot.note(format_args!("{}: not there", slot.target()));
                    }
                    released
                })
            }
            Step::Done(verdict) => {
                return match verdict.failure {
                    None => Ok(()),
                    Some(Failure::Rollback) => Err(EIO),
                    Some(_) => Err(error.unwrap_or(EIO)),
                };
            }
        };
        plan = plan.after(match result {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Failed,
        });
        error = error.or(result.err());
    }
}
