// SPDX-License-Identifier: GPL-2.0
//@ object: irq-mod/irq_mod.o

//! The attributes of one kind of data cannot be put into the directory of another.

use kernel::{prelude::*, str::Formatter};
use kernel_ext::sysfs::{sysfs_group, Attribute, Group, Mode, Object};

/// One kind of data.
pub struct Apple;
/// Another kind.
pub struct Pear;

struct Seeds;

impl Attribute<Apple> for Seeds {
    const NAME: &'static CStr = c"seeds";
    const MODE: Mode = Mode::ReadOnly;

    fn show(_: &Object<Apple>, _: &mut Formatter<'_>) -> Result {
        Ok(())
    }
}

sysfs_group!(static SEEDS: Apple = [Seeds]);

/// The attributes of apples.
pub static APPLE: &Group<Apple> = &SEEDS;
// The attributes of pears.
static PEAR: &Group<Pear> = &SEEDS; //~ E0308
