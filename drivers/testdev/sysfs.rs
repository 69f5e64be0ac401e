// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/bus/pci/devices/<bdf>/testdev`; `ABI` describes each.

use crate::{
    device::Device,
    ffi,
    model::{
        Cause,
        Operand, //
    }, //
};
use core::fmt::Write;
use kernel::{
    prelude::*,
    str::Formatter,
    sync::Arc, //
};
use kernel_ext::{
    param,
    pci::Delivery,
    sysfs::{
        show,
        sysfs_group,
        Attribute,
        Group,
        Mode,
        Object,
        TextFile, //
    }, //
};

/// All attributes of a device.
pub(crate) const GROUPS: &[&Group<Device>] = &[&GROUP, &STATS];

sysfs_group!(
    static GROUP: Device =
        [Alive, Factorial, Raise, Pending, InjectDisable, InjectPosted], texts [Notes]
);
sysfs_group!(static STATS: Device in c"stats" = [Arrived, HandledCount, LastCauses]);

struct Alive;

impl Attribute<Device> for Alive {
    const NAME: &'static CStr = c"alive";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, u32::from(dev.shared.is_alive()?))
    }
}

struct Factorial;

impl Attribute<Device> for Factorial {
    const NAME: &'static CStr = c"factorial";
    const MODE: Mode = Mode::ReadWrite;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, dev.shared.factorial())
    }

    fn store(dev: &Object<Device>, text: &str) -> Result {
        dev.shared.compute(param::ranged(text, Operand::new)?)
    }
}

struct Raise;

impl Attribute<Device> for Raise {
    const NAME: &'static CStr = c"raise";
    const MODE: Mode = Mode::WriteOnly;

    fn store(dev: &Object<Device>, text: &str) -> Result {
        dev.shared.raise(param::ranged(text, Cause::new)?)
    }
}

struct Pending;

impl Attribute<Device> for Pending {
    const NAME: &'static CStr = c"pending";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, dev.shared.pending()?)
    }
}

struct InjectDisable;

impl Attribute<Device> for InjectDisable {
    const NAME: &'static CStr = c"inject_disable";
    const MODE: Mode = Mode::ReadWrite;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, u32::from(dev.switch.delivery() == Delivery::Off))
    }

    fn store(dev: &Object<Device>, text: &str) -> Result {
        dev.switch
            .set(param::ranged(text, |number: u64| match number {
                0 => Some(Delivery::On),
                1 => Some(Delivery::Off),
                _ => None,
            })?);
        Ok(())
    }
}

struct InjectPosted;

impl Attribute<Device> for InjectPosted {
    const NAME: &'static CStr = c"inject_posted";
    const MODE: Mode = Mode::WriteOnly;

    fn store(dev: &Object<Device>, text: &str) -> Result {
        let is_posted = param::ranged(text, |number: u64| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })?;
        ffi::trace_posted(dev.irq, is_posted);
        Ok(())
    }
}

struct Arrived;

impl Attribute<Device> for Arrived {
    const NAME: &'static CStr = c"arrived";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, dev.shared.arrived())
    }
}

struct HandledCount;

impl Attribute<Device> for HandledCount {
    const NAME: &'static CStr = c"handled";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, dev.shared.handled().count)
    }
}

struct LastCauses;

impl Attribute<Device> for LastCauses {
    const NAME: &'static CStr = c"last_causes";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        show(out, dev.shared.handled().causes)
    }
}

struct Notes;

impl TextFile<Device> for Notes {
    const NAME: &'static CStr = c"notes";
    const MODE: Mode = Mode::ReadWrite;

    fn show(dev: &Object<Device>, out: &mut dyn Write) -> Result {
        let notes = dev.notes.lock().clone();
        for line in core::str::from_utf8(&notes).map_err(|_| EIO)?.lines() {
            writeln!(out, "{line}").map_err(|_| EIO)?;
        }
        Ok(())
    }

    fn store(dev: &Object<Device>, text: &str) -> Result {
        if text.lines().any(|line| line == "refuse") {
            return Err(ERANGE);
        }
        let mut notes = KVVec::new();
        notes.extend_from_slice(text.as_bytes(), GFP_KERNEL)?;
        *dev.notes.lock() = Arc::new(notes, GFP_KERNEL)?;
        Ok(())
    }
}
