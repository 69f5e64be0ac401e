// SPDX-License-Identifier: GPL-2.0

//! The attributes below `/sys/bus/pci/devices/<bdf>/testdev`; `ABI` describes each.

use crate::{
    device::Shared,
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
    sysfs::{
        sysfs_group,
        Attribute,
        Group,
        Mode,
        Object, //
    }, //
};

/// A device as its attributes see it.
type Device = Arc<Shared>;

/// All attributes of a device.
pub(crate) const GROUPS: &[&Group<Device>] = &[&GROUP, &STATS];

sysfs_group!(static GROUP: Device = [Alive, Factorial, Raise]);
sysfs_group!(static STATS: Device in c"stats" = [Arrived, HandledCount, LastCauses]);

struct Alive;

impl Attribute<Device> for Alive {
    const NAME: &'static CStr = c"alive";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        print(out, u32::from(dev.is_alive()?))
    }
}

struct Factorial;

impl Attribute<Device> for Factorial {
    const NAME: &'static CStr = c"factorial";
    const MODE: Mode = Mode::ReadWrite;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        print(out, dev.factorial())
    }

    fn store(dev: &Object<Device>, text: &str) -> Result {
        dev.compute(param::ranged(text, Operand::new)?)
    }
}

struct Raise;

impl Attribute<Device> for Raise {
    const NAME: &'static CStr = c"raise";
    const MODE: Mode = Mode::WriteOnly;

    fn store(dev: &Object<Device>, text: &str) -> Result {
        dev.raise(param::ranged(text, Cause::new)?)
    }
}

struct Arrived;

impl Attribute<Device> for Arrived {
    const NAME: &'static CStr = c"arrived";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        print(out, dev.arrived())
    }
}

struct HandledCount;

impl Attribute<Device> for HandledCount {
    const NAME: &'static CStr = c"handled";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        print(out, dev.handled().count)
    }
}

struct LastCauses;

impl Attribute<Device> for LastCauses {
    const NAME: &'static CStr = c"last_causes";
    const MODE: Mode = Mode::ReadOnly;

    fn show(dev: &Object<Device>, out: &mut Formatter<'_>) -> Result {
        print(out, dev.handled().causes)
    }
}

fn print(out: &mut Formatter<'_>, value: impl core::fmt::Display) -> Result {
    writeln!(out, "{value}").map_err(|_| EIO)
}
