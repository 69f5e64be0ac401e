// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading.

use crate::{
    guests::Guests,
    lines::Lines,
    model::{
        interval::Latency,
        text::Malformed, //
    },
    module_parameters,
    sysfs as attributes, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};
use kernel_ext::{
    param::malformed_is_errno,
    sysfs::{
        Dir,
        Parent, //
    }, //
};

malformed_is_errno!(Malformed);

/// The data of `/sys/kernel/irq_mod`.
pub(crate) struct Root {
    pub(crate) lines: Arc<Lines>,
    pub(crate) guests: Arc<Guests>,
}

/// The module: `/sys/kernel/irq_mod` and what is below it.
pub(crate) struct IrqMod {
    lines: Arc<Lines>,
    guests: Arc<Guests>,
    root: Dir<Root>,
}

impl kernel::Module for IrqMod {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let latency = Latency::from_us(module_parameters::latency_us.value())
            .ok_or(ERANGE)
            .inspect_err(|_| {
                pr_err!("latency_us is out of range, 0 to {}\n", Latency::MAX_US);
            })?;
        let guests = Arc::pin_init(Guests::new(), GFP_KERNEL)?;
        let lines = Arc::pin_init(Lines::new(latency, guests.clone()), GFP_KERNEL)?;
        let module = Self {
            lines: lines.clone(),
            guests: guests.clone(),
            root: Dir::new(
                Parent::Kernel,
                c"irq_mod",
                attributes::ROOT,
                Ok(Root { lines, guests }),
            )?,
        };
        // Should one of these fail, dropping the module undoes the others.
        module.guests.open(&*module.root)?;
        module.lines.open(&*module.root)?;
        match module_parameters::irq.value() {
            0 => {}
            irq => {
                let line = CString::try_from_fmt(format_args!("irq{irq} irq:{irq}"))?;
                let line = line.to_str().map_err(|_| EINVAL)?;
                module.lines.add(line).inspect_err(|error| {
                    pr_err!("irq {irq} cannot be moderated ({error:?})\n");
                })?;
            }
        }
        Ok(module)
    }
}

impl Drop for IrqMod {
    fn drop(&mut self) {
        // Lines first, since they may belong to guests.
        self.lines.close();
        self.guests.close();
    }
}
